"""The great jobs apart: few, most of the value, and what the linear optimum divides.

They alone are branched on. The small jobs stand in by what dual prices say they would pay:
what the great ones leave of a limit is sold at its price. That is a relaxation, so its bound
holds for all; and the small jobs, nearly divisible, then fill what is really left.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.columns import everything, pairs_of
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.lagrangian import Priced
from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.repair import Assignment, Choice, inserted
from tallygrid.placement.batch.restricted import Solved, solve_integer
from tallygrid.placement.batch.sifting import linear_optimum
from tallygrid.placement.batch.tables import NONE

_MOST: Final = 1_000
_MATTERS: Final = 2e-5
"""A job is great if leaving it out costs more than this part of the value."""
_WHOLE: Final = 0.999


def great_jobs(relaxation: Relaxation, value: float) -> Choice:
    """Return the jobs that are branched on."""
    order = np.argsort(-relaxation.unplaced, kind="stable")[:_MOST]
    return np.sort(order[relaxation.unplaced[order] > _MATTERS * value])


def place_great(  # noqa: PLR0913  # a problem, its prices, and when to stop
    relaxation: Relaxation,
    jobs: Choice,
    prices: Floats,
    deadline: Deadline,
    *,
    value: float,
    gap: float,
    start: Choice,
) -> tuple[Solved, Choice]:
    """Place the great jobs, what they leave sold at dual prices.

    Args:
        relaxation: All jobs.
        jobs: The great ones.
        prices: Dual prices, at which the small ones would pay.
        deadline: When to stop at the latest.
        value: That of the best assignment so far.
        gap: Stop when value and bound are so near, in fen.
        start: The best assignment so far.

    Returns:
        What the solver found, its bound that of the whole instance, and the pools of the
        great jobs.
    """
    great = replace(relaxation.part(jobs), limits=relaxation.limits)
    priced = great.priced(prices, slice(None))
    lowest = np.minimum(priced.min(axis=1), great.unplaced)
    # A pair that costs more above the job's best than value and bound are apart cannot help.
    apart = value - relaxation.at(prices).value
    mask = everything(great) & (priced - lowest[:, None] <= apart * (1 + 1e-9) + 1)
    placed = np.flatnonzero(start[jobs] != NONE)
    mask[placed, start[jobs][placed]] = True
    pairs = pairs_of(mask)
    solved = solve_integer(
        great,
        pairs,
        deadline,
        whole=np.ones(len(jobs), dtype=bool),
        start=start[jobs],
        gap=gap,
        sold_at=prices,
    )
    others = np.ones(len(relaxation.work), dtype=bool)
    others[jobs] = False
    choice = np.full(len(jobs), NONE)
    if len(solved.share):
        whole = solved.share >= _WHOLE
        choice[pairs.jobs[whole]] = pairs.pools[whole]
    bound = min(solved.bound + _paid(relaxation, others, prices), value)
    return replace(solved, bound=bound), choice


def fill(made: Assignment, relaxation: Relaxation, prices: Floats, deadline: Deadline) -> Floats:
    """Place the jobs that are left out in what is left; return the prices there."""
    rows = np.flatnonzero(made.choice == NONE)
    if not len(rows):
        return prices
    room = made.room.astype(np.float64) / made.instance.unit
    limits = np.concatenate([room, made.money[:-1].astype(np.float64)])
    rest = replace(relaxation.part(rows), limits=limits)
    start = Priced(prices, rest.at(prices).value)
    linear = linear_optimum(rest, start, deadline)
    if len(linear.share):
        for pair in np.flatnonzero(linear.share >= _WHOLE):
            job, pool = int(rows[linear.pairs.jobs[pair]]), int(linear.pairs.pools[pair])
            if made.holds(job, pool):
                made.put(job, pool)
    inserted(made, relaxation, linear.best.prices)
    return linear.best.prices


def _paid(relaxation: Relaxation, jobs: NDArray[np.bool_], prices: Floats) -> float:
    """Return what some jobs cost at least at dual prices."""
    rows = np.flatnonzero(jobs)
    return sum(
        float(np.minimum(relaxation.priced(prices, part).min(1), relaxation.unplaced[part]).sum())
        for part in np.array_split(rows, len(rows) // 1_024 + 1)
        if len(part)
    )
