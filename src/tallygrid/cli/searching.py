"""`tallygrid lab search`: the policy that serves an aim best, within what may be spent."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallygrid.cli.common import Desk
from tallygrid.cli.policies import progress
from tallygrid.settings import Language
from tallygrid.text import money, number, render

if TYPE_CHECKING:
    from tallygrid.lab.network.summary import Figure
    from tallygrid.lab.search import Candidate, Search


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep every run there; a search that was cut short goes on.",
)
@click.option(
    "--jobs",
    "workers",
    type=click.IntRange(1, 1_024),
    help="Processes at once; as many as there are cores if left out.",
)
@click.pass_obj
def search(desk: Desk, /, *, file: Path, out: Path, workers: int | None) -> None:
    """Find the policy that serves an aim best, as FILE says, and the front of two aims.

    docs/algorithms/laboratory.md says how it searches, and what it can miss.
    """
    from tallygrid.lab.search import read_search, run_search

    wanted = read_search(file)
    found: list[Candidate] = []
    with progress(desk, "lab.searching", wanted.runs) as advance:
        before = 0
        for done, candidates in run_search(wanted, out, workers=workers or os.cpu_count() or 1):
            advance(done - before)
            before, found = done, candidates
    for line in _lines(wanted, found, desk.language):
        click.echo(line)
    click.echo(render("lab.searched", desk.language, file=str(out / "candidates.parquet")))
    click.echo(render("lab.assumed", desk.language), err=True)


def _lines(wanted: "Search", found: Sequence["Candidate"], language: Language) -> Iterator[str]:
    """Yield the candidates, the best first: what they set, what they reach, what they cost."""
    aims = [render(f"lab.aim.{wanted.aim}", language)]
    if wanted.against:
        aims.append(render(f"lab.aim.{wanted.against}", language))
    yield render("lab.search.head", language, seeds=wanted.held_out, aims=" | ".join(aims))
    for one in found:
        set_ = ", ".join(f"{name} = {value}" for name, value in one.levers.items())
        reached = [_told(one.aim, language)]
        if wanted.against:
            reached.append(_told(one.against, language))
        spent = money(round(one.spent_fen.mean), language) if one.spent_fen else "–"
        code = "lab.search.line" if one.is_within else "lab.search.over"
        front = "* " if wanted.against and one.on_front and one.is_within else "  "
        yield front + render(code, language, reached=" | ".join(reached), spent=spent, levers=set_)


def _told(figure: "Figure | None", language: Language) -> str:
    if figure is None:
        return "–"
    mean, low, high = (
        number(float(f"{part:.4g}"), language) for part in (figure.mean, figure.low, figure.high)
    )
    return f"{mean} [{low} – {high}]"
