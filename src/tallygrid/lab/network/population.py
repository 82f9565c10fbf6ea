"""A population: invented firms, the jobs that they might want, and what each is worth to them.

Everything is drawn once for a seed, whether or not there is a programme: runs with and
without a voucher meet the same firms, the same jobs, and the same luck. More jobs are drawn
than would come at the listed price; each carries the price below which it comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.demand import Firm
from tallygrid.core.placement import SEEDS, Request
from tallygrid.lab.behaviour import Behaviour
from tallygrid.lab.chance import FINENESS
from tallygrid.lab.network import rows
from tallygrid.lab.network.kernel import Table
from tallygrid.lab.network.world import World
from tallygrid.lab.profile import invented, read_profile
from tallygrid.lab.table import Fitted, read_fitted

Whole = NDArray[np.int64]
Real = NDArray[np.float64]

_DAY_S: Final = 86_400
_WHOLE: Final = 1_000
"""The whole listed price, in thousandths."""
_RUN_MIN_S: Final = 60
_RUN_MAX_S: Final = 60 * _DAY_S
"""No job runs longer than sixty days; who wants more asks again."""
_HOUR_S: Final = 3_600
_WORTH_MAX_MILLI: Final = 50_000
"""No job is worth more than fifty times its listed price."""
_CONTRACT_FEN_MIN: Final = 100


@dataclass(frozen=True)
class Kind:
    """A kind of work: what it asks of a site, and how often it is asked."""

    id: str
    share_bp: int
    models: frozenset[str] = frozenset()
    memory_gb_min: int = 0
    origin: str = "any"
    latency_ms_max: int | None = None
    data_gb: int = 0
    cards_factor: int = 1
    """Gangs of the fitted trace are multiplied by this."""


@dataclass(frozen=True)
class Wanted:
    """How much is wanted, of what kind, by how many."""

    jobs: int
    """At the listed price, in the whole time."""
    firms: int
    days: int
    kinds: tuple[Kind, ...]
    load_bp: int
    """Card time wanted at the listed price, of all that is listed."""
    trace: "Shape | None" = None
    """The jobs of a trace instead of those of the fitted generator."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Jobs as they arrive, before they belong to anybody."""

    arrival_s: Whole
    gang: Whole
    run_s: Whole


@dataclass(frozen=True, eq=False)
class Population:
    """Firms and jobs of one seed, as the kernel takes them, and luck in store for each firm."""

    firms: tuple[Firm, ...]
    jobs: Table
    requests: tuple[Request, ...]
    plan_fen: Whole
    """By firm: what its jobs that come at the listed price cost in all, for a year."""
    gross_fen: Whole
    """By job, at the lowest listed price."""
    worth_milli: Whole
    """By job: up to what part of the listed price it comes."""
    luck: Mapping[str, Real]
    """By purpose and firm, uniform between 0 and 1."""
    cash_fen: Whole


_LUCK: Final = ("aware", "misjudge", "begin", "paperwork", "wait", "claim")


def population(world: World, wanted: Wanted, behaviour: Behaviour, *, seed: int) -> Population:
    """Draw a population."""
    firms = _firms(seed, wanted.firms)
    shape, worth = _drawn(wanted, behaviour, seed)
    requests, kind_of = _kinds(world.catalogue, wanted.kinds, firms)
    jobs = np.zeros((len(shape.gang), rows.JOB_COLUMNS), dtype=np.int64)
    random = _random(seed, "who asks for what")
    holder = _holders(random, firms, len(jobs))
    kind = _chosen(random, [one.share_bp for one in wanted.kinds], len(jobs))
    jobs[:, rows.ARRIVAL] = shape.arrival_s
    jobs[:, rows.GANG] = shape.gang * np.array([one.cards_factor for one in wanted.kinds])[kind]
    jobs[:, rows.FIRM] = holder
    jobs[:, rows.KIND] = kind_of[kind, holder]
    jobs[:, rows.DATA_GB] = np.array([one.data_gb for one in wanted.kinds])[kind]
    jobs[:, rows.WAIT_MAX] = behaviour.wait_hours_max * _HOUR_S
    jobs[:, rows.SEED] = random.integers(0, SEEDS, len(jobs))
    jobs[:, rows.RUN] = _runs(world, wanted, firms, jobs, shape.run_s, worth)
    gross = _gross(world, requests, jobs)
    jobs[:, rows.WORTH_FEN] = gross * worth // 1000
    plan = _plans(jobs, gross, worth, len(firms), wanted.days)
    luck = {name: _random(seed, name).random(len(firms)) for name in _LUCK}
    spread = 500 + _random(seed, "cash").integers(0, 1001, len(firms))
    return Population(
        firms=firms,
        jobs=jobs,
        requests=requests,
        plan_fen=plan,
        gross_fen=gross,
        worth_milli=worth,
        luck=luck,
        cash_fen=plan * behaviour.cash_share_bp // 10_000 * spread // 1000,
    )


@lru_cache(maxsize=64)
def _firms(seed: int, firms: int) -> tuple[Firm, ...]:
    return invented(read_profile(), seed=seed, firms=firms)


@lru_cache(maxsize=1)
def _fitted() -> Fitted:
    return read_fitted()


def _random(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one purpose, so that more draws here shift nothing elsewhere."""
    return np.random.Generator(np.random.PCG64([seed, *name.encode()]))


def _drawn(wanted: Wanted, behaviour: Behaviour, seed: int) -> tuple[Shape, Whole]:
    """Return the jobs that might come, and the part of the listed price up to which each does.

    With an elasticity e, at a part m of the price 1/m^e times as many jobs come: so many more
    are drawn, and what each is worth follows the same law.
    """
    elasticity = behaviour.elasticity_milli / 1000
    lowest = behaviour.lowest_price_milli / 1000
    count = max(1, ceil(wanted.jobs * lowest**-elasticity))
    shape = _from_trace(wanted, seed, count) if wanted.trace else _made(wanted, seed, count)
    random = _random(seed, "what a job is worth")
    drawn = (random.integers(0, FINENESS, count) + 1) / FINENESS
    worth = np.minimum(1000 * lowest * drawn ** (-1 / elasticity), _WORTH_MAX_MILLI)
    return shape, worth.astype(np.int64)


def _made(wanted: Wanted, seed: int, count: int) -> Shape:
    """Return jobs by the figures fitted on a trace: days, hours, campaigns, gangs, durations."""
    fitted, random = _fitted(), _random(seed, "arrivals")
    points, sizes = fitted.points_bp, fitted.campaigns.sizes
    mean = max(1.0, float(np.interp(np.arange(10_000), points, sizes).mean()))
    campaigns = _quantiles(random, points, sizes, max(8, int(1.3 * count / mean) + 64))
    while campaigns.sum() < count:
        campaigns = np.append(campaigns, _quantiles(random, points, sizes, len(campaigns)))
    start = _starts(random, fitted, wanted.days, len(campaigns))
    of = np.repeat(np.arange(len(campaigns)), campaigns)
    gaps = _quantiles(random, points, fitted.campaigns.gaps_s, len(of))
    first = np.cumsum(campaigns) - campaigns
    gaps[first] = 0
    since = np.cumsum(gaps)
    arrival = start[of] + since - since[first][of]
    is_chosen = np.zeros(len(of), dtype=np.bool_)
    is_chosen[random.permutation(len(of))[:count]] = True
    chosen = np.flatnonzero(is_chosen)
    gang = np.array([one.cards for one in fitted.gangs])[
        _chosen(random, [one.jobs for one in fitted.gangs], count)
    ]
    run = np.zeros(count, dtype=np.int64)
    for cards in np.unique(gang):
        same = gang == cards
        run[same] = _quantiles(random, points, fitted.durations_of(int(cards)), int(same.sum()))
    arrival = arrival[chosen] % (wanted.days * _DAY_S)
    order = np.argsort(arrival, kind="stable")
    return Shape(arrival[order], gang[order], np.maximum(run[order], 1))


def _starts(random: np.random.Generator, fitted: Fitted, days: int, count: int) -> Whole:
    """Return when campaigns begin: on a day, in an hour, each by its share."""
    weekdays = np.array([fitted.arrivals.weekdays[day % 7] for day in range(days)])
    factors = _quantiles(random, fitted.points_bp, fitted.arrivals.day_factor_milli, days)
    day = _chosen(random, (weekdays * factors).tolist(), count)
    hour = _chosen(random, fitted.arrivals.hours, count)
    within: Whole = random.integers(0, _HOUR_S, count)
    found: Whole = day * _DAY_S + hour * _HOUR_S + within
    return found


def _from_trace(wanted: Wanted, seed: int, count: int) -> Shape:
    """Return jobs of a trace drawn evenly, its time stretched to that of the scenario."""
    assert wanted.trace is not None, "a trace was named"
    trace, random = wanted.trace, _random(seed, "arrivals")
    drawn = np.sort(random.integers(0, len(trace.gang), count))
    span, days_s = int(trace.arrival_s[-1]) + 1, wanted.days * _DAY_S
    arrival = trace.arrival_s[drawn] * days_s // span
    return Shape(arrival, trace.gang[drawn], np.maximum(trace.run_s[drawn], 1))


def _quantiles(
    random: np.random.Generator, points: Sequence[int], values: Sequence[int], count: int
) -> Whole:
    """Return values drawn by their quantiles, as `chance.at` reads them."""
    marks = random.integers(0, FINENESS, count) * (points[-1] / FINENESS)
    found: Whole = np.rint(np.interp(marks, points, values)).astype(np.int64)
    return found


def _chosen(random: np.random.Generator, weights: Sequence[int], count: int) -> Whole:
    """Return places drawn by weight."""
    edges = np.cumsum(np.array(weights, dtype=np.int64))
    drawn = random.integers(0, int(edges[-1]), count)
    found: Whole = np.searchsorted(edges, drawn, side="right").astype(np.int64)
    return found


def _holders(random: np.random.Generator, firms: Sequence[Firm], count: int) -> Whole:
    """Return whose each job is: who plans to spend more asks more often."""
    weights = [max(1, _spend(firm) // 1_000_000) for firm in firms]
    return _chosen(random, weights, count)


def _spend(firm: Firm) -> int:
    spend = firm.facts.get("spend_year_fen", 0)
    return spend if isinstance(spend, int) else 0


def _kinds(
    catalogue: Catalogue, kinds: Sequence[Kind], firms: Sequence[Firm]
) -> tuple[tuple[Request, ...], Whole]:
    """Return what is asked, and where in that by kind and firm: it depends on the firm's place."""
    homes = [nearest_place(catalogue, str(firm.facts.get("registered_in", ""))) for firm in firms]
    places = sorted(set(homes))
    row = {place: n for n, place in enumerate(places)}
    requests = tuple(_request(kind, place) for kind in kinds for place in places)
    of_firm = np.array([row[home] for home in homes], dtype=np.int64)
    return requests, of_firm[None, :] + len(places) * np.arange(len(kinds))[:, None]


def _request(kind: Kind, place: str) -> Request:
    return Request(
        cards=1,
        seconds=1,
        place=place,
        models=kind.models,
        memory_gb_min=kind.memory_gb_min,
        origin="domestic" if kind.origin == "domestic" else "any",
        latency_ms_max=kind.latency_ms_max,
    )


def nearest_place(catalogue: Catalogue, code: str) -> str:
    """Return the place nearest to a division, as `service.quoting` does."""
    for digits in (4, 2, 1, 0):
        near = [one.id for one in catalogue.places.values() if one.code[:digits] == code[:digits]]
        if near:
            return min(near)
    raise AssertionError("every code begins with no digits")


def _runs(
    world: World, wanted: Wanted, firms: Sequence[Firm], jobs: Table, run: Whole, worth: Whole
) -> Whole:
    """Return how long jobs run: those of each firm stretched alike, to the load in all.

    A trace tells how run times lie to one another; how much is wanted in all, a scenario says.
    Each firm has its part of that by what it plans to spend.
    """
    comes = worth >= _WHOLE
    listed = sum(world.shelf.cards.values()) * wanted.days * _DAY_S
    weights = np.array([max(1, _spend(firm) // 1_000_000) for firm in firms], dtype=np.float64)
    target = listed * (wanted.load_bp / 10_000) * weights / weights.sum()
    has = np.bincount(
        jobs[comes, rows.FIRM],
        weights=(jobs[:, rows.GANG] * run)[comes].astype(np.float64),
        minlength=len(firms),
    )
    factor = np.divide(target, has, out=np.ones_like(target), where=has > 0)
    stretched = np.rint(run * factor[jobs[:, rows.FIRM]])
    found: Whole = np.clip(stretched, _RUN_MIN_S, _RUN_MAX_S).astype(np.int64)
    return found


def _gross(world: World, requests: Sequence[Request], jobs: Table) -> Whole:
    """Return what each job costs at the lowest listed price that suits it, rounded up."""
    prices = [world.list_price_fen(one) or Fraction(0) for one in requests]
    num = np.array([one.numerator for one in prices], dtype=np.int64)[jobs[:, rows.KIND]]
    den = np.array([one.denominator for one in prices], dtype=np.int64)[jobs[:, rows.KIND]]
    card_seconds = jobs[:, rows.GANG] * jobs[:, rows.RUN]
    found: Whole = -(-card_seconds * num // den)
    return found


def _plans(jobs: Table, gross: Whole, worth: Whole, firms: int, days: int) -> Whole:
    """Return what each firm's jobs cost in a year that come at the listed price."""
    comes = worth >= _WHOLE
    spent = np.bincount(
        jobs[comes, rows.FIRM], weights=gross[comes].astype(np.float64), minlength=firms
    ).astype(np.int64)
    found: Whole = np.maximum(spent * 365 // days, _CONTRACT_FEN_MIN)
    return found
