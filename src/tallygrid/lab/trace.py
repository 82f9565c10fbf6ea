"""Traces: what clusters recorded of real demand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from tallygrid.core.demand import WEEK_S
from tallygrid.files.mistake import FileError, Mistake
from tallygrid.lab.traces.openb import pods_table
from tallygrid.lab.traces.philly import EPOCH, philly_table
from tallygrid.lab.traces.read import kind_of
from tallygrid.lab.traces.rows import MICRO, read_rows
from tallygrid.lab.traces.swf import swf_start, swf_table

_EVERYBODY: Final = "all"
"""Who asks where a trace does not tell."""


@dataclass(frozen=True)
class TraceJob:
    """One job of a trace, in whole seconds from the first arrival."""

    arrival_s: int
    duration_s: int
    cards: int
    cluster: str
    line: int


@dataclass(frozen=True)
class Trace:
    """The jobs of a trace by arrival, ties in the order of the file."""

    name: str
    first_arrival: datetime
    """Local time of the cluster, without a zone, as the trace gives it."""
    jobs: tuple[TraceJob, ...]
    has_users: bool = True
    """Whether it tells jobs of one user or virtual cluster from those of another."""
    left_out: int = 0
    """Well-formed rows that are no jobs: without a run time or a gang."""

    @property
    def week_offset_s(self) -> int:
        """Seconds from Monday 00:00 to the first arrival, in local time."""
        first = self.first_arrival
        monday = datetime.combine(first.date(), datetime.min.time()) - timedelta(first.weekday())
        return int((first - monday).total_seconds()) % WEEK_S


def read_philly(path: Path) -> Trace:
    """Read a Philly-style CSV, plain or gzip.

    Raises:
        FileError: With every malformed row of the file.
    """
    rows = philly_table(read_rows(path)).sort("at_us", maintain_order=True)
    first_us = rows["at_us"][0]
    return Trace(path.name, EPOCH + timedelta(microseconds=first_us), _jobs(rows))


def read_trace(path: Path, *, begins: datetime | None = None) -> Trace:
    """Read a trace of any kind that replay reads: Philly-style CSV, SWF or openb pods.

    Args:
        path: The file, plain or gzip.
        begins: The local time of the trace's second 0, where it does not tell it itself.

    Raises:
        FileError: With every malformed row, or what the trace lacks.
    """
    rows = read_rows(path)
    kind = kind_of(rows)
    if kind == "philly":
        _refuse(path, begins, "Every row of this trace has its time.")
        return read_philly(path)
    if kind == "openb":
        table, column = pods_table(rows, shares=False), None
    else:
        table, column, told = swf_table(rows), "user", swf_start(rows)
        if told:
            _refuse(path, begins, f"This trace says itself that it begins at {told}.")
        begins = told or begins
    if begins is None:
        problem = "The trace does not say on which day it begins; its weeks cannot be told."
        remedy = "Give it, as --begins 2023-01-02, or with its local time as 2023-01-02T09:00:00."
        raise FileError([Mistake(str(path), 1, 1, problem, remedy)])
    return _since(path, table, column, begins)


def _since(path: Path, table: pl.DataFrame, column: str | None, begins: datetime) -> Trace:
    """Return the jobs of a table of seconds from the instant at which a trace begins."""
    sound = table.filter(pl.col("lack").is_null()).sort("at_us", maintain_order=True)
    if sound.is_empty():
        problem = "No row has a run time and a number of cards."
        raise FileError([Mistake(str(path), 1, 1, problem, "Name another trace.")])
    users = pl.lit(_EVERYBODY) if column is None else pl.col(column).cast(pl.String)
    named = sound.with_columns(users.alias("cluster"))
    return Trace(
        path.name,
        begins + timedelta(microseconds=named["at_us"][0]),
        _jobs(named),
        has_users=named["cluster"].n_unique() > 1,
        left_out=table.height - sound.height,
    )


def _jobs(rows: pl.DataFrame) -> tuple[TraceJob, ...]:
    arrival_s = (pl.col("at_us") - pl.col("at_us").first()) // MICRO
    columns = rows.select(arrival_s, "run_s", "gang", "cluster", "line")
    return tuple(TraceJob(*row) for row in columns.iter_rows())


def _refuse(path: Path, begins: datetime | None, problem: str) -> None:
    if begins is not None:
        raise FileError([Mistake(str(path), 1, 1, problem, "Leave out --begins.")])
