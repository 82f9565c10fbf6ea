"""The linear optimum by sifting: solve over few pairs, add those its prices ask for, repeat."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tallygrid.placement.batch.columns import Mask, near, pairs_of
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.lagrangian import Priced
from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.restricted import Pairs, solve_linear

_ROUNDS: Final = 8
_FIRST: Final = 8
"""Pairs per job at the start."""
_SLACK: Final = 0.05
_MORE: Final = 4
"""Pairs per job that a round adds."""
_MORE_SLACK: Final = 0.002
_STEPS: Final = (0.3, 0.6, 1.0)
"""How far from the best prices to the newest ones bounds are tried: between them, the bound
is often better than at either end."""
_ENOUGH: Final = 1e-7


@dataclass(frozen=True)
class Linear:
    """The linear optimum as far as it was found."""

    best: Priced
    pairs: Pairs
    share: Floats
    """Of every pair."""
    is_done: bool
    """Whether value and bound met."""


def linear_optimum(relaxation: Relaxation, start: Priced, deadline: Deadline) -> Linear:
    """Return prices whose bound is the linear optimum, and a solution of it in parts."""
    mask = near(relaxation, start.prices, slack=_SLACK, most=_FIRST)
    found = Linear(start, Pairs(*np.nonzero(mask)), np.empty(0), is_done=False)
    for _ in range(_ROUNDS):
        pairs = pairs_of(mask)
        solved = solve_linear(relaxation, pairs, deadline)
        if not solved.is_done:
            break
        best = _between(relaxation, found.best, solved.prices, mask)
        is_done = solved.bound - best.value <= _ENOUGH * abs(solved.bound)
        found = Linear(best, pairs, solved.share, is_done)
        if is_done or deadline.is_over:
            break
        mask |= near(relaxation, solved.prices, slack=_MORE_SLACK, most=_MORE)
    return found


def _between(relaxation: Relaxation, best: Priced, newest: Floats, mask: Mask) -> Priced:
    """Try prices on the way to the newest; note the pairs that each asks for."""
    for step in _STEPS:
        prices = step * newest + (1 - step) * best.prices
        answer = relaxation.at(prices)
        placed = np.flatnonzero(answer.choice >= 0)
        mask[placed, answer.choice[placed]] = True
        if answer.value > best.value:
            best = Priced(prices, answer.value)
    return best
