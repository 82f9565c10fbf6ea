"""The world of a network run: sites, offers and routes of a catalogue, as the kernel's tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import floor
from typing import Any, Final

import numpy as np

from tallygrid.core.catalogue import CARDS_PER_NODE, Catalogue
from tallygrid.core.money import BASIS_POINTS, GREATEST_FEN
from tallygrid.core.placement import Request, Weights
from tallygrid.lab.network import rows
from tallygrid.lab.network.kernel import Cube, Real, Table
from tallygrid.lab.replay.kernel import empty_sets
from tallygrid.placement.shelf import PoolKey, Shelf

_BITS: Final = 62
_SCALE: Final = 1 << 20
_LISTED: Final = 1_000
"""A price as it is listed, in thousandths."""
_HOUR_S: Final = 3_600


class LastsError(Exception):
    """A run might last longer than can be counted."""

    def __init__(self, seconds: int, seconds_max: int) -> None:
        super().__init__(
            f"The last arrival and all run times together are {seconds:,} s; with so many jobs "
            f"at most {seconds_max:,} s can be counted. Ask for fewer or shorter jobs."
        )


@dataclass(frozen=True)
class Sites:
    """How the sites work: the same everywhere."""

    nodes: bool = False
    """Whether cards stand in nodes of eight; else every free card will do."""
    depth: int = 0
    """How many behind the head of a queue may overtake it; 0 is strict FIFO."""


@dataclass(frozen=True, eq=False)
class World:
    """A catalogue's compute offers by the card-hour, and everything the kernel asks of them."""

    catalogue: Catalogue
    sites: Sites = Sites()
    weights: Weights = field(default_factory=Weights)
    price_factor_milli: Mapping[str, int] = field(default_factory=dict)
    """By offer, what its provider asks in thousandths of the listed price; absent is 1000."""
    shelf: Shelf = field(init=False)
    offers: Table = field(init=False)
    pools: tuple[PoolKey, ...] = field(init=False)

    def __post_init__(self) -> None:
        whole = Shelf.of(self.catalogue)
        sold = [e for e in whole.entries if self.catalogue.offers[e.offer].unit == "card_hour"]
        entries = tuple(
            e._replace(
                price_fen=e.price_fen * factor, price_card_seconds=e.price_card_seconds * _LISTED
            )
            if (factor := self.price_factor_milli.get(e.offer, _LISTED)) != _LISTED
            else e
            for e in sold
        )
        shelf = Shelf(entries)
        object.__setattr__(self, "shelf", shelf)
        object.__setattr__(self, "pools", shelf.pools)
        object.__setattr__(self, "offers", self._offers(shelf))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the ids of the offers, in the order of their rows."""
        return tuple(entry.offer for entry in self.shelf.entries)

    def _offers(self, shelf: Shelf) -> Table:
        table = np.array(shelf.rows(self.weights), dtype=np.int64).T
        extra = np.zeros((len(table), rows.OFFER_COLUMNS - table.shape[1]), dtype=np.int64)
        for n, entry in enumerate(shelf.entries):
            reference = self.catalogue.rules.references.get(entry.model)
            if reference is not None and reference.unit == "card_hour":
                second = Fraction(reference.amount_fen, reference.quantity * _HOUR_S)
                extra[n] = second.numerator, second.denominator
        return np.ascontiguousarray(np.hstack([table, extra]))

    def kinds(self, requests: Sequence[Request]) -> tuple[Table, Cube]:
        """Return, by kind of job, which offers suit it, and the ways to them.

        Only what lies in the offer itself counts here; providers are a matter of vouchers.
        """
        count = len(self.shelf.entries)
        is_suited = np.zeros((len(requests), count), dtype=np.int64)
        ways = np.zeros((len(requests), 2, count), dtype=np.int64)
        for kind, request in enumerate(requests):
            barred = 0
            for one in self.shelf.barred(request):
                barred |= one
            is_suited[kind] = [not barred >> n & 1 for n in range(count)]
            latency_ms, fee = self.shelf.routes(request.place)
            ways[kind] = latency_ms, fee
        return is_suited, ways

    def rates(self) -> Real:
        """Return what a card-second of each offer costs at least, without pressure, in fen."""
        return np.array([floor(self._rate(n) * _SCALE) / _SCALE for n in range(len(self.offers))])

    def _rate(self, n: int) -> Fraction:
        offer = self.offers[n].tolist()
        price = Fraction(offer[rows.PRICE_NUM], offer[rows.PRICE_DEN])
        price *= Fraction(BASIS_POINTS - offer[rows.DISCOUNT_BP], BASIS_POINTS)
        energy = Fraction(offer[rows.ENERGY_NUM], offer[rows.ENERGY_DEN])
        return price + energy + Fraction(offer[rows.CARBON_NUM], offer[rows.CARBON_DEN])

    def pool_tables(self) -> dict[str, Any]:
        """Return the tables of empty pools, ready for a run."""
        cards = [self.shelf.cards[key] for key in self.pools]
        if self.sites.nodes:
            cards = [max(CARDS_PER_NODE, one // CARDS_PER_NODE * CARDS_PER_NODE) for one in cards]
        pools = np.zeros((len(cards), rows.POOL_COLUMNS), dtype=np.int64)
        pools[:, rows.CARDS] = cards
        pools[:, rows.NODE_CARDS] = CARDS_PER_NODE if self.sites.nodes else 0
        pools[:, rows.BASE_BP] = [self.catalogue.sites[s].utilisation_bp for s, _ in self.pools]
        pools[:, rows.USED_BP] = pools[:, rows.BASE_BP]
        pools[:, rows.SHADOW] = rows.NEVER
        most = max(cards)
        crowds = np.zeros((6, len(cards)))
        crowds[0] = self.weights.pressure_fen_per_card_hour * pools[:, rows.BASE_BP] // BASIS_POINTS
        crowds[0] /= _HOUR_S
        crowds[3] = 1 / np.maximum(pools[:, rows.CARDS], 1)
        crowds[4] = crowds[5] = cards
        tally = np.stack([cards, [0] * len(cards), cards], axis=1).astype(np.int64)
        held = np.zeros((len(cards), 4, most), dtype=np.int64)
        held[:, 3] = np.arange(most)
        return {
            "pools": pools,
            "crowds": crowds,
            "next_ends": np.full(len(cards), rows.NEVER, dtype=np.int64),
            "ends": np.zeros((len(cards), most + 1), dtype=np.int64),
            "ahead": np.zeros((len(cards), most + 1), dtype=np.int64),
            "held": held,
            "tally": tally,
            **self._nodes(cards),
        }

    def _nodes(self, cards: Sequence[int]) -> dict[str, Cube]:
        if not self.sites.nodes:
            return {
                "nodes": np.zeros((len(cards), 1, 1), dtype=np.int64),
                "sets": np.zeros((len(cards), 1, 1), dtype=np.int64),
            }
        most = max(cards) // CARDS_PER_NODE
        nodes = np.full((len(cards), 2, most), CARDS_PER_NODE, dtype=np.int64)
        each = [empty_sets(one, CARDS_PER_NODE) for one in cards]
        width = max(one.shape[1] for one in each)
        sets = np.zeros((len(cards), CARDS_PER_NODE + 1, width), dtype=np.int64)
        for pool, one in enumerate(each):
            sets[pool, :, : one.shape[1]] = one
        return {"nodes": nodes, "sets": sets}

    def rules(self, *, jobs: int, longest_s: int) -> Table:
        """Return the numbers that hold everywhere.

        Raises:
            LastsError: A run might last longer than can be counted.
        """
        shift = max(1, jobs.bit_length())
        if longest_s >= 1 << (_BITS - shift):
            raise LastsError(longest_s, (1 << (_BITS - shift)) - 1)
        found = np.zeros(rows.RULES, dtype=np.int64)
        found[rows.LATENCY_WEIGHT] = self.weights.latency_fen_per_ms_hour
        found[rows.WAIT_WEIGHT] = self.weights.wait_fen_per_card_hour
        found[rows.PRESSURE_WEIGHT] = self.weights.pressure_fen_per_card_hour
        found[rows.VAT_BP] = self.catalogue.rules.vat_bp
        found[rows.DEPTH] = self.sites.depth
        found[rows.SHIFT] = shift
        return found

    def list_price_fen(self, request: Request) -> Fraction | None:
        """Return the lowest listed price of a card-second that suits a request; None of none."""
        barred = 0
        for one in self.shelf.barred(request):
            barred |= one
        found = [
            Fraction(entry.price_fen, entry.price_card_seconds)
            for n, entry in enumerate(self.shelf.entries)
            if not barred >> n & 1
        ]
        return min(found, default=None)


def with_cards(catalogue: Catalogue, cards: Mapping[PoolKey, int]) -> Catalogue:
    """Return a catalogue whose sites list other numbers of cards."""
    sites = {
        id_: replace(
            site, cards={model: cards.get((id_, model), n) for model, n in site.cards.items()}
        )
        for id_, site in catalogue.sites.items()
    }
    return replace(catalogue, sites=sites)


assert GREATEST_FEN * BASIS_POINTS < 2**63, "amounts times basis points fit in 64 bits"
