"""`tallygrid match` and `tallygrid decide`: what an applicant may hope for, and why."""

import sys
from pathlib import Path

import click

from tallygrid.cli.common import (
    REFUSED,
    Desk,
    assumptions,
    at_option,
    instant,
    json_option,
    programme_of,
    programmes,
    write_json,
)
from tallygrid.core.decision import decide as decide_one
from tallygrid.core.decision import decide_all
from tallygrid.core.match import ranked
from tallygrid.core.stacking import best_of_each_kind
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import known_facts
from tallygrid.text.decision import decision_lines
from tallygrid.text.match import match_lines

_facts = click.option(
    "--facts",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="What is known of the applicant and its contract; what is left out is unknown.",
)
_assume = click.option(
    "--assume",
    metavar="NAME_OR_FILE",
    help="Assumptions for what the texts leave open, such as `demonstration`.",
)


@click.command()
@_facts
@_assume
@at_option
@json_option
@click.pass_obj
def match(desk: Desk, *, facts: Path, assume: str | None, at: str | None, as_json: bool) -> None:
    """Hold every programme in the country against one applicant."""
    known = programmes()
    given = read_facts(facts, known_facts(known))
    found = decide_all(known, given, at=instant(at), assumptions=assumptions(assume))
    matches, together = ranked(found, known), best_of_each_kind(found, known)
    if as_json:
        write_json([{"group": one.group, **one.decision.as_json()} for one in matches])
        return
    for line in match_lines(matches, together, desk.language):
        desk.out.print(line, markup=False, soft_wrap=True)


@click.command()
@click.option("--programme", "name", required=True, metavar="ID_OR_FILE")
@_facts
@_assume
@at_option
@json_option
@click.pass_obj
def decide(  # one argument per option
    desk: Desk, *, name: str, facts: Path, assume: str | None, at: str | None, as_json: bool
) -> None:
    """Decide one case under one programme, with every finding and the arithmetic."""
    programme = programme_of(name)
    given = read_facts(facts, known_facts([*programmes(), programme]))
    decision = decide_one(programme, given, at=instant(at), assumptions=assumptions(assume))
    if as_json:
        write_json(decision.as_json())
    else:
        for line in decision_lines(decision, programme, desk.language):
            desk.out.print(line, markup=False, soft_wrap=True)
    if decision.outcome == "refused":
        sys.exit(REFUSED)
