"""Traces: what clusters recorded of real demand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from tallygrid.core.demand import WEEK_S
from tallygrid.lab.traces.philly import EPOCH, philly_table
from tallygrid.lab.traces.rows import MICRO, read_rows


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
    columns = rows.select((pl.col("at_us") - first_us) // MICRO, "run_s", "gang", "cluster", "line")
    jobs = tuple(TraceJob(*row) for row in columns.iter_rows())
    return Trace(path.name, EPOCH + timedelta(microseconds=first_us), jobs)
