"""The rows of a trace: unpacked, numbered, and every one of them read or reported.

Traces have millions of rows, and nearly all are as they should be. So a pattern reads them
all at once; what does not match it is read again one by one, by a function that takes
whatever can be understood and says what is wrong with the rest.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import polars as pl

from tallygrid.files.mistake import FileError, Mistake

TEXT_BYTES_MAX: Final = 4_000_000_000
"""A hundred million rows of the shortest kind."""
MISTAKES_SHOWN: Final = 100
NUMBER_MAX: Final = 10**12
MICRO: Final = 10**6

_GZIP_MAGIC: Final = b"\x1f\x8b"
_FIRST_BYTES: Final = 100_000
_CELL_SHOWN: Final = 60
_HEADER_SHOWN: Final = 150


@dataclass(frozen=True)
class Rows:
    """The rows of a file that are not blank."""

    file: str
    frame: pl.DataFrame
    """`line`, from 1, and `row`, its text without spaces at its end."""

    def first(self) -> str:
        """Return the first row; empty if there is none."""
        return str(self.frame["row"][0]) if self.frame.height else ""

    def after_header(self) -> "Rows":
        """Return the rows below the first."""
        return Rows(self.file, self.frame.slice(1))

    def without_comments(self, sign: str) -> "Rows":
        """Return the rows that do not begin with a sign."""
        return Rows(self.file, self.frame.filter(~_begins(sign)))

    def only_comments(self, sign: str) -> "Rows":
        """Return the rows that begin with a sign."""
        return Rows(self.file, self.frame.filter(_begins(sign)))


def _begins(sign: str) -> pl.Expr:
    return pl.col("row").str.strip_chars_start().str.starts_with(sign)


@dataclass(frozen=True)
class Form:
    """How the rows of a format are read."""

    pattern: str
    """Matches a row as it should be, each value a named group; as Rust's regex reads it."""
    values: Mapping[str, pl.Expr]
    """The columns of the result, made of the named groups."""
    sound: pl.Expr
    """Tells, from the groups, whether a row that matches may stand."""
    read: Callable[[str, int, str], Sequence[object]]
    """Reads one row of a file's line and gives the columns, or raises FileError."""
    name: str = ""
    """The column in which no two rows may be alike; none if empty."""


def read_rows(path: Path) -> Rows:
    """Read a text file, unpacked if its first bytes say gzip.

    Raises:
        FileError: There is no such file, it is broken, endless, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = _bytes(file, str(path))
    except FileNotFoundError:
        raise _error(path, "No such file.", "Check the name.") from None
    except IsADirectoryError:
        raise _error(path, "This is a directory.", "Name a file in it.") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem = f"The gzip data is broken: {error}."
        raise _error(path, problem, "Fetch the file again.") from None
    except OSError as error:
        problem = f"The file cannot be read: {error.strerror}."
        raise _error(path, problem, "Check its permissions.") from None
    except ValueError:  # a NUL in the name
        raise _error(path, "This is not the name of a file.", "Check the name.") from None
    return _rows(str(path), data)


def table(rows: Rows, form: Form) -> pl.DataFrame:
    """Return the columns of every row, with its `line`, in the order of the file.

    Raises:
        FileError: With the mistakes of all rows.
    """
    groups = pl.col("row").str.extract_groups(form.pattern).alias("groups")
    matched = rows.frame.select("line", groups).unnest("groups")
    as_it_should_be = matched.select(form.sound.fill_null(value=False)).to_series()
    known = matched.filter(as_it_should_be).select("line", **form.values)
    slow = rows.frame.filter(~as_it_should_be)
    unusual, mistakes, count = _read_slowly(rows, slow, form, known.schema)
    made = known if unusual.is_empty() else pl.concat([known, unusual]).sort("line")
    if form.name:
        again = made.filter(~pl.col(form.name).is_first_distinct())
        mistakes += _repeated(rows.file, made, again, form.name)
        count += again.height
    if mistakes:
        raise FileError(_capped(rows.file, mistakes, count))
    if made.is_empty():
        raise FileError([Mistake(rows.file, 2, 1, "There is no job.", "Add a row.")])
    return made


def _repeated(file: str, made: pl.DataFrame, again: pl.DataFrame, column: str) -> list[Mistake]:
    """Return a mistake for the first rows that repeat the name or number of one above them."""
    if again.is_empty():
        return []
    first = dict(
        made.filter(pl.col(column).is_in(again[column].implode()))
        .select(column, "line")
        .reverse()
        .iter_rows()
    )
    remedy = "Give each job its own, or keep one row of it."
    return [
        Mistake(file, line, 1, f"`{name}` stands on line {first[name]} already.", remedy)
        for name, line in again.select(column, "line").head(MISTAKES_SHOWN + 1).iter_rows()
    ]


def header_error(rows: Rows, header: Sequence[str]) -> FileError:
    """Return the error of a header that is another."""
    problem = f"The header is `{rows.first()[:_HEADER_SHOWN]}`."
    return FileError([Mistake(rows.file, 1, 1, problem, f"It must be `{','.join(header)}`.")])


def cells_of(file: str, line: int, row: str) -> list[str]:
    """Return the cells of a row of CSV.

    Raises:
        FileError: The row is no CSV.
    """
    try:
        return next(csv.reader([row]))
    except csv.Error as error:
        problem = f"The row cannot be read: {error}."
        raise FileError([Mistake(file, line, 1, problem, "Mend it.")]) from None


def wrong_cells(
    file: str, line: int, names: Sequence[str], cells: Sequence[str], wrong: Mapping[int, str]
) -> FileError:
    """Return an error with a remedy for every cell, by its place."""
    columns = [sum(len(cell) + 1 for cell in cells[:place]) + 1 for place in range(len(cells))]
    return FileError(
        Mistake(
            file,
            line,
            columns[place],
            f"`{names[place]}` is `{cells[place][:_CELL_SHOWN]}`.",
            remedy,
        )
        for place, remedy in wrong.items()
    )


def wrong_width(file: str, line: int, names: Sequence[str], cells: Sequence[str]) -> FileError:
    """Return the error of a row with too few or too many cells."""
    cells_ = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    problem = f"The row has {cells_}: `{','.join(cells)[:_CELL_SHOWN]}`."
    remedy = f"It must have {len(names)}: {', '.join(names)}."
    return FileError([Mistake(file, line, 1, problem, remedy)])


def number(cell: str) -> Decimal | None:
    """Return a number of a size that seconds and cards can have; None if the cell is none.

    >>> number("66.90"), number("-1"), number("soon"), number("1e99")
    (Decimal('66.90'), Decimal('-1'), None, None)
    """
    try:
        value = Decimal(cell.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) <= NUMBER_MAX else None


def whole(cell: str) -> int | None:
    """Return a whole number; None if the cell is none."""
    value = number(cell)
    return None if value is None or value != int(value) else int(value)


def micro_of(name: str) -> pl.Expr:
    """Return millionths from the groups `name`, and `name_part` with its digits after the point."""
    part = pl.col(f"{name}_part").fill_null("").str.pad_end(6, "0").cast(pl.Int64)
    return pl.col(name).cast(pl.Int64) * MICRO + part


def _bytes(file: io.BufferedReader, name: str) -> bytes:
    """Return what a file holds, unpacked; what has no line at its beginning is not read on."""
    packed = file.peek(2).startswith(_GZIP_MAGIC)
    stream = gzip.GzipFile(fileobj=file) if packed else file
    data = stream.read(_FIRST_BYTES)
    if len(data) == _FIRST_BYTES and b"\n" not in data:
        problem = f"The first line is longer than {_FIRST_BYTES:,} bytes."
        raise FileError([Mistake(name, 1, 1, problem, "Name a trace.")])
    data += stream.read(TEXT_BYTES_MAX + 1 - len(data))
    if len(data) > TEXT_BYTES_MAX:
        problem = f"The text is longer than {TEXT_BYTES_MAX // 10**9} GB."
        raise FileError([Mistake(name, 1, 1, problem, "Divide the file.")])
    return data


def _rows(file: str, data: bytes) -> Rows:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"Byte {error.start} is not UTF-8."
        raise FileError([Mistake(file, line, 1, problem, "Save the file as UTF-8.")]) from None
    lines = pl.read_lines(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")), name="row")
    frame = lines.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"),
        pl.col("row").str.strip_chars_end(),
    )
    return Rows(file, frame.filter(pl.col("row") != ""))


def _read_slowly(
    rows: Rows, frame: pl.DataFrame, form: Form, schema: pl.Schema
) -> tuple[pl.DataFrame, list[Mistake], int]:
    """Read rows one by one; return them, the first mistakes, and how many there are in all."""
    made: list[tuple[object, ...]] = []
    mistakes: list[Mistake] = []
    count = 0
    for line, row in frame.iter_rows():
        try:
            made.append((line, *form.read(rows.file, line, row)))
        except FileError as error:
            count += len(error.mistakes)
            if len(mistakes) <= MISTAKES_SHOWN:
                mistakes.extend(error.mistakes)
    return pl.DataFrame(made, schema=schema, orient="row"), mistakes, count


def _capped(file: str, mistakes: Sequence[Mistake], count: int) -> list[Mistake]:
    """Return the first mistakes, and one that counts the rest."""
    shown = sorted(set(mistakes))[:MISTAKES_SHOWN]
    if count <= MISTAKES_SHOWN:
        return shown
    problem = f"{count - MISTAKES_SHOWN:,} mistakes more are not shown."
    return [*shown, Mistake(file, shown[-1].line + 1, 1, problem, "Mend these first.")]


def _error(path: Path, problem: str, remedy: str) -> FileError:
    return FileError([Mistake(str(path), 1, 1, problem, remedy)])
