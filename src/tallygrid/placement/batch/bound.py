"""The dual bound: what no placement can go below, in exact integers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tallygrid.placement.batch.exact import Numbers, total
from tallygrid.placement.batch.instance import Instance

STEP: Final = 2**20
"""Dual prices are whole multiples of 1/STEP fen, so that they are exact as written."""

_ROWS: Final = 4_096
"""Jobs at a time, so that the columns at work stay small."""

_FITS: Final = 2**62


@dataclass(frozen=True)
class Prices:
    """Dual prices, never below zero, in 1/STEP fen."""

    pool: tuple[int, ...]
    """Per card-hour of each pool."""
    budget: tuple[int, ...]
    """Per fen of each programme's budget."""

    @classmethod
    def rounded(cls, pool: Numbers, budget: Numbers) -> "Prices":
        """Round prices in fen to the nearest step."""
        return cls(_steps(pool), _steps(budget))


def dual_bound(instance: Instance, prices: Prices) -> int:
    """Return the bound that dual prices prove, in fen, rounded down.

    Every job takes the cheapest of being left out and of every pool it may go to, where
    capacity and budget cost their dual price; what the prices take in for all capacity and
    all budgets is given back. Any prices prove a bound; good ones a high one.
    """
    unit, available = instance.unit, instance.batch.budgets.available_fen
    spent = sum(whole * unit + left for whole, left in _cheapest(instance, prices))
    capacity = sum(y * int(k) for y, k in zip(prices.pool, instance.capacity, strict=True))
    budgets = sum(z * int(b) for z, b in zip(prices.budget, available, strict=True))
    return (spent - capacity - budgets * unit) // (STEP * unit)


def _cheapest(instance: Instance, prices: Prices) -> Iterator[tuple[int, int]]:
    """Yield what the jobs cost at least: a sum of steps, and of parts of 1/unit of a step."""
    # Python's own integers first: numpy would make floats of those too great for it.
    pool, budget = np.array(prices.pool, object), np.array([*prices.budget, 0], object)
    # Not `divmod`, which numpy does not know for Python's integers.
    hours, parts = instance.work // instance.unit, instance.work % instance.unit
    unplaced = instance.batch.jobs.unplaced_fen
    if _is_small(instance, prices):
        pool, budget = pool.astype(np.int64), budget.astype(np.int64)
    else:
        unplaced = unplaced.astype(object)
    for first in range(0, len(unplaced), _ROWS):
        rows = slice(first, first + _ROWS)
        at = budget[instance.batch.jobs.programme[rows]]
        paid = parts[rows, None] * pool
        whole, left = paid // instance.unit, paid % instance.unit
        whole = whole + STEP * instance.cost_fen[rows].astype(pool.dtype)
        whole += hours[rows, None] * pool
        whole += instance.subsidy_fen[rows] * at[:, None]
        # Leaving out is one more column.
        out = (STEP * unplaced[rows])[:, None]
        whole = np.hstack([np.where(instance.is_open[rows], whole, out + 1), out])
        left = np.hstack([left, np.zeros_like(out)])
        lowest = whole.min(axis=1)
        yield total(lowest), total(np.where(whole == lowest[:, None], left, instance.unit).min(1))


def _is_small(instance: Instance, prices: Prices) -> bool:
    """Tell whether `int64` holds every number that the bound is made of."""
    # Types of numpy equal `object`, but hash otherwise: in a set it would not be found.
    if object in (instance.work.dtype, instance.cost_fen.dtype):
        return False
    unplaced = instance.batch.jobs.unplaced_fen
    most = [int(one.max(initial=0)) for one in (instance.cost_fen, unplaced, instance.subsidy_fen)]
    dearest = max(prices.pool, default=0), max(prices.budget, default=0)
    work = int(instance.work.max(initial=0)) // instance.unit + 1
    steps = STEP * (max(most[:2]) + 1) + work * dearest[0] + most[2] * dearest[1]
    return max(steps, instance.unit * dearest[0], *dearest) < _FITS


def _steps(prices: Numbers) -> tuple[int, ...]:
    return tuple(max(0, round(float(one) * STEP)) for one in prices)
