"""`tallygrid reward`: an award for work that is done and paid, without a voucher."""

import sys
from typing import Any

import click

from tallygrid.cli.case import case_options, decided
from tallygrid.cli.common import REFUSED, Desk
from tallygrid.cli.showing import tell_applied
from tallygrid.service import lowering
from tallygrid.text import render


@click.command()
@case_options
@click.pass_obj
def reward(desk: Desk, /, **case: Any) -> None:  # noqa: ANN401  # the options of a case
    """Decide a case whose work is done and paid; what it is awarded is owed at once."""
    with desk.office() as office:
        applied = decided(office, "ex_post", **case)
        if applied.state != "awarded":
            tell_applied(desk, applied)
            sys.exit(0 if applied.in_batch else REFUSED)
        award = office.transact("web", lambda it: lowering.find(it, applied.application))
    words = render(
        "money.done.ex_post",
        desk.language,
        application=applied.application,
        amount=award.left_fen,
        applicant=applied.applicant,
    )
    click.echo(words)
