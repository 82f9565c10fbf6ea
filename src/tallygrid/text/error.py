"""Errors whose sentence stands in the catalogue, in every language."""

from tallygrid.settings import Language
from tallygrid.text import render


class SentenceError(Exception):
    """Something went wrong; the sentence of its code says what would be right."""

    def __init__(self, code: str, /, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return what is wrong, and what would be right, in a language."""
        return render(self.code, language, **self.values)
