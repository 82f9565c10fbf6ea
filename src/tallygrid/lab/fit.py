"""Fitting: from a trace to a few hundred figures, and how far these lie from it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

from tallygrid.lab.chance import FINENESS, at
from tallygrid.lab.table import Fitted
from tallygrid.lab.trace import Trace, TraceJob

POINTS_BP: Final = (
    *(0, 50, 100, 250, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500, 6000),
    *(6500, 7000, 7500, 8000, 8500, 9000, 9250, 9500, 9600, 9700, 9800, 9900, 9950, 9990, 10_000),
)
CAMPAIGN_GAP_S: Final = 60
"""Jobs of one virtual cluster this soon after one another count as one campaign."""

_POOLED_BELOW: Final = 100
"""Gangs with fewer jobs share one set of durations, so that no figure is a row of the trace."""

_DAY_S: Final = 86_400
_LARGEST_GANG: Final = 64
_DRAWS: Final = 10_000
_NODE_CARDS: Final = 8


def fitted(trace: Trace, *, first_day: date) -> dict[str, Any]:
    """Return the figures of a trace from a day on, in the shape of the shipped table."""
    part = since(trace, first_day)
    jobs = part.jobs
    offset_s = part.week_offset_s % _DAY_S
    days = (offset_s + jobs[-1].arrival_s) // _DAY_S + 1
    gangs = Counter(job.cards for job in jobs)
    return {
        "period": {
            "first_day": first_day,
            "days": days,
            "jobs": len(jobs),
            "left_out": len(trace.jobs) - len(jobs),
        },
        "points_bp": list(POINTS_BP),
        "arrivals": _arrivals([offset_s + job.arrival_s for job in jobs], first_day, days),
        "campaigns": _campaigns(jobs),
        "gangs": [{"cards": cards, "jobs": gangs[cards]} for cards in sorted(gangs)],
        "durations": _durations(jobs, gangs),
        "clusters": sorted(Counter(job.cluster for job in jobs).values(), reverse=True),
    }


def since(trace: Trace, first_day: date) -> Trace:
    """Return the part of a trace from the beginning of a day on.

    Raises:
        ValueError: No job arrives then.
    """
    began = trace.first_arrival
    start_s = (datetime.combine(first_day, time()) - began) // timedelta(seconds=1)
    jobs = [job for job in trace.jobs if job.arrival_s >= start_s]
    if not jobs:
        raise ValueError(f"{trace.name} has no job on or after {first_day}.")
    first_s = jobs[0].arrival_s
    rebased = (replace(job, arrival_s=job.arrival_s - first_s) for job in jobs)
    return Trace(trace.name, began + timedelta(seconds=first_s), tuple(rebased))


def large_gangs(mean_cards_milli: int) -> list[dict[str, int]]:
    """Return weights of gangs of 8 to 64 cards whose mean is given: geometric, one parameter.

    Of all distributions on these steps with that mean the geometric one assumes least.
    """
    steps = range(_NODE_CARDS, _LARGEST_GANG + 1, _NODE_CARDS)
    low, high = 0.01, 100.0
    for _ in range(100):
        ratio = (low + high) / 2
        weights = [ratio**n for n in range(len(steps))]
        mean = sum(c * w for c, w in zip(steps, weights, strict=True)) / sum(weights)
        low, high = (ratio, high) if mean * 1000 < mean_cards_milli else (low, ratio)
    whole = [round(10_000 * weight / sum(weights)) for weight in weights]
    return [{"cards": c, "jobs": w} for c, w in zip(steps, whole, strict=True)]


def ks_distance(one: Iterable[int], other: Iterable[int]) -> float:
    """Return the Kolmogorov-Smirnov distance: the widest gap between two distributions.

    >>> ks_distance([1, 2, 3, 4], [1, 2, 3, 4])
    0.0
    >>> ks_distance([1, 1], [2, 2])
    1.0
    """
    return ks_of_weights(Counter(one), Counter(other))


def ks_of_weights(one: Mapping[int, int], other: Mapping[int, int]) -> float:
    """Return the distance of two distributions that are given by the weight of each value.

    >>> ks_of_weights({1: 1, 2: 3}, {1: 2, 2: 2})
    0.25
    """
    wholes = sum(one.values()), sum(other.values())
    below, widest = [0, 0], 0.0
    for value in sorted({*one, *other}):
        for n, weights in enumerate((one, other)):
            below[n] += weights.get(value, 0)
        widest = max(widest, abs(below[0] / wholes[0] - below[1] / wholes[1]))
    return widest


def campaigns(jobs: Sequence[TraceJob]) -> list[list[TraceJob]]:
    """Return the runs of jobs of one cluster that follow each other within the gap."""
    runs: list[list[TraceJob]] = []
    last: dict[str, list[TraceJob]] = {}
    for job in jobs:
        run = last.get(job.cluster)
        if run and job.arrival_s - run[-1].arrival_s <= CAMPAIGN_GAP_S:
            run.append(job)
        else:
            last[job.cluster] = [job]
            runs.append(last[job.cluster])
    return runs


def _arrivals(arrivals_s: Sequence[int], first_day: date, days: int) -> dict[str, Any]:
    hours = Counter(arrival_s % _DAY_S // 3600 for arrival_s in arrivals_s)
    per_day = Counter(arrival_s // _DAY_S for arrival_s in arrivals_s)
    weekday_of = [(first_day + timedelta(n)).weekday() for n in range(days)]
    weekdays = [sum(per_day[n] for n in range(days) if weekday_of[n] == w) for w in range(7)]
    factors = [
        per_day[n] * 1000 * weekday_of.count(weekday_of[n]) // weekdays[weekday_of[n]]
        for n in range(days)
    ]
    return {
        "hours": [hours[hour] for hour in range(24)],
        "weekdays": weekdays,
        "day_factor_milli": quantiles(factors),
    }


def _campaigns(jobs: Sequence[TraceJob]) -> dict[str, Any]:
    runs = campaigns(jobs)
    gaps = [b.arrival_s - a.arrival_s for run in runs for a, b in pairwise(run)]
    return {
        "gap_s_max": CAMPAIGN_GAP_S,
        "sizes": quantiles([len(run) for run in runs]),
        "gaps_s": quantiles(gaps or [CAMPAIGN_GAP_S]),
    }


def _durations(jobs: Sequence[TraceJob], gangs: Counter[int]) -> list[dict[str, Any]]:
    """Return a group for every common gang, rarer ones joining the next common one above."""
    largest = max(_LARGEST_GANG, *gangs)
    tops = [cards for cards in sorted(gangs) if gangs[cards] >= _POOLED_BELOW]
    rarer_above = sum(jobs for cards, jobs in gangs.items() if not tops or cards > tops[-1])
    tops = [*tops, largest] if rarer_above else [*tops[:-1], largest]
    bottoms = [1, *(top + 1 for top in tops[:-1])]
    return [_duration_group(jobs, low, top) for low, top in zip(bottoms, tops, strict=True)]


def _duration_group(jobs: Sequence[TraceJob], low: int, high: int) -> dict[str, Any]:
    seconds = [job.duration_s for job in jobs if low <= job.cards <= high]
    return {
        "cards_from": low,
        "cards_to": high,
        "jobs": len(seconds),
        "seconds": quantiles(seconds),
    }


def quantiles(values: Sequence[int]) -> list[int]:
    """Return the values at the points, by nearest rank below."""
    ordered = sorted(values)
    return [ordered[point * (len(ordered) - 1) // 10_000] for point in POINTS_BP]


def distances(trace: Trace, made: Trace) -> list[tuple[str, float]]:
    """Return how far a generated trace lies from the real one, figure by figure."""
    pairs: list[tuple[str, list[int], list[int]]] = [
        ("hour of day", _hours(trace), _hours(made)),
        ("weekday", _weekdays(trace), _weekdays(made)),
        ("jobs per day", _per_day(trace), _per_day(made)),
        ("gap between arrivals", _gaps(trace), _gaps(made)),
        ("campaign size", _sizes(trace), _sizes(made)),
        ("gang", [job.cards for job in trace.jobs], [job.cards for job in made.jobs]),
        ("virtual cluster", _ranks(trace), _ranks(made)),
        ("duration", [j.duration_s for j in trace.jobs], [j.duration_s for j in made.jobs]),
    ]
    common = Counter(job.cards for job in trace.jobs)
    for cards in sorted(cards for cards in common if common[cards] >= _POOLED_BELOW):
        name = f"duration of {cards} cards"
        pairs.append((name, _seconds(trace, cards), _seconds(made, cards)))
    return [(name, ks_distance(one, other)) for name, one, other in pairs]


def told_distances(table: Fitted, made: Trace) -> list[tuple[str, float]]:
    """Return how far generated jobs lie from what was told of them, figure by figure."""
    arrivals = table.arrivals
    pairs: list[tuple[str, Mapping[int, int], list[int]]] = [
        ("hour of day", dict(enumerate(arrivals.hours)), _hours(made)),
        ("weekday", _played_weekdays(table), _weekdays(made)),
        ("campaign size", _drawn(table, table.campaigns.sizes), _sizes(made)),
        ("gang", {one.cards: one.jobs for one in table.gangs}, [job.cards for job in made.jobs]),
        ("virtual cluster", dict(enumerate(table.clusters)), _ranks(made)),
        ("duration", _drawn(table, table.durations[0].seconds), [j.duration_s for j in made.jobs]),
    ]
    return [(name, ks_of_weights(told, Counter(found))) for name, told, found in pairs]


def _played_weekdays(table: Fitted) -> Mapping[int, int]:
    """Return what each weekday weighs in the days that are played, where some may be missing."""
    first = table.period.first_day.weekday()
    played = Counter((first + day) % 7 for day in range(table.period.days))
    return {day: table.arrivals.weekdays[day] * times for day, times in played.items()}


def _drawn(table: Fitted, quantiles_: Sequence[int]) -> Mapping[int, int]:
    """Return how often each value comes of quantiles, drawn evenly."""
    places = range(_DRAWS)
    return Counter(at(table.points_bp, quantiles_, n * FINENESS // _DRAWS) for n in places)


def _hours(trace: Trace) -> list[int]:
    return [second % _DAY_S // 3600 for second in _local(trace)]


def _weekdays(trace: Trace) -> list[int]:
    return [second // _DAY_S % 7 for second in _local(trace)]


def _local(trace: Trace) -> list[int]:
    return [trace.week_offset_s + job.arrival_s for job in trace.jobs]


def _per_day(trace: Trace) -> list[int]:
    counts = Counter(second // _DAY_S for second in _local(trace))
    return [counts[day] for day in range(min(counts), max(counts) + 1)]


def _gaps(trace: Trace) -> list[int]:
    return [b.arrival_s - a.arrival_s for a, b in pairwise(trace.jobs)]


def _sizes(trace: Trace) -> list[int]:
    return [len(run) for run in campaigns(trace.jobs)]


def _ranks(trace: Trace) -> list[int]:
    counts = Counter(job.cluster for job in trace.jobs).most_common()
    return [rank for rank, (_, jobs) in enumerate(counts) for _ in range(jobs)]


def _seconds(trace: Trace, cards: int) -> list[int]:
    return [job.duration_s for job in trace.jobs if job.cards == cards]


HOURS_OF_LAG: Final = 48
"""Two days: an hour that is like the same hour of yesterday shows."""


def hourly(trace: Trace) -> list[int]:
    """Return how many jobs arrive in each hour, from the first midnight to the last arrival."""
    counts = Counter(second // 3600 for second in _local(trace))
    first = min(counts) // 24 * 24
    return [counts[hour] for hour in range(first, max(counts) + 1)]


def autocorrelation(counts: Sequence[int]) -> list[float]:
    """Return how alike counts are to those so many hours before, from no hours on.

    >>> autocorrelation([1, 0] * 100)[:3]
    [1.0, -0.995, 0.99]
    """
    mean = sum(counts) / len(counts)
    off = [count - mean for count in counts]
    whole = sum(one * one for one in off)
    lags = range(min(HOURS_OF_LAG + 1, len(counts)))
    if not whole:
        return [0.0 for _ in lags]
    return [
        round(sum(a * b for a, b in zip(off, off[lag:], strict=False)) / whole, 12) for lag in lags
    ]
