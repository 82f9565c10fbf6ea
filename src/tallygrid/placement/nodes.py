"""Nodes: which of a pool's nodes a gang stands on, and what the others leave free.

Nodes are numbered from 0. A gang has whole nodes, and what is left of it stands together on
one more: `Reservation.nodes` names the whole ones first, and that one at last.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tallygrid.core.catalogue import CARDS_PER_NODE


@dataclass(frozen=True, order=True)
class Reservation:
    """Cards of one model at one site, taken for a period."""

    site: str
    model: str
    cards: int
    start: datetime
    end: datetime
    nodes: tuple[int, ...] = ()
    """Where they are; empty if nobody told."""

    def __post_init__(self) -> None:
        assert self.cards > 0, self.cards
        assert self.start < self.end, (self.start, self.end)

    def covers(self, at: datetime) -> bool:
        """Tell whether the cards are taken at an instant."""
        return self.start <= at < self.end

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Tell whether the cards are taken at some time of a period."""
        return self.start < end and start < self.end


def sizes(cards: int) -> list[int]:
    """Return the cards of each node of a pool.

    >>> sizes(20)
    [8, 8, 4]
    """
    whole, rest = divmod(cards, CARDS_PER_NODE)
    return [CARDS_PER_NODE] * whole + [rest] * (rest > 0)


def fitted(free: Sequence[int], gang: int) -> tuple[int, ...] | None:
    """Return the nodes for a gang, given the free cards of each; None if it does not fit.

    Whole nodes are those of the lowest numbers; the rest goes where it leaves the fewest
    cards over, so that whole nodes stay whole.

    >>> fitted([8, 3, 8, 8], 11)
    (0, 1)
    >>> fitted([8, 3, 8, 8], 28) is None
    True
    """
    whole, rest = divmod(gang, CARDS_PER_NODE)
    empty = [node for node, cards in enumerate(free) if cards == CARDS_PER_NODE]
    if len(empty) < whole:
        return None
    nodes = tuple(empty[:whole])
    if not rest:
        return nodes
    holding = [(cards, node) for node, cards in enumerate(free) if cards >= rest]
    left = [(cards, node) for cards, node in holding if node not in nodes]
    return (*nodes, min(left)[1]) if left else None


def free_nodes(
    cards: int, reservations: Iterable[Reservation], *, start: datetime, end: datetime
) -> list[int]:
    """Return how many cards of each node of a pool stay free over a whole period."""
    taken = [one for one in placed(cards, reservations) if one.overlaps(start, end)]
    free = sizes(cards)
    for at in {start, *(one.start for one in taken if one.start > start)}:
        now = sizes(cards)
        for one in taken:
            if one.covers(at):
                for node, used in _used(one):
                    now[node] = max(0, now[node] - used)
        free = [min(pair) for pair in zip(free, now, strict=True)]
    return free


def placed(cards: int, reservations: Iterable[Reservation]) -> list[Reservation]:
    """Return reservations with their nodes; those of which nobody told are packed tightly."""
    known: list[Reservation] = []
    unknown: list[Reservation] = []
    for one in reservations:
        (known if one.nodes else unknown).append(one)
    for one in sorted(unknown):
        free = free_nodes(cards, known, start=one.start, end=one.end)
        nodes = fitted(free, one.cards)
        known += [replace(one, nodes=nodes)] if nodes is not None else _scattered(one, free)
    return known


def _used(one: Reservation) -> Iterator[tuple[int, int]]:
    """Yield what a reservation takes of each of its nodes."""
    left = one.cards
    for node in one.nodes:
        used = min(left, CARDS_PER_NODE)
        yield node, used
        left -= used


def _scattered(one: Reservation, free: Sequence[int]) -> Iterator[Reservation]:
    """Yield a reservation piece by piece wherever something is free: it was sold, so it stands."""
    left = one.cards
    for node, cards in enumerate(free):
        taken = min(left, cards)
        if taken:
            yield replace(one, cards=taken, nodes=(node,))
            left -= taken
