"""A small table of one known shape in CSV, every row with its line."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tallygrid.files.document import read_text
from tallygrid.files.mistake import FileError, Mistake, shown

_BYTES_MAX: Final = 64_000_000
"""Some half a million rows."""


def read_rows(
    path: Path, columns: Sequence[str], *, empty: str, also: str = ""
) -> tuple[tuple[int, dict[str, str]], ...]:
    """Read the rows of a table with their lines; the cells are not looked at.

    Args:
        path: The file.
        columns: What its first line must be.
        empty: What is said of a table without a row.
        also: An encoding that it may be in, if it is not UTF-8.

    Raises:
        FileError: It is no such table.
    """
    text = read_text(path, bytes_max=_BYTES_MAX, also=also)
    table = csv.DictReader(text.splitlines(), restval="", strict=True)
    try:
        header = tuple(table.fieldnames or ())
        rows = tuple((table.line_num, row) for row in table)
    except csv.Error as error:
        problem = f"The row cannot be read: {error}."
        raise FileError([Mistake(str(path), table.line_num, 1, problem, "Mend it.")]) from None
    if header != tuple(columns):
        problem, remedy = f"The first line is {shown(','.join(header))}.", ",".join(columns)
        raise FileError([Mistake(str(path), 1, 1, problem, f"Write {remedy}.")])
    if not rows:
        raise FileError([Mistake(str(path), 2, 1, empty, "Add a row.")])
    return rows
