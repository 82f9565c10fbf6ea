"""A prospect: what a workload would cost an applicant with the vouchers it has or could have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from tallygrid.core.catalogue import Catalogue, Offer
from tallygrid.core.condition import Facts
from tallygrid.core.granting import grant_of
from tallygrid.core.key import key_of
from tallygrid.core.placement import SEEDS, Request
from tallygrid.core.rating import tax_within
from tallygrid.core.stacking import best
from tallygrid.core.workload import Workload
from tallygrid.service.matching import Match, eligible, match
from tallygrid.service.publishing import Scheme
from tallygrid.service.quoting import Counter, Proposal, Purse, admitted, nearest_place
from tallygrid.service.told import Said, ToldError

HOURS_OF_MONTH = 720


class NoOfferError(ToldError):
    """Nothing in the catalogue is sold by the unit that is asked for."""


@dataclass(frozen=True)
class Prospect:
    """Where a workload would go, which vouchers would help, and what it would cost."""

    proposal: Proposal
    chosen: tuple[Match, ...]
    """The programmes whose vouchers could be had for it, with the facts to apply on."""
    facts: Facts
    beside: tuple[Match, ...] = ()
    """What was decided under all other programmes, for which nobody would apply."""


def prospect(
    counter: Counter,
    workload: Workload,
    facts: Facts,
    *,
    programmes: Sequence[str] = (),
    at: datetime,
) -> Prospect:
    """Return what could be had for a workload, with the best legal combination of vouchers.

    The contract's value follows from the price, and the vouchers from the contract; so it is
    worked out for the cheapest site first, then for the site that the vouchers admit.
    """
    plain = propose(counter, workload, facts, (), at=at)
    case = contract_facts(counter.office.catalogue, workload, facts, plain, at=at)
    held = _held(counter, case, programmes, at)
    found = _helping(held)
    proposal = propose(counter, workload, case, _purses(counter, found, at), at=at)
    if proposal.quote is not None and plain.quote is not None:
        case = contract_facts(counter.office.catalogue, workload, facts, proposal, at=at)
        held = _held(counter, case, programmes, at)
        found = _helping(held)
        proposal = propose(counter, workload, case, _purses(counter, found, at), at=at)
    kept = tuple(one for one in found if f"({one.scheme.id})" in proposal.vouchers)
    return Prospect(
        proposal=proposal,
        chosen=kept,
        facts=case,
        beside=tuple(one for one in held if one not in kept),
    )


def propose(
    counter: Counter, workload: Workload, facts: Facts, purses: Sequence[Purse], *, at: datetime
) -> Proposal:
    """Place a workload's cards, or quote the cheapest offer of what it orders.

    Raises:
        NoOfferError: Nothing is sold by that unit.
    """
    catalogue = counter.office.catalogue
    if workload.gang is not None:
        request = request_of(workload, facts, catalogue)
        return counter.place(request, purses, at=at, unit=workload.unit)
    assert workload.order is not None, workload
    return counter.order(
        _offer(catalogue, workload, purses), workload.order.quantity, purses, at=at
    )


def request_of(workload: Workload, facts: Facts, catalogue: Catalogue) -> Request:
    """Return what a workload asks of a site."""
    gang = workload.gang
    assert gang is not None, workload
    home = nearest_place(catalogue, str(facts.get("registered_in", "")))
    code = str(facts.get("credit_code", ""))
    return Request(
        cards=gang.cards,
        seconds=gang.time_limit_s,
        place=workload.region or home,
        models=frozenset(gang.models),
        origin=workload.origin,
        sites=frozenset(workload.sites),
        data_gb=ceil(workload.data_gb),
        latency_ms_max=workload.latency_ms_max,
        related=catalogue.related(code),
        certified=workload.certified,
        seed=key_of("placement", code, workload.name).int % SEEDS,
    )


def contract_facts(
    catalogue: Catalogue, workload: Workload, facts: Facts, proposal: Proposal, *, at: datetime
) -> Facts:
    """Return the facts of the contract that a proposal would be, beside those given."""
    if proposal.quote is None:
        return facts
    billed_fen = proposal.quote.bill.billed_fen
    return {
        "purchase_kind": workload.kind,
        "contract_fen": billed_fen,
        "contract_tax_fen": tax_within(billed_fen, catalogue.rules.vat_bp),
        "contract_signed_on": at.date(),
        **_term(workload),
        **facts,
    }


def _term(workload: Workload) -> Facts:
    """Return the shortest contract that the job fits in; an order does not tell how long it is."""
    if workload.gang is None:
        return {}
    return {"contract_term_months": max(1, ceil(workload.gang.hours / HOURS_OF_MONTH))}


def _offer(catalogue: Catalogue, workload: Workload, purses: Sequence[Purse]) -> Offer:
    """Return the offer that was named, else the cheapest that the vouchers admit."""
    order = workload.order
    assert order is not None, workload
    offers = [
        one
        for one in catalogue.offers_of(workload.kind)
        if one.unit == order.unit and order.offer in {"", one.id}
    ]
    if not offers:
        raise NoOfferError("no_offer", unit=Said(f"money.unit.{workload.unit}"), name=workload.name)
    admitted_by_all = [one for one in offers if all(one.id in p.admission.offers for p in purses)]
    return min(admitted_by_all or offers, key=lambda one: (one.price.unit_fen, one.id))


def _held(
    counter: Counter, facts: Facts, programmes: Sequence[str], at: datetime
) -> tuple[Match, ...]:
    """Hold the programmes that are asked for against a case."""
    schemes = [one for one in counter.schemes.values() if not programmes or one.id in programmes]
    return match(counter.office.catalogue, schemes, facts, at=at)


def _helping(held: Sequence[Match]) -> tuple[Match, ...]:
    """Return the programmes of the best legal combination, each with its amount there."""
    found = eligible(held)
    together = best([one.decision for one in found], [one.scheme.programme for one in found])
    return tuple(
        one for one in found if one.scheme.id in {part.programme for part in together.parts}
    )


def _purses(counter: Counter, found: Sequence[Match], at: datetime) -> tuple[Purse, ...]:
    """Return the vouchers that the programmes would issue, named by them in brackets."""
    return tuple(_purse(counter, one.scheme, one, at) for one in found)


def _purse(counter: Counter, scheme: Scheme, one: Match, at: datetime) -> Purse:
    grant = grant_of(scheme.applied, one.decision, voucher=f"({scheme.id})")
    admission = admitted(counter.office.catalogue, scheme, one.facts, at=at)
    return Purse(grant.voucher, "", grant, admission)
