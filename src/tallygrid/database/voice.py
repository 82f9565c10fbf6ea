"""Progress told to a person while the database makes them wait."""

from collections.abc import Callable
from dataclasses import dataclass

from tallygrid.settings import Language
from tallygrid.text import render


@dataclass(frozen=True)
class Voice:
    """Someone to tell, and the language they read."""

    report: Callable[[str], None]
    language: Language = "en"

    def say(self, code: str, **values: object) -> None:
        """Tell one sentence of the catalogue."""
        self.report(render(f"database.{code}", self.language, **values))
