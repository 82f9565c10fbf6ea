"""Files of JSON lines: one object per line, each of one known shape."""

from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from tallygrid.files.document import FileError, Mistake, parse, read_text

_BYTES_MAX: Final = 64_000_000
_Shape = TypeVar("_Shape", bound=BaseModel)


def read_lines(path: Path, shape: type[_Shape], *, empty: str) -> tuple[_Shape, ...]:
    """Read every line of a file as an object of a shape.

    Raises:
        FileError: With every line that is not of the shape; or there is no line.
    """
    found: list[_Shape] = []
    mistakes: list[Mistake] = []
    lines = read_text(path, bytes_max=_BYTES_MAX).splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            found.append(parse(line, file=str(path)).parsed(shape))
        except FileError as error:
            mistakes += [_at_line(mistake, number) for mistake in error.mistakes]
    if not (found or mistakes):
        mistakes = [Mistake(str(path), 1, 1, empty, "Name another file.")]
    if mistakes:
        raise FileError(mistakes)
    return tuple(found)


def _at_line(mistake: Mistake, number: int) -> Mistake:
    return Mistake(mistake.file, number, mistake.column, mistake.problem, mistake.remedy)
