"""What the report of the laboratory is made of: a run's summary, and a table per chart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tallygrid.core.facts import Vocabulary

SEEDS_MIN: Final = 10
"""The fewest seeds on which a report should rest."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """The mean over the seeds, and where the mean lies with 95 % confidence."""

    mean: float
    low: float
    high: float
    seeds: int
    """In how many seeds there was such a figure."""

    @classmethod
    def of(cls, row: Row) -> "Figure":
        """Return the figure that a row holds."""
        return cls(row["mean"], row["low"], row["high"], row["seeds"])

    def over(self, unit: float) -> "Figure":
        """Return the figure in another unit."""
        return Figure(self.mean / unit, self.low / unit, self.high / unit, self.seeds)

    def left_of(self, whole: float) -> "Figure":
        """Return what is left of a whole; the most that was taken leaves the least."""
        return Figure(whole - self.mean, whole - self.high, whole - self.low, self.seeds)


@dataclass(frozen=True)
class Found:
    """A run as its files tell it; nothing is computed here but sums and orders."""

    summary: Mapping[str, Any]
    charts: Mapping[str, pl.DataFrame]
    """By the chart's name; docs/algorithms/laboratory.md tells the columns."""
    vocabulary: Vocabulary
    version: str

    @property
    def seeds(self) -> int:
        """How many seeds were played."""
        return len(self.summary["seeds"])

    @property
    def is_saturated(self) -> bool:
        """Whether some queue does not settle, with the programmes or without."""
        return any(self.summary["saturated"].values())

    @property
    def waits(self) -> bool:
        """Whether more than one job in a hundred of any kind waits in any seed."""
        rows = self.groups("waits", "kind", "with_programmes")
        return any(measures["p99_wait_s"].high for _, measures in rows)

    def figure(self, name: str) -> Figure | None:
        """Return a figure of the summary, if there is one."""
        row = self.summary["figures"].get(name)
        return Figure.of(row) if row else None

    def groups(self, chart: str, *keys: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Figure]]]:
        """Yield every key of a chart in its order, with the figures by measure."""
        gathered: dict[tuple[Any, ...], dict[str, Figure]] = {}
        for row in self.charts[chart].iter_rows(named=True):
            key = tuple(row[name] for name in keys)
            gathered.setdefault(key, {})[row["measure"]] = Figure.of(row)
        yield from gathered.items()
