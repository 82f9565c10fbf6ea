"""`tallygrid correct`: a part of what was accepted is taken back."""

from hashlib import sha256
from pathlib import Path

import click

from tallygrid.cli.buying import quantity_of
from tallygrid.cli.common import Desk, at_option, instant
from tallygrid.cli.refusing import leave_refused
from tallygrid.service import buying, correcting, delivering
from tallygrid.service.lines import Accepted
from tallygrid.text import render
from tallygrid.text.quote import exact


@click.command()
@click.argument("name", metavar="PURCHASE")
@click.option(
    "--evidence",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The paper that shows it; the same paper is the same correction.",
)
@click.option("--less", required=True, metavar="N", help="How much less, in the purchase's unit.")
@at_option
@click.pass_obj
def correct(desk: Desk, name: str, evidence: Path, less: str, at: str | None) -> None:
    """Take back a part of what was accepted of PURCHASE: it is rated anew, and owed less."""
    paper = evidence.read_bytes()
    with desk.office() as office:
        purchase = buying.found(office, name)
        quantity = quantity_of(less, "--less")
        taken = Accepted(
            n=delivering.number_of(office, purchase, paper),
            quantity=-quantity,
            used_at=instant(at),
            evidence={"describes": evidence.name, "sha256": sha256(paper).hexdigest()},
            document=sha256(paper).hexdigest(),
            final=False,
        )
        answer = correcting.correct(office, purchase, taken)
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    words = render(
        "money.done.corrected",
        desk.language,
        purchase=name,
        n=taken.n,
        quantity=render(f"unit.{purchase.unit}", desk.language, quantity=exact(quantity)),
    )
    click.echo(words)
