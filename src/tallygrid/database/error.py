"""What is wrong with the database, in a sentence."""

from tallygrid.settings import Language
from tallygrid.text import render


class DatabaseError(Exception):
    """The database cannot be used as it is; the sentence says what would be right."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = f"database.{code}"
        self.values = values
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return what is wrong, and what would be right, in a language."""
        return render(self.code, language, **self.values)
