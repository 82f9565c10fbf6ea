"""Heads of the books, saved outside the database: JSON, one object per line."""

from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tallygrid.core.books import Head
from tallygrid.files.document import FileError, Mistake, parse, read_text

_BYTES_MAX: Final = 64_000_000
_SHA256_HEX: Final = r"^[0-9a-f]{64}$"


def read_heads(path: Path) -> tuple[Head, ...]:
    """Read the heads of a file.

    Raises:
        FileError: With every line that is not a head.
    """
    found: list[Head] = []
    mistakes: list[Mistake] = []
    lines = read_text(path, bytes_max=_BYTES_MAX).splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            found.append(parse(line, file=str(path)).parsed(_HeadIn).parsed())
        except FileError as error:
            mistakes += [_at_line(mistake, number) for mistake in error.mistakes]
    if not (found or mistakes):
        mistakes = [Mistake(str(path), 1, 1, "There is no head.", "Name a file of heads.")]
    if mistakes:
        raise FileError(mistakes)
    return tuple(found)


class _HeadIn(BaseModel):
    """A head as `write_heads` wrote it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    programme: str
    batch: int = Field(gt=0)
    seq: int = Field(gt=0)
    hash: str = Field(pattern=_SHA256_HEX)
    algorithm: str
    at: AwareDatetime

    def parsed(self) -> Head:
        """Return the head in the core's own terms."""
        return Head(self.programme, self.batch, self.seq, self.hash, self.algorithm, self.at)


def _at_line(mistake: Mistake, number: int) -> Mistake:
    return Mistake(mistake.file, number, mistake.column, mistake.problem, mistake.remedy)
