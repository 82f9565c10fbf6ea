"""Capacity: what reservations leave free, at an instant and over a period.

A period includes its start and not its end, so cards that one job gives back at noon are
another's at noon.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tallygrid.core.catalogue import CARDS_PER_NODE, Catalogue
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Pool, PoolState
from tallygrid.placement.nodes import Reservation, fitted, free_nodes, placed, sizes
from tallygrid.placement.shelf import PoolKey

__all__ = ["PoolKey", "Reservation", "Told", "first_free", "free_nodes", "pools"]


@dataclass(frozen=True)
class Told:
    """What is known of the pools beside what was reserved with us."""

    shadow_fen_per_card_hour: Mapping[PoolKey, int] = field(default_factory=dict)
    """What a card-hour is worth to later work."""
    stale: frozenset[str] = frozenset()
    """Sites whose last report is old."""
    silent: frozenset[str] = frozenset()
    """Sites that have not reported for so long that nothing is known of them."""
    utilisation_bp: Mapping[str, int] = field(default_factory=dict)
    """What sites reported of their use; that of the catalogue where they did not."""


def first_free(
    cards: int,
    reservations: Sequence[Reservation],
    *,
    wanted: int,
    after: datetime,
    lasting: timedelta,
) -> datetime | None:
    """Return the first instant from which a gang fits for so long; None if it never does.

    Room only grows where a reservation ends, so no other instant need be tried.
    """
    if fitted(sizes(cards), wanted) is None:
        return None
    known = placed(cards, reservations)
    for start in (after, *sorted({one.end for one in known if one.end > after})):
        free = free_nodes(cards, known, start=start, end=start + lasting)
        if fitted(free, wanted) is not None:
            return start
    raise AssertionError("after the last reservation all cards are free")


def pools(  # what is listed, what is taken, and the gang to be placed
    catalogue: Catalogue,
    reservations: Iterable[Reservation],
    *,
    at: datetime,
    lasting: timedelta,
    wanted: int,
    told: Told | None = None,
) -> PoolState:
    """Return every pool as it stands for a gang that would start at an instant.

    Cards that the site sells elsewhere are not told to us: its utilisation before any
    placement counts towards the pressure on it, never against the cards it has listed here.
    """
    by_pool: dict[PoolKey, list[Reservation]] = {}
    for one in reservations:
        by_pool.setdefault((one.site, one.model), []).append(one)
    need = _Need(wanted=wanted, at=at, lasting=lasting)
    return dict(_pools(catalogue, by_pool, need, told or Told()))


@dataclass(frozen=True)
class _Need:
    wanted: int
    at: datetime
    lasting: timedelta


def _pools(
    catalogue: Catalogue,
    by_pool: Mapping[PoolKey, Sequence[Reservation]],
    need: _Need,
    told: Told,
) -> Iterator[tuple[PoolKey, Pool]]:
    for site in catalogue.sites.values():
        if site.id in told.silent:
            continue
        base_bp = told.utilisation_bp.get(site.id, site.utilisation_bp)
        for model, cards in site.cards.items():
            taken = by_pool.get((site.id, model), ())
            pool = _pool(cards, taken, need, base_bp=base_bp)
            worth_fen = told.shadow_fen_per_card_hour.get((site.id, model), 0)
            yield (
                (site.id, model),
                pool._replace(shadow_fen_per_card_hour=worth_fen, is_stale=site.id in told.stale),
            )


def _pool(cards: int, taken: Sequence[Reservation], need: _Need, *, base_bp: int) -> Pool:
    """Return a pool as the gang would find it, node by node, over its whole time."""
    known = placed(cards, taken)
    free = free_nodes(cards, known, start=need.at, end=need.at + need.lasting)
    return Pool(
        cards=cards,
        whole_nodes=sum(left == CARDS_PER_NODE for left in free),
        largest_part=max((left for left in free if left < CARDS_PER_NODE), default=0),
        utilisation_bp=base_bp + (BASIS_POINTS - base_bp) * (cards - sum(free)) // cards,
        wait_seconds=_wait_seconds(cards, known, need),
    )


def _wait_seconds(cards: int, taken: Sequence[Reservation], need: _Need) -> int | None:
    start = first_free(cards, taken, wanted=need.wanted, after=need.at, lasting=need.lasting)
    return None if start is None else int((start - need.at).total_seconds())
