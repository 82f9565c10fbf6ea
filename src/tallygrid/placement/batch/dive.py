"""Whole jobs out of packings: what the pools agree on is fixed, round after round.

Near the best fees most great jobs are taken by the same pool nearly always. Those are given
to it, the fees found again for what is left, and so on until nothing is sure any more. What
the small jobs would use stays theirs all the while, since they choose at the same prices.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.packing import Found, Packing, search
from tallygrid.placement.batch.relaxation import Floats
from tallygrid.placement.batch.tables import NONE

Choice = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ROUNDS: Final = 100
_STEPS: Final = 60
_AGAIN: Final = 200
"""Steps of a search over some pools."""
_PACE: Final = 0.02
_SHARE: Final = 20
"""A round fixes one in so many of the jobs that are left,"""
_SURE: Final = 0.97
"""and all that are chosen so often,"""
_LIKELY: Final = 0.3
"""but none that is chosen less often than this."""


def dived(packing: Packing, found: Found, deadline: Deadline, *, value_max: float) -> Choice:
    """Return a pool for each great job, NONE where none is sure."""
    choice = np.full(len(packing.jobs), NONE)
    limits = packing.limits.copy()
    for _ in range(_ROUNDS):
        if not _fix(packing, found.share, choice, limits) or deadline.is_over:
            break
        kept = _still(packing, choice, limits)
        packing = packing.only(kept, limits.copy())
        found = search(
            packing,
            _still_asked(packing, found.asked),
            deadline,
            value_max=value_max,
            steps=_STEPS,
            pace=_PACE,
            share=found.share[kept],
        )
    return choice


def dived_again(
    packing: Packing,
    asked: Floats,
    choice: Choice,
    pools: Choice,
    deadline: Deadline,
    *,
    value_max: float,
) -> tuple[Choice, Floats]:
    """Pack some pools anew, what the others hold left where it is.

    Args:
        packing: The whole packing.
        asked: Good fees and prices for it.
        choice: A pool for each great job.
        pools: Those to pack anew.
        deadline: When to stop at the latest.
        value_max: The value of a known assignment.

    Returns:
        The new choice, and the fees and prices that led to it.
    """
    kept = np.where(np.isin(choice, pools), NONE, choice)
    limits = _left(packing, kept)
    part = packing.only(_still(packing, kept, limits) & np.isin(packing.pool, pools), limits)
    start = _still_asked(part, asked)
    found = search(part, start, deadline, value_max=value_max, steps=_AGAIN, pace=_PACE)
    anew = dived(part, found, deadline, value_max=value_max)
    return np.where(kept != NONE, kept, anew), found.asked


def _fix(
    packing: Packing,
    share: Floats,
    choice: Choice,
    limits: Floats,
) -> int:
    """Give the jobs that are most often chosen to their pools; return how many."""
    most = max(3, len(np.unique(packing.job)) // _SHARE)
    great, fixed = packing.great, 0
    for pair in np.argsort(-share, kind="stable"):
        if share[pair] < _LIKELY or (fixed >= most and share[pair] < _SURE):
            break
        job, pool = packing.job[pair], packing.pool[pair]
        budget = great.pools + great.programme[job]
        is_funded = great.programme[job] < 0 or packing.subsidy[pair] <= limits[budget]
        if choice[job] != NONE or great.work[job] > limits[pool] or not is_funded:
            continue
        choice[job] = pool
        limits[pool] -= great.work[job]
        if great.programme[job] >= 0:
            limits[budget] -= packing.subsidy[pair]
        fixed += 1
    return fixed


def _still(packing: Packing, choice: Choice, limits: Floats) -> Flags:
    """Tell which pairs are still possible."""
    great, job = packing.great, packing.job
    money = np.append(limits[great.pools :], np.inf)[great.programme[job]]
    fits = (great.work[job] <= limits[packing.pool]) & (packing.subsidy <= money)
    return np.asarray((choice[job] == NONE) & fits)


def _still_asked(packing: Packing, asked: Floats) -> Floats:
    """Return the fees of jobs that still have a pair, and all prices."""
    count = len(packing.jobs)
    is_asked = np.zeros(len(asked), dtype=bool)
    is_asked[packing.job] = True
    is_asked[count:] = True
    return np.where(is_asked, asked, 0.0)


def _left(packing: Packing, choice: Choice) -> Floats:
    """Return what a choice of the great jobs leaves of every limit."""
    great, limits = packing.great, packing.limits.copy()
    jobs = np.flatnonzero(choice != NONE)
    pools, programme = choice[jobs], great.programme[jobs]
    np.subtract.at(limits, pools, great.work[jobs])
    funded = programme >= 0
    spent = great.subsidy[jobs[funded], pools[funded]]
    np.subtract.at(limits, great.pools + programme[funded], spent)
    return np.maximum(limits, 0.0)
