"""What each pool would pack at given prices: the kernels of the packing bound, compiled by numba.

All stand in one file because numba asks only the file of the outermost function whether what
it kept of an earlier run still holds.
"""

from collections.abc import Callable
from typing import Final, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
_Function = TypeVar("_Function", bound=Callable[..., object])

_NOTHING: Final = 1e-9
"""A gain, in fen, that is none."""


def compiled(function: _Function) -> _Function:
    """Compile a function, and keep the result for the next run where a folder allows it."""
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        made = njit(nogil=True)(function)
    return cast("_Function", made)


@compiled
def pack(
    gain: Floats, work: Floats, room: float, near: float, steps_max: int, best: Flags
) -> float:
    """Choose what gains most in one pool; return what no other choice exceeds.

    Branch and bound, depth first. The bound of a node takes what follows in order, and a part
    of the first thing that does not fit.

    Args:
        gain: Of each job, those that gain most per unit of work first.
        work: Of each job.
        room: For the work of those chosen together.
        near: A gain too small to look for.
        steps_max: How many nodes to look at; then the bound is that of the first.
        best: Where the choice is written.
    """
    count = len(gain)
    least = np.empty(count + 1)  # work of all that follow
    least[count] = np.inf
    for one in range(count - 1, -1, -1):
        least[one] = min(least[one + 1], work[one])
    best[:] = False
    taken = np.zeros(count, np.bool_)
    stack = np.empty(count + 1, np.int64)
    height, first, steps = 0, 0, 0
    most, gained, left, root = 0.0, 0.0, room, -1.0
    while True:
        while True:
            bound, rest, last = gained, left, first
            while last < count and work[last] <= rest:
                rest -= work[last]
                bound += gain[last]
                last += 1
            if last < count:
                bound += gain[last] * rest / work[last]
            if root < 0.0:
                root = bound
            steps += 1
            if steps > steps_max:
                return max(root, most)
            if bound <= most + near:
                break
            for one in range(first, last):
                taken[one] = True
                stack[height] = one
                height += 1
                gained += gain[one]
                left -= work[one]
            if gained > most:
                most = gained
                best[:] = taken
            first = last + 1  # what did not fit
            while first < count and work[first] > left:
                first += 1
            if first >= count or least[first] > left:
                break
        if height == 0:
            return most + near
        height -= 1
        one = stack[height]
        taken[one] = False
        gained -= gain[one]
        left += work[one]
        first = one + 1


@compiled
def pack_pools(
    starts: Numbers,
    job: Numbers,
    gain: Floats,
    subsidy: Floats,
    work: Floats,
    programme: Numbers,
    room: Floats,
    prices: Floats,
    fees: Floats,
    near: float,
    steps_max: int,
    taken: Floats,
    used: Floats,
    chosen: Flags,
) -> float:
    """Pack every pool for itself, and return what all may gain at most.

    Pairs stand pool by pool, those of pool *p* from `starts[p]` on. A job that a pool takes
    pays its fee, its share of the limits at their prices, and may be taken by others too.

    Args:
        starts: Where the pairs of each pool begin, and where the last ones end.
        job: Of each pair.
        gain: Of each pair over leaving the job out.
        subsidy: Of each pair.
        work: Of each job.
        programme: Of each job.
        room: Of each pool.
        prices: Of pools, then of budgets.
        fees: Of each job.
        near: See `pack`.
        steps_max: See `pack`.
        taken: Where is added how often each job is taken.
        used: Where is added what is used of each limit.
        chosen: Where is written which pairs were chosen.
    """
    pools = len(room)
    total = 0.0
    for pool in range(pools):
        first, end = starts[pool], starts[pool + 1]
        gains, works = np.empty(end - first), np.empty(end - first)
        pairs = np.empty(end - first, np.int64)
        count = 0
        for pair in range(first, end):
            chosen[pair] = False
            one = job[pair]
            left = gain[pair] - fees[one] - prices[pool] * work[one]
            if programme[one] >= 0:
                left -= prices[pools + programme[one]] * subsidy[pair]
            if left > _NOTHING:
                gains[count], works[count], pairs[count] = left, work[one], pair
                count += 1
        order = np.argsort(-gains[:count] / works[:count])
        best = np.zeros(count, np.bool_)
        total += pack(gains[order], works[order], room[pool], near, steps_max, best)
        # What gains less than nothing counts as nothing, all of it together.
        total += _NOTHING * (end - first)
        for place in range(count):
            if best[place]:
                pair = pairs[order[place]]
                one = job[pair]
                chosen[pair] = True
                taken[one] += 1.0
                used[pool] += work[one]
                if programme[one] >= 0:
                    used[pools + programme[one]] += subsidy[pair]
    return total


@compiled
def choose(
    cost: Floats,
    subsidy: Floats,
    work: Floats,
    unplaced: Floats,
    programme: Numbers,
    prices: Floats,
    used: Floats,
) -> float:
    """Let every job choose for itself, and return what all pay; `used` is added to."""
    jobs, pools = cost.shape
    total = 0.0
    for job in range(jobs):
        lowest, where = unplaced[job], -1
        share = prices[pools + programme[job]] if programme[job] >= 0 else 0.0
        for pool in range(pools):
            paid = cost[job, pool] + prices[pool] * work[job] + share * subsidy[job, pool]
            if paid < lowest:
                lowest, where = paid, pool
        total += lowest
        if where >= 0:
            used[where] += work[job]
            if programme[job] >= 0:
                used[pools + programme[job]] += subsidy[job, where]
    return total
