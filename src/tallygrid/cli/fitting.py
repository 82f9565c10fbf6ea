"""`tallygrid lab fit`: a generator fitted on a trace or on aggregates, and how close it comes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallygrid.cli.common import Desk
from tallygrid.settings import LANGUAGES
from tallygrid.text import render

if TYPE_CHECKING:
    from tallygrid.lab.table import Fitted
    from tallygrid.lab.trace import Trace

JOBS_MAX = 1_000_000


@click.command()
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Philly-style CSV, SWF, or openb pods; plain or gzip.",
)
@click.option(
    "--aggregates",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Aggregates of a cluster as YAML, instead of a trace.",
)
@click.option(
    "--begins",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="The local time of the trace's second 0, where it does not tell.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write synthetic.csv, fit.en.html and fit.zh.html there.",
)
@click.option("--jobs", type=click.IntRange(2, JOBS_MAX), help="Jobs; as many as were fitted.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Chance.")
@click.pass_obj
def fit(  # noqa: PLR0913  # one per option
    desk: Desk,
    /,
    *,
    trace: Path | None,
    aggregates: Path | None,
    begins: datetime | None,
    out: Path,
    jobs: int | None,
    seed: int,
) -> None:
    """Fit a generator on a trace or on aggregates; write synthetic jobs and how close they come."""
    from tallygrid.lab.chance import stream
    from tallygrid.lab.demand import synthesise

    if (trace is None) == (aggregates is None):
        message = "A generator is fitted on one thing. Give either --trace or --aggregates."
        raise click.UsageError(message)
    if begins and aggregates:
        message = "Aggregates tell their first day themselves. Leave out --begins."
        raise click.UsageError(message)
    table, real = _table(trace, aggregates, begins)
    whole = table.period.jobs
    made = synthesise(table, stream(seed, "arrivals"), jobs=jobs or whole)
    # Fewer or more jobs are of other days than those that were fitted: no measure of the fit.
    measured = made if len(made.jobs) == whole else synthesise(
        table, stream(seed, "arrivals"), jobs=whole
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    _write_trace(made, out / "synthetic.csv")
    for figure, distance in _write_pages(table, real, measured, out):
        click.echo(f"{distance:.3f}  {_named(figure, desk)}")
    name = table.sources[0].title
    if measured is not made:
        click.echo(render("lab.fit.measured", desk.language, jobs=whole), err=True)
    for code in _cautions(real):
        said = render(code, desk.language, name=name, count=real.left_out if real else 0)
        click.echo(said, err=True)
    file = str(out / "synthetic.csv")
    click.echo(render("lab.fit.done", desk.language, jobs=len(made.jobs), name=name, file=file))


def _table(
    trace: Path | None, aggregates: Path | None, begins: datetime | None
) -> "tuple[Fitted, Trace | None]":
    """Return the figures that jobs are generated from, and the trace if there is one."""
    from tallygrid.lab.aggregates import complete, read_aggregates
    from tallygrid.lab.fit import fitted
    from tallygrid.lab.trace import read_trace

    if trace is None:
        assert aggregates is not None, "one of the two is given"
        return read_aggregates(aggregates), None
    real = read_trace(trace, begins=begins)
    figures = fitted(real, first_day=real.first_arrival.date())
    return complete(figures, real.name), real


def _cautions(real: "Trace | None") -> Iterator[str]:
    """Yield the codes of what is to be said of a trace."""
    if real and real.left_out:
        yield "lab.fit.left_out"
    if real and not real.has_users:
        yield "report.fit.no_users"


def _named(figure: str, desk: Desk) -> str:
    words = figure.split()
    if words[0] == "duration" and len(words) > 1:
        return render("report.fit.of.duration_of", desk.language, cards=int(words[2]))
    return render("report.fit.of." + figure.replace(" ", "_"), desk.language)


def _write_trace(made: "Trace", path: Path) -> None:
    """Write jobs as a Philly-style CSV, for `lab run` and `lab replay`."""
    from tallygrid.files.whole import whole

    rows = [
        ",".join(
            (
                (made.first_arrival + timedelta(seconds=job.arrival_s)).isoformat(sep=" "),
                str(job.duration_s),
                str(job.cards),
                str(job.duration_s * job.cards),
                f"synthetic {job.cluster}",
            )
        )
        for job in made.jobs
    ]
    with whole(path) as part:
        header = "timestamp,duration,num_gpus,gpu_time,cluster"
        part.write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def _write_pages(
    table: "Fitted", real: "Trace | None", made: "Trace", out: Path
) -> list[tuple[str, float]]:
    """Write how close the jobs come to the trace, or to what was told; return the distances."""
    from tallygrid.files.whole import whole
    from tallygrid.lab import fit as fitting
    from tallygrid.report.fitting import Fit, fitting_page

    found = Fit(
        name=table.sources[0].title,
        compared="trace" if real else "told",
        distances=fitting.distances(real, made) if real else fitting.told_distances(table, made),
        curves=_curves(table, real, made),
        has_users=real is None or real.has_users,
    )
    for language in LANGUAGES:
        with whole(out / f"fit.{language}.html") as part:
            part.write_text(fitting_page(found, language), encoding="utf-8")
    return list(found.distances)


_Points = list[tuple[float, float]]


def _curves(
    table: "Fitted", real: "Trace | None", made: "Trace"
) -> dict[str, tuple[_Points, _Points]]:
    """Return by chart the curve of the trace, or of what was told, and that of the jobs."""
    if real:
        return {
            "autocorrelation": (_lags(real), _lags(made)),
            "hours": (_hours(real), _hours(made)),
            "durations": (_durations(real), _durations(made)),
        }
    weights, seconds = table.arrivals.hours, table.durations[0].seconds
    hours: _Points = [(hour, 100 * one / sum(weights)) for hour, one in enumerate(weights)]
    points = zip(seconds, table.points_bp, strict=True)
    durations: _Points = [(max(1, value), point / 100) for value, point in points]
    return {
        "autocorrelation": ([], _lags(made)),
        "hours": (hours, _hours(made)),
        "durations": (durations, _durations(made)),
    }


def _lags(trace: "Trace") -> _Points:
    """Return how alike an hour's arrivals are to those before, by hours between."""
    from tallygrid.lab.fit import autocorrelation, hourly

    return [(lag, alike) for lag, alike in enumerate(autocorrelation(hourly(trace)))]


def _hours(trace: "Trace") -> _Points:
    """Return what percentage of the jobs comes in each hour of the day."""
    begun = trace.first_arrival
    midnight = datetime.combine(begun.date(), datetime.min.time())
    offset = int((begun - midnight).total_seconds())
    counts = [0] * 24
    for job in trace.jobs:
        counts[(offset + job.arrival_s) // 3600 % 24] += 1
    return [(hour, 100 * count / len(trace.jobs)) for hour, count in enumerate(counts)]


def _durations(trace: "Trace") -> _Points:
    """Return run times at every percent."""
    ordered = sorted(max(1, job.duration_s) for job in trace.jobs)
    return [(ordered[p * (len(ordered) - 1) // 100], p) for p in range(101)]
