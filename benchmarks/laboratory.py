"""How fast the laboratory replays, beside SimPy and AccaSim on the same jobs and rules.

    python benchmarks/laboratory.py [--slow] [PHILLY.csv.gz]

Jobs are those of the Philly trace where `TALLYGRID_TRACE` or the argument names it, else of
the generator fitted on it. All rates are jobs per second of processor time of one core, the
best of three, reading and compiling left out; replay is strict FIFO on a pool unless it says
otherwise. The mean waits of all programs must agree, to the last digit, or this stops. Each
ratio is to SimPy on the whole trace; AccaSim, far slower, plays the first thousand jobs alone.
What commands cost is told in seconds that passed, and in seconds of all processors together;
on a machine that does nothing else the first are about the second over the processes.
Memory is that of the greatest process.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import numpy as np
import simpy
from numpy.typing import NDArray

from tallygrid.core.placement import Request
from tallygrid.files.catalogue import read_catalogue
from tallygrid.lab.chance import stream
from tallygrid.lab.demand import synthesise
from tallygrid.lab.network import rows
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.world import Sites, World
from tallygrid.lab.replay.site import Site, compile_for, starts
from tallygrid.lab.table import read_fitted
from tallygrid.lab.traces.jobs import Jobs
from tallygrid.lab.traces.read import read_jobs

BUSY: Final = Site(416)
"""The whole trace waits here for days."""
FEW: Final = 1_000
FEW_CARDS: Final = 128
LARGE: Final = 9_984
LOAD: Final = 0.9
MANY: Final = 2_000_000
RUNS: Final = 3
NETWORK_SITES: Final = 50
NETWORK_CARDS: Final = 400
NETWORK_FIRMS: Final = 1_000
NETWORK_JOBS: Final = 1_000_000
NETWORK_LOAD: Final = 0.6
FACE_FEN: Final = 10**9
TEN_MILLION: Final = 10_000_000
SLOW: Final = "--slow"
HERE: Final = Path(__file__).parent
TALLYGRID: Final = (sys.executable, "-c", "from tallygrid.cli import main; main()")

SCENARIO: Final = """
id: benchmark
name: {en: "Benchmark", zh: "基准"}
first_day: 2026-01-01
days: 365
demand: {jobs: 100000, firms: 300, load: 25%}
network: {nodes: false, depth: 0}
assume: demonstration
programmes: [{id: henan-compute-issued}, {id: shanghai-compute-issued}]
"""
SWEEP: Final = """
scenario: scenario.yaml
vary: {paperwork_hours: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]}
"""

ACCASIM: Final = "accasim==1.1.3"
ACCASIM_RUN: Final = """
import collections, collections.abc, sys, time
collections.Mapping = collections.abc.Mapping  # it is of a time before Python 3.10
from accasim.base.allocator_class import FirstFit
from accasim.base.scheduler_class import FirstInFirstOut
from accasim.base.simulator_class import Simulator

simulator = Simulator(
    "jobs.swf", "site.json", FirstInFirstOut(FirstFit()), RESULTS_FOLDER_PATH="out",
    statistics_output=False, show_statistics=False, LOG_LEVEL="ERROR",
)
begun = time.process_time()
simulator.start_simulation()
print(time.process_time() - begun)
"""


@dataclass(frozen=True)
class Way:
    """One way to play jobs, and how fast it is."""

    name: str
    per_s: float
    goal_per_s: int = 0
    """0 where none was set."""


@dataclass(frozen=True)
class Cost:
    """What a command came to: of one process, or of all that it started."""

    name: str
    passed_s: float
    used_s: float
    """Of processors, all together."""
    peak_gb: float
    passed_max_s: int
    peak_max_gb: int = 0


def main() -> None:
    """Measure everything that was asked for, and print each figure beside its goal."""
    given = sys.argv[1:]
    is_whole = SLOW in given
    if named := [one for one in given if one != SLOW]:
        os.environ["TALLYGRID_TRACE"] = named[0]
    jobs = trace()
    found = ways(jobs)
    costs = [replay_cost(jobs), *(slow_costs() if is_whole else ())]
    print(f"\n{'way':<44} {'jobs/s':>12} {'goal':>10} {'SimPy × ':>9}")
    for way in found:
        goal = f"{way.goal_per_s:,}" if way.goal_per_s else ""
        print(f"{way.name:<44} {way.per_s:>12,.0f} {goal:>10} {way.per_s / found[0].per_s:>9,.2f}")
    print(f"\n{'cost':<44} {'passed':>9} {'used':>9} {'goal':>7} {'memory':>8} {'goal':>6}")
    for one in costs:
        most = f"{one.peak_max_gb} GB" if one.peak_max_gb else ""
        spent = f"{one.passed_s:>7,.1f} s {one.used_s:>7,.1f} s {one.passed_max_s:>5} s"
        print(f"{one.name:<44} {spent} {one.peak_gb:>5.2f} GB {most:>6}")
    if not is_whole:
        print(f"{SLOW} adds a network of 10 million jobs, and a sweep.")


def measure() -> list[tuple[str, float, float]]:
    """Return each way, its jobs per second, and its ratio to SimPy."""
    found = ways(trace())
    return [(way.name, way.per_s, way.per_s / found[0].per_s) for way in found]


def ways(jobs: Jobs) -> list[Way]:
    """Return every way and its rate, SimPy's first."""
    few = jobs.of(slice(FEW))
    by_simpy, waits_s = simpy_rate(jobs, BUSY.cards)
    found = [
        Way(f"SimPy, {len(jobs):,} jobs", by_simpy),
        Way(f"replay, {len(jobs):,} jobs", rate(jobs, BUSY)),
        Way(f"replay, first {FEW:,} jobs", rate(few, Site(FEW_CARDS))),
        *accasim_rate(few),
    ]
    print(f"mean wait of {len(jobs):,} jobs, SimPy and replay: {waits_s / len(jobs):,.4f} s")
    assert waits_s == total_wait_s(jobs, BUSY), "SimPy and replay disagree"
    large = derived(jobs, MANY)
    for name, site, goal in (
        ("pool", Site(LARGE), 5_000_000),
        ("8-card nodes", Site(LARGE, 8), 3_000_000),
        ("EASY 100", Site(LARGE, depth=100), 1_000_000),
        ("EASY 100 on 8-card nodes", Site(LARGE, 8, 100), 0),
    ):
        found.append(Way(f"replay, {MANY:,} jobs, {name}", rate(large, site), goal))
    more = large.repeated(5, period_s=large.span_s + 1)
    rates = []
    for count in 10_000, 100_000, 1_000_000, len(more):
        rates.append(rate(more.of(slice(count)), Site(LARGE)))
        found.append(Way(f"replay, {count:,} jobs", rates[-1]))
    print(f"a job costs at most {max(rates) / min(rates):.2f} times as much as another time")
    return [*found, *network_rates()]


def replay_cost(jobs: Jobs) -> Cost:
    """Return what `tallygrid lab replay` comes to with ten million jobs, reading included."""
    copies = -(-TEN_MILLION // len(jobs))
    with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as directory:
        file = Path(directory) / "jobs.swf"
        file.write_text("".join(swf_rows(jobs)), encoding="utf-8")
        words = ["lab", "replay", "--trace", str(file), "--cards", str(BUSY.cards)]
        spent = command([*TALLYGRID, *words, "--repeat", str(copies)])
    return Cost(f"replay, {copies * len(jobs):,} jobs, the command", *spent, 30, 3)


def slow_costs() -> list[Cost]:
    """Return what ten million jobs on a network come to, and a sweep with its cold start."""
    play = f"from laboratory import *; network_run(Sites(), {TEN_MILLION}).play()"
    played = command([sys.executable, "-c", play])
    with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as directory:
        folder = Path(directory)
        (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
        (folder / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
        words = ["lab", "sweep", str(folder / "sweep.yaml"), "--out", str(folder / "out")]
        swept = command([*TALLYGRID, *words, "--jobs", "2"])
    return [
        Cost(f"network, {NETWORK_SITES} sites, {TEN_MILLION:,} jobs", *played, 30, 3),
        Cost("sweep, 100 runs of 100,000 jobs, 2 processes", *swept, 60),
    ]


def command(words: list[str]) -> tuple[float, float, float]:
    """Run a command; return seconds passed and used, with all it started, and the most memory."""
    begun = perf_counter()
    process = subprocess.Popen(words, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said.decode()
    unit = 1 if sys.platform == "darwin" else 1024
    used_s = usage.ru_utime + usage.ru_stime
    return perf_counter() - begun, used_s, usage.ru_maxrss * unit / 10**9


def network_rates() -> list[Way]:
    """Return the jobs per second of processor time on a network of 50 sites with vouchers."""
    found = []
    backfilled = Sites(nodes=True, depth=100)
    for name, sites, goal in (
        ("FIFO", Sites(), 1_000_000),
        ("8-card nodes, EASY 100", backfilled, 400_000),
    ):
        best = 0.0
        for _ in range(RUNS + 1):  # the first compiles
            run = network_run(sites)
            used = process_time()
            run.play()
            best = max(best, len(run.jobs) / (process_time() - used))
        print(f"{len(run.jobs):>10,} jobs, {NETWORK_SITES} sites, {name}: {best:,.0f} a second")
        found.append(Way(f"network, {NETWORK_SITES} sites, {name}", best, goal))
    return found


def network_run(sites: Sites, count: int = NETWORK_JOBS) -> Run:
    """Return a run over 50 sites of one kind of card each, every firm with a voucher."""
    catalogue = read_catalogue()
    sold = [one for one in catalogue.offers_of("compute") if one.unit == "card_hour"]
    offers, places, routes = {}, {}, {}
    for n in range(NETWORK_SITES):
        offer, name = sold[n % len(sold)], f"site-{n:02d}"
        site = catalogue.sites[offer.site]
        places[name] = replace(site, id=name, cards={offer.model: NETWORK_CARDS})
        offers[name] = replace(offer, id=name, site=name)
        for place in catalogue.places:
            routes[place, name] = replace(catalogue.routes[place, site.id], site=name)
    world = World(replace(catalogue, sites=places, offers=offers, routes=routes), sites)
    kinds = [Request(1, 1, place, memory_gb_min=least) for least in (0, 80) for place in
             catalogue.places]  # fmt: skip
    firms = np.full((NETWORK_FIRMS, rows.FIRM_COLUMNS), rows.NOBODY, dtype=np.int64)
    firms[:, rows.CASH_FEN] = rows.NEVER
    run = Run(world, network_jobs(len(kinds), count), firms, kinds, ["voucher"], NETWORK_FIRMS)
    run.budgets[0, rows.AVAILABLE] = NETWORK_FIRMS * FACE_FEN
    admitted = run.admit([True] * len(world.names))
    for firm in range(NETWORK_FIRMS):
        run.issue({
            rows.PROGRAMME: 0, rows.HOLDER: firm, rows.RATE_BP: 3_000, rows.FACE_FEN: FACE_FEN,
            rows.VALID_UNTIL: rows.NEVER, rows.UNIT_FEN: 1, rows.ADMITS: admitted,
            rows.FUNDERS: 1, rows.IS_DEDUCTED: 1,
        })  # fmt: skip
    return run


def network_jobs(kinds: int, count: int) -> NDArray[np.int64]:
    """Return jobs that ask for three-fifths of all cards."""
    random = np.random.default_rng(1)
    jobs = np.zeros((count, rows.JOB_COLUMNS), dtype=np.int64)
    run = random.integers(300, 20_000, count)
    gang = random.choice([1, 1, 1, 1, 1, 1, 2, 4, 8, 16], count)
    span_s = int((run * gang).sum() / (NETWORK_SITES * NETWORK_CARDS) / NETWORK_LOAD)
    jobs[:, rows.ARRIVAL] = np.sort(random.integers(0, span_s, count))
    jobs[:, rows.FIRM] = random.integers(0, NETWORK_FIRMS, count)
    jobs[:, rows.GANG], jobs[:, rows.RUN] = gang, run
    jobs[:, rows.KIND] = random.integers(0, kinds, count)
    jobs[:, rows.WORTH_FEN] = rows.NEVER
    jobs[:, rows.WAIT_MAX] = 10**9
    return jobs


def trace() -> Jobs:
    """Return the jobs of the trace, or of the generator fitted on it."""
    if named := os.environ.get("TALLYGRID_TRACE"):
        return read_jobs(Path(named))
    fitted = read_fitted()
    made = synthesise(fitted, stream(1, "arrivals"), jobs=fitted.period.jobs).jobs
    columns = np.array([(j.arrival_s, j.cards, j.duration_s, j.line) for j in made]).T.copy()
    return Jobs("fitted generator", *columns)


def derived(jobs: Jobs, count: int) -> Jobs:
    """Return so many jobs: copies of a trace over one another, each begun at another place in it.

    Arrivals are drawn together or apart until they ask for the load of the large site.
    """
    copies = -(-count // len(jobs))
    random = stream(1, "shifts of copies")
    period_s = jobs.span_s + 1
    shifts = [random.randrange(period_s) for _ in range(copies)]
    arrival_s = np.concatenate([(jobs.arrival_s + shift) % period_s for shift in shifts])
    order = np.argsort(arrival_s, kind="stable")[:count]
    many = replace(
        jobs,
        arrival_s=arrival_s[order],
        gang=np.tile(jobs.gang, copies)[order],
        run_s=np.tile(jobs.run_s, copies)[order],
        line=np.tile(jobs.line, copies)[order],
    )
    wanted_s = int((many.gang * many.run_s).sum()) / LARGE / LOAD
    return replace(many, arrival_s=(many.arrival_s * (wanted_s / many.span_s)).astype(np.int64))


def rate(jobs: Jobs, site: Site) -> float:
    """Return the jobs that are replayed per second of processor time, and say both clocks'."""
    best = 0.0
    compile_for(jobs, site)
    for _ in range(RUNS):
        begun, used = perf_counter(), process_time()
        starts(jobs, site)
        used, spent = process_time() - used, perf_counter() - begun
        best = max(best, len(jobs) / used)
        print(f"{len(jobs):>10,} jobs, {site}: {used:.3f} s of the processor, {spent:.3f} s passed")
    return best


def total_wait_s(jobs: Jobs, site: Site) -> int:
    """Return the waits of all jobs together."""
    return int((starts(jobs, site) - jobs.arrival_s).sum())


def simpy_rate(jobs: Jobs, cards: int) -> tuple[float, int]:
    """Return SimPy's jobs per second of processor time, and the waits of all jobs together."""
    world = simpy.Environment()
    free = simpy.Container(world, capacity=cards, init=cards)
    waits_s: list[int] = []

    def job(arrival_s: int, gang: int, run_s: int) -> Generator[simpy.Event, None, None]:
        yield world.timeout(arrival_s)
        yield free.get(gang)
        waits_s.append(int(world.now) - arrival_s)
        yield world.timeout(run_s)
        yield free.put(gang)

    each = zip(jobs.arrival_s.tolist(), jobs.gang.tolist(), jobs.run_s.tolist(), strict=True)
    used = process_time()
    for row in each:
        world.process(job(*row))
    world.run()
    return len(jobs) / (process_time() - used), sum(waits_s)


def accasim_rate(jobs: Jobs) -> list[Way]:
    """Return AccaSim's way; none, and why, where it cannot be installed or does not run."""
    try:
        with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as directory:
            used, waits_s = accasim(jobs, Path(directory))
    except subprocess.CalledProcessError as error:
        print(f"AccaSim is left out: {error}\n{error.stderr[-500:]}")
        return []
    print(f"mean wait of {FEW:,} jobs, AccaSim: {waits_s / len(jobs):,.4f} s")
    assert waits_s == total_wait_s(jobs, Site(FEW_CARDS)), "AccaSim and replay disagree"
    return [Way(f"AccaSim, first {FEW:,} jobs", len(jobs) / used)]


def accasim(jobs: Jobs, folder: Path) -> tuple[float, int]:
    """Run AccaSim in an environment of its own; return its processor time, and all waits."""
    (folder / "jobs.swf").write_text("".join(swf_rows(jobs)), encoding="utf-8")
    (folder / "site.json").write_text(
        f'{{"groups": {{"node": {{"core": 8}}}}, "resources": {{"node": {FEW_CARDS // 8}}},'
        ' "equivalence": {"processor": {"core": 1}}}',
        encoding="utf-8",
    )
    (folder / "out").mkdir()
    python = folder / "venv" / "bin" / "python"
    said = ""
    steps: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "venv", folder / "venv"],
        [python, "-m", "pip", "install", "--quiet", ACCASIM],
        [python, "-c", ACCASIM_RUN],
    )
    for words in steps:
        done = subprocess.run(
            words, cwd=folder, check=True, capture_output=True, text=True
        )  # our own words
        said = done.stdout
    plan = (folder / "out" / "sched-jobs.swf").read_text(encoding="utf-8").splitlines()
    assert len(plan) == len(jobs), f"AccaSim started {len(plan)} of {len(jobs)} jobs"
    return float(said), sum(accasim_wait_s(line) for line in plan)


def swf_rows(jobs: Jobs) -> Generator[str, None, None]:
    """Yield the jobs as rows of the Standard Workload Format."""
    columns = zip(jobs.arrival_s, jobs.gang, jobs.run_s, strict=True)
    for number, (at, gang, run) in enumerate(columns, 1):
        yield f"{number} {at} -1 {run} {gang} -1 -1 {gang} {run} -1 1 1 1 1 1 1 -1 -1\n"


def accasim_wait_s(line: str) -> int:
    """Return the wait in a line `id;user;ASKED__nodes__STARTED;…`, both instants to the second."""
    asked, _, started = line.split("__")
    span = np.datetime64(started.split(";")[0]) - np.datetime64(asked.split(";")[2])
    return int(span / np.timedelta64(1, "s"))


if __name__ == "__main__":
    main()
