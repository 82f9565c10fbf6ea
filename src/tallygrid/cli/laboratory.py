"""`tallygrid lab`: policies tried on the demand of a trace."""

import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from tallygrid.cli.calibrating import calibrate
from tallygrid.cli.common import Desk, json_option, write_json
from tallygrid.cli.fitting import fit
from tallygrid.cli.policies import compare, run, scenarios
from tallygrid.cli.reporting import report
from tallygrid.cli.sweeping import search, sweep
from tallygrid.core.money import BASIS_POINTS
from tallygrid.settings import Language
from tallygrid.text import number, percent, render

if TYPE_CHECKING:
    from tallygrid.lab.replay.site import Site
    from tallygrid.lab.traces.jobs import Jobs

CARDS_MAX: Final = 10_000_000
NODE_CARDS_MAX: Final = 1_024
DEPTH_MAX: Final = 1_000_000
COPIES_MAX: Final = 1_000_000
_SHORT_S: Final = 0.01


@click.group()
def lab() -> None:
    """Try policies before they are law."""


for _command in (run, compare, sweep, search, report, scenarios, calibrate, fit):
    lab.add_command(_command)


@lab.command()
@click.option(
    "--trace",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Philly-style CSV, SWF, or openb pods; plain or gzip.",
)
@click.option("--cards", required=True, type=click.IntRange(1, CARDS_MAX), help="Cards there are.")
@click.option(
    "--node-cards",
    type=click.IntRange(1, NODE_CARDS_MAX),
    help="Cards of a node; without it, cards are interchangeable.",
)
@click.option(
    "--policy",
    type=click.Choice(["fifo", "easy"]),
    default="fifo",
    show_default=True,
    help="fifo: nobody overtakes. easy: whoever does not make the first in the queue wait longer.",
)
@click.option(
    "--depth",
    type=click.IntRange(0, DEPTH_MAX),
    default=100,
    show_default=True,
    help="How many behind the first may overtake under easy.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1, COPIES_MAX),
    default=1,
    show_default=True,
    help="Play the trace so many times, one after another.",
)
@click.option("--shares", is_flag=True, help="Count shares of a card (openb) in thousandths.")
@json_option
@click.pass_obj
def replay(desk: Desk, /, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401  # one per option
    """Replay a trace through one site, and tell how long jobs wait.

    docs/algorithms/replay.md says exactly what is replayed.
    """
    from tallygrid.lab.replay.figures import figures_of
    from tallygrid.lab.replay.site import compile_for, entry, starts
    from tallygrid.lab.traces.read import read_jobs

    site = _site(given)
    with desk.log.status(render("lab.reading", desk.language)):
        trace = read_jobs(given["trace"], shares=given["shares"])
    entered = entry(trace, site, copies=given["repeat"])
    for sentence in _remarks(trace, entered.too_large, site.cards, desk.language):
        click.echo(sentence, err=True)
    with desk.log.status(render("lab.compiling", desk.language)):
        compile_for(entered.jobs, site)
    begun = perf_counter()
    found = starts(entered.jobs, site)
    seconds = perf_counter() - begun
    figures = figures_of(entered, site, found)
    plain = figures.as_json(seconds=seconds, peak_rss_mb=_peak_rss_mb())
    if as_json:
        write_json(plain)
    else:
        for line in _lines(plain, desk.language):
            click.echo(line)
    if figures.saturated:
        click.echo(render("lab.saturated", desk.language), err=True)


def _site(given: Mapping[str, Any]) -> "Site":
    """Return the site that the options describe.

    Raises:
        click.BadParameter: The cards are no whole number of nodes.
    """
    from tallygrid.lab.replay.site import Site

    cards, node_cards = given["cards"], given["node_cards"]
    if node_cards and cards % node_cards:
        below = cards // node_cards * node_cards
        choice = f"{below} or {below + node_cards}" if below else str(node_cards)
        message = f"{cards} cards are no whole number of nodes of {node_cards}. Give {choice}."
        raise click.BadParameter(message, param_hint="--cards")
    return Site(cards, node_cards, given["depth"] if given["policy"] == "easy" else None)


def _remarks(trace: "Jobs", too_large: "Jobs", cards: int, language: Language) -> Iterator[str]:
    """Yield what is to be said of single rows."""
    if trace.unsorted:
        count, line = len(trace.unsorted), trace.unsorted[0]
        yield render("lab.unsorted", language, file=trace.file, line=line, count=count)
    for line, lack in trace.left_out:
        yield render(f"lab.{lack}", language, file=trace.file, line=line)
    for line, gang in sorted(zip(too_large.line, too_large.gang, strict=True)):
        needed = -(-int(gang) // trace.parts)
        yield render(
            "lab.too_large",
            language,
            file=trace.file,
            line=line,
            gang=needed,
            cards=cards,
            needed=needed,
        )


def _lines(plain: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Yield the figures for a reader, numbers under one another."""
    shown = {name: value for name, value in plain.items() if name != "saturated"}
    named = {render(f"lab.{name}", language): _shown(name, shown[name], language) for name in shown}
    width = max(len(value) for value in named.values())
    for name, value in named.items():
        yield f"{value:>{width}}  {name}"


def _shown(name: str, value: float, language: Language) -> str:
    if name == "utilisation":
        return percent(round(value * BASIS_POINTS), language)
    if name == "seconds" and value < _SHORT_S:  # or a short replay would take no time at all
        return f"{value:.6f}"
    return number(value, language)


def _peak_rss_mb() -> float:
    """Return the most memory that this process has held, in millions of bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 10**6
