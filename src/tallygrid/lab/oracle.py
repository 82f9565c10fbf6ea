"""The slow reference of replay: the rules as they are told, and nothing done to be fast.

It imports nothing of the fast code, keeps everything in lists, and works all of it out anew at
every instant. See docs/algorithms/replay.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Asked(NamedTuple):
    """A job as a trace gives it."""

    arrival_s: int
    gang: int
    run_s: int


def starts(
    jobs: Sequence[Asked], *, cards: int, node_cards: int | None = None, depth: int | None = None
) -> list[int]:
    """Return the second at which each job starts.

    Args:
        jobs: In the order of arrival; each fits the empty site.
        cards: The cards of the site.
        node_cards: The cards of each node; None if cards are interchangeable.
        depth: How many behind the head may overtake it; None is FIFO.
    """
    sizes = [cards] if node_cards is None else [node_cards] * (cards // node_cards)
    site = _Site(jobs, sizes)
    instants = {job.arrival_s for job in jobs}
    while instants:
        now = min(instants)
        instants.remove(now)
        site.end(now)
        site.waiting += [n for n, job in enumerate(jobs) if job.arrival_s == now]
        while site.waiting and site.begun(site.waiting[0], now):
            site.waiting.pop(0)
        if site.waiting and depth is not None:
            site.overtake(site.waiting[1 : 1 + depth], now)
        instants.update(running.end_s for running in site.running)
    return site.starts


class _Running(NamedTuple):
    end_s: int
    gang: int
    taken: dict[int, int]
    """Cards by node."""


@dataclass
class _Site:
    jobs: Sequence[Asked]
    sizes: list[int]
    """The cards of each node; a pool is one node."""
    waiting: list[int] = field(default_factory=list)
    running: list[_Running] = field(default_factory=list)
    starts: list[int] = field(init=False)
    free: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.free = list(self.sizes)
        self.starts = [-1] * len(self.jobs)

    def end(self, now: int) -> None:
        """Give back the cards of all whose time is over."""
        for ended in [running for running in self.running if running.end_s <= now]:
            self.running.remove(ended)
            for node, cards in ended.taken.items():
                self.free[node] += cards

    def begun(self, number: int, now: int) -> bool:
        """Start a job if it fits; tell whether it does."""
        job = self.jobs[number]
        taken = self.room(job.gang)
        if taken is None:
            return False
        self.starts[number] = now
        if job.run_s > 0:
            self.running.append(_Running(now + job.run_s, job.gang, taken))
            for node, cards in taken.items():
                self.free[node] -= cards
        return True

    def room(self, gang: int) -> dict[int, int] | None:
        """Return the cards that a gang would take of each node; None if it does not fit."""
        size = self.sizes[0]
        whole = [node for node, free in enumerate(self.free) if free == size][: gang // size]
        if len(whole) < gang // size:
            return None
        taken = dict.fromkeys(whole, size)
        part = gang % size
        if part:
            suitable = [
                (free, node)
                for node, free in enumerate(self.free)
                if free >= part and node not in taken
            ]
            if not suitable:
                return None
            taken[min(suitable)[1]] = part
        return taken

    def overtake(self, candidates: list[int], now: int) -> None:
        """Start those behind the head that do not make it wait longer."""
        shadow_s, spare = self.reservation(self.jobs[self.waiting[0]].gang, now)
        for number in candidates:
            job = self.jobs[number]
            in_time = now + job.run_s <= shadow_s
            if (in_time or job.gang <= spare) and self.begun(number, now):
                self.waiting.remove(number)
                spare -= 0 if in_time else job.gang

    def reservation(self, gang: int, now: int) -> tuple[int, int]:
        """Return when enough cards are free for a gang, in sum, and the cards spare then."""
        instants = [now, *sorted(running.end_s for running in self.running)]
        for instant in instants:
            ended = sum(running.gang for running in self.running if running.end_s <= instant)
            if sum(self.free) + ended >= gang:
                return instant, sum(self.free) + ended - gang
        raise AssertionError(f"a gang of {gang} does not fit the empty site")
