"""The batch optimum: prices, the linear optimum, then whole jobs; each stage better than the last.

An assignment is at hand from the first second, and a bound soon after; every stage may be
the last. The search works in floats, and only what is checked in whole fen leaves it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tallygrid.placement.batch.answer import Answer, answered
from tallygrid.placement.batch.beside import Beside, has_second_core
from tallygrid.placement.batch.bound import Prices
from tallygrid.placement.batch.columns import Mask, near, pairs_of, possible
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.dive import dived, dived_again
from tallygrid.placement.batch.great import fill, great_jobs
from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.lagrangian import Priced, search
from tallygrid.placement.batch.lowered import Lowered
from tallygrid.placement.batch.packing import Packing
from tallygrid.placement.batch.packing import search as search_fees
from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.repair import Assignment, Choice, improved, inserted, value_fen
from tallygrid.placement.batch.restricted import Pairs, Solved, proved, solve_integer
from tallygrid.placement.batch.sifting import linear_optimum
from tallygrid.placement.batch.tables import NONE

_LINEAR: Final = 20_000
"""Jobs up to which the linear optimum is worth its time."""
_SAMPLE: Final = 5_000
"""Instances with more jobs get their first prices from a sample of about this many."""
_FULL: Final = 150_000
"""Pairs up to which the whole integer programme is given to the solver."""
_NEAR: Final = 1e-4
"""A gap below which another stage is worth more than a better answer from this one."""
_TINY: Final = 5_000
"""Jobs times pools up to which the solver needs no help."""
_PACKING: Final = 0.7
"""The share of the time that is left for packing."""
_PACKING_SMALL: Final = 0.2
"""The same where the solver can have the whole programme afterwards."""
_AGAIN: Final = 0.3
"""The share of the pools that are packed anew at a time,"""
_AGAIN_LEAST: Final = 4
"""and how many at least."""
_IDLE: Final = 20
"""After so many times without gain it has come to its end."""
_PACKING_STEPS: Final = 1_000
_PACKING_PACE: Final = 0.3
_POOLS: Final = 8
_FREE: Final = 500
"""How many pools and jobs are solved again at a time."""
_FEW: Final = 6
"""Times without gain after which branching begins,"""
_NODES: Final = 200
"""and nodes for each of them."""
_SEED: Final = 1
_ROUNDING: Final = 1e-6
"""A gap that the solver's tolerances explain."""
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
    try:
        for stage in (_begin_beside, _price, _sift, _pack, _branch, _improve):
            if search_.is_over:
                break
            stage(search_)
            if tell:
                tell(search_.value, search_.bound)
    finally:
        _end_beside(search_)
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
    is_proved: bool = False
    """Whether the solver says that nothing is better; its bound stays lower by its tolerances."""
    beside: Beside | None = None
    is_sifted: bool = False
    """Whether the dual prices are final; until then what runs beside ends nothing."""

    def __post_init__(self) -> None:
        self.best = Assignment.empty(self.instance)
        self.value = self.best.value_fen
        self.priced = Priced(np.zeros(len(self.relaxation.limits)), 0.0)

    @property
    def bound(self) -> float:
        """What no value goes below; the solver's is rounded up, since values are whole fen."""
        return max(self.priced.value, float(np.ceil(self.solver_bound)))

    @property
    def is_over(self) -> bool:
        is_near = self.value - self.bound <= self.gap * self.value
        return self.is_proved or is_near or self.deadline.is_over or self.is_matched

    @property
    def is_matched(self) -> bool:
        """Whether the solver beside has come to its end, and found nothing better.

        That it found something better does not end the search: when it did depends on the
        machine. What is at hand when it found nothing better would also be there later.
        """
        if not (self.beside and self.is_sifted and self.beside.found.is_done):
            return False
        choice = self.whole(self.beside.pairs, self.beside.found.share)
        return self.value <= value_fen(self.instance, choice)

    def whole(self, pairs: Pairs, share: Floats) -> Choice:
        """Return the choice of what was placed as a whole."""
        choice = np.full(len(self.instance.work), NONE)
        placed = share >= _WHOLE
        choice[pairs.jobs[placed]] = pairs.pools[placed]
        return choice

    def offer(self, made: Assignment) -> None:
        """Keep an assignment if it is the best so far."""
        value = improved(made, self.relaxation).value_fen
        if value < self.value:
            self.best, self.value = made, value

    def rounded(self, pairs: Pairs, solved_share: Floats) -> None:
        """Make an assignment of what was placed as a whole, and keep it if it is the best."""
        if not len(solved_share):
            return
        choice = self.whole(pairs, solved_share)
        made = Assignment.of(self.relaxation, self.instance, choice)
        self.offer(inserted(made, self.relaxation, self.priced.prices))

    def offer_changed(self, rows: Choice, pairs: Pairs, share: Floats) -> None:
        """Keep the best assignment with some jobs placed anew, if that is better."""
        made = self.best.copy()
        for job in rows.tolist():
            made.put(job, NONE)
        whole = share >= _WHOLE
        for job, pool in zip(rows[pairs.jobs[whole]], pairs.pools[whole], strict=True):
            if made.holds(int(job), int(pool)):
                made.put(int(job), int(pool))
        if made.value_fen < self.value:
            self.offer(made)

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
    if jobs <= _LINEAR:
        search_.prove(search(relaxation, search_.value, deadline))
    else:
        order = np.argsort(relaxation.work, kind="stable")
        sample = relaxation.part(np.sort(order[:: -(-jobs // _SAMPLE)]))
        value = search_.value * (len(sample.work) / jobs)
        first = search(sample, value, deadline)
        found = linear_optimum(sample, first, deadline).best.prices
        search_.prove(Priced(found, relaxation.at(found).value))
        search_.offer(_placed_at(search_))
        part = deadline.within(deadline.left * 0.4)
        search_.prove(search(relaxation, search_.value, part, search_.priced))
    search_.offer(_placed_at(search_))


def _placed_at(search_: _Search) -> Assignment:
    """Return an assignment made by the best prices alone."""
    made = Assignment.empty(search_.instance)
    return inserted(made, search_.relaxation, search_.priced.prices)


def _sift(search_: _Search) -> None:
    """Find the linear optimum, and place by it."""
    relaxation = search_.relaxation
    search_.is_sifted = True
    if len(relaxation.work) > _LINEAR:
        return
    found = linear_optimum(relaxation, search_.priced, search_.deadline)
    search_.prove(found.best)
    search_.rounded(found.pairs, found.share)


def _begin_beside(search_: _Search) -> None:
    """Let the solver try the whole programme on a second core, if it is small enough."""
    relaxation = search_.relaxation
    is_small = np.isfinite(relaxation.cost).sum() <= _FULL
    if relaxation.cost.size > _TINY and is_small and has_second_core():
        search_.beside = Beside(relaxation, search_.deadline)


def _end_beside(search_: _Search) -> None:
    """Stop the solver beside, and take from it what is better if there was no time for more."""
    if search_.beside is None:
        return
    is_matched = search_.is_matched
    found = search_.beside.stop()
    if is_matched:
        # As it is proved here, so that nothing depends on who came first.
        search_.solver_bound = proved(search_.relaxation, search_.value)
    elif search_.deadline.is_over:
        search_.rounded(search_.beside.pairs, found.share)
        search_.solver_bound = max(search_.solver_bound, min(found.bound, search_.value))


def _pack(search_: _Search) -> None:
    """Pack the great jobs whole, and let the small ones fill what is left."""
    relaxation = search_.relaxation
    jobs = great_jobs(relaxation)
    if relaxation.cost.size <= _TINY:
        return
    part = _PACKING_SMALL if relaxation.cost.size <= _FULL else _PACKING
    deadline = search_.deadline.within(search_.deadline.left * part)
    value, prices = search_.value, search_.priced.prices
    packing = Packing.of(relaxation, jobs, prices, value - search_.priced.value)
    found = search_fees(
        packing,
        packing.start(prices),
        deadline,
        value_max=value,
        steps=_PACKING_STEPS,
        pace=_PACKING_PACE,
    )
    # Pairs were dropped that no assignment below this value has.
    search_.solver_bound = max(search_.solver_bound, min(found.value, value))
    choice = dived(packing, found, deadline, value_max=value)
    _place(search_, packing, choice, found.asked)
    random, idle = np.random.default_rng(_SEED), 0
    count = min(max(_AGAIN_LEAST, round(relaxation.pools * _AGAIN)), relaxation.pools)
    took = 0.0
    while idle < _IDLE and not search_.is_over and deadline.left > took:
        before, left = search_.value, deadline.left
        now = search_.best.choice[jobs]
        # Where the assignment loses most against the bound, there is most to gain.
        losses = packing.losses(found.asked, now)
        odds = np.sqrt(losses + max(losses.mean(), 1.0))
        pools = random.choice(relaxation.pools, count, replace=False, p=odds / odds.sum())
        choice, asked = dived_again(packing, found.asked, now, pools, deadline, value_max=value)
        _place(search_, packing, choice, asked)
        idle = 0 if search_.value < before else idle + 1
        took = left - deadline.left


def _place(search_: _Search, packing: Packing, choice: Choice, asked: Floats) -> None:
    """Offer the assignment that gives great jobs their pools, and fills what is left."""
    made = Assignment.empty(search_.instance)
    for job, pool in zip(packing.jobs.tolist(), choice.tolist(), strict=True):
        if pool != NONE and made.holds(job, pool):
            made.put(job, pool)
    fill(made, search_.relaxation, packing.jobs, asked[len(packing.jobs) :], search_.deadline)
    search_.offer(made)


def _branch(search_: _Search) -> None:
    """Solve the integer programme itself, if it is small enough."""
    relaxation = search_.relaxation
    if _possible(search_).sum() > _FULL:
        return
    if relaxation.cost.size > _TINY:
        _improve(search_, idle_max=_FEW, nodes=_NODES)
    solved = _integer(search_, _possible(search_), search_.deadline)
    is_kept = search_.value - solved.bound <= _ROUNDING * search_.value
    search_.is_proved = solved.is_done and is_kept
    if search_.is_proved:
        search_.solver_bound = min(
            solved.bound, proved(Lowered.of(relaxation).relaxation, search_.value)
        )
    else:
        bound = min(solved.bound, search_.value)
        search_.solver_bound = max(search_.solver_bound, bound)


def _possible(search_: _Search) -> Mask:
    priced = search_.priced
    return possible(search_.relaxation, priced.prices, search_.value - priced.value)


def _improve(search_: _Search, *, idle_max: int | None = None, nodes: int | None = None) -> None:
    """Solve again what lies in a few pools, others each time, until the time is up.

    Args:
        search_: What is known so far.
        idle_max: Stop after so many times without gain.
        nodes: Break off each time after so many nodes, and not after some seconds, so that
            what comes of it does not depend on the machine.
    """
    random = np.random.default_rng(_SEED)
    most, count, idle = search_.relaxation.pools, min(_POOLS, search_.relaxation.pools), 0
    while not search_.is_over and idle != idle_max:
        before, left = search_.value, search_.deadline.left
        deadline = search_.deadline if nodes else search_.deadline.within(max(3.0, left / 15))
        is_done = _again(search_, random.permutation(most)[:count], deadline, nodes)
        if count == most and is_done:
            return
        idle = 0 if search_.value < before else idle + 1
        if idle:
            count = min(count + 1, most) if is_done else max(count // 2, 2)


def _again(search_: _Search, pools: Choice, deadline: Deadline, nodes: int | None) -> bool:
    """Solve again for the dearest jobs in some pools and left out; tell whether it was done."""
    relaxation, best = search_.relaxation, search_.best
    rows = np.flatnonzero(np.isin(best.choice, pools) | (best.choice == NONE))
    dearest = np.argsort(-relaxation.unplaced[rows], kind="stable")[:_FREE]
    rows = np.sort(rows[dearest])
    rest = best.choice.copy()
    rest[rows] = NONE
    kept = relaxation.used(rest)
    part = relaxation.part(rows)
    cost = np.where(np.isin(np.arange(relaxation.pools), pools), part.cost, np.inf)
    part = replace(part, cost=cost, limits=np.maximum(relaxation.limits - kept, 0.0))
    mask = near(part, search_.priced.prices, slack=0.1, most=6)
    placed = np.flatnonzero(best.choice[rows] != NONE)
    mask[placed, best.choice[rows][placed]] = True
    pairs = pairs_of(mask)
    solved = solve_integer(
        part,
        pairs,
        deadline,
        start=best.choice[rows],
        gap=_NEAR * search_.value / 10,
        nodes=nodes,
    )
    if len(solved.share):
        search_.offer_changed(rows, pairs, solved.share)
    return solved.is_done


def _integer(search_: _Search, mask: Mask, deadline: Deadline) -> Solved:
    """Solve the integer programme over some pairs, beginning with the best assignment."""
    placed = np.flatnonzero(search_.best.choice >= 0)
    mask[placed, search_.best.choice[placed]] = True
    pairs = pairs_of(mask)
    solved = solve_integer(
        search_.relaxation,
        pairs,
        deadline,
        start=search_.best.choice,
        gap=search_.gap * search_.value / 2,
    )
    search_.rounded(pairs, solved.share)
    return solved
