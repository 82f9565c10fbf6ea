"""`tallygrid lab sweep` and `search`: a policy at many settings, on many processors."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tallygrid.cli.common import Desk
from tallygrid.cli.policies import progress
from tallygrid.settings import Language
from tallygrid.text import render

if TYPE_CHECKING:
    from tallygrid.lab.network.summary import Figure
    from tallygrid.lab.parts import Pool
    from tallygrid.lab.search import Candidate, Search
    from tallygrid.report.trials.aims import Levers
    from tallygrid.report.writer import Writer

_JOBS_OPTION: Final = click.option(
    "--jobs",
    "workers",
    type=click.IntRange(1, 1_024),
    help="Processes at once; as many as there are cores if left out.",
)
_RAY_OPTION: Final = click.option(
    "--ray",
    "address",
    metavar="ADDRESS",
    help="Run on the Ray cluster whose head answers there, as 10.0.0.5:6379, on all its cores.",
)


def _out_option(what: str) -> Callable[[Any], Any]:
    return click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help=f"Keep what is done there; a {what} that was cut short goes on.",
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_out_option("sweep")
@_JOBS_OPTION
@_RAY_OPTION
@click.pass_obj
def sweep(
    desk: Desk, /, *, file: Path, out: Path, workers: int | None, address: str | None
) -> None:
    """Play a scenario at many settings, ten seeds or more each, as FILE says.

    docs/algorithms/laboratory.md says what can be set; `tallygrid lab report DIR` draws it.
    """
    from tallygrid.lab.offered import Named
    from tallygrid.lab.sweep import read_sweep, run_sweep
    from tallygrid.report.trials.aims import Levers

    found = read_sweep(file, Named(desk.settings.catalogue, desk.settings.weights))
    impossible: Mapping[int, str] = {}
    with (
        _telling_what_is_kept(desk, out),
        _pool(desk, workers, address) as pool,
        progress(desk, "lab.sweeping", found.runs) as advance,
    ):
        before = 0
        for done in run_sweep(found, out, pool):
            advance(done.runs - before)
            before, impossible = done.runs, done.impossible
    _tell_impossible(desk, impossible, len(found.points))
    points = len(found.points) - len(impossible)
    file_ = str(out / "runs.parquet")
    runs = points * found.seeds
    click.echo(render("lab.swept", desk.language, points=points, runs=runs, file=file_))
    _tell_texts(desk, Levers.of(found.description))
    _tell_saturated(desk, len(done.saturated), points)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_out_option("search")
@_JOBS_OPTION
@_RAY_OPTION
@click.pass_obj
def search(
    desk: Desk, /, *, file: Path, out: Path, workers: int | None, address: str | None
) -> None:
    """Find the policy that serves an aim best, as FILE says, and the front of two aims.

    docs/algorithms/laboratory.md says how it searches, and what it can miss.
    """
    from tallygrid.lab.offered import Named
    from tallygrid.lab.search import read_search, run_search
    from tallygrid.report.trials.aims import Levers

    wanted = read_search(file, Named(desk.settings.catalogue, desk.settings.weights))
    found: list[Candidate] = []
    impossible: Mapping[int, str] = {}
    with (
        _telling_what_is_kept(desk, out),
        _pool(desk, workers, address) as pool,
        progress(desk, "lab.searching", wanted.runs) as advance,
    ):
        before = 0
        for done, left_out, candidates in run_search(wanted, out, pool):
            advance(done - before)
            before, impossible, found = done, left_out, candidates
    _tell_impossible(desk, impossible, len(wanted.sweep.points))
    levers = Levers.of(wanted.sweep.description)
    for line in _lines(wanted, found, levers, desk.language):
        click.echo(line)
    click.echo(render("lab.searched", desk.language, file=str(out / "candidates.parquet")))
    _tell_texts(desk, levers)
    _tell_saturated(desk, sum(one.is_saturated for one in found), len(found))
    click.echo(render("lab.assumed", desk.language), err=True)


@contextmanager
def _telling_what_is_kept(desk: Desk, out: Path) -> Iterator[None]:
    """Say to whoever breaks it off that nothing that was played is lost."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(render("lab.broken_off", desk.language, out=str(out)), err=True)
        raise


@contextmanager
def _pool(desk: Desk, workers: int | None, address: str | None) -> "Iterator[Pool]":
    """Give the workers that are asked for: processes here, or a cluster's.

    Raises:
        click.UsageError: Both are asked for.
    """
    if address is None:
        from tallygrid.lab.network.run import compile_kernel
        from tallygrid.lab.parts import processes

        with desk.log.status(render("lab.compiling_network", desk.language)):
            compile_kernel()
        with processes(workers or os.cpu_count() or 1) as pool:
            yield pool
        return
    if workers is not None:
        message = "--jobs counts processes of this machine, --ray uses a cluster's cores. Give one."
        raise click.UsageError(message)
    from tallygrid.lab.cluster import cluster

    with cluster(address) as pool:
        yield pool


def _tell_impossible(desk: Desk, impossible: Mapping[int, str], of: int) -> None:
    if impossible:
        first = next(iter(impossible.values()))
        said = render("lab.impossible", desk.language, count=len(impossible), of=of, first=first)
        click.echo(said, err=True)


def _tell_saturated(desk: Desk, count: int, of: int) -> None:
    if count:
        said = render("lab.points_saturated", desk.language, count=count, of=of)
        click.echo(said, err=True)


def _tell_texts(desk: Desk, levers: "Levers") -> None:
    """Say which programmes were played with another text than was published."""
    from tallygrid.report.writer import Writer

    for programme in levers.changed:
        name = levers.programme(programme, Writer(desk.language))
        said = render("lab.swept_text", desk.language, programme=name, id=programme)
        click.echo(said, err=True)


def _lines(
    wanted: "Search", found: "Sequence[Candidate]", levers: "Levers", language: Language
) -> Iterator[str]:
    """Yield the candidates, the best first: what they set, what they reach, what they cost."""
    from tallygrid.report.trials.aims import aim_name
    from tallygrid.report.writer import Writer

    writer = Writer(language)
    aims = [aim for aim in (wanted.aim, wanted.against) if aim]
    told = " | ".join(aim_name(aim, writer) for aim in aims)
    yield render("lab.search.head", language, seeds=wanted.held_out, aims=told)
    if wanted.against:
        yield render("lab.search.front", language)
    between = render("report.lab.between", language)
    for rank, one in enumerate(found, start=1):
        front = "* " if wanted.against and one.on_front and one.is_within else "  "
        yield f"{front}{rank}  {between.join(_standing(wanted, one, writer))}"
        for name, at in one.levers.items():
            yield f"       {levers.called(name, writer)} = {levers.written(name, at, writer)}"


def _standing(wanted: "Search", one: "Candidate", writer: "Writer") -> Iterator[str]:
    """Yield what a candidate reaches, what it spends, and how far that can be relied on."""
    from tallygrid.report.laboratory.values import money
    from tallygrid.report.trials.aims import write_aim

    reached = [_told(one.aim, write_aim(wanted.aim, writer))]
    if wanted.against:
        reached.append(_told(one.against, write_aim(wanted.against, writer)))
    yield " | ".join(reached)
    code = "lab.search.spends" if one.is_within else "lab.search.over"
    yield render(code, writer.language, spent=_told(one.spent_fen, money(writer)))
    if one.seeds < wanted.held_out:
        code = "lab.search.seeds"
        yield render(code, writer.language, seeds=one.seeds, of=wanted.held_out)
    if one.is_saturated:
        yield render("lab.search.saturated", writer.language)


def _told(figure: "Figure | None", write: "Callable[[float], str]") -> str:
    from tallygrid.report.laboratory.found import Figure as Shown
    from tallygrid.report.laboratory.values import with_interval

    return with_interval(None if figure is None else Shown(**asdict(figure)), write)
