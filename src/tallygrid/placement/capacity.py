"""Capacity: what reservations leave free, at an instant and over a period.

A period includes its start and not its end, so cards that one job gives back at noon are
another's at noon.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tallygrid.core.catalogue import CARDS_PER_NODE, Catalogue
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Pool, PoolState

PoolKey = tuple[str, str]
"""A site and a card model."""


@dataclass(frozen=True, order=True)
class Reservation:
    """Cards of one model at one site, taken for a period."""

    site: str
    model: str
    cards: int
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        assert self.cards > 0, self.cards
        assert self.start < self.end, (self.start, self.end)

    def covers(self, at: datetime) -> bool:
        """Tell whether the cards are taken at an instant."""
        return self.start <= at < self.end


def free_at(cards: int, reservations: Iterable[Reservation], at: datetime) -> int:
    """Return how many of a pool's cards are free at an instant."""
    return cards - sum(one.cards for one in reservations if one.covers(at))


def free_throughout(
    cards: int, reservations: Sequence[Reservation], *, start: datetime, end: datetime
) -> int:
    """Return how many of a pool's cards stay free over a whole period."""
    steps = [one.start for one in reservations if start < one.start < end]
    return min(free_at(cards, reservations, at) for at in (start, *steps))


def first_free(
    cards: int,
    reservations: Sequence[Reservation],
    *,
    wanted: int,
    after: datetime,
    lasting: timedelta,
) -> datetime | None:
    """Return the first instant from which cards are free for so long; None if there is none.

    Room only grows where a reservation ends, so no other instant need be tried.
    """
    if wanted > cards:
        return None
    ends = sorted({one.end for one in reservations if one.end > after})
    for start in (after, *ends):
        free = free_throughout(cards, reservations, start=start, end=start + lasting)
        if free >= wanted:
            return start
    raise AssertionError("after the last reservation all cards are free")


def pools(
    catalogue: Catalogue,
    reservations: Iterable[Reservation],
    *,
    at: datetime,
    lasting: timedelta,
    wanted: int,
) -> PoolState:
    """Return every pool as it stands for a gang that would start at an instant.

    Cards that the site sells elsewhere are not told to us: its utilisation before any
    placement counts towards the pressure on it, never against the cards it has listed here.
    """
    by_pool: dict[PoolKey, list[Reservation]] = {}
    for one in reservations:
        by_pool.setdefault((one.site, one.model), []).append(one)
    need = _Need(wanted=wanted, at=at, lasting=lasting)
    return dict(_pools(catalogue, by_pool, need))


@dataclass(frozen=True)
class _Need:
    wanted: int
    at: datetime
    lasting: timedelta


def _pools(
    catalogue: Catalogue, by_pool: Mapping[PoolKey, Sequence[Reservation]], need: _Need
) -> Iterator[tuple[PoolKey, Pool]]:
    for site in catalogue.sites.values():
        for model, cards in site.cards.items():
            taken = by_pool.get((site.id, model), ())
            yield (site.id, model), _pool(cards, taken, need, base_bp=site.utilisation_bp)


def _pool(cards: int, taken: Sequence[Reservation], need: _Need, *, base_bp: int) -> Pool:
    """Return a pool, its free cards packed on as few nodes as can be."""
    end = need.at + need.lasting
    free = free_throughout(cards, taken, start=need.at, end=end) if taken else cards
    whole_nodes, largest_part = divmod(max(free, 0), CARDS_PER_NODE)
    return Pool(
        cards=cards,
        whole_nodes=whole_nodes,
        largest_part=largest_part,
        utilisation_bp=base_bp + (BASIS_POINTS - base_bp) * (cards - free) // cards,
        wait_seconds=_wait_seconds(cards, taken, need),
    )


def _wait_seconds(cards: int, taken: Sequence[Reservation], need: _Need) -> int | None:
    start = first_free(cards, taken, wanted=need.wanted, after=need.at, lasting=need.lasting)
    return None if start is None else int((start - need.at).total_seconds())
