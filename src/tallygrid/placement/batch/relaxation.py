"""An instance in floats, and what its jobs answer to dual prices."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.tables import NONE

Floats = NDArray[np.float64]
_ROWS: Final = 1_024


@dataclass(frozen=True)
class Relaxation:
    """An instance in floats, for the search only; nothing that is reported comes from here."""

    cost: Floats
    """Infinite where a job may not go."""
    subsidy: Floats
    work: Floats
    """Card-hours."""
    unplaced: Floats
    programme: NDArray[np.int64]
    limits: Floats
    """Capacity of every pool in card-hours, then the budgets in fen."""

    @classmethod
    def of(cls, instance: Instance) -> "Relaxation":
        """Return the floats of an instance."""
        batch = instance.batch
        capacity = instance.capacity.astype(np.float64) / instance.unit
        budgets = batch.budgets.available_fen.astype(np.float64)
        return cls(
            cost=np.where(instance.is_open, instance.cost_fen.astype(np.float64), np.inf),
            subsidy=instance.subsidy_fen.astype(np.float64),
            work=instance.work.astype(np.float64) / instance.unit,
            unplaced=batch.jobs.unplaced_fen.astype(np.float64),
            programme=batch.jobs.programme,
            limits=np.concatenate([capacity, budgets]),
        )

    def part(self, rows: NDArray[np.int64]) -> "Relaxation":
        """Return some of the jobs alone, with their share of every limit."""
        return Relaxation(
            cost=self.cost[rows],
            subsidy=self.subsidy[rows],
            work=self.work[rows],
            unplaced=self.unplaced[rows],
            programme=self.programme[rows],
            limits=self.limits * (len(rows) / max(len(self.work), 1)),
        )

    @property
    def pools(self) -> int:
        """How many pools there are."""
        return int(self.cost.shape[1])

    def priced(self, prices: Floats, rows: Any) -> Floats:  # noqa: ANN401  # whatever picks rows
        """Return what some jobs cost in every pool at dual prices."""
        pool, budget = prices[: self.pools], np.append(prices[self.pools :], 0.0)
        found: Floats = self.cost[rows] + self.work[rows, None] * pool
        at = budget[self.programme[rows]]
        if at.any():
            found += self.subsidy[rows] * at[:, None]
        return found

    def at(self, prices: Floats) -> "Answered":
        """Return where every job would go at dual prices, and the bound they prove."""
        count = len(self.work)
        choice = np.empty(count, dtype=np.int64)
        lowest = np.empty(count)
        for first in range(0, count, _ROWS):
            rows = slice(first, first + _ROWS)
            priced = self.priced(prices, rows)
            best = priced.argmin(axis=1)
            choice[rows] = best
            lowest[rows] = priced[np.arange(len(best)), best]
        stays_out = lowest >= self.unplaced
        choice[stays_out] = NONE
        value = float(np.minimum(lowest, self.unplaced).sum() - prices @ self.limits)
        return Answered(value, choice, self.used(choice))

    def used(self, choice: NDArray[np.int64]) -> Floats:
        """Return what an assignment uses of every pool and budget."""
        rows = np.flatnonzero(choice >= 0)
        pools = choice[rows]
        work = np.bincount(pools, self.work[rows], minlength=self.pools)
        programme = self.programme[rows]
        funded = programme >= 0
        spent = np.bincount(
            programme[funded],
            self.subsidy[rows[funded], pools[funded]],
            minlength=len(self.limits) - self.pools,
        )
        return np.concatenate([work, spent])


@dataclass(frozen=True)
class Answered:
    """What the jobs answer to dual prices."""

    value: float
    choice: NDArray[np.int64]
    used: Floats
