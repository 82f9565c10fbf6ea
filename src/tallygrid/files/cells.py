"""The cells of a table, read exactly as a facts file reads its values; never through a float.

Whole columns are read at once. A cell that cannot be read becomes a null, and is then held
against the reader of facts files, so that both say the same of the same mistake.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from tallygrid.core.condition import kind_of
from tallygrid.core.expression import dtype_of
from tallygrid.core.money import FEN_PER_YUAN, GREATEST_FEN
from tallygrid.core.programme import FactSpec
from tallygrid.files.facts import TaxError, WrongValueError, checked_value

SHOWN_MAX: Final = 20
"""So many wrong cells are told one by one; the rest are counted."""

_YUAN: Final = r"^([0-9]{1,13})(?:\.([0-9]{1,2})0*)?$"
_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_WHOLE: Final = re.compile(r"-?[0-9]{1,30}")
_FIRST_DAY: Final = pl.lit("0001-01-01").str.to_date()
_LAST_DAY: Final = pl.lit("9999-12-31").str.to_date()
_WANTED: Final = {
    "integer": "Write a whole number, such as 12.",
    "money": 'Write yuan with at most two decimals, such as 1000000 or "1234.56".',
    "boolean": "Write true or false.",
    "date": "Write a date: 2026-03-01.",
    "text": "Write a text.",
}


@dataclass(frozen=True)
class Field:
    """A column that is read: its name in the table and ours, the fact, and how it is written."""

    written: str
    column: str
    name: str
    spec: FactSpec
    in_yuan: bool = False
    is_needed: bool = False
    """An empty cell is a mistake, not an unknown."""

    @property
    def kind(self) -> pl.DataType:
        """The type of the column once it is read."""
        return dtype_of(kind_of(self.spec))


@dataclass(frozen=True, order=True)
class WrongCell:
    """A cell that cannot be used, by its row from 0 and the name of its column."""

    row: int
    written: str
    problem: str
    remedy: str


def type_problem(field: Field, kind: pl.DataType) -> tuple[str, str] | None:
    """Say what is wrong with the type of a column, if anything is; before any cell is read."""
    if isinstance(kind, (pl.Null, *_types(field))):
        return None
    problem = f"`{field.written}` is a column of {_said(kind)}."
    if kind.is_float() and field.spec.unit == "fen":
        return problem, "Write whole fen (Int64), or yuan as decimals or texts, never as floats."
    return problem, f"Write {_wanted_column(field)}."


def _types(field: Field) -> tuple[type[pl.DataType], ...]:
    whole: tuple[type[pl.DataType], ...] = (
        pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64,
    )  # fmt: skip
    if field.in_yuan:
        return (*whole, pl.Decimal, pl.String)
    kinds: dict[str, tuple[type[pl.DataType], ...]] = {
        "integer": whole,
        "boolean": (pl.Boolean,),
        "date": (pl.Date, pl.String),
        "text": (pl.String, pl.Categorical, pl.Enum),
    }
    return kinds[field.spec.type]


def _wanted_column(field: Field) -> str:
    if field.in_yuan:
        return "yuan as whole numbers, decimals, or texts such as 1234.56"
    return {
        "integer": "whole numbers (Int64)",
        "boolean": "true and false (Boolean)",
        "date": "days (Date), or texts such as 2026-03-01",
        "text": "texts",
    }[field.spec.type]


def _said(kind: pl.DataType) -> str:
    if kind.is_float():
        return f"floats ({kind})"
    return f"texts ({kind})" if isinstance(kind, pl.String) else f"{kind}"


def reading(field: Field, kind: pl.DataType) -> pl.Expr:
    """Return the expression that reads a column; what cannot be read becomes a null."""
    raw = _raw(field, kind)
    if isinstance(kind, pl.Null):
        return pl.lit(None, dtype=field.kind)
    if field.spec.type == "integer":
        return _limited(
            _fen(raw, kind) if field.in_yuan else raw.cast(pl.Int64, strict=False), field
        )
    if field.spec.type == "boolean":
        return _boolean(raw, kind)
    return _day(raw, kind) if field.spec.type == "date" else raw.cast(pl.String)


def _raw(field: Field, kind: pl.DataType) -> pl.Expr:
    """Return the column as it is written; an empty text is no value."""
    raw = pl.col(field.written)
    return pl.when(raw != "").then(raw) if isinstance(kind, pl.String) else raw


def _limited(number: pl.Expr, field: Field) -> pl.Expr:
    return pl.when(number.is_between(field.spec.minimum, GREATEST_FEN - 1)).then(number)


def _fen(raw: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind.is_integer():
        yuan = raw.cast(pl.Int64, strict=False)
        return pl.when(yuan.is_between(0, GREATEST_FEN // FEN_PER_YUAN)).then(yuan * FEN_PER_YUAN)
    parts = raw.cast(pl.String).str.extract_groups(_YUAN)
    odd = parts.struct.field("2").str.pad_end(2, "0").cast(pl.Int64).fill_null(0)
    return parts.struct.field("1").cast(pl.Int64) * FEN_PER_YUAN + odd


def _boolean(raw: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Boolean):
        return raw
    said = raw.str.to_lowercase()
    no = pl.when(said == "false").then(pl.lit(value=False))
    return pl.when(said == "true").then(pl.lit(value=True)).otherwise(no)


def _day(raw: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.String):
        raw = pl.when(raw.str.contains(_DAY)).then(raw).str.to_date("%Y-%m-%d", strict=False)
    return pl.when(raw.is_between(_FIRST_DAY, _LAST_DAY)).then(raw)


def without_wrong_texts(field: Field, column: pl.Series) -> pl.Series:
    """Return a column of texts without those that cannot be; each different one is tried once."""
    if field.spec.type != "text":
        return column
    wrong = [text for text in column.unique().to_list() if text and not _is_right(field, text)]
    if not wrong:
        return column
    kept = pl.when(~pl.col("text").is_in(wrong)).then(pl.col("text"))
    return column.to_frame("text").select(kept).to_series()


def _is_right(field: Field, text: str) -> bool:
    try:
        checked_value(field.written, text, field.name, field.spec)
    except WrongValueError:
        return False
    return True


def wrong_cells(
    field: Field, frame: pl.DataFrame, kind: pl.DataType, read: pl.Series, row: str
) -> tuple[list[WrongCell], int]:
    """Return the first cells of a column that could not be read, and how many there are."""
    raw = frame.select(_raw(field, kind)).to_series()
    if read.null_count() == (0 if field.is_needed else raw.null_count()):
        return [], 0
    wrong = read.is_null() if field.is_needed else read.is_null() & raw.is_not_null()
    first = frame.select(row).with_columns(raw.alias("value")).filter(wrong).head(SHOWN_MAX)
    return [_wrong(field, *cell) for cell in first.iter_rows()], int(wrong.sum())


def wrong_taxes(
    amount: Field, tax: Field, raw: pl.DataFrame, read: pl.DataFrame, row: str
) -> tuple[list[WrongCell], int]:
    """Return the first cells that say more tax than the amount it is contained in, and how many."""
    wrong = (read[tax.column] > read[amount.column]).fill_null(value=False)
    if not wrong.any():
        return [], 0
    found = raw.select(row, tax=tax.written, whole=amount.written).filter(wrong).head(SHOWN_MAX)
    errors = (
        (place, TaxError(tax.written, said, amount.written, whole))
        for place, said, whole in found.iter_rows()
    )
    cells = [WrongCell(place, tax.written, one.problem, one.remedy) for place, one in errors]
    return cells, int(wrong.sum())


def _wrong(field: Field, row: int, value: object) -> WrongCell:
    problem = f"`{field.written}` is {value!r}."
    remedy = _WANTED["money" if field.in_yuan else field.spec.type]
    if value is None:
        return WrongCell(
            row, field.written, f"`{field.written}` is empty.", "Write 0 if there is none."
        )
    if field.spec.type == "integer" and _WHOLE.fullmatch(str(value)) and not field.in_yuan:
        value = int(str(value))
    try:
        checked_value(field.written, value, field.name, field.spec)
    except WrongValueError as wrong:
        problem, remedy = wrong.problem, wrong.remedy
    return WrongCell(row, field.written, problem, remedy)


def starts_of(line: str) -> Iterator[int]:
    """Yield the place, counted from 1, at which each cell of a line of CSV begins.

    >>> list(starts_of('a,"b,c",d'))
    [1, 3, 9]
    """
    is_quoted = False
    yield 1
    for place, sign in enumerate(line, start=1):
        if sign == '"':
            is_quoted = not is_quoted
        elif sign == "," and not is_quoted:
            yield place + 1
