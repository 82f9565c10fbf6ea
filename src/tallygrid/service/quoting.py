"""Quoting: where a workload would go, and what it would cost whom, with the vouchers at hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from psycopg import Connection

from tallygrid.core.catalogue import Catalogue, Offer, OfferKind, Unit
from tallygrid.core.condition import Facts
from tallygrid.core.decision import decide
from tallygrid.core.placement import Placement
from tallygrid.core.placement import Request as PlacementRequest
from tallygrid.core.quote import Quote, quote
from tallygrid.core.rating import Grant
from tallygrid.placement.capacity import pools
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf
from tallygrid.service import reservations
from tallygrid.service import voucher as vouchers
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.voucher import Voucher


@dataclass(frozen=True)
class Purse:
    """A voucher, or one that could be had, and the providers it may be redeemed at."""

    voucher: str
    contract: str
    grant: Grant
    """What a bill needs to know; its room is what is left."""
    providers: frozenset[str]


@dataclass(frozen=True)
class Proposal:
    """An offer chosen, with its quote; or no offer, and why."""

    offer: Offer | None
    quote: Quote | None
    vouchers: tuple[str, ...]
    placement: Placement | None


@dataclass
class Counter:
    """Quotes for one catalogue and its programmes; remembers what does not change.

    Which providers a programme admits for an applicant depends on facts alone, so it is
    worked out once for each voucher.
    """

    office: Office
    schemes: Mapping[str, Scheme]
    _shelves: dict[Unit, Shelf] = field(init=False)
    _admitted: dict[str, frozenset[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        units: tuple[Unit, ...] = ("card_hour", "server_month")
        self._shelves = {unit: _shelf(self.office.catalogue, unit) for unit in units}

    def purses(
        self, applicant: str, facts: Facts, *, kind: OfferKind, at: datetime
    ) -> tuple[Purse, ...]:
        """Return an applicant's vouchers of a kind that are valid and have something left."""

        def load(connection: Connection) -> tuple[Purse, ...]:
            held = vouchers.of_applicant(connection, applicant)
            return tuple(self._purses(connection, held, facts, kind, at))

        return self.office.transact("web", load)

    def place(
        self,
        asked: PlacementRequest,
        purses: Sequence[Purse],
        *,
        at: datetime,
        unit: Unit = "card_hour",
    ) -> Proposal:
        """Choose a site for cards, with as many of the vouchers as one provider admits.

        The vouchers with the highest rate are kept; one that no suitable provider honours is
        left out, and without any the applicant pays in full.
        """
        for used in _choices(purses):
            providers = frozenset.intersection(*(one.providers for one in used)) if used else None
            found = self._placed(replace(asked, providers=providers), unit, at)
            if found.chosen is not None:
                break
        if found.chosen is None:
            return Proposal(None, None, (), found)
        offer = self.office.catalogue.offers[found.chosen]
        quantity = offer.price.quantity_of(asked.cards * asked.seconds * 1000)
        return self._proposal(offer, quantity, used, found, at)

    def order(
        self, offer: Offer, quantity: Fraction, purses: Sequence[Purse], *, at: datetime
    ) -> Proposal:
        """Quote a quantity of one offer, with the vouchers that its provider may take."""
        used = tuple(one for one in purses if offer.provider in one.providers)
        return self._proposal(offer, quantity, used, None, at)

    def _proposal(
        self,
        offer: Offer,
        quantity: Fraction,
        used: Sequence[Purse],
        placement: Placement | None,
        at: datetime,
    ) -> Proposal:
        grants = [one.grant for one in used]
        quoted = quote(offer, quantity, grants, at=at, rules=self.office.catalogue.rules)
        return Proposal(offer, quoted, tuple(one.voucher for one in used), placement)

    def _placed(self, asked: PlacementRequest, unit: Unit, at: datetime) -> Placement:
        lasting = timedelta(seconds=asked.seconds)
        taken = self.office.transact(
            "web", lambda connection: reservations.between(connection, at, at + lasting)
        )
        state = pools(self.office.catalogue, taken, at=at, lasting=lasting, wanted=asked.cards)
        return place(asked, self._shelves[unit], state)

    def _purses(
        self,
        connection: Connection,
        held: Sequence[Voucher],
        facts: Facts,
        kind: OfferKind,
        at: datetime,
    ) -> Iterator[Purse]:
        for voucher in held:
            scheme = self.schemes[voucher.programme]
            if scheme.programme.kind != kind or not voucher.is_valid(at):
                continue
            free_fen = sum(vouchers.free_fen(connection, voucher).values())
            if free_fen:
                grant = replace(voucher.grant_terms, room_fen=free_fen)
                providers = self._providers(voucher, scheme, facts, at)
                yield Purse(voucher.id, voucher.contract, grant, providers)

    def _providers(
        self, voucher: Voucher, scheme: Scheme, facts: Facts, at: datetime
    ) -> frozenset[str]:
        if voucher.id not in self._admitted:
            self._admitted[voucher.id] = admitted(self.office.catalogue, scheme, facts, at=at)
        return self._admitted[voucher.id]


def _shelf(catalogue: Catalogue, unit: Unit) -> Shelf:
    """Return the offers of cards that are sold by one unit."""
    whole = Shelf.of(catalogue)
    return Shelf(tuple(one for one in whole.entries if catalogue.offers[one.offer].unit == unit))


def admitted(catalogue: Catalogue, scheme: Scheme, facts: Facts, *, at: datetime) -> frozenset[str]:
    """Return the providers with whom no rule of a programme fails for an applicant.

    Windows are left aside: they bound the application, not where a voucher is redeemed.
    """
    found = set()
    for offer in catalogue.offers_of(scheme.programme.kind):
        if offer.provider in found:
            continue
        seen = {**facts, **catalogue.facts(offer.id, authority=scheme.programme.place.code)}
        decision = decide(scheme.programme, seen, at=at, assumptions=scheme.assumptions)
        rules = [one for one in decision.findings if one.kind in {"condition", "exclusion"}]
        if all(one.status == "passed" for one in rules):
            found.add(offer.provider)
    return frozenset(found)


def nearest_place(catalogue: Catalogue, code: str) -> str:
    """Return the place nearest to a division (GB/T 2260): of its city, its province, its region."""
    for digits in (4, 2, 1, 0):
        near = [one.id for one in catalogue.places.values() if one.code[:digits] == code[:digits]]
        if near:
            return min(near)
    raise AssertionError("every code begins with no digits")


def _choices(purses: Sequence[Purse]) -> Iterator[tuple[Purse, ...]]:
    """Yield which vouchers to try together: all, then each alone by rate, then none."""
    ranked = sorted(purses, key=lambda one: (-one.grant.rate_bp, one.voucher))
    if len(ranked) > 1:
        yield tuple(ranked)
    yield from ((one,) for one in ranked)
    yield ()
