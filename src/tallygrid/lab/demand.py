"""Demand for the demonstration and the laboratory: a trace itself, or a generator fitted on one.

Both take the same way. The jobs of a virtual cluster are divided among invented firms, the
first of them asking most; a campaign (jobs of one cluster soon after one another) stays with
one firm. A small share of larger gangs and some purchases of models and corpora are added.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final, TypeVar

from tallygrid.core.demand import Demand, Firm, JobRequest, Origin, PurchaseRequest
from tallygrid.lab.chance import allotted, between, stream
from tallygrid.lab.fit import CAMPAIGN_GAP_S
from tallygrid.lab.profile import Profile, Purchase, invented, read_profile
from tallygrid.lab.table import Fitted, read_fitted
from tallygrid.lab.trace import Trace, TraceJob

_Item = TypeVar("_Item")

JOBS: Final = 300
FIRMS: Final = 60
_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
_BASIS_POINTS: Final = 10_000
_ZIPF_UNIT: Final = 10**9


class DemandError(Exception):
    """A demand was asked for that cannot be made."""


@dataclass(frozen=True)
class Table:
    """What a demand is made of: figures fitted on a trace, and the invented firms' shares."""

    fitted: Fitted
    profile: Profile


def read_table() -> Table:
    """Read the table that is shipped with the package."""
    return Table(read_fitted(), read_profile())


def generate(table: Table, *, seed: int, jobs: int = JOBS, firms: int = FIRMS) -> Demand:
    """Generate demand from the fitted figures.

    Fewer jobs than were fitted are an evenly thinned sample of the fitted period; more jobs
    take a longer period at the fitted rate.
    """
    _check(jobs, firms)
    count = max(jobs, table.fitted.period.jobs)
    made = synthesise(table.fitted, stream(seed, "arrivals"), jobs=count)
    return _Maker(table, seed, made, table.fitted.label, "fitted").demand(jobs, firms)


def from_trace(
    trace: Trace, table: Table, *, seed: int, jobs: int = JOBS, firms: int = FIRMS
) -> Demand:
    """Play a trace itself: an evenly thinned sample in its order, so that its whole period shows.

    The first jobs alone would be a quarter of an hour of one virtual cluster.
    """
    _check(jobs, firms)
    return _Maker(table, seed, trace, f"trace {trace.name}", "trace").demand(jobs, firms)


def synthesise(fitted: Fitted, random: Random, *, jobs: int) -> Trace:
    """Return a generated trace at the fitted rate: campaigns by day, hour and cluster."""
    days = -(-fitted.period.days * jobs // fitted.period.jobs)
    made: list[TraceJob] = []
    for campaign in _campaigns(fitted, random, days):
        made.extend(campaign)
        if len(made) >= jobs:
            break
    made = sorted(made[:jobs], key=lambda job: job.arrival_s)
    first_s = made[0].arrival_s
    midnight = datetime.combine(fitted.period.first_day, datetime.min.time())
    rebased = (
        replace(job, arrival_s=job.arrival_s - first_s, line=n) for n, job in enumerate(made, 1)
    )
    return Trace(fitted.label, midnight + timedelta(seconds=first_s), tuple(rebased))


def thinned(items: Sequence[_Item], count: int) -> list[_Item]:
    """Return an evenly spaced sample in order, the first item included.

    >>> thinned("abcdefgh", 4)
    ['a', 'c', 'e', 'g']
    """
    count = min(count, len(items))
    return [items[n * len(items) // count] for n in range(count)]


@dataclass(frozen=True)
class _Maker:
    table: Table
    seed: int
    trace: Trace
    label: str
    origin: Origin

    def demand(self, jobs: int, firms: int) -> Demand:
        fitted = self.table.fitted
        kept_max = jobs - jobs * fitted.large.share_bp // _BASIS_POINTS
        asked = thinned(self._with_firms(firms), kept_max)
        invented_firms = invented(self.table.profile, seed=self.seed, firms=firms)
        first_s = asked[0][0].arrival_s
        real = [
            JobRequest(0, job.arrival_s - first_s, firm, job.cards, job.duration_s, self.origin)
            for job, firm in asked
        ]
        span_s = real[-1].arrival_s
        large = self._large((jobs - kept_max) * len(asked) // kept_max, span_s, invented_firms)
        ordered = sorted([*real, *large], key=lambda job: job.arrival_s)
        return Demand(
            label=self.label,
            seed=self.seed,
            week_offset_s=(self.trace.week_offset_s + first_s) % (7 * _DAY_S),
            firms=invented_firms,
            jobs=tuple(replace(job, number=number) for number, job in enumerate(ordered, 1)),
            purchases=self._purchases(len(ordered), span_s, invented_firms),
        )

    def _with_firms(self, firms: int) -> list[tuple[TraceJob, str]]:
        """Give every job of the trace a firm of its virtual cluster."""
        random = stream(self.seed, "firms of jobs")
        crowd = _crowd(self.trace, firms)
        made: list[tuple[TraceJob, str]] = []
        last: dict[str, tuple[TraceJob, str]] = {}
        for job in self.trace.jobs:
            before = last.get(job.cluster)
            same = before is not None and job.arrival_s - before[0].arrival_s <= CAMPAIGN_GAP_S
            firm = before[1] if same and before else crowd[job.cluster].firm(random)
            last[job.cluster] = (job, firm)
            made.append((job, firm))
        return made

    def _large(self, count: int, span_s: int, firms: Sequence[Firm]) -> list[JobRequest]:
        """Return gangs that the trace does not have, up to eight nodes, dealt out by weight."""
        random = stream(self.seed, "large gangs")
        fitted = self.table.fitted
        parts = allotted(count, [gang.jobs for gang in fitted.large.gangs])
        return [
            _large_job(fitted, random, gang.cards, span_s, firms)
            for gang, part in zip(fitted.large.gangs, parts, strict=True)
            for _ in range(part)
        ]

    def _purchases(
        self, jobs: int, span_s: int, firms: Sequence[Firm]
    ) -> tuple[PurchaseRequest, ...]:
        """Return purchases of models and corpora, at least one of each kind."""
        random = stream(self.seed, "purchases")
        made = [
            _purchase(kind, random, span_s, firms)
            for kind in self.table.profile.purchases
            for _ in range(max(1, jobs * kind.per_mille_of_jobs // 1000))
        ]
        made.sort(key=lambda purchase: purchase.arrival_s)
        return tuple(replace(purchase, number=number) for number, purchase in enumerate(made, 1))


@dataclass(frozen=True)
class _Crowd:
    """The firms of one virtual cluster, and how much each asks: the n-th one n-th as much."""

    firms: tuple[str, ...]
    edges: tuple[int, ...]

    def firm(self, random: Random) -> str:
        return random.choices(self.firms, cum_weights=self.edges)[0]


def _crowd(trace: Trace, firms: int) -> dict[str, _Crowd]:
    """Divide the firms among the virtual clusters by jobs, one at least for each."""
    ranked = Counter(job.cluster for job in trace.jobs).most_common()
    if firms < len(ranked):
        raise DemandError(
            f"{firms} firms cannot fill the {len(ranked)} virtual clusters of {trace.name}. "
            f"Ask for {len(ranked)} or more."
        )
    parts = allotted(firms, [jobs for _, jobs in ranked])
    ends = list(accumulate(parts))
    return {
        cluster: _Crowd(
            firms=tuple(f"F-{number:03d}" for number in range(end - part + 1, end + 1)),
            edges=tuple(accumulate(_ZIPF_UNIT // rank for rank in range(1, part + 1))),
        )
        for (cluster, _), part, end in zip(ranked, parts, ends, strict=True)
    }


def _campaigns(fitted: Fitted, random: Random, days: int) -> Iterator[list[TraceJob]]:
    """Yield campaigns without end, each on a day, in an hour and of a cluster by their shares."""
    day_edges = list(accumulate(_day_weights(fitted, random, days)))
    hour_edges = list(accumulate(fitted.arrivals.hours))
    names = [f"cluster {rank}" for rank in range(1, len(fitted.clusters) + 1)]
    cluster_edges = list(accumulate(fitted.clusters))
    while True:
        day = random.choices(range(days), cum_weights=day_edges)[0]
        hour = random.choices(range(24), cum_weights=hour_edges)[0]
        at_s = day * _DAY_S + hour * _HOUR_S + random.randrange(_HOUR_S)
        cluster = random.choices(names, cum_weights=cluster_edges)[0]
        yield list(_campaign(fitted, random, at_s, cluster))


def _campaign(fitted: Fitted, random: Random, at_s: int, cluster: str) -> Iterator[TraceJob]:
    gangs = [gang.cards for gang in fitted.gangs]
    weights = [gang.jobs for gang in fitted.gangs]
    for n in range(between(random, fitted.points_bp, fitted.campaigns.sizes)):
        if n:
            at_s += between(random, fitted.points_bp, fitted.campaigns.gaps_s)
        cards = random.choices(gangs, weights)[0]
        duration_s = between(random, fitted.points_bp, fitted.durations_of(cards))
        yield TraceJob(at_s, duration_s, cards, cluster, line=0)


def _day_weights(fitted: Fitted, random: Random, days: int) -> list[int]:
    first = fitted.period.first_day.weekday()
    return [
        fitted.arrivals.weekdays[(first + day) % 7]
        * between(random, fitted.points_bp, fitted.arrivals.day_factor_milli)
        for day in range(days)
    ]


def _large_job(
    fitted: Fitted, random: Random, cards: int, span_s: int, firms: Sequence[Firm]
) -> JobRequest:
    duration_s = between(random, fitted.points_bp, fitted.durations_of(cards))
    firm = random.choice(firms).id
    return JobRequest(0, random.randrange(span_s + 1), firm, cards, duration_s, "synthetic")


def _purchase(
    kind: Purchase, random: Random, span_s: int, firms: Sequence[Firm]
) -> PurchaseRequest:
    quantity = kind.quantity.value(random)
    assert isinstance(quantity, int), f"a quantity of {kind.unit} is a whole number: {quantity}"
    firm = random.choice(firms).id
    arrival_s = random.randrange(span_s + 1)
    return PurchaseRequest(0, arrival_s, firm, kind.kind, kind.unit, quantity, "synthetic")


def _check(jobs: int, firms: int) -> None:
    if jobs < 1 or firms < 1:
        raise DemandError(f"A demand of {jobs} jobs and {firms} firms is none. Ask for 1 or more.")
