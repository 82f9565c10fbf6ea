"""The jobs of a trace, as columns of whole numbers: what every reader gives and replay takes."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tallygrid.lab.traces.rows import MICRO

JOBS_MAX: Final = 100_000_000

Whole = NDArray[np.int64]
Lack = Literal["no_run_time", "no_gang", "never_ran"]
"""Why a row that is well formed is no job to replay."""


class TooManyError(Exception):
    """A trace was to be repeated until it has more jobs than can be held."""

    def __init__(self, jobs: int) -> None:
        super().__init__(f"{jobs:,} jobs are too many; {JOBS_MAX:,} can be replayed at once.")


@dataclass(frozen=True, eq=False)
class Jobs:
    """Jobs by arrival, ties in the order of the file; every column is as long."""

    file: str
    arrival_s: Whole
    """Whole seconds from the first arrival."""
    gang: Whole
    run_s: Whole
    line: Whole
    left_out: tuple[tuple[int, Lack], ...] = ()
    """Rows that are no jobs to replay: the line, and why."""
    unsorted: tuple[int, ...] = ()
    """Lines of rows that arrive before the row above them."""
    parts: int = 1
    """How many parts of a card one of `gang` is: 1, or 1000."""

    def __len__(self) -> int:
        return len(self.arrival_s)

    def of(self, chosen: NDArray[np.bool_] | slice) -> "Jobs":
        """Return some of the jobs."""
        return replace(
            self,
            arrival_s=self.arrival_s[chosen],
            gang=self.gang[chosen],
            run_s=self.run_s[chosen],
            line=self.line[chosen],
        )

    @property
    def span_s(self) -> int:
        """Seconds from the first arrival to the last."""
        return int(self.arrival_s[-1]) if len(self) else 0

    def repeated(self, copies: int, *, period_s: int) -> "Jobs":
        """Return copies of the jobs, each a period after the one before.

        Raises:
            TooManyError: They would be more than can be held.
        """
        if len(self) * copies > JOBS_MAX:
            raise TooManyError(len(self) * copies)
        offsets = np.repeat(np.arange(copies, dtype=np.int64) * period_s, len(self))
        return replace(
            self,
            arrival_s=np.tile(self.arrival_s, copies) + offsets,
            gang=np.tile(self.gang, copies),
            run_s=np.tile(self.run_s, copies),
            line=np.tile(self.line, copies),
        )


def jobs_of(file: str, table: pl.DataFrame, *, parts: int = 1) -> Jobs:
    """Return the jobs of a table of `line, at_us, gang, run_s` and perhaps `lack`."""
    left_out: tuple[tuple[int, Lack], ...] = ()
    if "lack" in table.columns:
        lacking = table.filter(pl.col("lack").is_not_null())
        left_out = tuple(lacking.select("line", "lack").iter_rows())
        table = table.filter(pl.col("lack").is_null())
    unsorted = tuple(table.filter(pl.col("at_us").diff() < 0)["line"].to_list())
    # Cut to whole seconds before sorting: within a second the order of the file decides.
    arrival = ((pl.col("at_us") - pl.col("at_us").min()) // MICRO).alias("arrival_s")
    columns = table.select(arrival, "gang", "run_s", "line").sort("arrival_s", maintain_order=True)
    arrays = {name: columns[name].to_numpy(writable=True) for name in columns.columns}
    return Jobs(file=file, left_out=left_out, unsorted=unsorted, parts=parts, **arrays)
