"""`tallygrid reward`: an award for work that is done and paid, without a voucher."""

import sys
from pathlib import Path

import click

from tallygrid.cli.buying import code_of, name_for_the_books
from tallygrid.cli.common import REFUSED, Desk, at_option, instant, require_published
from tallygrid.cli.showing import tell_applied
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import known_facts
from tallygrid.service import applying, parties, publishing
from tallygrid.service.issuing import Request
from tallygrid.text import render


@click.command()
@click.option("--programme", "name", required=True, metavar="ID")
@click.option(
    "--facts",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="The facts of the case, the applicant's credit code among them.",
)
@click.option(
    "--contract",
    required=True,
    callback=name_for_the_books,
    help="The number of the contract that was carried out and paid.",
)
@at_option
@click.pass_obj
def reward(desk: Desk, *, name: str, facts: Path, contract: str, at: str | None) -> None:
    """Decide a case whose work is done and paid; what it is awarded is owed at once."""
    with desk.office() as office:
        schemes = publishing.published(office)
        require_published(name, schemes)
        given = read_facts(facts, known_facts([schemes[name].programme]))
        applicant = code_of(given)
        parties.register(office, applicant, name={"en": applicant}, facts=given)
        asked = Request(f"E-{contract}-{name}", applicant, contract, given)
        applied = applying.apply(office, schemes[name], asked, at=instant(at), way="ex_post")
    if applied.state != "awarded":
        tell_applied(desk, applied)
        sys.exit(REFUSED)
    words = render(
        "money.done.ex_post",
        desk.language,
        application=applied.application,
        amount=applied.decision.amount_fen,
        applicant=applicant,
    )
    click.echo(words)
