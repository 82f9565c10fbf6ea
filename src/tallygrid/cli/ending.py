"""`tallygrid voucher`: vouchers that end."""

import click

from tallygrid.cli.common import (
    Desk,
    at_option,
    because_option,
    evidence_option,
    instant,
    require_published,
)
from tallygrid.cli.refusing import leave_refused
from tallygrid.service import ending, publishing
from tallygrid.service.ending import Ended
from tallygrid.text import render


@click.group()
def voucher() -> None:
    """End vouchers: when their time is over, or when they are taken back."""


@voucher.command()
@click.option("--programme", "name", required=True, metavar="ID")
@at_option
@click.pass_obj
def expire(desk: Desk, name: str, at: str | None) -> None:
    """End every voucher whose validity is over; what is left of it goes back."""
    with desk.office() as office:
        require_published(name, publishing.published(office))
        done = ending.expire(office, name, at=instant(at))
    for one in done:
        _tell(desk, one)
    if not done:
        click.echo(render("money.done.none_due", desk.language))


@voucher.command()
@click.argument("name", metavar="VOUCHER")
@because_option
@evidence_option
@at_option
@click.pass_obj
def revoke(desk: Desk, name: str, why: str, document: str, at: str | None) -> None:
    """Take a voucher back; work that has begun is finished and paid."""
    with desk.office() as office:
        done = ending.revoke(office, name, at=instant(at), why=why, document=document)
    _tell(desk, done)


def _tell(desk: Desk, one: Ended) -> None:
    if one.refused is not None:
        leave_refused(desk, one.refused)
    state = render(f"money.state.{one.state}", desk.language)
    words = render(
        "money.done.ended", desk.language, voucher=one.voucher, state=state, back=one.back_fen
    )
    click.echo(words)
