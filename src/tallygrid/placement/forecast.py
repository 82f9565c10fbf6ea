"""The forecast: what comes in the next days, from what came at the same hours before.

Every job of the last weeks is expected again at its hour of the week, as often as weeks are
known: so gangs, lengths, demands and busy hours are those that were seen, and nothing is
drawn. Holidays, growth and what nobody has asked for yet are not foreseen.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tallygrid.core.placement import Request
from tallygrid.placement.prices import Expected

WEEK: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
NONE: Final = timedelta(0)
WEEKS_MAX: Final = 4
"""What is older says little of the next week: a choice of ours."""
_JOBS_MAX: Final = 4_000
"""More are thinned out, since prices of so many are the same to some fen."""


@dataclass(frozen=True)
class Came:
    """A job that came."""

    at: datetime
    request: Request
    programme: str = ""
    """The budget that paid part of it; empty: none."""
    rate_bp: int = 0


@dataclass(frozen=True)
class History:
    """What a forecast rests on."""

    period: timedelta
    """A week; a day where no whole week is known; nothing where not even that is."""
    times: int
    """How many periods are known, and count alike."""
    jobs: int
    """How many came in them."""


@dataclass(frozen=True)
class Forecast:
    """Jobs that may come until a horizon, each as far as it is likely and lies before it."""

    expected: tuple[Expected, ...]
    history: History


def forecast(
    came: Iterable[Came], *, since: datetime | None, at: datetime, until: datetime
) -> Forecast:
    """Return what is expected from an instant until a horizon.

    Args:
        came: What came before, at least as far back as counts.
        since: From when on all that came is known; None: nothing ever came.
        at: The instant.
        until: The horizon.
    """
    period, times = _known(since, at)
    before = [one for one in came if at - period * times <= one.at < at]
    again = [one for job in before for one in _again(job, period, times, at, until)]
    return Forecast(tuple(_thinned(again)), History(period, times, len(before)))


def _known(since: datetime | None, at: datetime) -> tuple[timedelta, int]:
    """Return the period after which hours come again, and how many of it are known."""
    passed = NONE if since is None else at - since
    if passed >= WEEK:
        return WEEK, min(WEEKS_MAX, passed // WEEK)
    return (DAY, passed // DAY) if passed >= DAY else (NONE, 0)


def _again(
    job: Came, period: timedelta, times: int, at: datetime, until: datetime
) -> Iterator[Expected]:
    """Yield a job each time that its hour comes again, cut off at the horizon."""
    start = job.at - (job.at - at) // period * period
    while start < until:
        within = min(1.0, (until - start) / timedelta(seconds=job.request.seconds))
        yield Expected(job.request, within / times, job.programme, job.rate_bp)
        start += period


def _thinned(expected: Sequence[Expected]) -> Iterator[Expected]:
    """Yield so many that prices are found soon, small and large alike, with the same work."""
    every = -(-len(expected) // _JOBS_MAX)
    ranked = sorted(expected, key=_work) if every > 1 else expected
    kept = ranked[every // 2 :: every] if every > 1 else ranked
    scale = sum(map(_work, expected)) / sum(map(_work, kept)) if kept else 1.0
    return (replace(one, within=one.within * scale) if every > 1 else one for one in kept)


def _work(one: Expected) -> float:
    return one.request.cards * one.request.seconds * one.within
