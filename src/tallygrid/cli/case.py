"""A case that an authority decides itself: what `notice begin` and `reward` are given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tallygrid.cli.buying import code_of
from tallygrid.cli.common import ZONE, at_option, instant, require_published
from tallygrid.cli.naming import name_for_the_books
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import known_facts
from tallygrid.service import applying, parties, publishing
from tallygrid.service.applying import Applied, Way
from tallygrid.service.issuing import Request
from tallygrid.service.office import Office

_programme = click.option("--programme", "name", required=True, metavar="ID")
_facts = click.option(
    "--facts",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="The facts of the case, the applicant's credit code among them.",
)
_contract = click.option(
    "--contract", required=True, callback=name_for_the_books, help="The number of the contract."
)
_id = click.option(
    "--id",
    "application",
    callback=name_for_the_books,
    help="A name of your own: the same name is the same application.",
)


def case_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what the case is, and when it is decided."""
    for option in (at_option, _id, _contract, _facts, _programme):
        command = option(command)
    return command


def decided(  # noqa: PLR0913  # the options of a case
    office: Office,
    way: Way,
    *,
    name: str,
    facts: Path,
    contract: str,
    application: str | None,
    at: str | None,
) -> Applied:
    """Decide a case; repeated without a day, it is decided as of when it came first.

    Args:
        office: Where to work.
        way: What an award leads to; its first letter begins the name of a case without one.
        name: The programme.
        facts: The file of facts.
        contract: The contract's number.
        application: The name of the case.
        at: When, as the user wrote it.
    """
    schemes = publishing.published(office)
    require_published(name, schemes)
    given = read_facts(facts, known_facts([schemes[name].programme]))
    applicant = code_of(given)
    parties.register(office, applicant, name={"en": applicant}, facts=given)
    case = application or f"{way[0].upper()}-{contract}-{name}"
    first = None if at else applying.asked_at(office, case)
    when = first.astimezone(ZONE) if first else instant(at)
    asked = Request(case, applicant, contract, given)
    return applying.apply(office, schemes[name], asked, at=when, way=way)
