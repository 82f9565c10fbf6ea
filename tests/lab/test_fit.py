"""The fitted figures describe the trace they came from, and the generator gives them back."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest
from philly import TRACE, WITH_THE_TRACE

from tallygrid.lab import fit
from tallygrid.lab.chance import FINENESS, at, stream
from tallygrid.lab.demand import synthesise
from tallygrid.lab.table import Fitted, read_fitted
from tallygrid.lab.trace import Trace, TraceJob, read_philly

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def table() -> Fitted:
    return read_fitted()


@pytest.fixture(scope="module")
def made(table: Fitted) -> Trace:
    return synthesise(table, stream(1, "arrivals"), jobs=table.period.jobs)


def test_the_generator_gives_the_gangs_back(table: Fitted, made: Trace) -> None:
    wanted = [gang.cards for gang in table.gangs for _ in range(gang.jobs)]

    assert fit.ks_distance(wanted, (job.cards for job in made.jobs)) < 0.01


def test_the_generator_gives_the_hours_of_the_day_back(table: Fitted, made: Trace) -> None:
    """Campaigns come whole, so that hours differ more than single jobs would."""
    wanted = [hour for hour, jobs in enumerate(table.arrivals.hours) for _ in range(jobs)]
    hours = [(made.week_offset_s + job.arrival_s) % 86_400 // 3600 for job in made.jobs]

    assert fit.ks_distance(wanted, hours) < 0.08


def test_the_generator_gives_the_virtual_clusters_back(table: Fitted, made: Trace) -> None:
    wanted = [rank for rank, jobs in enumerate(table.clusters, 1) for _ in range(jobs)]
    ranks = [int(job.cluster.removeprefix("cluster ")) for job in made.jobs]

    assert fit.ks_distance(wanted, ranks) < 0.1


def test_the_generator_gives_the_durations_of_every_gang_back(table: Fitted, made: Trace) -> None:
    wanted = stream(0, "quantiles")
    for group in table.durations:
        seconds = [
            job.duration_s for job in made.jobs if group.cards_from <= job.cards <= group.cards_to
        ]
        drawn = [
            at(table.points_bp, group.seconds, wanted.randrange(FINENESS)) for _ in range(5000)
        ]

        assert abs(len(seconds) - group.jobs) < 4 * group.jobs**0.5
        assert fit.ks_distance(drawn, seconds) < 1.95 * (1 / len(seconds) + 1 / 5000) ** 0.5


def test_more_jobs_take_a_longer_period_at_the_same_rate(table: Fitted) -> None:
    made = synthesise(table, stream(1, "arrivals"), jobs=2 * table.period.jobs)

    days = made.jobs[-1].arrival_s / 86_400
    assert len(made.jobs) == 2 * table.period.jobs
    assert 1.9 * table.period.days < days < 2.1 * table.period.days


def test_a_fit_recovers_a_trace_that_is_known() -> None:
    """One card, ten seconds, every hour on the hour for two weeks from a Monday."""
    jobs = tuple(TraceJob(hour * 3600, 10, 1, "only", hour) for hour in range(14 * 24))
    trace = Trace("known", datetime(2024, 1, 1), jobs)  # noqa: DTZ001  # local time, as traces give

    figures = fit.fitted(trace, first_day=date(2024, 1, 1))

    assert figures["period"] == {
        "first_day": date(2024, 1, 1),
        "days": 14,
        "jobs": 336,
        "left_out": 0,
    }
    assert figures["arrivals"]["hours"] == [14] * 24
    assert figures["arrivals"]["weekdays"] == [48] * 7
    assert set(figures["arrivals"]["day_factor_milli"]) == {1000}
    assert set(figures["campaigns"]["sizes"]) == {1}
    assert figures["gangs"] == [{"cards": 1, "jobs": 336}]
    assert figures["clusters"] == [336]
    (durations,) = figures["durations"]
    assert (durations["cards_from"], durations["cards_to"]) == (1, 64)
    assert set(durations["seconds"]) == {10}


def test_a_trace_lies_at_no_distance_from_itself(made: Trace) -> None:
    assert {distance for _, distance in fit.distances(made, made)} == {0.0}


def test_days_before_the_first_are_left_out_and_counted() -> None:
    jobs = (TraceJob(0, 1, 1, "a", 2), TraceJob(2 * 86_400, 1, 1, "a", 3))
    trace = Trace("known", datetime(2024, 1, 1, 12), jobs)  # noqa: DTZ001  # local, as traces give

    part = fit.since(trace, date(2024, 1, 2))

    assert part.first_arrival == datetime(2024, 1, 3, 12)  # noqa: DTZ001  # local, as traces give
    assert [job.arrival_s for job in part.jobs] == [0]
    with pytest.raises(ValueError, match="no job on or after 2024-02-01"):
        fit.since(trace, date(2024, 2, 1))


def test_gangs_too_rare_to_describe_share_their_durations(table: Fitted) -> None:
    """A list of quantiles over a handful of jobs would be those jobs."""
    jobs = {gang.cards: gang.jobs for gang in table.gangs}

    for group in table.durations:
        assert group.jobs >= 100
        assert group.jobs == sum(
            n for cards, n in jobs.items() if group.cards_from <= cards <= group.cards_to
        )


def test_added_gangs_reach_eight_nodes_and_keep_the_published_mean(table: Fitted) -> None:
    gangs = table.large.gangs
    mean = sum(g.cards * g.jobs for g in gangs) / sum(g.jobs for g in gangs)

    assert [gang.cards for gang in gangs] == [8, 16, 24, 32, 40, 48, 56, 64]
    assert abs(mean * 1000 - table.large.mean_cards_milli) < 10


def test_every_fitted_figure_names_its_source_and_licence(table: Fitted) -> None:
    figures = {name for source in table.sources for name in source.figures}

    assert {"arrivals", "campaigns", "gangs", "durations", "clusters"} <= figures
    assert {source.licence for source in table.sources} == {"CC-BY-4.0"}


def test_no_hash_and_no_instant_of_a_trace_is_shipped() -> None:
    shipped = (ROOT / "src/tallygrid/lab/demand.yaml").read_text(encoding="utf-8")

    assert len(shipped.encode()) < 20_000
    assert not re.search(r"\b[0-9a-f]{6}\b(?<!\d{6})", shipped)
    assert not re.search(r"\d\d:\d\d:\d\d", shipped)


@WITH_THE_TRACE
def test_the_shipped_figures_are_those_of_the_trace(table: Fitted) -> None:
    figures = fit.fitted(read_philly(TRACE), first_day=table.period.first_day)

    shipped = table.model_dump()
    assert Fitted.model_validate({**shipped, **figures}) == table


@WITH_THE_TRACE
def test_the_generator_comes_close_to_the_trace(table: Fitted, made: Trace) -> None:
    real = fit.since(read_philly(TRACE), table.period.first_day)

    distances = dict(fit.distances(real, made))

    assert distances["gang"] < 0.01
    assert distances["duration"] < 0.03
    assert distances["hour of day"] < 0.08
    assert distances["gap between arrivals"] < 0.1
    assert distances["campaign size"] < 0.15
    assert distances["duration of 1 cards"] < 0.03
    assert max(n for name, n in distances.items() if name.startswith("duration of")) < 0.08
