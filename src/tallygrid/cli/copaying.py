"""`tallygrid copay`: what applicants still owe of their own."""

import click

from tallygrid.cli.common import (
    Desk,
    at_option,
    instant,
    json_option,
    not_blank,
    write_json,
)
from tallygrid.cli.refusing import leave_refused
from tallygrid.cli.treasury import yuan_of
from tallygrid.service import copaying
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.wish import Answer
from tallygrid.text import render

_programme = click.option("--programme", required=True, metavar="ID", help="In whose books.")


@click.group()
def copay() -> None:
    """Book what applicants still owe of their own: received, or late."""


@copay.command("list")
@json_option
@click.pass_obj
def list_(desk: Desk, *, as_json: bool) -> None:
    """List everybody who owes own money."""
    with desk.office() as office:
        found = copaying.outstanding(office)
    if as_json:
        write_json([dump(one) for one in found])
        return
    for one in found:
        click.echo(render("money.done.own_share", desk.language, **vars(one)))
    if not found:
        click.echo(render("money.done.no_own_share", desk.language))


@copay.command()
@click.argument("debtor", metavar="APPLICANT")
@_programme
@click.option("--yuan", required=True, metavar="N", help="How much came in.")
@click.option(
    "--receipt", required=True, metavar="NUMBER", callback=not_blank, help="Once per number."
)
@at_option
@click.pass_obj
def receive(
    desk: Desk, *, debtor: str, programme: str, yuan: str, receipt: str, at: str | None
) -> None:
    """Book own money that has come in from APPLICANT."""
    amount_fen = yuan_of(desk, yuan, "--yuan")
    with desk.office() as office:
        answer = copaying.receive(
            office, programme, debtor, amount_fen=amount_fen, receipt=receipt, at=instant(at)
        )
        _tell(desk, office, answer, debtor)


@copay.command()
@click.argument("debtor", metavar="APPLICANT")
@_programme
@click.option(
    "--notice",
    required=True,
    metavar="NUMBER",
    callback=not_blank,
    help="The notice that was sent.",
)
@at_option
@click.pass_obj
def late(desk: Desk, *, debtor: str, programme: str, notice: str, at: str | None) -> None:
    """Note that what APPLICANT owes is late."""
    with desk.office() as office:
        answer = copaying.note_late(office, programme, debtor, notice=notice, at=instant(at))
        _tell(desk, office, answer, debtor)


def _tell(desk: Desk, office: Office, answer: Answer, debtor: str) -> None:
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    found = [one for one in copaying.outstanding(office) if one.debtor == debtor]
    for one in found:
        click.echo(render("money.done.own_share", desk.language, **vars(one)))
    if not found:
        click.echo(render("money.done.no_own_share", desk.language))
