"""`tallygrid notice`: awards that are held while they are in public notice (公示)."""

import sys
from pathlib import Path

import click

from tallygrid.cli.buying import code_of, name_for_the_books
from tallygrid.cli.common import (
    REFUSED,
    ZONE,
    Desk,
    at_option,
    because_option,
    evidence_option,
    instant,
    json_option,
    require_published,
    write_json,
)
from tallygrid.cli.refusing import leave_refused
from tallygrid.cli.showing import tell_applied
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import known_facts
from tallygrid.service import applying, noticing, parties, publishing
from tallygrid.service.issuing import Request
from tallygrid.text import render


@click.group()
def notice() -> None:
    """Hold awards while they are in public notice; then issue their vouchers, or withdraw them."""


@notice.command()
@click.option("--programme", "name", required=True, metavar="ID")
@click.option(
    "--facts",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="The facts of the case, the applicant's credit code among them.",
)
@click.option(
    "--contract", required=True, callback=name_for_the_books, help="The number of the contract."
)
@click.option(
    "--id",
    "application",
    callback=name_for_the_books,
    help="A name of your own: the same name is the same application.",
)
@at_option
@click.pass_obj
def begin(  # one argument per option
    desk: Desk, *, name: str, facts: Path, contract: str, application: str | None, at: str | None
) -> None:
    """Decide a case; what it is awarded is reserved until the notice is over."""
    with desk.office() as office:
        schemes = publishing.published(office)
        require_published(name, schemes)
        given = read_facts(facts, known_facts([schemes[name].programme]))
        applicant = code_of(given)
        parties.register(office, applicant, name={"en": applicant}, facts=given)
        asked = Request(application or f"N-{contract}-{name}", applicant, contract, given)
        first = None if at else applying.asked_at(office, asked.id)
        when = first.astimezone(ZONE) if first else instant(at)
        applied = applying.apply(office, schemes[name], asked, at=when, way="notice")
    tell_applied(desk, applied)
    if applied.state not in {"in_notice", "awarded", "withdrawn"}:
        sys.exit(REFUSED)


@notice.command()
@click.argument("application", metavar="APPLICATION")
@at_option
@click.pass_obj
def issue(desk: Desk, application: str, at: str | None) -> None:
    """Issue the voucher of an award whose notice is over; it is valid from then on."""
    with desk.office() as office:
        answer = noticing.issue(office, application, at=instant(at))
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    values = {"application": application, "voucher": f"V-{application}"}
    click.echo(render("cli.applied.awarded", desk.language, **values))


@notice.command()
@click.argument("application", metavar="APPLICATION")
@because_option
@evidence_option
@at_option
@click.pass_obj
def withdraw(desk: Desk, application: str, why: str, document: str, at: str | None) -> None:
    """Withdraw an award: what was reserved for it goes back."""
    with desk.office() as office:
        answer = noticing.withdraw(office, application, at=instant(at), why=why, document=document)
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    click.echo(render("cli.applied.withdrawn", desk.language, application=application))


@notice.command("list")
@json_option
@click.pass_obj
def list_(desk: Desk, *, as_json: bool) -> None:
    """List the awards that are in notice, with what is reserved for each."""
    with desk.office() as office:
        found = office.transact("web", noticing.in_notice)
    if as_json:
        write_json([vars(one) for one in found])
        return
    for one in found:
        click.echo(render("money.done.in_notice", desk.language, **vars(one)))
    if not found:
        click.echo(render("money.done.none_in_notice", desk.language))
