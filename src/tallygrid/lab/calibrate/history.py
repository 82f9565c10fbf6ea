"""What became of a programme's applications: one row each, with the days of its steps."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

from tallygrid.core.money import GREATEST_FEN
from tallygrid.files.mistake import FileError, Mistake
from tallygrid.files.nearest import nearest
from tallygrid.lab.calibrate.thresholds import BEFORE_CAPS

STEPS: Final = ("begun", "submitted", "decided", "issued", "first_used", "settled")
"""The days of an application, in their order; a day is empty if it has not come."""
DAYS: Final = (*STEPS, "dropped", "valid_until")
MISTAKES_MAX: Final = 100

Row = Mapping[str, str | int | date | None]


@dataclass(frozen=True, eq=False)
class History:
    """The applications of a programme, as they stood on a day."""

    cases: pl.DataFrame
    """`id`, the DAYS as dates, and whole numbers: facts, and what the rate gives before caps."""
    seen_on: date
    """Nothing later is known."""


def history_of(rows: Sequence[Row], *, seen_on: date | None = None) -> History:
    """Return rows as a history; without a day of its own, it was seen on its last."""
    numbers = dict.fromkeys(name for row in rows for name in row if name not in {"id", *DAYS})
    kinds: dict[str, pl.DataType] = {
        "id": pl.String(),
        **dict.fromkeys(DAYS, pl.Date()),
        **dict.fromkeys(numbers, pl.Int64()),
    }
    cases = pl.DataFrame([{name: row.get(name) for name in kinds} for row in rows], schema=kinds)
    days = [day for row in rows for name in STEPS if isinstance(day := row.get(name), date)]
    return History(cases, seen_on or max(days))


def read_history(path: Path, numbers: Sequence[str], *, seen_on: date | None = None) -> History:
    """Read a table of applications, as CSV or Parquet.

    Args:
        path: The file.
        numbers: The facts that may stand in it as whole numbers.
        seen_on: The day up to which it tells; its last day if left out.

    Raises:
        FileError: With every mistake in it.
    """
    lines = list(_parquet(path) if path.suffix == ".parquet" else _csv(path))
    reader = _Reader(str(path), ("id", *DAYS, BEFORE_CAPS, *numbers), [], {})
    if not lines or not reader.header(lines[0][1]):
        raise FileError(reader.mistakes or [reader.at(1, "There is no row.", "Add some.")])
    rows = [reader.row(n, lines[0][1], cells) for n, cells in lines[1:]]
    if not rows:
        reader.mistakes.append(reader.at(2, "There is no application.", "Add a row for each."))
    reader.require_none_later(rows, seen_on)
    if reader.mistakes:
        shown, more = reader.mistakes[:MISTAKES_MAX], len(reader.mistakes) - MISTAKES_MAX
        rest = [reader.at(shown[-1].line + 1, f"{more} mistakes more.", "Mend these first.")]
        raise FileError(shown + (rest if more > 0 else []))
    return history_of(rows, seen_on=seen_on)


def _csv(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the cells of every line that is not blank, with its number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                if any(cells):
                    yield reader.line_num, [cell.strip() for cell in cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from None


def _parquet(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        table = pl.read_parquet(path)
        texts = table.select(pl.all().cast(pl.String).fill_null(""))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from None
    yield 1, texts.columns
    yield from ((n, row) for n, row in enumerate(texts.iter_rows(), 2))


def _unreadable(path: Path, error: Exception) -> FileError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    problem = f"The file cannot be read: {said.splitlines()[0]}."
    return FileError([Mistake(str(path), 1, 1, problem, "Name a CSV (UTF-8) or Parquet file.")])


@dataclass
class _Reader:
    """Reads cells, and notes what is wrong with them."""

    file: str
    known: Sequence[str]
    mistakes: list[Mistake]
    seen: dict[str, int]

    def at(self, line: int, problem: str, remedy: str, column: int = 1) -> Mistake:
        """Return a mistake; the column is that of the table."""
        return Mistake(self.file, line, column, problem, remedy)

    def header(self, names: Sequence[str]) -> bool:
        """Check the names of the columns."""
        for place, name in enumerate(names, 1):
            if name not in self.known:
                remedy = nearest(name, self.known)
                self.mistakes.append(self.at(1, f"There is no column `{name}`.", remedy, place))
            elif name in names[: place - 1]:
                problem = f"The column `{name}` stands twice."
                self.mistakes.append(self.at(1, problem, "Keep one.", place))
        for name in ("id", "submitted"):
            if name not in names:
                self.mistakes.append(self.at(1, f"The column `{name}` is missing.", "Add it."))
        return not self.mistakes

    def row(self, line: int, names: Sequence[str], cells: Sequence[str]) -> Row:
        """Return the values of a row; what cannot be read is left out and noted."""
        if len(cells) != len(names):
            problem = f"The row has {len(cells)} cells."
            remedy = f"It must have {len(names)}: {', '.join(names)}."
            self.mistakes.append(self.at(line, problem, remedy))
            return {}
        found: dict[str, str | int | date | None] = {}
        for place, (name, cell) in enumerate(zip(names, cells, strict=True), 1):
            if cell:
                found[name] = self._value(line, place, name, cell)
        self._check_id(line, str(found.get("id", "")))
        self._check_order(line, found)
        return found

    def _value(self, line: int, place: int, name: str, cell: str) -> str | int | date | None:
        if name == "id":
            return cell
        if name in DAYS:
            try:
                return date.fromisoformat(cell[:10])
            except ValueError:
                remedy = "Write a day: 2026-03-01."
        else:
            digits = cell.isascii() and cell.isdigit()
            if digits and int(cell) < GREATEST_FEN:
                return int(cell)
            remedy = "Write a whole number, 0 or more; money in fen."
        self.mistakes.append(self.at(line, f"`{name}` is `{cell[:60]}`.", remedy, place))
        return None

    def _check_id(self, line: int, name: str) -> None:
        if not name:
            self.mistakes.append(self.at(line, "The application has no `id`.", "Give it one."))
        elif name in self.seen:
            problem = f"`{name}` stands on line {self.seen[name]} already."
            self.mistakes.append(self.at(line, problem, "Keep one row for each application."))
        self.seen.setdefault(name, line)

    def _check_order(self, line: int, found: Row) -> None:
        days = [(name, day) for name in STEPS if isinstance(day := found.get(name), date)]
        if not days:
            problem = "The row has no day of any step."
            self.mistakes.append(self.at(line, problem, "Give `submitted`, or remove the row."))
        given_up = [("submitted", found.get("submitted")), ("dropped", found.get("dropped"))]
        pairs = [*pairwise(days), given_up]
        for (one, before), (other, after) in pairs:
            if not isinstance(before, date) or not isinstance(after, date):
                continue
            if after < before:
                problem = f"`{other}` is {after}, before `{one}` on {before}."
                self.mistakes.append(self.at(line, problem, "Check both days."))

    def require_none_later(self, rows: Sequence[Row], seen_on: date | None) -> None:
        """Refuse days later than the day up to which the table is said to tell."""
        for line, row in zip(self.seen.values(), rows, strict=False):
            for name in STEPS:
                day = row.get(name)
                if seen_on and isinstance(day, date) and day > seen_on:
                    problem = f"`{name}` is {day}, after {seen_on}."
                    remedy = "Give a later day with --at, or check it."
                    self.mistakes.append(self.at(line, problem, remedy))
