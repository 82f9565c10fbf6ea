"""The batch optimum: prices, the linear optimum, then whole jobs; each stage better than the last.

An assignment is at hand from the first second, and a bound soon after; every stage may be
the last. The search works in floats, and only what is checked in whole fen leaves it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tallygrid.placement.batch.answer import Answer, answered
from tallygrid.placement.batch.bound import Prices
from tallygrid.placement.batch.columns import Mask, everything, near, pairs_of, undominated
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.lagrangian import Priced, search
from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.repair import Assignment, improved, inserted
from tallygrid.placement.batch.restricted import Box, Pairs, Solved, solve_integer
from tallygrid.placement.batch.sifting import linear_optimum
from tallygrid.placement.batch.tables import NONE

_SAMPLE: Final = 20_000
"""Instances with more jobs get their first prices from a sample of this many."""
_FULL: Final = 150_000
"""Pairs up to which the whole integer programme is given to the solver."""
_WHOLE: Final = 0.999
"""A job placed to this part counts as placed."""


Tell = Callable[[int, float], None]
"""Hears of the value so far, in fen, and of the bound, after every stage."""


def solve(
    instance: Instance, deadline: Deadline, *, gap: float = 0.0, tell: Tell | None = None
) -> Answer:
    """Return the best assignment found in time, with its bound.

    Args:
        instance: What to place, and where.
        deadline: When to stop at the latest.
        gap: Stop as soon as value and bound are so near, as a share of the value.
        tell: Whom to tell of the progress.
    """
    search_ = _Search(instance, Relaxation.of(instance), deadline, gap)
    _greedy(search_)
    for stage in (_price, _sift, _polish, _branch):
        if search_.is_over:
            break
        stage(search_)
        if tell:
            tell(search_.value, search_.bound)
    return search_.answer()


@dataclass
class _Search:
    """What is known so far."""

    instance: Instance
    relaxation: Relaxation
    deadline: Deadline
    gap: float
    best: Assignment = field(init=False)
    value: int = field(init=False)
    priced: Priced = field(init=False)
    solver_bound: float = -np.inf

    def __post_init__(self) -> None:
        self.best = Assignment.empty(self.instance)
        self.value = self.best.value_fen
        self.priced = Priced(np.zeros(len(self.relaxation.limits)), 0.0)

    @property
    def bound(self) -> float:
        return max(self.priced.value, self.solver_bound)

    @property
    def is_over(self) -> bool:
        return self.deadline.is_over or self.value - self.bound <= self.gap * self.value

    def offer(self, made: Assignment) -> None:
        """Keep an assignment if it is the best so far."""
        value = improved(made, self.relaxation).value_fen
        if value < self.value:
            self.best, self.value = made, value

    def rounded(self, pairs: Pairs, solved_share: Floats) -> None:
        """Make an assignment of what was placed as a whole, and keep it if it is the best."""
        if not len(solved_share):
            return
        choice = np.full(len(self.instance.work), NONE)
        placed = solved_share >= _WHOLE
        choice[pairs.jobs[placed]] = pairs.pools[placed]
        made = Assignment.of(self.relaxation, self.instance, choice)
        self.offer(inserted(made, self.relaxation, self.priced.prices))

    def prove(self, priced: Priced) -> None:
        """Keep dual prices if they prove more."""
        if priced.value > self.priced.value:
            self.priced = priced

    def answer(self) -> Answer:
        """Return the best assignment, and the better bound."""
        pools = self.relaxation.pools
        prices = self.priced.prices
        return answered(
            self.instance,
            self.best.choice,
            Prices.rounded(prices[:pools], prices[pools:]),
            self.solver_bound,
            is_late=self.deadline.is_over,
        )


def _greedy(search_: _Search) -> None:
    """Place by what is lost per card-hour, as if capacity cost nothing."""
    relaxation = search_.relaxation
    free = np.zeros(len(relaxation.limits))
    search_.offer(inserted(search_.best.copy(), relaxation, free))
    search_.prove(Priced(free, relaxation.at(free).value))


def _price(search_: _Search) -> None:
    """Find dual prices, and place by them."""
    relaxation, deadline = search_.relaxation, search_.deadline
    jobs = len(relaxation.work)
    if jobs <= _SAMPLE:
        search_.prove(search(relaxation, search_.value, deadline))
    else:
        order = np.argsort(relaxation.work, kind="stable")
        sample = relaxation.part(np.sort(order[:: -(-jobs // _SAMPLE)]))
        value = search_.value * (len(sample.work) / jobs)
        first = search(sample, value, deadline)
        found = linear_optimum(sample, first, deadline).best.prices
        search_.prove(Priced(found, relaxation.at(found).value))
    made = Assignment.empty(search_.instance)
    search_.offer(inserted(made, relaxation, search_.priced.prices))


def _sift(search_: _Search) -> None:
    """Find the linear optimum, and place by it."""
    relaxation = search_.relaxation
    found = linear_optimum(
        relaxation,
        search_.priced,
        search_.deadline,
        most=8 if len(relaxation.work) <= _SAMPLE else 3,
    )
    search_.prove(found.best)
    search_.rounded(found.pairs, found.share)


def _polish(search_: _Search) -> None:
    """Solve the integer programme over the few pairs that the prices leave near the best."""
    relaxation = search_.relaxation
    mask = near(relaxation, search_.priced.prices, slack=0.01, most=6)
    _integer(search_, mask, search_.deadline.within(search_.deadline.left * 0.3))


def _branch(search_: _Search) -> None:
    """Branch, so that the bound rises above the linear optimum."""
    relaxation = search_.relaxation
    mask = everything(relaxation)
    if mask.sum() <= _FULL:
        solved = _integer(search_, mask, search_.deadline)
        search_.solver_bound = max(search_.solver_bound, solved.bound)
        return
    for width in (0.1, 0.3, 1.0):
        if search_.is_over:
            break
        _in_box(search_, width)


def _in_box(search_: _Search, width: float) -> None:
    relaxation, prices = search_.relaxation, search_.priced.prices
    typical = prices[prices > 0].mean() if prices.any() else 0.0
    high = np.concatenate(
        [
            np.maximum(prices[: relaxation.pools] * (1 + width), typical * width),
            prices[relaxation.pools :] * (1 + width) + 0.1 * width,
        ]
    )
    box = Box(prices * (1 - width), high)
    mask = undominated(relaxation, box)
    whole = relaxation.unplaced > 2e-5 * search_.value
    pairs = pairs_of(mask)
    solved = solve_integer(
        relaxation,
        pairs,
        search_.deadline,
        whole=whole,
        start=search_.best.choice,
        gap=max(search_.gap, 1e-5) * search_.value,
        box=box,
    )
    search_.solver_bound = max(search_.solver_bound, solved.bound)
    search_.rounded(pairs, solved.share)


def _integer(search_: _Search, mask: Mask, deadline: Deadline) -> Solved:
    """Solve the integer programme over some pairs, beginning with the best assignment."""
    placed = np.flatnonzero(search_.best.choice >= 0)
    mask[placed, search_.best.choice[placed]] = True
    pairs = pairs_of(mask)
    solved = solve_integer(
        search_.relaxation,
        pairs,
        deadline,
        whole=np.ones(len(search_.relaxation.work), dtype=bool),
        start=search_.best.choice,
        gap=search_.gap * search_.value / 2,
    )
    search_.rounded(pairs, solved.share)
    return solved
