"""`tallygrid quote`, `apply`, `run`, `deliver`: from a workload to money owed."""

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from time import sleep
from typing import Final

import click

from tallygrid.cli.common import (
    REFUSED,
    Desk,
    assumptions,
    at_option,
    in_language,
    instant,
    json_option,
    nearest_said,
    programmes,
    write_json,
)
from tallygrid.cli.naming import name_for_the_books, plain
from tallygrid.cli.refusing import leave_refused
from tallygrid.cli.showing import (
    applied_json,
    beside_json,
    prospect_json,
    tell_applied,
    tell_asked,
    tell_beside,
    tell_line,
    tell_no_help,
    tell_prospect,
    tell_purchase,
    tell_state,
    tell_why,
)
from tallygrid.core.condition import Facts
from tallygrid.core.credit_code import is_well_formed
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.document import Document, read
from tallygrid.files.facts import facts_of
from tallygrid.files.programme import known_facts
from tallygrid.files.workload import WorkloadFile, read_workload
from tallygrid.service import asking, buying, closing, delivering, lines, publishing, running
from tallygrid.service.applying import Applied
from tallygrid.service.asking import Ask
from tallygrid.service.delivering import Delivery
from tallygrid.service.intent import recover
from tallygrid.service.matching import Match
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.prospect import prospect
from tallygrid.service.publishing import Scheme
from tallygrid.service.purchase import Purchase
from tallygrid.service.quoting import Counter
from tallygrid.text import render

DAYS_PER_MONTH: Final = 30
"""The market's month, in which a server-month is priced."""

_POLL_S: Final = 0.1
_QUANTITY: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6}|/[1-9][0-9]{0,8})?")
_workload = click.argument("file", metavar="WORKLOAD.yaml", type=click.Path(path_type=Path))
_facts = click.option(
    "--facts",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="The applicant's facts, instead of those that the workload names.",
)
_assume = click.option(
    "--assume",
    metavar="NAME_OR_FILE",
    default="demonstration",
    show_default=True,
    help="Where no programme is published here yet: how to read what the texts leave open.",
)


@click.command()
@_workload
@_facts
@_assume
@click.option(
    "--explain",
    is_flag=True,
    help="Show every offer passed over, what decided, and which weights would decide otherwise.",
)
@at_option
@json_option
@click.pass_obj
def quote(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    file: Path,
    facts: Path | None,
    assume: str,
    *,
    explain: bool,
    at: str | None,
    as_json: bool,
) -> None:
    """Quote a workload: where it would go, who pays what, in cash and when. Changes nothing."""
    when = instant(at)
    asked, known = _read(desk, file, facts)
    with desk.office() as office:
        counter = _counter(office, assume, asked)
        given = _given(counter, known)
        found = prospect(counter, asked.workload, given, programmes=asked.programmes, at=when)
        why = counter.why(found.proposal, when, unit=asked.workload.unit) if explain else None
        if as_json:
            write_json(prospect_json(found, why))
        else:
            tell_prospect(desk, counter, found, when, shown=None if explain else 5)
            tell_why(desk, counter, found, why)
    if found.proposal.offer is None:
        sys.exit(REFUSED)


@click.command()
@_workload
@_facts
@_assume
@click.option(
    "--id",
    "name",
    callback=name_for_the_books,
    help="A name of your own: the same name is the same purchase.",
)
@click.option(
    "--first-days",
    type=click.IntRange(1),
    help="For server-months: hold for so many days first, then stage by stage (see `deliver`).",
)
@at_option
@json_option
@click.pass_obj
def run(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    file: Path,
    facts: Path | None,
    assume: str,
    *,
    name: str | None,
    first_days: int | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Apply for the vouchers that help, place, hold, run, follow and settle a workload.

    What is ordered without a job is held for and begun; `deliver` brings it in.
    """
    when = instant(at)
    asked, known = _read(desk, file, facts)
    with desk.office() as office:
        counter = _counter(office, assume, asked)
        given = _given(counter, known)
        for sentence in asked.unused:
            desk.say(sentence)
        one = Ask(
            id=name or f"{plain(asked.workload.name)}-{when:%Y%m%d%H%M%S}",
            workload=asked.workload,
            applicant=code_of(given),
            facts=given,
            programmes=asked.programmes,
            first_stage=_first_stage(asked, first_days),
        )
        recover(office)
        _bought(desk, counter, one, when, tell=not as_json)
        purchase = _carried_out(desk, office, one.id, when)
        if as_json:
            write_json(dump(purchase))
        else:
            tell_purchase(desk, office, purchase)
        if exit_code := _exit_code(office, purchase):
            desk.say(render("cli.job_failed", desk.language, code=exit_code))
            sys.exit(REFUSED)


@click.command()
@_workload
@_facts
@_assume
@click.option(
    "--id",
    "name",
    required=True,
    callback=name_for_the_books,
    help="A name of your own for the contract.",
)
@at_option
@json_option
@click.pass_obj
def apply(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    file: Path,
    facts: Path | None,
    assume: str,
    *,
    name: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Apply for the vouchers that help a workload, and show every decision."""
    when = instant(at)
    asked, known = _read(desk, file, facts)
    with desk.office() as office:
        counter = _counter(office, assume, asked)
        given = _given(counter, known)
        one = Ask(name, asked.workload, code_of(given), given, asked.programmes)
        found, applied = asking.apply(counter, one, at=when)
        beside = _worth_telling(found.beside, applied)
        if as_json:
            write_json([*map(applied_json, applied), *map(beside_json, beside)])
        else:
            for each in applied:
                tell_applied(desk, each)
            tell_beside(desk, beside)
    if not applied:
        if not as_json:
            tell_no_help(desk)
        sys.exit(REFUSED)


def _worth_telling(beside: Sequence[Match], applied: Sequence[Applied]) -> list[Match]:
    """Return what was decided where nobody applied: refusals only if nothing helps at all."""
    answered = {each.decision.programme for each in applied}
    return [
        one
        for one in beside
        if one.scheme.id not in answered
        and (not applied or one.decision.outcome != "refused" or one.decision.only_closed)
    ]


@click.command()
@click.argument("purchase", metavar="PURCHASE")
@click.option(
    "--evidence",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The provider's paper: statement, licence, acceptance report. Its hash is kept.",
)
@click.option("--quantity", help="How much was delivered, in the purchase's unit: 2, 1.5 or 28/15.")
@click.option("--days", type=click.IntRange(1), help="For server-months: the days delivered.")
@click.option("--last", is_flag=True, help="Nothing more will come: the rest of the hold is free.")
@click.option("--then-days", type=click.IntRange(1), help="Hold for so many days more.")
@at_option
@click.pass_obj
def deliver(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    purchase: str,
    evidence: Path,
    *,
    quantity: str | None,
    days: int | None,
    last: bool,
    then_days: int | None,
    at: str | None,
) -> None:
    """Accept a delivery of PURCHASE on its evidence: it is rated, captured, and owed.

    The same evidence again is the same delivery.
    """
    when, paper = instant(at), evidence.read_bytes()
    with desk.office() as office, delivering.in_turn(office, purchase):
        found = buying.found(office, purchase)
        delivery = Delivery(
            n=delivering.number_of(office, found, paper),
            quantity=_quantity(found, quantity, days),
            delivered_at=when,
            evidence=paper,
            describes=evidence.name,
            final=last,
        )
        stage = _quantity(found, None, then_days) if then_days and not last else Fraction(0)
        before = lines.of_purchase(office, found)
        delivering.check(found, delivery, before, then=stage)
        answer = delivering.accept(office, found, delivery)
        if not answer.accepted:
            leave_refused(desk, answer.refused)
        if stage:
            answer = buying.extend(office, found, stage=delivery.n + 1, quantity=stage, at=when)
        if delivery.n <= len(before):
            desk.say(render("cli.known_already", desk.language))
        count = _tell_delivered(desk, office, found, delivery.n)
        if not answer.accepted:
            desk.say(render("cli.not_held_next", desk.language, purchase=purchase))
            leave_refused(desk, answer.refused)
        for left in closing.came_free(office, found) if last else ():
            about = {"programme": left.programme, "year": left.year, "amount": left.fen}
            desk.say(render("money.done.came_free", desk.language, **about))
        if stage and delivery.n == count:
            held_fen = buying.set_aside_fen(office, found)
            desk.out.print(render("cli.held_next", desk.language, amount=held_fen), markup=False)


def _tell_delivered(desk: Desk, office: Office, purchase: Purchase, n: int) -> int:
    """Tell a line, the state, and if hardly a fen was left; return how many lines there are."""
    known = lines.of_purchase(office, purchase)
    line = known[n - 1]
    tell_line(desk, office, purchase, line)
    rest_fen = purchase.bill.subsidy_fen - sum(one.bill.subsidy_fen for one in known)
    odd_fen = sum(len(part.funders) for part in line.bill.subsidies)
    if line.quantity and line.bill.subsidy_fen <= odd_fen < rest_fen:
        desk.say(render("cli.nothing_left", desk.language, purchase=purchase.id, rest=rest_fen))
    tell_state(desk, buying.found(office, purchase.id))
    return len(known)


def _counter(office: Office, assume: str, asked: WorkloadFile) -> Counter:
    """Return a counter for what is published here; where nothing is, for all that is known.

    Raises:
        click.UsageError: The workload names a programme that is not among them.
    """
    schemes = publishing.published(office)
    if not schemes:
        read_under = assumptions(assume)
        schemes = {
            one.id: Scheme(one, read_under) for one in programmes() if one.edition == "issued"
        }
    for name in asked.programmes:
        if name not in schemes:
            remedy = nearest_said(name, schemes)
            raise click.UsageError(in_language("cli.not_here", name=name, remedy=remedy))
    return Counter(office, schemes)


def _read(desk: Desk, file: Path, facts: Path | None) -> tuple[WorkloadFile, Document]:
    """Read a workload and its facts' file, before anything is opened."""
    on_offer = read_catalogue(desk.settings.catalogue)
    names = {
        "region": on_offer.places,
        "sites": on_offer.sites,
        "order.offer": on_offer.offers,
    }
    asked = read_workload(file, models=on_offer.cards, names=names)
    path = facts or asked.facts
    if path is None:
        raise click.UsageError(in_language("cli.no_facts", file=file))
    return asked, read(path)


def _given(counter: Counter, document: Document) -> Facts:
    """Check the facts, among which may be those that only a programme published here knows."""
    own = [scheme.programme for scheme in counter.schemes.values()]
    return facts_of(document, known_facts([*programmes(), *own]))


def code_of(facts: Facts) -> str:
    """Return the applicant's credit code, by which it is known here."""
    code = str(facts.get("credit_code", ""))
    if not is_well_formed(code):
        raise click.UsageError(in_language("cli.no_code", code=code))
    return code


def _first_stage(asked: WorkloadFile, days: int | None) -> Fraction | None:
    order = asked.workload.order
    if days is None:
        return None
    if order is None or order.unit != "server_month":
        raise click.UsageError(in_language("cli.first_days"))
    if days > DAYS_PER_MONTH:
        values = {"days": days, "most": DAYS_PER_MONTH}
        raise click.UsageError(in_language("cli.first_days_most", **values))
    return order.quantity * days / DAYS_PER_MONTH


def _quantity(purchase: Purchase, quantity: str | None, days: int | None) -> Fraction:
    if days is not None and quantity is not None:
        raise click.UsageError(in_language("cli.one_quantity"))
    if days is not None:
        if purchase.unit != "server_month":
            unit = in_language(f"money.unit.{purchase.unit}")
            raise click.UsageError(in_language("cli.no_days", purchase=purchase.id, unit=unit))
        return purchase.quantity * days / DAYS_PER_MONTH
    if quantity is None or not _QUANTITY.fullmatch(quantity):
        raise click.UsageError(in_language("cli.no_quantity", written=quantity or ""))
    return Fraction(quantity)


def quantity_of(written: str, option: str) -> Fraction:
    """Return a quantity as a user writes it.

    Raises:
        click.BadParameter: It is none.
    """
    if not _QUANTITY.fullmatch(written):
        message = in_language("cli.no_number", written=written)
        raise click.BadParameter(message, param_hint=option)
    return Fraction(written)


def _bought(desk: Desk, counter: Counter, one: Ask, at: datetime, *, tell: bool) -> None:
    """Apply, place and hold, unless that was done before; leave if it is refused."""
    done = asking.ask_once(counter, one, at=at)
    if done is None:
        return
    if tell:
        tell_asked(desk, counter, done, at)
    if done.answer is None or not done.answer.accepted:
        leave_refused(desk, done.answer.refused if done.answer else None)


def _exit_code(office: Office, purchase: Purchase) -> int:
    """Return how a purchase's program ended; 0 if it has none, or none that was measured."""
    if not purchase.workload:
        return 0
    followed = running.follow(office, purchase)
    return followed.usage.exit_code if followed.usage else 0


def _carried_out(desk: Desk, office: Office, name: str, at: datetime) -> Purchase:
    """Run a purchase's job to its end, or begin what is ordered without one."""
    purchase = buying.found(office, name)
    if not purchase.workload:
        if not (begun := buying.begin(office, purchase, at=at)).accepted:
            leave_refused(desk, begun.refused)
        return buying.found(office, name)
    if not (started := running.start(office, purchase, at=at)).accepted:
        leave_refused(desk, started.refused)
    while not (followed := running.follow(office, purchase)).ended:
        sleep(_POLL_S)
    output = office.site.output(running.job_key(purchase, followed.attempt))
    if output is not None:
        desk.say(render("cli.output", desk.language, folder=output.folder, log=output.stdout))
    return buying.found(office, name)
