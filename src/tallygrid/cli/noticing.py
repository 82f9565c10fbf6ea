"""`tallygrid notice`: awards that are held while they are in public notice (公示)."""

import sys
from typing import Any

import click

from tallygrid.cli.case import case_options, decided
from tallygrid.cli.common import (
    REFUSED,
    Desk,
    at_option,
    because_option,
    evidence_option,
    instant,
    json_option,
    write_json,
)
from tallygrid.cli.refusing import leave_refused
from tallygrid.cli.showing import tell_applied
from tallygrid.service import noticing
from tallygrid.text import render


@click.group()
def notice() -> None:
    """Hold awards while they are in public notice; then issue their vouchers, or withdraw them."""


@notice.command()
@case_options
@click.pass_obj
def begin(desk: Desk, /, **case: Any) -> None:  # noqa: ANN401  # the options of a case
    """Decide a case; what it is awarded is reserved until the notice is over."""
    with desk.office() as office:
        applied = decided(office, "notice", **case)
    tell_applied(desk, applied)
    if not applied.in_batch and applied.state not in {"in_notice", "awarded", "withdrawn"}:
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
