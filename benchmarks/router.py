"""The online router: how fast it chooses, and how near it comes to a bound that knows the future.

    python benchmarks/router.py [PHILLY.csv.gz]

Jobs are those of the Philly trace where `TALLYGRID_TRACE` or the argument names it, else of
the generator fitted on it; sites, prices and demands are drawn with a seed, and the cards of
all sites together are as many as give the load. Every policy sees the same jobs in the same
order, knows how long they last, and gives each a pool and a start at most a day off, or leaves
it out. What we chose was chosen on other seeds than those that are told. The rules of the
game, the objective and the bound: docs/algorithms/placement.md.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from resource import RUSAGE_THREAD, getrusage
from time import perf_counter, perf_counter_ns, process_time, thread_time_ns
from typing import Any, Final, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tallygrid import database
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Pool, Request, Weights
from tallygrid.database.again import Sessions
from tallygrid.files.catalogue import read_catalogue
from tallygrid.lab.chance import stream
from tallygrid.lab.demand import synthesise
from tallygrid.lab.network.summary import figure
from tallygrid.lab.replay.figures import percentile
from tallygrid.lab.table import read_fitted
from tallygrid.lab.traces.jobs import Jobs
from tallygrid.lab.traces.read import read_jobs
from tallygrid.placement import compiled, kernel
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.lagrangian import search
from tallygrid.placement.batch.relaxation import Relaxation
from tallygrid.placement.forecast import Came, forecast
from tallygrid.placement.online import Router
from tallygrid.placement.shelf import Entry, Shelf, words_of
from tallygrid.service.install import install
from tallygrid.service.leasing import lease
from tallygrid.service.office import Office
from tallygrid.service.purchase import Cards
from tallygrid.settings import Settings
from tallygrid.sites.local import LocalSite

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]

TRIED: Final = (1, 2, 3)
"""The seeds on which `shadow_bp` was chosen: `--choose` plays them."""
SEEDS: Final = (11, 12, 13, 14, 15)
"""The seeds of which is told."""
SPREAD: Final = tuple(range(11, 31))
"""Those of who gets the work: that differs more from seed to seed, and takes no bound."""
LOADS: Final = (0.3, 0.6, 0.9, 1.1)
HOUR_S: Final = 3_600
MINUTE_S: Final = 60
WAIT_S: Final = 24 * HOUR_S
SITES: Final = 20
REGIONS: Final = 8
COPIES: Final = 8
DAYS: Final = 15
CLASSES: Final = 240
"""Kinds of demand; every job is of one."""
MODELS: Final = (
    ("H100", False, 80, 700, 130_200),
    ("A800", False, 80, 400, 72_000),
    ("910B", True, 64, 400, 64_000),
    ("590", True, 96, 350, 50_000),
)
"""Name, whether domestic, GB, W, and a typical price of 100 card-hours in fen."""
TYPICAL_FEN: Final = 800
GREEDY, TWO_CHOICES, OURS = 0, 1, 2
POLICIES: Final = ("greedy, cheapest that can start", "power of two choices", "tallygrid router")
RESOLVED_H: Final = 24
AHEAD: Final = timedelta(days=7)
EPOCH: Final = datetime(2000, 1, 3, tzinfo=UTC)
"""When the first job comes; a Monday, though any day would do."""
SAMPLE: Final = 4_000
BOUND_STEPS: Final = 200
CALLS: Final = 20_000
LEASES: Final = 100


def main() -> None:
    """Print every table."""
    words = [one for one in sys.argv[1:] if one != "--choose"]
    if words:
        os.environ["TALLYGRID_TRACE"] = words[0]
    if "--choose" in sys.argv:
        choose()
        return
    for name, per_s, ratio in measure():
        print(f"{name:<64} {per_s:>12,.0f} {ratio:>8.4f}")


def measure() -> list[tuple[str, float, float]]:
    """Return rows: a way, how many it does in a second, and how it compares.

    Of speed, the ratio is to the plain source; of a policy, its value over the bound.
    """
    rows = [*speed(50), *speed(500), leasing()]
    jobs = crowd(trace())
    for load in LOADS:
        rows += quality(jobs, load)
    spread(jobs)
    return rows


def choose() -> None:
    """Print what our router comes to with other shares of the prices, on seeds kept for it.

    It takes some minutes of the processor; each line is told as soon as it is known.
    """
    jobs = crowd(trace())
    for load in LOADS:
        games = [Game.of(jobs, load, seed, HOUR_S) for seed in TRIED]
        greedy = [game.value(game.played(GREEDY)) for game in games]
        for shadow_bp in (0, 2_500, 5_000, 7_500, 10_000):
            tried = [replace(game, weights=Weights(shadow_bp=shadow_bp)) for game in games]
            values = [game.value(game.played(OURS)) for game in tried]
            ratio = float(np.mean(np.array(values) / greedy))
            print(
                f"load {load}: shadow_bp {shadow_bp:>6}, value / greedy's {ratio:.4f}", flush=True
            )


def trace() -> Jobs:
    """Return the jobs of the trace, or of the generator fitted on it."""
    if named := os.environ.get("TALLYGRID_TRACE"):
        return read_jobs(Path(named))
    fitted = read_fitted()
    made = synthesise(fitted, stream(1, "arrivals"), jobs=fitted.period.jobs).jobs
    columns = np.array([(j.arrival_s, j.cards, j.duration_s, j.line) for j in made]).T.copy()
    return Jobs("fitted generator", *columns)


def crowd(jobs: Jobs) -> Jobs:
    """Return copies of a trace over one another, as its one cluster is no network of sites.

    Every copy begins at another place; only the first days of all are kept.
    """
    random = stream(1, "crowd")
    period_s = jobs.span_s + 1
    shifts = [random.randrange(period_s) for _ in range(COPIES)]
    arrival_s = np.concatenate([(jobs.arrival_s + shift) % period_s for shift in shifts])
    order = np.argsort(arrival_s, kind="stable")
    order = order[: np.searchsorted(arrival_s[order], DAYS * 24 * HOUR_S)]
    rows = order % len(jobs)
    first = int(arrival_s[order[0]])
    return Jobs(
        jobs.file, arrival_s[order] - first, jobs.gang[rows], jobs.run_s[rows], jobs.line[rows]
    )


def speed(sites: int) -> list[tuple[str, float, float]]:
    """Time the public function on requests that all differ."""
    random = stream(1, f"speed {sites}")
    shelf = Shelf(tuple(entries(random, sites)))
    requests = [_request(random, shelf) for _ in range(500)]
    took: dict[bool, float] = {}
    rows = []
    for is_compiled in (False, True):
        router = Router(shelf, Weights(), compiled=is_compiled)
        board = router.board(_idle(shelf, random))
        calls = CALLS if is_compiled else CALLS // 20
        router.choose(requests[0], board)
        wall_us, cpu_us, alone = np.empty(calls), np.empty(calls), np.empty(calls, dtype=bool)
        for n in range(calls):
            taken, begun, cpu = taken_away(), perf_counter_ns(), thread_time_ns()
            router.choose(requests[n % len(requests)], board)
            cpu_us[n] = (thread_time_ns() - cpu) / 1_000
            wall_us[n] = (perf_counter_ns() - begun) / 1_000
            alone[n] = taken_away() == taken
        took[is_compiled] = float(np.median(wall_us))
        way = "compiled" if is_compiled else "plain"
        p50, p999 = np.percentile(wall_us, (50, 99.9))
        cpu_p50, cpu_p999 = np.percentile(cpu_us, (50, 99.9))
        undisturbed = np.percentile(wall_us[alone], 99.9)
        name = f"{len(shelf.entries)} offers, {way}: p50 {p50:.1f} us, p99.9 {p999:.0f} us"
        name += f" ({undisturbed:.0f} where no other process was let in between)"
        name += f"; of the processor {cpu_p50:.1f}, {cpu_p999:.0f}"
        rows.append((name, 1e6 / took[is_compiled], took[False] / took[is_compiled]))
    return rows


def taken_away() -> int:
    """Return how often the processor was taken from us for another's sake."""
    return getrusage(RUSAGE_THREAD).ru_nivcsw


def leasing() -> tuple[str, float, float]:
    """Time leases of one node each, one after another, of an embedded server; no ratio."""
    cards, took_ms = Cards("H100", 8, 24 * HOUR_S), []
    catalogue = read_catalogue()
    sites = sorted(one.id for one in catalogue.sites.values() if "H100" in one.cards)
    with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as directory:
        Path(directory).chmod(0o711)
        server = database.resolve(Settings(home=Path(directory) / "home"), print)
        try:
            install(server)
            with Sessions(server, print) as sessions:
                office = Office(sessions, catalogue, LocalSite(Path(directory), slots=1))
                for n in range(LEASES):
                    begun = perf_counter()
                    assert lease(office, f"L-{n}", cards, sites[n % len(sites)], at=EPOCH)
                    took_ms.append((perf_counter() - begun) * 1_000)
        finally:
            server.stop()
    p50, p99 = np.percentile(took_ms, (50, 99))
    return f"leases of a node: p50 {p50:.1f} ms, p99 {p99:.0f} ms", 1_000 / float(p50), 1.0


def quality(jobs: Jobs, load: float) -> list[tuple[str, float, float]]:
    """Play every policy in hours, and hold it against the bound and against ours."""
    ratios = np.zeros((len(SEEDS), len(POLICIES)))
    cpu_s = np.zeros(len(POLICIES))
    for n, seed in enumerate(SEEDS):
        game = Game.of(jobs, load, seed, HOUR_S)
        plays = []
        for policy in range(len(POLICIES)):
            begun = process_time()
            plays.append(game.played(policy))
            cpu_s[policy] += process_time() - begun
        values = [game.value(one) for one in plays]
        bound = game.bound(plays[OURS], min(values))
        assert bound <= min(values), "a bound is never above what was reached"
        ratios[n] = np.array(values) / bound
    for policy in (GREEDY, TWO_CHOICES):
        more = ratios[:, policy] - ratios[:, OURS]
        best = int((more > 0).sum())
        name = f"load {load}: {POLICIES[policy]}, above ours"
        print(f"{name:<64} {_interval(more)}; ours best on {best} of {len(SEEDS)} seeds")
    count = len(jobs) * len(SEEDS)
    return [
        (f"load {load}: {name}, value / bound", count / cpu_s[n], float(ratios[:, n].mean()))
        for n, name in enumerate(POLICIES)
    ]


def spread(jobs: Jobs) -> None:
    """Print, at a load of 0.3 and by the minute, who gets the work and who waits."""
    used, waits = [], []
    for seed in SPREAD:
        game = Game.of(jobs, 0.3, seed, MINUTE_S)
        plays = [game.played(policy) for policy in (GREEDY, OURS)]
        used.append([game.least_used(one) for one in plays])
        waits.append([game.waits(one) for one in plays])
        print(
            f"load 0.3, seed {seed}: least-used third {used[-1][0]:.4%}, with us {used[-1][1]:.4%}"
        )
    more = np.diff(np.array(used)).ravel()
    print(f"load 0.3: use of the least-used third, ours above greedy {_interval(more)}")
    print(
        f"  greedy {np.mean(used, axis=0)[0]:.4%}, with us {np.mean(used, axis=0)[1]:.4%};", end=" "
    )
    print(f"more on {(more > 0).sum()} of {len(SPREAD)} seeds")
    for name in sorted({name for _, ours in waits for name in ours}):
        grown = [ours.get(name, 0) - greedy.get(name, 0) for greedy, ours in waits]
        p95_s = [
            int(np.mean([one.get(name, 0) for one in pair])) for pair in zip(*waits, strict=True)
        ]
        print(
            f"  {name}: mean p95 wait {p95_s[0]} s, with us {p95_s[1]} s, {max(grown):+} s at worst"
        )


def _interval(values: Floats) -> str:
    """Return a mean and its 95 % interval over the seeds, in hundredths."""
    known = figure(values.tolist())
    assert known is not None, "there are seeds"
    return f"{known.mean:+.4%} ({known.low:+.4%} to {known.high:+.4%})"


@dataclass(frozen=True)
class Played:
    """What a policy did: the pool and the start of every job, and how each pool was used."""

    pool: Whole
    start: Whole
    used: NDArray[np.int32]
    """By pool and step."""


@dataclass(frozen=True)
class Game:
    """Jobs, sites and rules, in whole steps of time."""

    step_s: int
    shelf: Shelf
    weights: Weights
    arrival: Whole
    gang: Whole
    length: Whole
    klass: Whole
    worth_fen: Whole
    barred: Whole
    """By class of demand."""
    latency_ms: Whole
    transfer_fen: Whole
    requests: tuple[Request, ...]
    data_gb: Whole

    @classmethod
    def of(cls, jobs: Jobs, load: float, seed: int, step_s: int) -> "Game":
        """Draw sites and demands for the jobs of a trace."""
        random = stream(seed, "router")
        length = np.maximum(1, -(-jobs.run_s // step_s))
        arrival = jobs.arrival_s // step_s
        span = int(arrival[-1]) + 1
        shelf = Shelf(tuple(_sized(random, int((jobs.gang * length).sum()) / span / load)))
        requests = tuple(_request(random, shelf) for _ in range(CLASSES))
        klass = np.array([random.randrange(CLASSES) for _ in range(len(jobs))])
        sets = [words_of(shelf.barred(one), shelf.words) for one in requests]
        routes = [shelf.routes(one.place) for one in requests]
        hours = jobs.gang * length * (step_s / HOUR_S)
        factors = np.array([random.uniform(1.2, 5) for _ in range(len(jobs))])
        return cls(
            step_s=step_s,
            shelf=shelf,
            weights=Weights(),
            arrival=arrival,
            gang=jobs.gang,
            length=length,
            klass=klass,
            worth_fen=np.ceil(hours * factors * TYPICAL_FEN).astype(np.int64),
            barred=np.frombuffer(b"".join(sets), dtype=np.int64).reshape(CLASSES, -1),
            latency_ms=np.array([latency for latency, _ in routes]),
            transfer_fen=np.array([fen for _, fen in routes]),
            requests=requests,
            data_gb=np.array([one.data_gb for one in requests])[klass],
        )

    def played(self, policy: int) -> Played:
        """Return what a policy does, a day at a time; ours has its prices solved anew each day."""
        router = Router(self.shelf, self.weights, compiled=True)
        cards = self._cards()
        horizon = int((self.arrival + self.length).max()) + WAIT_S // self.step_s + 1
        used = np.zeros((len(cards), horizon), dtype=np.int32)
        by = self.weights
        ours = (
            by.latency_fen_per_ms_hour,
            by.wait_fen_per_card_hour,
            by.pressure_fen_per_card_hour,
        )
        pool, start = np.full(len(self.arrival), -1), self.arrival.copy()
        every = RESOLVED_H * HOUR_S // self.step_s
        for now in range(0, int(self.arrival[-1]) + 1, every):
            first, last = np.searchsorted(self.arrival, (now, now + every))
            shadows = np.zeros(len(cards), dtype=np.int64)
            if policy == OURS and self.weights.shadow_bp:
                shadows = self.shadows(now, used)
            play(
                policy,
                self.step_s,
                *(self.arrival, self.gang, self.length, self.klass, self.worth_fen, self.data_gb),
                *(self.barred, self.latency_ms, self.transfer_fen),
                router._rows,  # noqa: SLF001  # the rows as the router gives them to the kernel
                cards,
                np.array(ours),
                shadows,
                used,
                *(first, last, pool, start),
            )
        return Played(pool, start, used)

    def shadows(self, now: int, used: NDArray[np.int32]) -> Whole:
        """Return the price of a card-hour in each pool, on queue and forecast, as `pricing` does.

        Of many jobs that came, an even part by size is taken for all. The batch's duals price it.
        """
        cards, work = self._cards(), self.gang * self.length
        before = np.arange(np.searchsorted(self.arrival, now))
        every = max(1, len(before) // SAMPLE)
        kept = before[np.argsort(work[before], kind="stable")][every // 2 :: every]
        found = forecast(
            [self._came(row) for row in np.sort(kept)],
            since=EPOCH,
            at=self._instant(now),
            until=self._instant(now) + AHEAD,
        )
        if not found.expected:
            return np.zeros(len(cards), dtype=np.int64)
        rows = np.array([one.request.seed for one in found.expected])
        within = np.array([one.within for one in found.expected])
        hours = self.step_s / HOUR_S
        ahead = int(AHEAD.total_seconds()) // self.step_s
        free = (cards[:, None] - used[:, now : now + ahead]).sum(axis=1) * hours
        relaxation = Relaxation(
            cost=self.costs()(rows) * within[:, None],
            subsidy=np.zeros((len(rows), len(cards))),
            work=self.gang[rows] * self.length[rows] * hours * within,
            unplaced=self.worth_fen[rows] * within,
            programme=np.full(len(rows), -1),
            limits=free * work[kept].sum() / work[before].sum(),
        )
        value = float(relaxation.unplaced.sum())
        prices = search(relaxation, value, Deadline(perf_counter, np.inf)).prices
        return np.asarray((prices * self.weights.shadow_bp / BASIS_POINTS).astype(np.int64))

    def _came(self, row: int) -> Came:
        """Return a job as the forecast sees it, its row in place of a seed."""
        seconds = int(self.length[row]) * self.step_s
        request = Request(cards=int(self.gang[row]), seconds=seconds, place="", seed=int(row))
        return Came(self._instant(int(self.arrival[row])), request)

    def _instant(self, step: int) -> datetime:
        return EPOCH + timedelta(seconds=step * self.step_s)

    def costs(self) -> Callable[[Whole], Floats]:
        """Return what gives the cost of jobs in every pool, but for waiting and pressure."""
        router = Router(self.shelf, self.weights, compiled=True)
        arguments = (self.gang, self.length, self.klass, self.data_gb)
        tables = (self.barred, self.latency_ms, self.transfer_fen, router._rows)  # noqa: SLF001  # see `played`
        by = self.weights
        weights = np.array([by.latency_fen_per_ms_hour, 0, 0])

        def of(rows: Whole) -> Floats:
            columns = (column[rows] for column in arguments)
            found: Floats = price_all(self.step_s, *columns, *tables, self._cards(), weights)
            return found

        return of

    def value(self, played: Played) -> float:
        """Return the objective of what was done, in fen."""
        placed = np.flatnonzero(played.pool >= 0)
        paid = self.costs()(placed)[np.arange(len(placed)), played.pool[placed]].sum()
        waited = (played.start - self.arrival)[placed] * self.gang[placed] * self.step_s / HOUR_S
        left_out = self.worth_fen[played.pool < 0].sum()
        return float(
            paid
            + waited.sum() * self.weights.wait_fen_per_card_hour
            + left_out
            + self._pressure(played.used)
        )

    def _pressure(self, used: NDArray[np.int32]) -> float:
        """Return what use costs: the weight at the margin, so half of it on average."""
        weight = self.weights.pressure_fen_per_card_hour * self.step_s / HOUR_S
        return float((used.astype(float) ** 2 / self._cards()[:, None]).sum() * weight / 2)

    def bound(self, played: Played, value: float) -> float:
        """Return what no policy can go below, though it knew the future, by prices.

        The search for them begins with the pressure where somebody played.
        """
        cards = self._cards().astype(float)
        weight = float(self.weights.pressure_fen_per_card_hour)
        cost = self.costs()(np.arange(len(self.arrival)))
        start = played.used / cards[:, None] * weight
        return float(
            lagrangian(
                cost,
                *(self.arrival, self.gang, self.length, self.worth_fen.astype(float)),
                cards,
                weight,
                float(self.weights.wait_fen_per_card_hour),
                WAIT_S // self.step_s,
                start,
                value,
                BOUND_STEPS,
            )
        )

    def least_used(self, played: Played) -> float:
        """Return the mean use of the third of sites that are used least."""
        span = int(self.arrival[-1]) + 1
        by_site: dict[str, list[int]] = {}
        for row, (site, _) in enumerate(self.shelf.pools):
            by_site.setdefault(site, []).append(row)
        cards = self._cards()
        shares = sorted(
            played.used[rows, :span].sum() / (cards[rows].sum() * span) for rows in by_site.values()
        )
        return float(np.mean(shares[: len(shares) // 3]))

    def waits(self, played: Played) -> dict[str, int]:
        """Return the wait that 95 of 100 jobs of a class do not exceed, in seconds."""
        waits = (played.start - self.arrival) * self.step_s
        names = np.array([_class(one) for one in self.requests])[self.klass]
        sizes = np.where(self.gang == 1, "single", np.where(self.gang < 8, "part", "gang"))  # noqa: PLR2004  # a node
        labels = np.where(names == "any", sizes, names)
        placed = played.pool >= 0
        return {
            str(name): percentile(waits[placed & (labels == name)], 95)
            for name in np.unique(labels)
        }

    def _cards(self) -> Whole:
        return np.array([self.shelf.cards[key] for key in self.shelf.pools])


def entries(random: Random, sites: int) -> list[Entry]:
    """Return two models at each of so many sites, in the order of their pools."""
    made = []
    for site in range(sites):
        region = random.randrange(REGIONS)
        power, pue, grid = random.randrange(280, 900), random.randrange(1_100, 1_500), 0
        grid = random.randrange(140, 730)
        for name, domestic, memory_gb, watts, fen in sorted(random.sample(MODELS, 2)):
            milliwatts = watts * pue
            made.append(
                Entry(
                    offer=f"s{site:03}.{name}",
                    site=f"s{site:03}",
                    provider=f"p{site:03}",
                    model=name,
                    domestic=domestic,
                    certified=random.random() < 0.5,  # noqa: PLR2004  # drawn, like all below
                    memory_gb=memory_gb,
                    price_fen=fen * random.randrange(70, 131),
                    price_card_seconds=100 * 100 * HOUR_S,
                    discount_bp=0,
                    site_cards=random.choice([64, 128, 256]),
                    energy=milliwatts * power,
                    carbon=milliwatts * grid,
                    routes={
                        f"r{n}": (1, 0) if n == region else random.choice([(5, 2), (20, 8)])
                        for n in range(REGIONS)
                    },
                )
            )
    return made


def _sized(random: Random, cards: float) -> list[Entry]:
    """Return the offers with so many cards together; each model has a pool for any gang."""
    made = entries(random, SITES)
    weights = [min(20.0, random.paretovariate(1.2)) for _ in made]
    large = {
        max((n for n, one in enumerate(made) if one.model == model), key=lambda n: weights[n])
        for model in {one.model for one in made}
    }
    least = [128 if n in large else 8 for n in range(len(made))]
    rest = max(0.0, cards - sum(least))
    sizes = [
        low + 8 * round(rest * weight / sum(weights) / 8)
        for low, weight in zip(least, weights, strict=True)
    ]
    return [one._replace(site_cards=size) for one, size in zip(made, sizes, strict=True)]


def _request(random: Random, shelf: Shelf) -> Request:
    """Return a demand: three in ten domestic, fifteen in a hundred near, some by name."""
    names = sorted({one.model for one in shelf.entries})
    sites = sorted({one.site for one in shelf.entries})
    domestic = random.random() < 0.3  # noqa: PLR2004  # drawn, like all below
    kind = random.randrange(20)
    return Request(
        cards=random.choice([1, 2, 4, 8, 16, 32]),
        seconds=random.randrange(600, 10**6),
        place=f"r{random.randrange(REGIONS)}",
        models=frozenset(random.sample(names, 2) if kind < 2 and not domestic else ()),  # noqa: PLR2004
        origin="domestic" if domestic else "any",
        sites=frozenset(random.sample(sites, len(sites) // 3)) if kind == 2 else frozenset(),  # noqa: PLR2004
        latency_ms_max=5 if kind in (3, 4, 5) else None,
        data_gb=random.choice([0, 0, 1, 10, 100, 1_000]),
        seed=random.randrange(2**31),
    )


def _class(one: Request) -> str:
    if one.sites:
        return "resident"
    if one.latency_ms_max is not None:
        return "nearby"
    return "domestic" if one.origin == "domestic" else "any"


def _idle(shelf: Shelf, random: Random) -> dict[tuple[str, str], Pool]:
    return {
        key: Pool(cards, random.randrange(cards // 8 + 1), 4, random.randrange(10_000))
        for key, cards in shelf.cards.items()
    }


def _fast(function: Callable[..., Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", njit(function))


def _play(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917  # one compiled loop
    policy: int,
    step_s: int,
    arrival: Whole,
    gang: Whole,
    length: Whole,
    klass: Whole,
    worth_fen: Whole,
    data_gb: Whole,
    barred: Whole,
    latency_ms: Whole,
    transfer_fen: Whole,
    offers: Whole,
    cards: Whole,
    weights: Whole,
    shadows: Whole,
    used: NDArray[np.int32],
    first_job: int,
    last_job: int,
    chosen: Whole,
    starts: Whole,
) -> None:
    """Give some of the jobs a pool and a start as they come, or -1."""
    count = len(cards)
    wait_max = 24 * 3_600 // step_s
    pools = np.zeros((kernel.POOL_ROWS, count), dtype=np.int64)
    pools[kernel.CARDS] = cards
    reasons = np.empty(count, dtype=np.int64)
    parts = np.empty((kernel.PART_ROWS, count), dtype=np.int64)
    pools[kernel.SHADOW_FEN] = shadows
    dice = 12_345 + first_job
    for job in range(first_job, last_job):
        now, lasting, cards_wanted, kind = arrival[job], length[job], gang[job], klass[job]
        for pool in range(count):
            start, use = _first(used[pool], cards[pool], now, lasting, cards_wanted, wait_max)
            pools[kernel.WAIT_S, pool] = -1 if start < 0 else (start - now) * step_s
            pools[kernel.USED_BP, pool] = min(10_000, use * 10_000 // (lasting * cards[pool]))
        best = -1
        for patience in (0, 24 * 3_600):  # nobody waits where anything suitable can start now
            if best < 0 and (policy == 2 or patience > 0):  # noqa: PLR2004  # OURS
                best = compiled.weigh(
                    cards_wanted,
                    lasting * step_s,
                    data_gb[job],
                    patience,
                    0,
                    job,
                    barred[kind],
                    offers,
                    latency_ms[kind],
                    transfer_fen[kind],
                    pools,
                    weights,
                    reasons,
                    parts,
                )
        if policy == 2 and best >= 0:  # noqa: PLR2004  # OURS
            total = 0
            for part in range(kernel.PARTS):
                total += parts[part, best]
            if total > worth_fen[job]:
                best = -1
        elif policy != 2:  # noqa: PLR2004  # OURS
            best = -1
            if policy == 0:
                for pool in range(count):
                    if reasons[pool] == 0 and (
                        best < 0
                        or parts[kernel.SEEN_WAIT_S, pool] < parts[kernel.SEEN_WAIT_S, best]
                        or (
                            parts[kernel.SEEN_WAIT_S, pool] == parts[kernel.SEEN_WAIT_S, best]
                            and parts[kernel.PRICE, pool] + parts[kernel.TRANSFER, pool]
                            < parts[kernel.PRICE, best] + parts[kernel.TRANSFER, best]
                        )
                    ):
                        best = pool
            else:
                open_ = np.flatnonzero(reasons == 0)
                if len(open_):
                    dice = (dice * 1_103_515_245 + 12_345) % 2**31
                    one = open_[(dice >> 8) % len(open_)]
                    dice = (dice * 1_103_515_245 + 12_345) % 2**31
                    other = open_[(dice >> 8) % len(open_)]
                    best = one
                    if (parts[kernel.SEEN_WAIT_S, other], pools[kernel.USED_BP, other]) < (
                        parts[kernel.SEEN_WAIT_S, one],
                        pools[kernel.USED_BP, one],
                    ):
                        best = other
            if (
                best >= 0
                and parts[kernel.PRICE, best] + parts[kernel.TRANSFER, best] > worth_fen[job]
            ):
                best = -1
        if best >= 0:
            start = now + pools[kernel.WAIT_S, best] // step_s
            used[best, start : start + lasting] += cards_wanted
            chosen[job], starts[job] = best, start


def _first_start(
    used: NDArray[np.int32], cards: int, now: int, lasting: int, gang: int, wait_max: int
) -> tuple[int, int]:
    """Return the first start at which a gang fits for its whole time, and the use then."""
    if gang > cards:
        return -1, 0
    start, at, use = now, now, 0
    while at < start + lasting:
        if used[at] + gang > cards:
            start, use = at + 1, 0
            if start - now > wait_max:
                return -1, 0
        else:
            use += used[at]
        at += 1
    return start, use


def _price_all(  # noqa: PLR0913, PLR0917  # see `_play`
    step_s: int,
    gang: Whole,
    length: Whole,
    klass: Whole,
    data_gb: Whole,
    barred: Whole,
    latency_ms: Whole,
    transfer_fen: Whole,
    offers: Whole,
    cards: Whole,
    weights: Whole,
) -> Floats:
    """Return what each job costs in each pool without waiting; infinity where it may not go."""
    count = len(cards)
    pools = np.zeros((kernel.POOL_ROWS, count), dtype=np.int64)
    pools[kernel.CARDS] = cards
    reasons = np.empty(count, dtype=np.int64)
    parts = np.empty((kernel.PART_ROWS, count), dtype=np.int64)
    cost = np.full((len(gang), count), np.inf)
    for job in range(len(gang)):
        kind = klass[job]
        compiled.weigh(
            gang[job],
            length[job] * step_s,
            data_gb[job],
            0,
            0,
            0,
            barred[kind],
            offers,
            latency_ms[kind],
            transfer_fen[kind],
            pools,
            weights,
            reasons,
            parts,
        )
        for pool in range(count):
            if reasons[pool] == 0:
                cost[job, pool] = parts[: kernel.PARTS, pool].sum()
    return cost


def _lagrangian(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917  # see `_play`
    cost: Floats,
    arrival: Whole,
    gang: Whole,
    length: Whole,
    worth: Floats,
    cards: Floats,
    weight: float,
    wait_fen: float,
    wait_max: int,
    price: Floats,
    value: float,
    steps: int,
) -> float:
    """Return the best bound that prices by pool and hour prove, raised step by step.

    At any prices every job takes the cheapest of being left out and of every pool and start;
    every pool sells in every hour what is best at its price, the pressure counted.
    """
    pools, horizon = price.shape
    near = np.empty(cost.shape, dtype=np.int64)
    for job in range(len(arrival)):
        near[job] = np.argsort(cost[job])
    best, pace, idle = -np.inf, 1.0, 0
    best_price = price.copy()
    summed = np.zeros((pools, horizon + 1))
    for _ in range(steps):
        over = np.zeros((pools, horizon + 1))
        bound = 0.0
        for pool in range(pools):
            for hour in range(horizon):
                summed[pool, hour + 1] = summed[pool, hour] + price[pool, hour]
        for job in range(len(arrival)):
            lowest, at, where = worth[job], -1, -1
            for pool in near[job]:
                if cost[job, pool] >= lowest:
                    break
                for start in range(arrival[job], arrival[job] + wait_max + 1):
                    waited = (start - arrival[job]) * gang[job] * wait_fen
                    if cost[job, pool] + waited >= lowest:
                        break
                    paid = summed[pool, start + length[job]] - summed[pool, start]
                    total = cost[job, pool] + waited + gang[job] * paid
                    if total < lowest:
                        lowest, at, where = total, start, pool
            bound += lowest
            if where >= 0:
                over[where, at] += gang[job]
                over[where, at + length[job]] -= gang[job]
        norm = 0.0
        for pool in range(pools):
            asked = 0.0
            for hour in range(horizon):
                asked += over[pool, hour]
                sold = min(price[pool, hour] * cards[pool] / weight, cards[pool])
                bound += weight * sold * sold / (2 * cards[pool]) - price[pool, hour] * sold
                over[pool, hour] = (asked - sold) / cards[pool]
                norm += (asked - sold) ** 2 / cards[pool]
        if bound > best:
            best, idle = bound, 0
            best_price[:] = price
        else:
            idle += 1
            if idle == 5:  # noqa: PLR2004  # steps without gain, after which they are shorter
                pace, idle = pace * 0.7, 0
        if norm < 1e-9 or pace < 1e-4:  # noqa: PLR2004  # as good as nothing
            break
        stride = pace * max(value - bound, 0.0) / norm
        for pool in range(pools):
            for hour in range(horizon):
                price[pool, hour] = max(0.0, price[pool, hour] + stride * over[pool, hour])
    return best


_first = _fast(_first_start)
play = _fast(_play)
price_all = _fast(_price_all)
lagrangian = _fast(_lagrangian)


if __name__ == "__main__":
    main()
