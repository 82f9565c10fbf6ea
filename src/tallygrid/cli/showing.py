"""Showing a purchase on a terminal: where it goes, who pays what, what has been delivered."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from fractions import Fraction
from typing import Final

from tallygrid.cli.common import Desk
from tallygrid.cli.refusing import tell_refused
from tallygrid.core.placement import Placement
from tallygrid.service import lines, publishing
from tallygrid.service.applying import Applied
from tallygrid.service.asking import Asked
from tallygrid.service.lines import Line
from tallygrid.service.matching import Match
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.prospect import Prospect
from tallygrid.service.publishing import Scheme
from tallygrid.service.purchase import Purchase
from tallygrid.service.quoting import Counter, Proposal, Why
from tallygrid.settings import Language
from tallygrid.text import money, render
from tallygrid.text.decision import outcome_said
from tallygrid.text.facts import asked_for, listed, said
from tallygrid.text.placement import choice, explained, runners_up
from tallygrid.text.placement import sentence as row_sentence
from tallygrid.text.quote import exact, sentences

SECONDS_PER_HOUR: Final = 3_600


def tell_prospect(
    desk: Desk, counter: Counter, found: Prospect, at: datetime, *, shown: int | None
) -> None:
    """Tell what could be had for a workload."""
    for match in found.chosen:
        said = outcome_said(match.decision, desk.language)
        desk.out.print(f"{match.scheme.id}: {said}", markup=False, soft_wrap=True)
    if not found.chosen:
        tell_no_help(desk)
    desk.out.print()
    _tell_proposal(desk, counter, found.proposal, at, shown=shown)


def _tell_proposal(
    desk: Desk, counter: Counter, proposal: Proposal, at: datetime, *, shown: int | None
) -> None:
    """Tell where it goes, why not elsewhere, and who pays what."""
    offers, language = counter.office.catalogue, desk.language
    if proposal.placement is not None:
        desk.out.print(choice(proposal.placement, offers, language), markup=False, soft_wrap=True)
        others = runners_up(proposal.placement, offers, language, at=at)
        for row in others[:shown]:
            desk.out.print("  " + row_sentence(row, language), markup=False, soft_wrap=True)
        if shown is not None and len(others) > shown:
            more = render("cli.more_offers", language, count=len(others) - shown)
            desk.out.print("  " + more, markup=False)
        desk.out.print()
    if proposal.quote is not None:
        for sentence in sentences(
            proposal.quote, language, names_of(counter.schemes.values(), language)
        ):
            desk.out.print(sentence, markup=False, soft_wrap=True)
    used = {name for scheme in counter.schemes.values() for name in scheme.assumed}
    if used and proposal.vouchers:
        assumed = render("cli.assumed", language, names=", ".join(sorted(used)))
        desk.out.print(assumed, markup=False, soft_wrap=True)


def tell_why(desk: Desk, counter: Counter, found: Prospect, why: Why | None) -> None:
    """Tell what decided a placement, and which weights would have decided otherwise."""
    placement = found.proposal.placement
    if placement is None or why is None:
        return
    desk.out.print()
    catalogue = counter.office.catalogue
    for line in explained(placement, why.flips, why.weights, catalogue, desk.language):
        desk.out.print(line, markup=False, soft_wrap=True)


def names_of(schemes: Iterable[Scheme], language: Language) -> dict[str, str]:
    """Return what programmes are called, by id, and their funders, by `PROGRAMME/FUNDER`.

    Every city's programme may have a funder `city`, which is another treasury.
    """
    names: dict[str, str] = {}
    for scheme in schemes:
        names[scheme.id] = said(scheme.programme.name, language)
        for funder in scheme.programme.budget.funders:
            names[f"{scheme.id}/{funder.id}"] = said(funder.name, language)
    return names


def tell_asked(desk: Desk, counter: Counter, done: Asked, at: datetime) -> None:
    """Tell what came of asking: the decisions, the place, the price."""
    for one in done.applied:
        tell_applied(desk, one)
    if done.applied:
        desk.out.print()
    _tell_proposal(desk, counter, done.proposal, at, shown=5)


def tell_no_help(desk: Desk) -> None:
    """Tell that no programme pays for this, and how to learn why."""
    desk.out.print(render("cli.nothing_helps", desk.language), markup=False, soft_wrap=True)


def tell_applied(desk: Desk, one: Applied) -> None:
    """Tell one decision, and what became of its application."""
    said = outcome_said(one.decision, desk.language)
    desk.out.print(f"{one.decision.programme}: {said}", markup=False, soft_wrap=True)
    state = "barred" if one.barred else "in_batch" if one.in_batch else one.state
    words = render(
        f"cli.applied.{state}",
        desk.language,
        application=one.application,
        voucher=one.voucher,
        barred=one.barred.partition(" ")[2],
    )
    desk.out.print("  " + words, markup=False, soft_wrap=True)
    if one.refused is not None:
        tell_refused(desk, one.refused)


def tell_beside(desk: Desk, beside: Iterable[Match]) -> None:
    """Tell what was decided where nobody applied, and why nobody did."""
    for one in beside:
        said = outcome_said(one.decision, desk.language)
        desk.out.print(f"{one.scheme.id}: {said}", markup=False, soft_wrap=True)
        why = "  " + _unapplied(one, desk.language)
        desk.out.print(why, markup=False, soft_wrap=True)


def _unapplied(one: Match, language: Language) -> str:
    """Return why nobody applied under a programme."""
    decision, programme = one.decision, one.scheme.programme
    if decision.outcome == "undecided" and decision.missing:
        asked = asked_for(decision.missing, programme, language)
        return render("cli.unapplied.missing", language, asked=asked)
    if decision.only_closed or decision.outcome == "refused":
        code = "closed" if decision.only_closed else "refused"
        return render(f"cli.unapplied.{code}", language, programme=one.scheme.id)
    if decision.blocked_by or decision.open:
        items = listed(decision.blocked_by or decision.open, language)
        return render("cli.unapplied.open", language, items=items)
    return render("cli.unapplied.beside", language)


def tell_purchase(desk: Desk, office: Office, purchase: Purchase) -> None:
    """Tell how a purchase stands, and every line of it."""
    desk.out.print()
    tell_state(desk, purchase)
    for line in lines.of_purchase(office, purchase):
        tell_line(desk, office, purchase, line)


def tell_state(desk: Desk, purchase: Purchase) -> None:
    """Tell how a purchase stands."""
    code = f"cli.purchase.{purchase.state}"
    desk.out.print(render(code, desk.language, purchase=purchase.id), markup=False, soft_wrap=True)


def tell_line(desk: Desk, office: Office, purchase: Purchase, line: Line) -> None:
    """Tell what was accepted, and who pays which part of it."""
    language, bill = desk.language, line.bill
    said = render(
        "cli.line",
        language,
        n=line.n,
        quantity=_amount_of(purchase, line.quantity, language),
        gross=bill.gross_fen,
        subsidy=bill.subsidy_fen,
        own=bill.co_payment_fen,
    )
    desk.out.print(said, markup=False, soft_wrap=True)
    names = names_of(publishing.published(office).values(), language)
    for part in bill.subsidies:
        parts = (
            f"{names.get(f'{part.programme}/{name}', name)} {money(fen, language)}"
            for name, fen in part.funders
        )
        funders = listed(parts, language)
        text = render(
            "cli.line_part",
            language,
            programme=names.get(part.programme, part.programme),
            amount=part.subsidy_fen,
            funders=funders,
        )
        desk.out.print("  " + text, markup=False, soft_wrap=True)


def _amount_of(purchase: Purchase, quantity: Fraction, language: Language) -> str:
    """Write a quantity in a unit that people read: short use of cards in card-seconds."""
    if purchase.unit == "card_hour" and quantity < 1:
        return render("cli.card_seconds", language, n=exact(quantity * SECONDS_PER_HOUR))
    return render(f"unit.{purchase.unit}", language, quantity=exact(quantity))


def beside_json(one: Match) -> dict[str, object]:
    """Return a decision on which nobody applied in the form of an application's answer."""
    return {
        "application": None,
        "state": "not_applied",
        "voucher": None,
        "decision": one.decision.as_json(),
    }


def prospect_json(found: Prospect, why: Why | None = None) -> dict[str, object]:
    """Return a prospect as one JSON document, with what decided it if that was asked for."""
    proposal = found.proposal
    quoted = proposal.quote
    return {
        "offer": proposal.offer.id if proposal.offer else None,
        "vouchers": list(proposal.vouchers),
        "decisions": [match.decision.as_json() for match in found.chosen],
        "quote": quoted
        and {
            **dump(quoted),
            "cash_today_fen": quoted.cash_today_fen,
            "refund_fen": quoted.refund_fen,
            "worst_case_fen": quoted.worst_case_fen,
        },
        "placement": _placement_json(proposal.placement) if proposal.placement else None,
        **(
            {}
            if why is None
            else {"weights": asdict(why.weights), "flips": [asdict(f) for f in why.flips]}
        ),
    }


def _placement_json(placement: Placement) -> dict[str, object]:
    """Return a placement with the names of the reasons and of the parts of each cost."""
    return {
        "request": dump(placement.request),
        "chosen": placement.chosen,
        "verdicts": [
            {
                **one._asdict(),
                "reasons": one.codes,
                "cost": one.cost and {**one.cost._asdict(), "total_fen": one.cost.total_fen},
            }
            for one in placement.verdicts
        ],
    }


def applied_json(one: Applied) -> dict[str, object]:
    """Return an application's answer as JSON."""
    return {
        "application": one.application,
        "state": one.state,
        "voucher": one.voucher,
        "refused": None if one.refused is None else asdict(one.refused),
        "decision": one.decision.as_json(),
    }
