"""Asking: a workload goes the whole way, from the applicant's facts to a purchase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from tallygrid.core.condition import Facts
from tallygrid.core.key import key_of
from tallygrid.core.placement import Placement
from tallygrid.core.workload import Workload
from tallygrid.placement.forecast import Came
from tallygrid.service import applying, buying, leasing, parties, publishing, unplaced
from tallygrid.service import purchase as purchases
from tallygrid.service.applying import Applied
from tallygrid.service.buying import Wanted
from tallygrid.service.contract import KINDS
from tallygrid.service.intent import ConflictError, alone, body_of, carry_out, resume
from tallygrid.service.issuing import Request
from tallygrid.service.office import Office
from tallygrid.service.plain import dump, facts_of
from tallygrid.service.prospect import Prospect, propose, prospect
from tallygrid.service.purchase import Cards, Purchase
from tallygrid.service.quoting import Counter, Proposal, Purse, admitting
from tallygrid.service.told import ToldError, quantity
from tallygrid.service.wish import Answer, Wish

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

    What was begun before and interrupted is carried to its end, under every programme that
    helped then. Returns what was answered to every application for the contract, those made
    before too.

    Raises:
        ConflictError: Something else was begun under this name.
        UnpublishedError: A programme that would help is not published here.
    """
    office = counter.office
    with alone(office, _asking(one)):
        _register(office, one)
        resume(office, *KINDS, contract=one.contract)
        found = prospect(counter, one.workload, one.facts, programmes=one.programmes, at=at)
        before = applying.of_contract(office, one.applicant, one.contract)
        begun = {_name(one, programme) for programme, _, _ in _begun(office, one)}
        is_whole = begun <= {each.application for each in before}
        done = is_whole and _purses(counter, one, found, at)
        made = () if done else _made(counter, one, found, at)
    known = {each.application: each for each in (*before, *made)}
    return found, tuple(known.values())


class UnpublishedError(ToldError):
    """A programme that would help is known, but was never published here."""


def _made(counter: Counter, one: Ask, found: Prospect, at: datetime) -> list[Applied]:
    """Apply under every programme that helped when it was begun; if none does, that helps now.

    Raises:
        ConflictError: Something else was begun under this name.
        UnpublishedError: One of them is not published here.
    """
    published = publishing.published(counter.office) if found.chosen else {}
    for match in found.chosen:
        if match.scheme.id not in published:
            raise UnpublishedError("unpublished", programme=match.scheme.id)
    _begin(counter.office, one, found, at)
    begun = _begun(counter.office, one)
    made = [_applied(counter, one, *each) for each in begun]
    if _purses(counter, one, found, at):
        return made
    known = {programme for programme, _, _ in begun}
    later = [match for match in found.chosen if match.scheme.id not in known]
    return made + [_applied(counter, one, it.scheme.id, it.facts, at) for it in later]


def _applied(counter: Counter, one: Ask, programme: str, facts: Facts, at: datetime) -> Applied:
    asked = Request(_name(one, programme), one.applicant, one.contract, facts)
    return applying.apply(counter.office, counter.schemes[programme], asked, at=at)


def _name(one: Ask, programme: str) -> str:
    return f"A-{one.id}-{programme}"


def _begin(office: Office, one: Ask, found: Prospect, at: datetime) -> None:
    """Write down all the applications before the first is made, on which facts and when.

    A voucher that is there does not tell that there should be another; and the price, from
    which the contract's facts follow, may be another one when they are asked for again.

    Raises:
        ConflictError: Something else was begun under this name.
    """
    asked = _asking(one)
    begun = body_of(office, asked.key)
    if begun is None and found.chosen:
        chosen = [{"programme": it.scheme.id, "facts": dump(dict(it.facts))} for it in found.chosen]
        body = {**asked.body, "at": at.isoformat(), "applications": chosen}
        carry_out(office, replace(asked, body=body), lambda _: ())
    elif begun is not None and not asked.body.items() <= begun.items():
        raise ConflictError(asked)


def _begun(office: Office, one: Ask) -> list[tuple[str, Facts, datetime]]:
    """Return the applications that were written down: the programme, on which facts, when."""
    begun = body_of(office, _asking(one).key)
    if begun is None:
        return []
    at = datetime.fromisoformat(begun["at"])
    return [(it["programme"], facts_of(it["facts"]), at) for it in begun["applications"]]


def _asking(one: Ask) -> Wish:
    """Return what is asked for: the purchase that it leads to follows from books that move."""
    return Wish(
        key=key_of("ask", one.id),
        kind="ask",
        body={
            "id": one.id,
            "applicant": one.applicant,
            "contract": one.contract,
            "facts": dump(dict(one.facts)),
            "programmes": list(one.programmes),
            "workload": dump(replace(one.workload, script=None)),
        },
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


def ask_once(counter: Counter, one: Ask, *, at: datetime) -> Asked | None:
    """Ask, unless a purchase was made under this name; None if it was.

    Several who ask the same at once take turns: all but the first find the purchase.

    Raises:
        HungError: Another process is at it for longer than anything takes.
        NameTakenError: The purchase of this name is something else.
    """
    with alone(counter.office, _asking(one)):
        return None if _is_made(counter.office, one) else ask(counter, one, at=at)


def _is_made(office: Office, one: Ask) -> bool:
    """Tell whether the purchase was made under this name.

    Raises:
        NameTakenError: It is not what is asked for now.
    """
    resume(office, "buy", id=one.id)
    found = office.transact("web", lambda connection: purchases.find(connection, one.id))
    if found is None:
        return False
    unit, quantity = one.workload.unit, one.workload.order and one.workload.order.quantity
    asked = (one.applicant, one.contract, unit, quantity or found.quantity)
    made = (found.applicant, found.contract, found.unit, found.quantity)
    if asked != made or (_work(one.workload) or {}) != found.workload:
        raise NameTakenError(one, found)
    return True


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
