"""The answer to a batch: who goes where, what that costs, the bound, and why jobs are left out."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tallygrid.placement.batch.bound import Prices, dual_bound
from tallygrid.placement.batch.exact import Numbers, total
from tallygrid.placement.batch.instance import RULES, Instance, Parts, allowed
from tallygrid.placement.batch.repair import Choice, value_fen
from tallygrid.placement.batch.tables import NONE

Status = Literal["optimal", "feasible", "time"]
Source = Literal["dual", "solver"]
OPTIMAL: Final = 0.0001
"""A gap that counts as none."""

LEFT_OUT: Final = (*RULES, "full", "budget", "dear")
"""Why a job is left out: a rule that excludes the last pool, or no room, no money, no gain."""


@dataclass(frozen=True)
class Split:
    """The value in parts, in fen."""

    user_fen: int
    public_fen: int
    """As it is paid; the objective counts it by its weight."""
    transfer_fen: int
    extra_fen: int
    unplaced_fen: int


@dataclass(frozen=True)
class Answer:
    """A feasible assignment, checked exactly, with what proves how good it is."""

    choice: Choice
    objective_fen: int
    split: Split
    prices: Prices
    dual_bound_fen: int
    bound_fen: int
    bound_source: Source
    is_late: bool
    """Whether the time was up before the search came to its end."""

    @property
    def placed(self) -> int:
        """Return how many jobs have a pool."""
        return int((self.choice != NONE).sum())

    @property
    def gap(self) -> float:
        """Return by how much of the value it could be too dear at most."""
        if not self.objective_fen:
            return 0.0
        return (self.objective_fen - self.bound_fen) / self.objective_fen

    @property
    def status(self) -> Status:
        """Return what can be said of the value."""
        if self.gap <= OPTIMAL:
            return "optimal"
        return "time" if self.is_late else "feasible"


def answered(
    instance: Instance, choice: Choice, prices: Prices, solver_bound: float, *, is_late: bool
) -> Answer:
    """Check a choice exactly, work out all that is told of it, and take the better bound."""
    assert_feasible(instance, choice)
    objective_fen = value_fen(instance, choice)
    dual_fen = dual_bound(instance, prices)
    assert dual_fen <= objective_fen, (dual_fen, objective_fen)
    # Values are whole fen, so a part of one counts as one. The solver works in floats; a bound
    # above what was found can only be their error.
    solver_fen = dual_fen if np.isinf(solver_bound) else int(np.ceil(solver_bound))
    bound_fen = max(dual_fen, min(solver_fen, objective_fen))
    return Answer(
        choice=choice,
        objective_fen=objective_fen,
        split=_split(instance, choice),
        prices=prices,
        dual_bound_fen=dual_fen,
        bound_fen=bound_fen,
        bound_source="dual" if bound_fen == dual_fen else "solver",
        is_late=is_late,
    )


def assert_feasible(instance: Instance, choice: Choice) -> None:
    """Stop if a choice breaks a rule, a capacity or a budget; all in exact integers."""
    rows = np.flatnonzero(choice != NONE)
    pools = choice[rows]
    assert instance.is_open[rows, pools].all(), "a job is where it may not go"
    for pool, capacity in enumerate(instance.capacity):
        assert total(instance.work[rows[pools == pool]]) <= capacity, f"pool {pool} is overfull"
    programme = instance.batch.jobs.programme[rows]
    for budget, available_fen in enumerate(instance.batch.budgets.available_fen):
        of = programme == budget
        spent_fen = total(instance.subsidy_fen[rows[of], pools[of]])
        assert spent_fen <= available_fen, f"budget {budget} is overspent"


def reasons(instance: Instance, choice: Choice) -> tuple[tuple[int, str], ...]:
    """Return every job that is left out, with the reason that binds (of `LEFT_OUT`)."""
    left = np.flatnonzero(choice == NONE)
    ruled_out = _ruled_out(instance)
    room = _room(instance, choice)
    return tuple(
        (job, RULES[ruled_out[job]] if ruled_out[job] >= 0 else _why(instance, job, room))
        for job in left.tolist()
    )


def _ruled_out(instance: Instance) -> Choice:
    """Return for every job the first rule after which no pool is left; NONE if some pool is."""
    is_open = np.ones_like(instance.is_open)
    found = np.full(len(is_open), NONE)
    for number, rule in enumerate(RULES):
        is_open &= allowed(instance.batch, rule)
        found[(found == NONE) & ~is_open.any(axis=1)] = number
    return found


def _why(instance: Instance, job: int, room: Numbers) -> str:
    """Return why a job is left out that some pool could take."""
    gains = instance.is_open[job] & (instance.cost_fen[job] < instance.batch.jobs.unplaced_fen[job])
    if not gains.any():
        return "dear"
    fits = gains & (instance.work[job] <= room)
    return "budget" if fits.any() else "full"


def _room(instance: Instance, choice: Choice) -> Numbers:
    """Return what is left of every pool."""
    room = instance.capacity.copy()
    placed = np.flatnonzero(choice != NONE)
    np.subtract.at(room, choice[placed], instance.work[placed])
    return room


def _split(instance: Instance, choice: Choice) -> Split:
    parts = Parts.of(instance.batch, instance.work, instance.unit)
    at = np.flatnonzero(choice != NONE), choice[choice != NONE]
    public_fen = total(parts.subsidy_fen[at])
    return Split(
        user_fen=total(parts.gross_fen[at]) - public_fen,
        public_fen=public_fen,
        transfer_fen=total(parts.transfer_fen[at]),
        extra_fen=total(parts.extra_fen[at]),
        unplaced_fen=total(instance.batch.jobs.unplaced_fen[choice == NONE]),
    )
