"""An assignment that keeps every capacity and budget exactly, made and made better greedily."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.exact import Numbers, total
from tallygrid.placement.batch.insertion import insert
from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.tables import NONE

Choice = NDArray[np.int64]
"""The pool of every job; NONE: left out."""


@dataclass
class Assignment:
    """Who goes where so far, and what is left of every pool and budget, exactly."""

    instance: Instance
    choice: Choice
    room: Numbers
    """What is left of every pool, in the instance's units of card-hours."""
    money: Numbers
    """What is left of every budget; without a programme there is always enough."""

    @classmethod
    def empty(cls, instance: Instance) -> "Assignment":
        """Leave every job out."""
        budgets = instance.batch.budgets.available_fen
        return cls(
            instance=instance,
            choice=np.full(len(instance.work), NONE),
            room=instance.capacity.copy(),
            money=np.append(budgets, np.iinfo(np.int64).max),
        )

    @classmethod
    def of(cls, relaxation: Relaxation, instance: Instance, choice: Choice) -> "Assignment":
        """Keep as much of a choice as fits: what loses most per unit of work goes first."""
        made = cls.empty(instance)
        rows = np.flatnonzero(choice >= 0)
        spared = relaxation.unplaced[rows] - relaxation.cost[rows, choice[rows]]
        order = np.argsort(-spared / relaxation.work[rows], kind="stable")
        for job in rows[order]:
            if made.holds(job, choice[job]):
                made.put(job, choice[job])
        return made

    def copy(self) -> "Assignment":
        """Return one that can be changed without changing this one."""
        return Assignment(self.instance, self.choice.copy(), self.room.copy(), self.money.copy())

    @property
    def value_fen(self) -> int:
        """Return the objective."""
        return value_fen(self.instance, self.choice)

    def holds(self, job: int, pool: int) -> bool:
        """Tell whether a job that is left out fits into a pool and its budget."""
        instance = self.instance
        programme = instance.batch.jobs.programme[job]
        return bool(
            instance.is_open[job, pool]
            and instance.work[job] <= self.room[pool]
            and instance.subsidy_fen[job, pool] <= self.money[programme]
        )

    def put(self, job: int, pool: int) -> None:
        """Move a job, also out of all pools (NONE), and book what it uses."""
        before = self.choice[job]
        if before != NONE:
            self._book(job, before, 1)
        if pool != NONE:
            self._book(job, pool, -1)
        self.choice[job] = pool

    def _book(self, job: int, pool: int, sign: int) -> None:
        instance = self.instance
        self.room[pool] += sign * instance.work[job]
        programme = instance.batch.jobs.programme[job]
        if programme != NONE:
            self.money[programme] += sign * instance.subsidy_fen[job, pool]


def value_fen(instance: Instance, choice: Choice) -> int:
    """Return the objective of a choice, exactly."""
    rows = np.flatnonzero(choice >= 0)
    placed = total(instance.cost_fen[rows, choice[rows]])
    return placed + total(instance.batch.jobs.unplaced_fen[choice < 0])


def inserted(made: Assignment, relaxation: Relaxation, prices: Floats) -> Assignment:
    """Place jobs that are left out where they cost least at dual prices and fit.

    Those that lose most by being left out, per unit of work, are placed first.
    """
    rows = np.flatnonzero(made.choice == NONE)
    order = rows[_by_density(relaxation, prices, rows)]
    numbers = (made.room, made.money, made.instance.subsidy_fen)
    if any(one.dtype == object for one in numbers):
        _insert_great_numbers(made, relaxation, prices, order)
    else:
        _insert(made, relaxation, prices, order)
    return made


def _insert(made: Assignment, relaxation: Relaxation, prices: Floats, order: Choice) -> None:
    """Place jobs in order."""
    insert(
        order,
        relaxation.cost,
        relaxation.subsidy,
        relaxation.work,
        relaxation.unplaced,
        relaxation.programme,
        prices,
        made.instance.work,
        made.instance.subsidy_fen,
        made.room,
        made.money,
        made.choice,
    )


def _insert_great_numbers(
    made: Assignment, relaxation: Relaxation, prices: Floats, order: Choice
) -> None:
    """Place jobs in order, where numbers are too great for what is compiled."""
    for job in order:
        fits = _fits(made, job)
        cost = np.where(fits, relaxation.priced(prices, np.array([job]))[0], np.inf)
        pool = int(cost.argmin())
        if cost[pool] < relaxation.unplaced[job]:
            made.put(int(job), pool)


def improved(made: Assignment, relaxation: Relaxation, *, passes: int = 20) -> Assignment:
    """Place and move jobs one by one while that costs less and fits."""
    for _ in range(passes):
        if not _pass(made, relaxation):
            break
    return made


def _pass(made: Assignment, relaxation: Relaxation) -> bool:
    """Find each job's best place in what is free now, and move those that gain, best first."""
    now = np.where(made.choice >= 0, relaxation.cost[_rows(made), made.choice], relaxation.unplaced)
    gain, where = np.zeros(len(now)), np.full(len(now), NONE)
    room = made.room.astype(np.float64) / made.instance.unit
    for first in range(0, len(now), 1_024):
        rows = slice(first, first + 1_024)
        saves = now[rows, None] - relaxation.cost[rows]
        saves[relaxation.work[rows, None] > room * (1 + 1e-12)] = -np.inf
        where[rows] = saves.argmax(axis=1)
        gain[rows] = saves.max(axis=1)
    moved = False
    better = np.flatnonzero(gain > 0)
    for job in better[np.argsort(-gain[better] / relaxation.work[better], kind="stable")]:
        moved |= _move(made, int(job), int(where[job]))
    return moved


def _move(made: Assignment, job: int, pool: int) -> bool:
    """Move a job if it fits where it would go, once it has left where it is."""
    before = int(made.choice[job])
    made.put(job, NONE)
    fits = made.holds(job, pool)
    made.put(job, pool if fits else before)
    return fits


def _fits(made: Assignment, job: Any) -> NDArray[np.bool_]:  # noqa: ANN401  # numpy's own integer
    instance = made.instance
    money = made.money[instance.batch.jobs.programme[job]]
    return np.asarray((instance.work[job] <= made.room) & (instance.subsidy_fen[job] <= money))


def _by_density(relaxation: Relaxation, prices: Floats, rows: Choice) -> Choice:
    lowest = np.concatenate(
        [
            relaxation.priced(prices, part).min(axis=1)
            for part in np.array_split(rows, len(rows) // 1_024 + 1)
        ]
    )
    spared = relaxation.unplaced[rows] - lowest
    return np.argsort(-spared / relaxation.work[rows], kind="stable")


def _rows(made: Assignment) -> Choice:
    return np.arange(len(made.choice))
