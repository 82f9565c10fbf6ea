"""Asking: a workload goes the whole way, from the applicant's facts to a purchase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from tallygrid.core.condition import Facts
from tallygrid.core.placement import Placement
from tallygrid.core.workload import Workload
from tallygrid.placement.forecast import Came
from tallygrid.service import applying, buying, leasing, parties, publishing, unplaced
from tallygrid.service import purchase as purchases
from tallygrid.service.applying import Applied
from tallygrid.service.buying import Wanted
from tallygrid.service.issuing import Request
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.prospect import Prospect, propose, prospect
from tallygrid.service.purchase import Cards, Purchase
from tallygrid.service.quoting import Counter, Proposal, Purse, admitting
from tallygrid.service.told import ToldError, quantity
from tallygrid.service.wish import Answer

_PLACINGS_MAX: Final = 20
"""How often a workload is placed anew because others took its cards meanwhile."""


@dataclass(frozen=True)
class Ask:
    """What an applicant wants, under a name of its own choosing: the same name is once."""

    id: str
    workload: Workload
    applicant: str
    facts: Facts
    programmes: tuple[str, ...] = ()
    first_stage: Fraction | None = None
    """Hold for so much of the quantity first; None: for all of it."""

    @property
    def contract(self) -> str:
        """The number of the contract that the purchase is."""
        return f"C-{self.id}"


@dataclass(frozen=True)
class Asked:
    """What came of it."""

    prospect: Prospect
    applied: tuple[Applied, ...]
    proposal: Proposal
    answer: Answer | None
    """None if no site suits."""


def apply(counter: Counter, one: Ask, *, at: datetime) -> tuple[Prospect, tuple[Applied, ...]]:
    """Apply for the vouchers that help a workload, unless its contract has vouchers already.

    Returns what was answered to every application for the contract, those made before too.
    """
    _register(counter.office, one)
    found = prospect(counter, one.workload, one.facts, programmes=one.programmes, at=at)
    made = () if _purses(counter, one, found, at) else _made(counter, one, found, at)
    before = applying.of_contract(counter.office, one.applicant, one.contract)
    known = {each.application: each for each in (*before, *made)}
    return found, tuple(known.values())


class UnpublishedError(ToldError):
    """A programme that would help is known, but was never published here."""


def _made(counter: Counter, one: Ask, found: Prospect, at: datetime) -> tuple[Applied, ...]:
    """Apply under every programme that helps.

    Raises:
        UnpublishedError: One of them is not published here.
    """
    published = publishing.published(counter.office) if found.chosen else {}
    for match in found.chosen:
        if match.scheme.id not in published:
            raise UnpublishedError("unpublished", programme=match.scheme.id)
    return tuple(
        applying.apply(
            counter.office,
            match.scheme,
            Request(f"A-{one.id}-{match.scheme.id}", one.applicant, one.contract, match.facts),
            at=at,
        )
        for match in found.chosen
    )


class NameTakenError(ToldError):
    """A purchase of this name is something else."""

    def __init__(self, one: Ask, taken: Purchase) -> None:
        super().__init__(
            "name_taken",
            name=one.id,
            quantity=quantity(taken.quantity, taken.unit),
            offer=taken.offer,
            applicant=taken.applicant,
        )


def before(office: Office, one: Ask) -> Purchase | None:
    """Return the purchase that was made under this name, if there is one.

    Raises:
        NameTakenError: It is not what is asked for now.
    """
    found = office.transact("web", lambda connection: purchases.find(connection, one.id))
    if found is None:
        return None
    unit, quantity = one.workload.unit, one.workload.order and one.workload.order.quantity
    asked = (one.applicant, one.contract, unit, quantity or found.quantity)
    made = (found.applicant, found.contract, found.unit, found.quantity)
    if asked != made or (_work(one.workload) or {}) != found.workload:
        raise NameTakenError(one, found)
    return found


def ask(counter: Counter, one: Ask, *, at: datetime) -> Asked:
    """Apply for the vouchers that help, then place and hold: everything up to the first second."""
    found, applied = apply(counter, one, at=at)
    purses = _purses(counter, one, found, at)
    proposal = _leased(counter, one, found.facts, purses, at)
    if proposal.offer is None:
        assert proposal.placement is not None, "whatever is ordered has an offer"
        wish = _wish(proposal.placement, purses, at)
        unplaced.keep(counter.office, one.id, proposal.placement, wish, at=at)
        return Asked(found, applied, proposal, None)
    answer = buying.buy(counter.office, _wanted(one, proposal), at=at)
    if not answer.accepted:
        leasing.let_go(counter.office, one.id)
    return Asked(found, applied, proposal, answer)


def _leased(
    counter: Counter, one: Ask, facts: Facts, purses: Sequence[Purse], at: datetime
) -> Proposal:
    """Place, and keep the cards; if others were faster, place again, as they are taken now.

    Raises:
        CardsError: Others were faster every time.
    """
    for _ in range(_PLACINGS_MAX - 1):
        proposal = propose(counter, one.workload, facts, purses, at=at)
        cards = _cards(one, proposal)
        if proposal.offer is None or cards is None:
            return proposal
        if leasing.lease(counter.office, one.id, cards, proposal.offer.site, at=at):
            return proposal
    return propose(counter, one.workload, facts, purses, at=at)


def _wish(placement: Placement, purses: Sequence[Purse], at: datetime) -> Came | None:
    """Return what came, as its best voucher would have had it; None where there is no voucher."""
    if not purses:
        return None
    best = max(purses, key=lambda one: (one.grant.rate_bp, one.voucher))
    asked = admitting(placement.request, (best,), {})
    return Came(at, asked, best.grant.programme, best.grant.rate_bp)


def _purses(counter: Counter, one: Ask, found: Prospect, at: datetime) -> list[Purse]:
    """Return the vouchers of the workload's own contract."""
    held = counter.purses(one.applicant, found.facts, kind=one.workload.kind, at=at)
    return [purse for purse in held if purse.contract == one.contract]


def _wanted(one: Ask, proposal: Proposal) -> Wanted:
    assert proposal.offer is not None, one.id
    assert proposal.quote is not None, one.id
    return Wanted(
        id=one.id,
        applicant=one.applicant,
        contract=one.contract,
        offer=proposal.offer.id,
        quantity=proposal.quote.quantity,
        vouchers=proposal.vouchers,
        first_stage=one.first_stage,
        workload=_work(one.workload),
        placement=dump(proposal.placement) if proposal.placement else None,
        cards=_cards(one, proposal),
    )


def _cards(one: Ask, proposal: Proposal) -> Cards | None:
    gang = one.workload.gang
    if gang is None or proposal.offer is None:
        return None
    return Cards(proposal.offer.model, gang.cards, gang.time_limit_s)


def _work(workload: Workload) -> Mapping[str, Any] | None:
    """Return the program that the cards run, if it is to be run by us."""
    if workload.script is None or workload.gang is None or workload.order is not None:
        return None
    return {
        "cards": workload.gang.cards,
        "command": list(workload.script.command),
        "environment": dict(workload.script.environment),
        "time_limit_s": workload.gang.time_limit_s,
    }


def _register(office: Office, one: Ask) -> None:
    """Enter the applicant, and every provider it might buy from."""
    parties.register(office, one.applicant, name={"en": one.applicant}, facts=one.facts)
    for provider in office.catalogue.providers.values():
        name = {"en": provider.name.en, "zh": provider.name.zh}
        parties.register(office, provider.credit_code, name=name, facts={})
