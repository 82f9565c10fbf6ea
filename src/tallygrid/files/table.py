"""A table of cases, in Parquet, Arrow or CSV: read in streams, checked cell by cell, written.

Only the columns that an answer can depend on are read, and those that the caller keeps. Every
wrong cell is told with its line and column; while there is one, no file appears.
"""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock
from typing import Final

import polars as pl

from tallygrid.core.condition import kind_of
from tallygrid.core.decision import Plan
from tallygrid.core.expression import dtype_of
from tallygrid.core.facts import DERIVED_FROM, Vocabulary, derived
from tallygrid.core.programme import FactSpec
from tallygrid.core.sizes import SECTOR_FACT, SIZE_FACT, SIZE_SOURCES, size_column
from tallygrid.core.table import USED, column_names, facts_asked
from tallygrid.core.trial import Given, fact_column, used_column
from tallygrid.files.cells import (
    SHOWN_MAX,
    Field,
    WrongCell,
    reading,
    starts_of,
    type_problem,
    without_wrong_texts,
    wrong_cells,
    wrong_taxes,
)
from tallygrid.files.facts import all_names, fact_of, taxes
from tallygrid.files.mistake import FileError, Mistake
from tallygrid.files.nearest import nearest
from tallygrid.files.sizes import packaged_sizes
from tallygrid.files.whole import whole

ALWAYS_KEPT: Final = ("id", "applicant_id", "credit_code")
"""Columns that say whose row it is; they are carried into the result without being asked for."""
FORMS: Final = (".parquet", ".csv", ".arrow", ".feather")

_ROW: Final = "#row"
_EMPTY_LINE: Final = re.compile(rb"\n,*\r?\n|\n,+\Z")
_REASON_MAX: Final = 200
_FOLLOWING: Final[Mapping[str, str | tuple[str, ...]]] = {**DERIVED_FROM, SIZE_FACT: SIZE_SOURCES}
"""The facts that follow from others, and which."""
_DRAWN: Final = FactSpec(type="integer", unit="fen", en="drawn before", zh="已用金额")
Watch = Callable[[int], None]
"""Is told how many more rows were read."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of a table."""

    plans: Sequence[Plan]
    vocabulary: Vocabulary
    keep: Sequence[str] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """The days on which the programmes decide; their zones may differ."""
        return tuple(sorted({plan.day for plan in self.plans}))


@dataclass
class Table:
    """A table whose names and types are right; its cells are checked as they are read."""

    path: Path
    source: pl.LazyFrame
    kinds: Mapping[str, pl.DataType]
    fields: tuple[Field, ...]
    kept: tuple[str, ...]
    wish: Wish
    watch: Watch = lambda _: None
    wrong: list[WrongCell] = field(default_factory=list)
    wrong_count: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def given(self) -> Given:
        """Return what the table tells, the facts that follow from others included."""
        names = {one.name for one in self.fields if one.column.startswith("fact.")}
        names |= {name for name in _FOLLOWING if names & set(_sources(name))}
        used: dict[str, set[str]] = {}
        for one in self.fields:
            if one.column.startswith("used."):
                used.setdefault(one.column.split(".")[1], set()).add(one.name)
        return Given(frozenset(names), {name: frozenset(parts) for name, parts in used.items()})

    @property
    def frame(self) -> pl.LazyFrame:
        """The rows with every fact under its own name, read when somebody collects them."""
        needed = dict.fromkeys([_ROW, *self.kept, *(one.written for one in self.fields)])
        return self.source.select(*needed).map_batches(
            self._read, streamable=True, schema=self._schema()
        )

    def _schema(self) -> pl.Schema:
        # the row's number stays, so that a table of which nothing is asked keeps its rows
        return pl.Schema(
            {
                _ROW: pl.get_index_type(),
                **{name: self.kinds[name] for name in self.kept},
                **{one.column: one.kind for one in self.fields},
                **{column: kind for _, _, column, kind in self._derivations()},
            }
        )

    def _read(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Read a batch of rows, whichever comes first; note what is wrong with it."""
        self.watch(raw.height)
        typed = raw.select(
            _ROW,
            *self.kept,
            *(reading(f, self.kinds[f.written]).alias(f.column) for f in self.fields),
        )
        texts = [without_wrong_texts(one, typed[one.column]) for one in self.fields]
        typed = typed.with_columns(
            text.alias(one.column)
            for one, text in zip(self.fields, texts, strict=True)
            if one.spec.type == "text"
        )
        for one in self.fields:
            self._note(wrong_cells(one, raw, self.kinds[one.written], typed[one.column], _ROW))
        told = {one.name: one for one in self.fields if one.column.startswith("fact.")}
        for amount, tax in taxes(told):
            self._note(wrong_taxes(told[amount], told[tax], raw, typed, _ROW))
        return self._with_derived(typed).select(*self._schema())

    def _note(self, found: tuple[list[WrongCell], int]) -> None:
        cells, count = found
        if count:
            with self.lock:
                self.wrong = sorted([*self.wrong, *cells])[:SHOWN_MAX]
                self.wrong_count += count

    def _derivations(self) -> Iterator[tuple[str, date, str, pl.DataType]]:
        """Yield the facts that follow from others: name, day, column and type."""
        told = {one.name for one in self.fields}
        asked = facts_asked(self.wish.plans)
        for name in _FOLLOWING:
            if name in asked and (name in told or told & set(_sources(name))):
                kind = dtype_of(kind_of(self.wish.vocabulary[name]))
                for day in self.wish.days:
                    yield name, day, fact_column(name, day), kind

    def _with_derived(self, typed: pl.DataFrame) -> pl.DataFrame:
        """Add what follows from other facts, worked out once for all rows that agree in them."""
        told = {one.name: one.column for one in self.fields}
        for name, day, column, kind in self._derivations():
            sources = [told[source] for source in _sources(name) if source in told]
            found = typed.select(pl.lit(None, dtype=kind).alias(column)).to_series()
            if sources and name == SIZE_FACT:
                found = _sizes(typed.select(sources), kind)
            elif sources:
                found = _derived(name, day, typed.select(sources), kind)
            given = typed[told[name]] if name in told else None
            known = found if given is None else given.zip_with(given.is_not_null(), found)
            typed = typed.with_columns(known.alias(column))
        return typed

    def require_right(self) -> None:
        """Refuse a table that was read to its end and had a wrong cell.

        Raises:
            FileError: With the first wrong cells, and how many more there are.
        """
        if not self.wrong:
            return
        places = _places(self.path, self.wrong, list(self.kinds))
        mistakes = [
            Mistake(str(self.path), *place, cell.problem, cell.remedy)
            for cell, place in zip(self.wrong, places, strict=True)
        ]
        if more := self.wrong_count - len(mistakes):
            last = max(mistakes)
            problem = f"{more:,} more cells cannot be used."
            mistakes.append(Mistake(last.file, last.line, 10**6, problem, "Mend these first."))
        raise FileError(mistakes)


def read_table(path: Path, wish: Wish) -> Table:
    """Open a table, and check the names and types of its columns.

    Raises:
        FileError: It cannot be read, or with every column that is unknown or of a wrong type.
    """
    names = _names(path)
    source = _scanned(path)
    kinds = _kinds(path, names)
    fields, kept, mistakes = _columns(path, names, wish)
    if not _is_csv(path):
        for one in fields:
            if wrong := type_problem(one, kinds[one.written]):
                mistakes.append(Mistake(str(path), 1, names.index(one.written) + 1, *wrong))
    if mistakes:
        raise FileError(mistakes)
    return Table(path, source, kinds, tuple(fields), tuple(kept), wish)


def write_table(table: Table, decided: pl.LazyFrame, out: Path, about: Mapping[str, str]) -> None:
    """Write what was decided of a table to a Parquet file, which appears whole or not at all.

    Raises:
        FileError: With the wrong cells of the table, or nothing can be written there.
    """
    with whole(out) as part:
        with _told(table.path, out):
            # rows stand in no order, so the ends of a block of them would let no reader pass over
            # it; to work them out took a fifth of the time
            decided.sink_parquet(
                part,
                metadata=dict(about),
                engine="streaming",
                compression_level=1,
                statistics=False,
            )
        table.require_right()


@contextmanager
def _told(path: Path, out: Path | None = None) -> Iterator[None]:
    """Say in a sentence why a table cannot be read, or its answers not be written.

    A file that is damaged makes the reader fail in its own ways, a panic among them.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise FileError([_unreadable(path, error)]) from None
    except OSError as error:
        if error.errno is None:
            raise FileError([_unreadable(path, error)]) from None
        raise OSError(error.errno, os.strerror(error.errno), str(out or path)) from None


# The columns


def _columns(
    path: Path, names: Sequence[str], wish: Wish
) -> tuple[list[Field], list[str], list[Mistake]]:
    """Say of every column what it is: a fact, an amount drawn before, kept, or unknown."""
    used = _used_names(wish.plans)
    asked = _asked(wish.plans)
    known = {**all_names(wish.vocabulary), **used}
    kept = [name for name in names if name in {*ALWAYS_KEPT, *wish.keep}]
    fields: list[Field] = []
    unknown: list[str] = []
    mistakes = [_mistake(path, names, *wrong) for wrong in _kept_mistakes(names, wish)]
    for name in names:
        fact = fact_of(name, wish.vocabulary)
        if name in used:
            fields += [used[name]]
        elif fact in wish.vocabulary:
            fields += [_fact_field(name, fact, wish.vocabulary)] if fact in asked else []
        elif name not in kept:
            unknown.append(name)
    for name in unknown[:SHOWN_MAX]:
        remedy = f"{nearest(name, known)} Or carry it along with --keep {name}."
        mistakes.append(_mistake(path, names, name, f"There is no fact `{name}`.", remedy))
    for name in unknown[SHOWN_MAX:][:1]:
        problem = f"{len(unknown) - SHOWN_MAX:,} more columns are no facts."
        remedy = "Mend the first ones; or leave these out, or carry them along with --keep."
        mistakes.append(_mistake(path, names, name, problem, remedy))
    mistakes += [_mistake(path, names, *wrong) for wrong in _twice(fields)]
    return fields, kept, mistakes


def _asked(plans: Sequence[Plan]) -> frozenset[str]:
    """Return the facts that answers can depend on, and those that these may follow from."""
    asked = facts_asked(plans)
    return asked | {source for name in asked & _FOLLOWING.keys() for source in _sources(name)}


def _sources(name: str) -> tuple[str, ...]:
    sources = _FOLLOWING[name]
    return (sources,) if isinstance(sources, str) else sources


def _fact_field(written: str, fact: str, vocabulary: Vocabulary) -> Field:
    return Field(written, f"fact.{fact}", fact, vocabulary[fact], in_yuan=written != fact)


def _used_names(plans: Sequence[Plan]) -> dict[str, Field]:
    """Return the columns that may say what was drawn before, by their names in the table.

    Of one programme they may stand without its id.
    """
    found: dict[str, Field] = {}
    for plan in plans:
        programme = plan.programme.id
        for name in USED:
            for ending, in_yuan in (("_fen", False), ("_yuan", True)):
                written = f"used_{name}".removesuffix("_fen") + ending
                if name == "budget_fen":
                    written = f"budget_left{ending}"
                one = Field(
                    "", used_column(programme, name), name, _DRAWN, in_yuan=in_yuan,
                    is_needed=name != "budget_fen",
                )  # fmt: skip
                for full in (f"{programme}.{written}", *([written] if len(plans) == 1 else [])):
                    found[full] = Field(**{**one.__dict__, "written": full})
    return found


def _kept_mistakes(names: Sequence[str], wish: Wish) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with the columns to keep: name, problem, remedy."""
    results = set(column_names(wish.plans))
    for name in wish.keep:
        if name not in names:
            yield name, f"There is no column `{name}` to keep.", nearest(name, names)
    for name in names:
        if name in {*ALWAYS_KEPT, *wish.keep} and (name in results or name.startswith(_OURS)):
            yield name, f"`{name}` is the name of a column of the result.", "Rename it."


_OURS: Final = ("fact.", "used.", "#")


def _twice(fields: Sequence[Field]) -> Iterator[tuple[str, str, str]]:
    seen: dict[str, str] = {}
    for one in fields:
        if one.column in seen:
            problem = f"`{one.written}` says the same as `{seen[one.column]}`."
            yield one.written, problem, "Keep one of them."
        seen[one.column] = one.written


def _mistake(path: Path, names: Sequence[str], name: str, problem: str, remedy: str) -> Mistake:
    column = 1
    if name in names:
        place = names.index(name)
        column = place + 1
        if _is_csv(path):
            column = list(starts_of(",".join(names)))[place]
    return Mistake(str(path), 1, column, problem, remedy)


def _derived(name: str, day: date, sources: pl.DataFrame, kind: pl.DataType) -> pl.Series:
    facts = [column.removeprefix("fact.") for column in sources.columns]
    different = sources.unique()
    found = [
        derived({f: v for f, v in zip(facts, row, strict=True) if v is not None}, on=day).get(name)
        for row in different.iter_rows()
    ]
    table = different.with_columns(pl.Series("found", found, dtype=kind))
    joined = sources.join(
        table, on=sources.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["found"]


def _sizes(sources: pl.DataFrame, kind: pl.DataType) -> pl.Series:
    """Return the size class of every row, which no day changes."""

    def fact(name: str) -> pl.Expr:
        if f"fact.{name}" in sources.columns:
            return pl.col(f"fact.{name}")
        return pl.lit(None, dtype=pl.String() if name == SECTOR_FACT else pl.Int64())

    return sources.select(size_column(packaged_sizes(), fact).cast(kind)).to_series()


# The file


def _names(path: Path) -> list[str]:
    """Return the names of the columns, each of which must be there once."""
    if path.suffix.lower() not in FORMS:
        raise _error(
            path, f"A table is not kept in `{path.name}`.", f"Known are {', '.join(FORMS)}."
        )
    if not path.is_file():
        problem = "This is a directory." if path.is_dir() else "No such file."
        raise _error(path, problem, "Check the name.")
    names = _header(path) if _is_csv(path) else list(_schema(path))
    if not names:
        raise _error(path, "The table has no columns.", "Write at least one.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        wrong = [
            _mistake(path, names, n, f"`{n}` stands twice.", "Keep one of them.") for n in twice
        ]
        raise FileError(wrong)
    return names


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file, strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise FileError([_unreadable(path, error)]) from None
    if not names:
        raise _error(path, "The table is empty.", "Write a line with the names of the columns.")
    if len(names) == 1 and {";", "\t"} & set(names[0]):
        raise _error(path, "The cells are not separated by commas.", "Save the file as CSV.")
    return names


def _schema(path: Path) -> Mapping[str, pl.DataType]:
    with _told(path):
        return _scanned(path).drop(_ROW).collect_schema()


def _scanned(path: Path) -> pl.LazyFrame:
    if _is_csv(path):
        found = pl.scan_csv(path, infer_schema=False, glob=False, row_index_name=_ROW)
        said = pl.any_horizontal(pl.exclude(_ROW).is_not_null())
        return found.filter(said) if _has_empty_lines(path) else found
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, row_index_name=_ROW)
    return pl.scan_ipc(path, glob=False, row_index_name=_ROW)


def _has_empty_lines(path: Path) -> bool:
    """Tell whether some line may hold nothing; only then is every column read to find out."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with mmap(file.fileno(), 0, access=ACCESS_READ) as text:
            return _EMPTY_LINE.search(text) is not None


def _kinds(path: Path, names: Sequence[str]) -> Mapping[str, pl.DataType]:
    return {name: pl.String() for name in names} if _is_csv(path) else _schema(path)


def row_count(table: Table) -> int:
    """Return how many rows a table has."""
    with _told(table.path):
        return int(table.source.select(pl.len()).collect(engine="streaming").item())


def _unreadable(path: Path, error: BaseException) -> Mistake:
    """Return why a table cannot be read, in a sentence, and where if that can be found."""
    said = (str(error).splitlines() or ["no reason given"])[0][:_REASON_MAX].rstrip(".")
    if not _is_csv(path):
        problem = f"The table cannot be read: {said}."
        return Mistake(str(path), 1, 1, problem, f"Check that it is a whole {path.suffix} file.")
    if "utf-8" in said.lower() or isinstance(error, UnicodeDecodeError):
        return Mistake(str(path), 1, 1, "The table is not UTF-8.", "Save the file as UTF-8.")
    line = _ragged(path)
    if line:
        problem = "The row has more cells than there are columns."
        return Mistake(str(path), line, 1, problem, "Remove the comma, or put the cell in quotes.")
    return Mistake(str(path), 1, 1, f"The table cannot be read: {said}.", "Check its quotes.")


def _ragged(path: Path) -> int:
    """Return the line of the first row with too many cells; 0 if there is none."""
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        rows = csv.reader(file)
        try:
            width = len(next(rows, []))
            return next((rows.line_num for row in rows if len(row) > width), 0)
        except csv.Error:
            return 0


def _places(path: Path, cells: Sequence[WrongCell], names: Sequence[str]) -> list[tuple[int, int]]:
    """Return line and column of each cell; of a file that is no text its row and its column."""
    if not _is_csv(path):
        return [(cell.row + 1, names.index(cell.written) + 1) for cell in cells]
    try:
        lines = dict(_lines(path, {cell.row for cell in cells}))
    except csv.Error:  # a cell beyond what the other reader takes; then the row must do
        return [(cell.row + 2, 1) for cell in cells]
    found = []
    for cell in cells:
        line, text = lines[cell.row]
        starts = list(starts_of(text))
        found.append((line, starts[min(names.index(cell.written), len(starts) - 1)]))
    return found


def _lines(path: Path, rows: set[int]) -> Iterator[tuple[int, tuple[int, str]]]:
    """Yield the line and the text of some rows of a CSV; a cell in quotes may hold lines."""
    read: list[str] = []

    def noted(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line

    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        for row, _ in enumerate(records := csv.reader(noted(file)), start=-1):
            if row in rows:
                yield row, (records.line_num - len(read) + 1, "".join(read))
                if row == max(rows):
                    return
            read.clear()


def _error(path: Path, problem: str, remedy: str) -> FileError:
    return FileError([Mistake(str(path), 1, 1, problem, remedy)])
