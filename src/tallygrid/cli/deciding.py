"""`tallygrid match` and `tallygrid decide`: what an applicant may hope for, and why."""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tallygrid.cli.common import (
    REFUSED,
    Desk,
    assumptions,
    at_option,
    beside_packaged,
    instant,
    json_option,
    own_programmes,
    programme_of,
    programmes,
    write_json,
)
from tallygrid.cli.used import used_of
from tallygrid.core.arithmetic import Used
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Facts
from tallygrid.core.decision import Decision, decide_all
from tallygrid.core.decision import decide as decide_one
from tallygrid.core.flip import first_questions, flips
from tallygrid.core.match import ranked
from tallygrid.core.programme import Programme
from tallygrid.core.rules import variant
from tallygrid.core.stacking import best_of_each_kind
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import known_facts
from tallygrid.files.sizes import packaged_sizes
from tallygrid.text.applicant import applicant_lines
from tallygrid.text.decision import decision_lines
from tallygrid.text.match import first_lines, match_lines
from tallygrid.text.wrap import wrapped

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
@click.option(
    "--programme",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.yaml",
    help="Hold this programme of your own against it too; may be repeated.",
)
@_assume
@at_option
@json_option
@click.pass_obj
def match(  # one argument per option
    desk: Desk,
    *,
    facts: Path,
    files: tuple[Path, ...],
    assume: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Hold every programme in the country against one applicant."""
    own = own_programmes(files)
    known, chosen, on = beside_packaged(own), assumptions(assume, *own), instant(at)
    given = read_facts(facts, known_facts(known))
    found = decide_all(known, given, at=on, assumptions=chosen)
    changes = flips(found, known, given, at=on, assumptions=chosen)
    matches, together = ranked(found, known, changes), best_of_each_kind(found, known)
    asked = first_questions(found, known)
    if as_json:
        write_json(
            {
                "at": on.isoformat(),
                "ask_first": [{"fact": name, "programmes": count} for name, count in asked],
                "matches": [
                    {**one.as_json(), **_sharing(one.decision, one.programme)} for one in matches
                ],
                "combinations": [{"kind": kind, **one.as_json()} for kind, one in together.items()],
            }
        )
        return
    _say(applicant_lines(given, packaged_sizes(), known, desk.language))
    _say(match_lines(matches, together, desk.language))
    _say(first_lines(asked, known, desk.language))


def _say(lines: Iterable[str]) -> None:
    """Write lines, broken to the width of a terminal; whole where nobody looks."""
    if sys.stdout.isatty():
        lines = wrapped(lines, shutil.get_terminal_size().columns)
    for line in lines:
        click.echo(line)


@click.command()
@click.option(
    "--programme",
    "names",
    required=True,
    multiple=True,
    metavar="ID_OR_FILE",
    help="The programme; of a table also several, each named in turn.",
)
@click.option(
    "--facts",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="What is known of one case; what is left out is unknown.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    metavar="IN.parquet|csv",
    help="Decide every row of a table instead: Parquet, Arrow or CSV.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="OUT.parquet",
    help="Where the decided table is written.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="Carry a column of the table along that is no fact; may be repeated.",
)
@click.option(
    "--used",
    multiple=True,
    metavar="NAME=YUAN",
    help="What one case drew before: contract, applicant_year, applicant_total, group or the id "
    "of a cap or budget group; or budget: what is left of it. May be repeated.",
)
@_assume
@at_option
@json_option
@click.pass_obj
def decide(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    *,
    names: tuple[str, ...],
    facts: Path | None,
    table: Path | None,
    out: Path | None,
    keep: tuple[str, ...],
    used: tuple[str, ...],
    assume: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Decide one case, or every row of a table, with every finding.

    One case shows its arithmetic line by line, a table its amounts in columns.
    """
    if (facts is None) == (table is None):
        raise click.UsageError("Name one case with --facts, or a table with --table.")
    chosen = tuple(programme_of(name) for name in names)
    if table is not None:
        if used:
            raise click.UsageError("--used goes with --facts; a table has columns for it.")
        from tallygrid.cli.table import Order, decide_table  # noqa: PLC0415  # polars takes a while

        order = Order(table, out, chosen, keep, instant(at), assumptions(assume, *chosen))
        decide_table(desk, order, as_json=as_json)
        return
    if out is not None or keep or len(chosen) > 1:
        raise click.UsageError("--out, --keep and several programmes go with --table.")
    assert facts is not None
    case = _Case(
        programme=chosen[0],
        facts=read_facts(facts, known_facts([*programmes(), chosen[0]])),
        at=instant(at),
        assumed=assumptions(assume, *chosen),
        used=used_of(desk, chosen[0], used),
    )
    _decide_case(desk, case, as_json=as_json)


@dataclass(frozen=True)
class _Case:
    """All that one decision depends on."""

    programme: Programme
    facts: Facts
    at: datetime
    assumed: Assumptions | None
    used: Used


def _decide_case(desk: Desk, case: _Case, *, as_json: bool) -> None:
    programme, given = case.programme, case.facts
    decision = decide_one(programme, given, at=case.at, assumptions=case.assumed, used=case.used)
    if as_json:
        write_json({**decision.as_json(), **_sharing(decision, programme)})
    else:
        _say(applicant_lines(given, packaged_sizes(), [programme], desk.language))
        _say(decision_lines(decision, programme, desk.language))
    if decision.outcome == "refused":
        sys.exit(REFUSED)


def _sharing(decision: Decision, programme: Programme) -> dict[str, Any]:
    """Return how the money is shared out and when it is settled, as plain data."""
    rule = variant(programme, tuple(sorted(decision.assumed.items()))).allocation
    return {"allocation": rule.value, "settles": rule.settles}
