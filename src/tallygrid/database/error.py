"""What is wrong with the database, in a sentence."""

from tallygrid.text.error import SentenceError


class DatabaseError(SentenceError):
    """The database cannot be used as it is; the sentence says what would be right."""

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(f"database.{code}", **values)
