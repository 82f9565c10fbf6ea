"""A table as CSV: its header, its rows, and exact numbers, with every mistake at once."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tallygrid.files.document import read_text
from tallygrid.files.mistake import FileError, Mistake, shown

BYTES_MAX: Final = 2_000_000_000
"""Some ten million rows."""

PLACES: Final = 6
_ALIKE_MAX: Final = 100
"""Mistakes told one by one for one column; the rest are counted."""

_DECIMAL: Final = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
_WHOLE: Final = r"^[0-9]{1,15}$"


@dataclass
class Table:
    """A table of words as read; columns are asked for one by one, and mistakes gather."""

    file: str
    names: tuple[str, ...]
    columns: tuple[Sequence[str], ...]
    lines: Sequence[int]
    """The line on which each row ends."""
    mistakes: list[Mistake] = field(default_factory=list)
    is_whole: bool = True
    """Whether no row was left out because it has too many or too few cells."""

    def __len__(self) -> int:
        return len(self.lines)

    def words(self, name: str) -> pl.Series:
        """Return a column as it was written."""
        return pl.Series(name, self.columns[self.names.index(name)], dtype=pl.String)

    def ids(self, name: str) -> tuple[str, ...]:
        """Return a column in which every value is written, and written once."""
        self.require_unique([name])
        return tuple(self.words(name))

    def filled(self, name: str) -> pl.Series:
        """Return a column in which every value is written."""
        words = self.words(name)
        self._refuse(name, words == "", "Fill it in.")
        return words

    def choices(self, name: str, known: Sequence[str]) -> pl.Series:
        """Return a column in which every value is one of a few."""
        words = self.words(name)
        self._refuse(name, ~words.is_in(known), f"Write {' or '.join(known)}.")
        return words

    def millionths(
        self, name: str, *, empty: int | None = None, is_positive: bool = False
    ) -> NDArray[np.int64]:
        """Return a column of decimals of at most 6 places, as millionths, exactly.

        Args:
            name: Of the column.
            empty: What an empty value means; None: it is a mistake.
            is_positive: Whether 0 is a mistake.
        """
        remedy = (
            f"Write a number {'above 0' if is_positive else 'from 0'} with at most "
            f"{PLACES} decimals and 9 digits before them, such as 8 or 0.5."
        )
        words = self.words(name)
        is_empty = words == "" if empty is not None else words != words  # noqa: PLR0124  # nothing
        self._refuse(name, ~(words.str.contains(_DECIMAL) | is_empty), remedy)
        numbers = _millionths(words)
        if is_positive:
            self._refuse(name, numbers == 0, remedy)
        return numbers.set(is_empty, empty).fill_null(1).to_numpy()

    def whole(self, name: str, *, most: int) -> NDArray[np.int64]:
        """Return a column of whole numbers from 0."""
        words = self.words(name)
        numbers = words.str.extract(f"({_WHOLE})").cast(pl.Int64)
        refused = (numbers > most) | numbers.is_null()
        self._refuse(name, refused, f"Write a whole number from 0 to {most}.")
        return numbers.fill_null(0).to_numpy()

    def require_unique(self, names: Sequence[str]) -> None:
        """Note every row whose key is empty or stood before."""
        first: dict[tuple[str, ...], int] = {}
        columns = [self.filled(name).to_list() for name in names]
        for row, key in enumerate(zip(*columns, strict=True)):
            before = first.setdefault(key, row)
            if before != row and all(key):
                problem = f"{shown(', '.join(key))} stands on line {self.lines[before]} already."
                self.note(row, names[0], problem, "Keep one of the two.")

    def note(self, row: int, name: str, problem: str, remedy: str) -> None:
        """Note a mistake in a cell."""
        before = self.columns[: self.names.index(name)]
        place = 1 + sum(len(column[row]) + 1 for column in before)
        self.mistakes.append(Mistake(self.file, self.lines[row], place, problem, remedy))

    def note_at_end(self, problem: str, remedy: str) -> None:
        """Note that a row is missing."""
        line = self.lines[-1] + 1 if len(self) else 2
        self.mistakes.append(Mistake(self.file, line, 1, problem, remedy))

    def note_rows(
        self, name: str, rows: Iterable[int], told: Callable[[int], tuple[str, str]]
    ) -> None:
        """Note the same kind of mistake in many rows: the first ones, and how many more."""
        found = list(rows)
        for row in found[:_ALIKE_MAX]:
            self.note(row, name, *told(row))
        if len(found) > _ALIKE_MAX:
            problem = f"`{name}` is wrong in {len(found) - _ALIKE_MAX} more rows from here on."
            self.note(found[_ALIKE_MAX], name, problem, "Mend them alike.")

    def _refuse(self, name: str, refused: pl.Series, remedy: str) -> None:
        column = self.columns[self.names.index(name)]
        rows = refused.fill_null(value=False).arg_true().to_list()
        self.note_rows(name, rows, lambda row: (f"`{name}` is {shown(column[row])}.", remedy))


def read_table(path: Path, names: tuple[str, ...]) -> Table:
    """Read a table that must have exactly these columns, in this order.

    A row of another length is noted and left out, so that it hides no other mistake.

    Raises:
        FileError: It cannot be read, or has another header.
    """
    text = read_text(path, bytes_max=BYTES_MAX)
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = tuple(next(reader, ()))
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        problem = f"The row cannot be read: {error}."
        raise FileError([Mistake(str(path), reader.line_num, 1, problem, "Mend it.")]) from None
    if header != names:
        problem = f"The first line is {shown(','.join(header))}."
        raise FileError([Mistake(str(path), 1, 1, problem, f"Write {','.join(names)}.")])
    mistakes = list(_misshapen(str(path), rows, len(names)))
    sound = [(line, row) for line, row in rows if len(row) == len(names)] if mistakes else rows
    columns = tuple(zip(*(row for _, row in sound), strict=True)) or ((),) * len(names)
    return Table(str(path), names, columns, [line for line, _ in sound], mistakes, not mistakes)


def _misshapen(file: str, rows: list[tuple[int, list[str]]], cells: int) -> Iterator[Mistake]:
    found = [(line, len(row)) for line, row in rows if len(row) != cells]
    for line, count in found[:_ALIKE_MAX]:
        yield Mistake(file, line, 1, f"The row has {count} cells.", f"Write {cells}.")
    if len(found) > _ALIKE_MAX:
        problem = f"{len(found) - _ALIKE_MAX} more rows have too many or too few cells."
        yield Mistake(file, found[_ALIKE_MAX][0], 1, problem, f"Write {cells} in each.")


def _millionths(words: pl.Series) -> pl.Series:
    """Return decimals as millionths; null where a word is no decimal."""
    parts = words.str.extract(f"({_DECIMAL})").str.split_exact(".", 1).struct.unnest()
    whole = parts["field_0"].cast(pl.Int64)
    places = parts["field_1"].fill_null("0").str.pad_end(PLACES, "0").cast(pl.Int64)
    return whole * 10**PLACES + places
