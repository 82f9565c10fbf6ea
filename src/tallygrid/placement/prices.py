"""Prices: what one more card-hour in each pool, and one more fen of each budget, is worth.

The duals of a batch: the jobs that are expected, against the card-hours that are free and the
money that may be spent until a horizon. They are found as those of `tallygrid place` are; no
job is placed here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Pool, Request, Weights
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.lagrangian import search
from tallygrid.placement.batch.relaxation import Relaxation
from tallygrid.placement.batch.tables import NONE
from tallygrid.placement.online import Router
from tallygrid.placement.shelf import PoolKey, Shelf

_HOUR_S = 3_600
_LEFT_OUT_BP = 15_000
"""What a job would rather pay than be left out, over its dearest offer: a choice of ours."""


@dataclass(frozen=True)
class Expected:
    """A job that may come, as far as it is likely and lies within the horizon."""

    request: Request
    within: float = 1.0
    """The part of its time before the horizon, times how often it is expected."""
    programme: str = ""
    """The budget that pays part of it; empty: none."""
    rate_bp: int = 0


@dataclass(frozen=True)
class Worth:
    """What was found; nothing is below zero, and what is plentiful is worth nothing."""

    pools_fen: Mapping[PoolKey, int]
    """One more card-hour, rounded down."""
    budgets_bp: Mapping[str, int]
    """One more fen of a budget, in basis points of a fen."""


def solve(
    shelf: Shelf,
    expected: Sequence[Expected],
    free_card_hours: Mapping[PoolKey, float],
    budgets_fen: Mapping[str, int],
) -> Worth:
    """Return what is worth how much, in a fixed number of steps: the same always."""
    pools, budgets = shelf.pools, sorted(budgets_fen)
    relaxation = _relaxation(shelf, expected, free_card_hours, budgets_fen)
    if relaxation is None:
        return Worth(dict.fromkeys(pools, 0), dict.fromkeys(budgets, 0))
    most = float(relaxation.unplaced.sum())
    prices = search(relaxation, most, Deadline(_never, inf)).prices
    return Worth(
        {key: int(price) for key, price in zip(pools, prices, strict=False)},
        {
            name: int(price * BASIS_POINTS)
            for name, price in zip(budgets, prices[len(pools) :], strict=True)
        },
    )


def _relaxation(
    shelf: Shelf,
    expected: Sequence[Expected],
    free_card_hours: Mapping[PoolKey, float],
    budgets_fen: Mapping[str, int],
) -> Relaxation | None:
    """Return the batch of those that could go anywhere; none if there are none."""
    cost_of = _costs(shelf)
    rows = [(one, cost_of(one.request)) for one in expected]
    rows = [(one, cost) for one, cost in rows if np.isfinite(cost[0]).any()]
    if not rows:
        return None
    jobs, budgets = [one for one, _ in rows], sorted(budgets_fen)
    within = np.array([one.within for one in jobs])
    cost = np.array([cost for _, (cost, _) in rows]) * within[:, None]
    price = np.array([price for _, (_, price) in rows]) * within[:, None]
    rate = np.array([one.rate_bp if one.programme in budgets else 0 for one in jobs])
    hours = [one.request.cards * one.request.seconds / _HOUR_S for one in jobs]
    limits = [*(free_card_hours.get(key, 0.0) for key in shelf.pools)]
    dearest = np.where(np.isfinite(cost), cost, 0).max(axis=1)
    return Relaxation(
        cost=cost,
        subsidy=price * rate[:, None] / BASIS_POINTS,
        work=np.array(hours) * within,
        unplaced=dearest * _LEFT_OUT_BP / BASIS_POINTS,
        programme=np.array(
            [budgets.index(one.programme) if one.programme in budgets else NONE for one in jobs]
        ),
        limits=np.array(limits + [float(budgets_fen[name]) for name in budgets]),
    )


def _costs(shelf: Shelf) -> Callable[[Request], tuple[list[float], list[float]]]:
    """Return what gives a job's cost and price in each pool were it idle; infinity if barred."""
    idle = {key: Pool(n, n // 8, n % 8, utilisation_bp=0) for key, n in shelf.cards.items()}
    router = Router(shelf, Weights(pressure_fen_per_card_hour=0))
    board, row_of = router.board(idle), {key: row for row, key in enumerate(shelf.pools)}

    def of(request: Request) -> tuple[list[float], list[float]]:
        cost, price = [inf] * len(row_of), [0.0] * len(row_of)
        for one in router.choose(request, board).placement().verdicts:
            row = row_of[one.site, one.model]
            if one.cost is not None and one.cost.total_fen < cost[row]:
                cost[row], price[row] = float(one.cost.total_fen), float(one.cost.price_fen)
        return cost, price

    return of


def _never() -> float:
    return 0.0
