"""The shelf: the compute offers of a catalogue with all that the search asks, worked out once."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from typing import Final, NamedTuple

from tallygrid.core.catalogue import CERTIFIED, Catalogue, Offer
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import SEEDS, Request, Weights
from tallygrid.placement.kernel import MASKS, WORD_BITS

_MS_PER_SECOND: Final = 1_000
_MILLIWATT_SECONDS_PER_KWH: Final = 3_600_000_000
_MILLI_YUAN_PER_FEN: Final = 10
_GRAMS_PER_TONNE: Final = 1_000_000
_ENERGY: Final = _MILLIWATT_SECONDS_PER_KWH * _MILLI_YUAN_PER_FEN * BASIS_POINTS
_CARBON: Final = _MILLIWATT_SECONDS_PER_KWH * _GRAMS_PER_TONNE

PoolKey = tuple[str, str]
"""A site and a card model."""


class Entry(NamedTuple):
    """A compute offer in whole numbers; every rate is for one card and one second."""

    offer: str
    site: str
    provider: str
    model: str
    domestic: bool
    certified: bool
    memory_gb: int
    price_fen: int
    price_card_seconds: int
    """`price_fen` buys so many card-seconds."""
    discount_bp: int
    """What the provider takes off: nobody pays it, so it does not count."""
    site_cards: int
    energy: int
    """Milliwatts drawn by one card, cooling included, times milli-yuan per kWh."""
    carbon: int
    """The same, times grams of carbon dioxide per kWh."""
    routes: dict[str, tuple[int, int]]
    """Latency in ms and transfer in fen per GB, by the place of the data."""


@dataclass(frozen=True)
class Shelf:
    """Every compute offer, in the order of the ids.

    A set of offers is an integer with a bit for each, so that eligibility is a few operations
    on whole sets, however many offers there are.
    """

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Shelf":
        """Return the shelf of a catalogue; it holds for as long as the catalogue does."""
        return cls(tuple(_entry(offer, catalogue) for offer in catalogue.offers_of("compute")))

    @cached_property
    def pools(self) -> tuple[PoolKey, ...]:
        """Return the pools behind the offers, in the order of their rows."""
        return tuple(sorted({(one.site, one.model) for one in self.entries}))

    @cached_property
    def cards(self) -> Mapping[PoolKey, int]:
        """Return how many cards are listed in each pool."""
        return {(one.site, one.model): one.site_cards for one in self.entries}

    @property
    def words(self) -> int:
        """Return how many words a set of offers takes."""
        return -(-len(self.entries) // WORD_BITS)

    def barred(self, request: Request) -> tuple[int, ...]:
        """Return the offers that a request excludes, a set for each of the first reasons."""
        sets = self._sets
        limit = request.latency_ms_max
        found = (
            sets.all & ~sets.models.of(request.models) if request.models else 0,
            sets.memory.below(request.memory_gb_min),
            sets.foreign if request.origin == "domestic" else 0,
            sets.all & ~sets.sites.of(request.sites) if request.sites else 0,
            sets.latency[request.place].above(limit) if limit is not None else 0,
            self._not_admitted(request),
            sets.providers.of(request.related) if request.related else 0,
            sets.uncertified if request.certified else 0,
        )
        assert len(found) == MASKS, "the kernel reads a set for each reason"
        return found

    def _not_admitted(self, request: Request) -> int:
        sets = self._sets
        refused = sets.offers.of(request.refused) if request.refused else 0
        if request.providers is None:
            return refused
        return refused | sets.all & ~sets.providers.of(request.providers)

    def rows(self, weights: Weights) -> list[list[int]]:
        """Return the rows of `kernel.weigh` that describe the offers, by its order of rows."""
        row_of = {key: row for row, key in enumerate(self.pools)}
        columns = [_column(one, row_of[one.site, one.model], weights) for one in self.entries]
        return [list(row) for row in zip(*columns, strict=True)]

    def routes(self, place: str) -> tuple[list[int], list[int]]:
        """Return the latency and the price of a GB from a place to every offer."""
        found = [one.routes[place] for one in self.entries]
        return [latency_ms for latency_ms, _ in found], [fen for _, fen in found]

    @cached_property
    def _sets(self) -> "_Sets":
        return _Sets(
            all=(1 << len(self.entries)) - 1,
            models=self._by(lambda one: one.model),
            sites=self._by(lambda one: one.site),
            providers=self._by(lambda one: one.provider),
            offers=self._by(lambda one: one.offer),
            memory=_Steps.of([one.memory_gb for one in self.entries]),
            latency={
                place: _Steps.of([one.routes[place][0] for one in self.entries])
                for place in (self.entries[0].routes if self.entries else ())
            },
            foreign=_set(not one.domestic for one in self.entries),
            uncertified=_set(not one.certified for one in self.entries),
        )

    def _by(self, name_of: Callable[[Entry], str]) -> "_Names":
        names = [name_of(one) for one in self.entries]
        return _Names({name: _set(one == name for one in names) for name in set(names)})


@dataclass(frozen=True)
class _Names:
    """The offers that carry each name."""

    by_name: Mapping[str, int]

    def of(self, names: Iterable[str]) -> int:
        """Return the offers that carry one of these names; an unknown one has none."""
        found = 0
        for name in names:
            found |= self.by_name.get(name, 0)
        return found


@dataclass(frozen=True)
class _Steps:
    """The offers by a figure of theirs."""

    figures: tuple[int, ...]
    below_each: tuple[int, ...]
    """The offers below each figure, and at last all of them."""

    @classmethod
    def of(cls, figures: list[int]) -> "_Steps":
        steps = sorted(set(figures))
        below = [_set(one < step for one in figures) for step in steps]
        return cls(tuple(steps), (*below, _set(True for _ in figures)))

    def below(self, figure: int) -> int:
        """Return the offers below a figure."""
        return self.below_each[bisect_left(self.figures, figure)]

    def above(self, figure: int) -> int:
        """Return the offers above a figure."""
        return self.below_each[-1] & ~self.below_each[bisect_right(self.figures, figure)]


@dataclass(frozen=True)
class _Sets:
    all: int
    models: _Names
    sites: _Names
    providers: _Names
    offers: _Names
    memory: _Steps
    latency: Mapping[str, _Steps]
    foreign: int
    uncertified: int


def words_of(sets: Iterable[int], words: int) -> bytes:
    """Return sets of offers one behind another, in words of 64 bits, the lowest first."""
    return b"".join(one.to_bytes(words * WORD_BITS // 8, "little") for one in sets)


def key_of_name(name: str) -> int:
    """Return what stands for a name where ties are drawn; nobody can choose it."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") % SEEDS


def _set(members: Iterable[bool]) -> int:
    return sum(1 << offer for offer, is_member in enumerate(members) if is_member)


def _column(one: Entry, pool: int, weights: Weights) -> tuple[int, ...]:
    energy = Fraction(one.energy * weights.energy_bp, _ENERGY)
    carbon = Fraction(one.carbon * weights.carbon_fen_per_tonne, _CARBON)
    return (
        pool,
        one.price_fen,
        one.price_card_seconds,
        one.discount_bp,
        energy.numerator,
        energy.denominator,
        carbon.numerator,
        carbon.denominator,
        key_of_name(one.provider),
        key_of_name(one.offer),
    )


def _entry(offer: Offer, catalogue: Catalogue) -> Entry:
    site, card = catalogue.sites[offer.site], catalogue.cards[offer.model]
    milliwatts = card.power_w * site.pue_milli
    one_second = offer.price.quantity_of(_MS_PER_SECOND) * offer.price.unit_fen
    return Entry(
        offer=offer.id,
        site=offer.site,
        provider=offer.provider,
        model=offer.model,
        domestic=offer.origin == "domestic",
        certified=bool(offer.facts.get(CERTIFIED, False)),
        memory_gb=offer.memory_gb,
        price_fen=one_second.numerator,
        price_card_seconds=one_second.denominator,
        discount_bp=offer.discount_bp,
        site_cards=site.cards[offer.model],
        energy=milliwatts * site.power_price_milli_yuan,
        carbon=milliwatts * site.grid_g_per_kwh,
        routes={
            place: (route.latency_ms, route.transfer_fen_per_gb)
            for place in catalogue.places
            for route in [catalogue.routes[place, offer.site]]
        },
    )
