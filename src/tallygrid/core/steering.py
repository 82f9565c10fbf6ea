"""Steering (调度去向): who got the work, against what there was, and what was paid for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tallygrid.core.catalogue import CARDS_PER_NODE, Catalogue, Site
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Request

UNLISTED: Final = "unlisted"
"""The name of sites that the catalogue no longer has, though work was placed there."""

_HOUR_S: Final = 3_600


@dataclass(frozen=True)
class Placed:
    """A purchase of cards, as far as steering is concerned."""

    site: str
    card_seconds: int
    """Within the period that is looked at; 0: only its bill came in it."""
    gross_fen: int
    """Billed within it."""
    subsidy_fen: int
    request: Request | None
    """What was asked; None where it was bought without a placement."""


@dataclass(frozen=True)
class Share:
    """One site, province, side, provider or class of job."""

    name: str
    jobs: int
    card_hours: int
    capacity_card_hours: int
    """What could be used there in the period; 0 for a class of job, which has no cards."""
    gross_fen: int
    subsidy_fen: int
    work_bp: int
    """Of all card-hours placed."""
    capacity_bp: int
    """Of all card-hours that there were."""

    @property
    def used_bp(self) -> int:
        """How much of its own capacity was placed there."""
        if not self.capacity_card_hours:
            return 0
        return self.card_hours * BASIS_POINTS // self.capacity_card_hours


@dataclass(frozen=True)
class Steering:
    """How placements split in a period, by each way to look at them."""

    start: datetime
    end: datetime
    by: Mapping[str, tuple[Share, ...]]


def steering(
    catalogue: Catalogue, placed: Iterable[Placed], *, start: datetime, end: datetime
) -> Steering:
    """Return who got the work in a period; those with cards and without work are told too."""
    all_ = tuple(placed)
    seconds = int((end - start).total_seconds())
    ways: Mapping[str, Callable[[Site], str]] = {
        "site": lambda site: site.id,
        "province": lambda site: site.province,
        "side": lambda site: site.side,
        "provider": lambda site: site.provider,
    }
    by = {way: _shares(catalogue, all_, seconds, name) for way, name in ways.items()}
    by["class"] = _classes(all_)
    return Steering(start, end, by)


def class_of(request: Request) -> str:
    """Return the class of a job by what it asked; a rule that binds the place goes first.

    >>> class_of(Request(cards=64, seconds=60, place="x"))
    'gang'
    """
    if request.sites:
        return "resident"
    if request.latency_ms_max is not None:
        return "nearby"
    if request.origin == "domestic":
        return "domestic"
    return size_of(request.cards)


def size_of(cards: int) -> str:
    """Return the class of a job by its cards alone."""
    if cards == 1:
        return "single"
    if cards < CARDS_PER_NODE:
        return "part"
    return "node" if cards == CARDS_PER_NODE else "gang"


def _shares(
    catalogue: Catalogue, placed: Iterable[Placed], seconds: int, name_of: Callable[[Site], str]
) -> tuple[Share, ...]:
    capacity: dict[str, int] = {}
    for site in catalogue.sites.values():
        name = name_of(site)
        capacity[name] = capacity.get(name, 0) + sum(site.cards.values()) * seconds
    groups: dict[str, list[Placed]] = {name: [] for name in capacity}
    for one in placed:
        name = name_of(catalogue.sites[one.site]) if one.site in catalogue.sites else UNLISTED
        groups.setdefault(name, []).append(one)
    return _ranked(groups, {UNLISTED: 0, **capacity})


def _classes(placed: Iterable[Placed]) -> tuple[Share, ...]:
    groups: dict[str, list[Placed]] = {}
    for one in placed:
        name = class_of(one.request) if one.request else "ordered"
        groups.setdefault(name, []).append(one)
    return _ranked(groups, dict.fromkeys(groups, 0))


def _ranked(groups: Mapping[str, list[Placed]], capacity: Mapping[str, int]) -> tuple[Share, ...]:
    """Return the shares, the least used first, since that is where work should go."""
    work = sum(one.card_seconds for group in groups.values() for one in group)
    all_ = sum(capacity.values())
    shares = [
        Share(
            name=name,
            jobs=sum(one.card_seconds > 0 for one in group),
            card_hours=sum(one.card_seconds for one in group) // _HOUR_S,
            capacity_card_hours=capacity[name] // _HOUR_S,
            gross_fen=sum(one.gross_fen for one in group),
            subsidy_fen=sum(one.subsidy_fen for one in group),
            work_bp=_part(sum(one.card_seconds for one in group), work),
            capacity_bp=_part(capacity[name], all_),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(shares, key=lambda one: (one.used_bp, one.card_hours, one.name)))


def _part(amount: int, whole: int) -> int:
    return amount * BASIS_POINTS // whole if whole else 0
