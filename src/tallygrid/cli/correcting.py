"""`tallygrid correct`: a part of what was accepted, or awarded without a voucher, goes back."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import click

from tallygrid.cli.buying import quantity_of
from tallygrid.cli.common import Desk, at_option, instant
from tallygrid.cli.refusing import leave_refused
from tallygrid.cli.treasury import yuan_of
from tallygrid.service import buying, correcting, lowering
from tallygrid.service.lowering import Less
from tallygrid.text import render
from tallygrid.text.quote import exact


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--evidence",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The paper that shows it; the same paper is the same correction.",
)
@click.option("--less", metavar="N", help="Of a purchase: how much less, in its unit.")
@click.option("--yuan", metavar="N", help="Of an award without a voucher: how much less.")
@at_option
@click.pass_obj
def correct(
    desk: Desk, name: str, evidence: Path, *, less: str | None, yuan: str | None, at: str | None
) -> None:
    """Take back a part of what was accepted of a purchase, or awarded without a voucher."""
    if (less is None) == (yuan is None):
        raise click.UsageError(render("money.less_of_what", desk.language))
    if yuan is not None:
        _lower(desk, Less(name, yuan_of(desk, yuan, "--yuan"), _sha256(evidence)), instant(at))
    elif less is not None:
        _correct(desk, name, evidence, less, instant(at))


def _lower(desk: Desk, less: Less, at: datetime) -> None:
    with desk.office() as office:
        answer = lowering.lower(office, less, at=at)
        left_fen = office.transact("web", lambda it: lowering.find(it, less.application)).left_fen
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    values = {"application": less.application, "less": less.fen, "left": left_fen}
    click.echo(render("money.done.lowered", desk.language, **values))


def _sha256(evidence: Path) -> str:
    return sha256(evidence.read_bytes()).hexdigest()


def _correct(desk: Desk, name: str, evidence: Path, less: str, at: datetime) -> None:
    quantity, paper = quantity_of(less, "--less"), evidence.read_bytes()
    with desk.office() as office:
        purchase = buying.found(office, name)
        answer, n = correcting.take_back(
            office, purchase, quantity, evidence=paper, describes=evidence.name, at=at
        )
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    words = render(
        "money.done.corrected",
        desk.language,
        purchase=name,
        n=n,
        quantity=render(f"unit.{purchase.unit}", desk.language, quantity=exact(quantity)),
    )
    click.echo(words)
