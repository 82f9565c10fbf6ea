"""Quoting: where a workload would go, and what it would cost whom, with the vouchers at hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from psycopg import Connection

from tallygrid.core.catalogue import Catalogue, Fact, Offer, OfferKind, Unit
from tallygrid.core.condition import Facts
from tallygrid.core.decision import decide
from tallygrid.core.finding import Finding
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Flip, Placement, PoolState, Weights
from tallygrid.core.placement import Request as PlacementRequest
from tallygrid.core.quote import Quote, quote
from tallygrid.core.rating import Grant
from tallygrid.placement.capacity import pools
from tallygrid.placement.flip import flips
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf
from tallygrid.service import pricing, reservations
from tallygrid.service import voucher as vouchers
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.voucher import Voucher


@dataclass(frozen=True)
class Admission:
    """The offers that a programme's rules let an applicant redeem at, and why not the others."""

    offers: frozenset[str]
    refused: Mapping[str, str]
    """By offer: the clause of the first rule that refuses it."""
    foreign_clause: str = ""
    """The clause of a rule that refuses foreign accelerators; empty if none does."""


@dataclass(frozen=True)
class Purse:
    """A voucher, or one that could be had, and the offers it may be redeemed at."""

    voucher: str
    contract: str
    grant: Grant
    """What a bill needs to know; its room is what is left."""
    admission: Admission
    """Where it may be redeemed."""


@dataclass(frozen=True)
class Proposal:
    """An offer chosen, with its quote; or no offer, and why."""

    offer: Offer | None
    quote: Quote | None
    vouchers: tuple[str, ...]
    placement: Placement | None


@dataclass(frozen=True)
class Why:
    """What decided a placement beside the prices."""

    weights: Weights
    """What the operator weighs."""
    flips: tuple[Flip, ...]
    """What each weight would have to be for another choice."""


@dataclass
class Counter:
    """Quotes for one catalogue and its programmes; remembers what does not change.

    Which providers a programme admits for an applicant depends on facts alone, so it is
    worked out once for each voucher.
    """

    office: Office
    schemes: Mapping[str, Scheme]
    _shelves: dict[Unit, Shelf] = field(init=False)
    _admitted: dict[str, Admission] = field(init=False, default_factory=dict)

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
        scarce = self._scarce_bp(at)
        for used in _choices(purses):
            found = self._placed(admitting(asked, used, scarce), unit, at)
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
        used = tuple(one for one in purses if offer.id in one.admission.offers)
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
        state = self._state(asked, at)
        return place(asked, self._shelves[unit], state, self.office.weights)

    def _scarce_bp(self, at: datetime) -> Mapping[str, int]:
        """Return what a fen of each programme's budget is worth to later work, where it is."""
        solved = self.office.transact("web", lambda connection: pricing.latest(connection, at))
        return solved.worth.budgets_bp if solved else {}

    def _state(self, asked: PlacementRequest, at: datetime) -> PoolState:
        lasting = timedelta(seconds=asked.seconds)
        taken, told = self.office.transact(
            "web",
            lambda connection: (
                reservations.between(connection, at, at + lasting),
                pricing.told(connection, at),
            ),
        )
        return pools(
            self.office.catalogue, taken, at=at, lasting=lasting, wanted=asked.cards, told=told
        )

    def why(self, proposal: Proposal, at: datetime, *, unit: Unit) -> Why | None:
        """Return what decided a proposal; None where no site was chosen among several."""
        placement, weights = proposal.placement, self.office.weights
        if placement is None or placement.chosen is None:
            return None
        state = self._state(placement.request, at)
        return Why(weights, flips(placement.request, self._shelves[unit], state, weights))

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
                admission = self._admission(voucher, scheme, facts, at)
                yield Purse(voucher.id, voucher.contract, grant, admission)

    def _admission(self, voucher: Voucher, scheme: Scheme, facts: Facts, at: datetime) -> Admission:
        if voucher.id not in self._admitted:
            self._admitted[voucher.id] = admitted(self.office.catalogue, scheme, facts, at=at)
        return self._admitted[voucher.id]


def _shelf(catalogue: Catalogue, unit: Unit) -> Shelf:
    """Return the offers of cards that are sold by one unit."""
    whole = Shelf.of(catalogue)
    return Shelf(tuple(one for one in whole.entries if catalogue.offers[one.offer].unit == unit))


def admitted(catalogue: Catalogue, scheme: Scheme, facts: Facts, *, at: datetime) -> Admission:
    """Return where no rule of a programme fails for an applicant, offer by offer.

    Windows are left aside: they bound the application, not where a voucher is redeemed. Offers
    that a rule could not tell apart are decided once.
    """
    decided: dict[tuple[tuple[str, Fact], ...], tuple[Finding, ...]] = {}
    admits: set[str] = set()
    refused: dict[str, str] = {}
    foreign_clause = ""
    for offer in catalogue.offers_of(scheme.programme.kind):
        about = catalogue.facts(offer.id, authority=scheme.programme.place.code)
        key = tuple(sorted(about.items()))
        if key not in decided:
            decided[key] = _against(scheme, {**facts, **about}, at)
        against = decided[key]
        if not against:
            admits.add(offer.id)
            continue
        refused[offer.id] = against[0].citation.clause
        if offer.origin == "foreign":
            by_origin = (one for one in against if "hardware_origin" in one.saw)
            foreign_clause = foreign_clause or next((o.citation.clause for o in by_origin), "")
    return Admission(frozenset(admits), refused, foreign_clause)


def _against(scheme: Scheme, seen: Facts, at: datetime) -> tuple[Finding, ...]:
    """Return the rules about a case that do not hold."""
    decision = decide(scheme.programme, seen, at=at, assumptions=scheme.assumptions)
    rules = (one for one in decision.findings if one.kind in {"condition", "exclusion"})
    return tuple(one for one in rules if one.status != "passed")


def admitting(
    asked: PlacementRequest, used: Sequence[Purse], scarce_bp: Mapping[str, int]
) -> PlacementRequest:
    """Return a request that goes only where all these vouchers may be redeemed.

    What they draw on budgets that are scarce counts for as much more as it is worth.
    """
    budget_bp = sum(
        scarce_bp.get(one.grant.programme, 0) * one.grant.rate_bp // BASIS_POINTS for one in used
    )
    refused = {offer: why for one in used for offer, why in one.admission.refused.items()}
    foreign = next((one.admission.foreign_clause for one in used), "")
    return replace(asked, refused=refused, origin_clause=foreign, budget_bp=budget_bp)


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
