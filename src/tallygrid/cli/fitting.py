"""`tallygrid lab fit`: a generator fitted on a trace or on aggregates, and how close it comes."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallygrid.cli.common import Desk
from tallygrid.text import render

if TYPE_CHECKING:
    from tallygrid.lab.trace import Trace

JOBS_MAX = 1_000_000


@click.command()
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A Philly-style CSV, plain or gzip.",
)
@click.option(
    "--aggregates",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Aggregates of a cluster as YAML, instead of a trace.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write synthetic.csv there, and with a trace fit.en.html and fit.zh.html.",
)
@click.option("--jobs", type=click.IntRange(2, JOBS_MAX), help="Jobs; as many as were fitted.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Chance.")
@click.pass_obj
def fit(  # one per option
    desk: Desk,
    /,
    *,
    trace: Path | None,
    aggregates: Path | None,
    out: Path,
    jobs: int | None,
    seed: int,
) -> None:
    """Fit a generator on a trace or on aggregates; write synthetic jobs and how close they come."""
    from tallygrid.lab import fit as fitting
    from tallygrid.lab.aggregates import complete, read_aggregates
    from tallygrid.lab.chance import stream
    from tallygrid.lab.demand import synthesise
    from tallygrid.lab.trace import read_philly

    if (trace is None) == (aggregates is None):
        message = "A generator is fitted on one thing. Give either --trace or --aggregates."
        raise click.UsageError(message)
    real = read_philly(trace) if trace else None
    if real:
        figures = fitting.fitted(real, first_day=real.first_arrival.date())
        table = complete(figures, real.name)
    else:
        assert aggregates is not None, "one of the two is given"
        table = read_aggregates(aggregates)
    made = synthesise(table, stream(seed, "arrivals"), jobs=jobs or table.period.jobs)
    out.mkdir(parents=True, exist_ok=True)
    _write_trace(made, out / "synthetic.csv")
    if real:
        _write_pages(real, made, out)
        for figure, distance in fitting.distances(real, made):
            click.echo(f"{distance:.3f}  {_named(figure, desk)}")
    name = table.sources[0].title
    file = str(out / "synthetic.csv")
    click.echo(render("lab.fit.done", desk.language, jobs=len(made.jobs), name=name, file=file))


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


def _write_pages(real: "Trace", made: "Trace", out: Path) -> None:
    from tallygrid.files.whole import whole
    from tallygrid.lab import fit as fitting
    from tallygrid.report.fitting import fitting_page

    curves = {
        "autocorrelation": (_lags(real), _lags(made)),
        "hours": (_hours(real), _hours(made)),
        "durations": (_durations(real), _durations(made)),
    }
    distances = fitting.distances(real, made)
    for language in ("en", "zh"):
        with whole(out / f"fit.{language}.html") as part:
            page = fitting_page(real.name, distances, curves, language)
            part.write_text(page, encoding="utf-8")


_Points = list[tuple[float, float]]


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
