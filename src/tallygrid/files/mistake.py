"""What is wrong in a file: where it stands, what was found, and the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

Where = tuple[str | int, ...]
"""The way to a value inside a document: keys and list positions from the top."""

_SHOWN_MAX: Final = 60


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing wrong in a file, with the place and the remedy."""

    file: str
    line: int
    column: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.problem} {self.remedy}".rstrip()


class FileError(Exception):
    """A file cannot be used; carries every mistake in it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def shown(value: object) -> str:
    """Return a value as a sentence shows it, cut short if it is long.

    >>> shown("tiny"), shown("x" * 1000)[-3:]
    ("'tiny'", 'xx…')
    """
    try:
        written = value.isoformat() if isinstance(value, date) else repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "an immense number"
    return written if len(written) <= _SHOWN_MAX else written[: _SHOWN_MAX - 1] + "…"
