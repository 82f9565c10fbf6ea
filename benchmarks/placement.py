"""The batch optimum beside greedy, power of two choices, and plain HiGHS on the same files.

    python benchmarks/placement.py [SIZE…] [--seconds S] [--skypilot PYTHON]

A size is jobs × pools and `contended` or `slack`, such as 1000x20-contended; without one the
two smallest are run. Gangs and durations are drawn from the trace that `TALLYGRID_TRACE`
names, else from the figures fitted on published traces; prices, pools and budgets are drawn
with a seed. SkyPilot is installed into a throw-away environment (or PYTHON names one that has
it); where it cannot be, that is said and left out. Plain HiGHS has as many threads as cores.

Every way runs in a process of its own, so that its processor time and its peak of memory are
its own. A value is held against the best bound that any way proved.
"""

import csv
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from tallygrid.lab.chance import stream
from tallygrid.lab.demand import generate, read_table
from tallygrid.lab.traces.read import read_jobs

SKYPILOT: Final = "skypilot==0.14.1"
PEER: Final = Path(__file__).parent / "peers" / "skypilot_chain.py"
SECONDS: Final = 20.0
SMALL: Final = ("1000x20-contended", "1000x20-slack")
ALL: Final = (
    *SMALL,
    *("1000x100-contended", "1000x100-slack", "10000x100-contended", "10000x100-slack"),
    *("100000x100-contended", "100000x100-slack"),
)
SEED: Final = 1
REGIONS: Final = 8
MODELS: Final = (
    ("H100", "foreign", 1_302),
    ("A800", "foreign", 720),
    ("910B", "domestic", 640),
    ("590", "domestic", 500),
)
RATES_BP: Final = (3_000, 5_000, 5_000, 8_000, 10_000, 2_000, 4_000)
TYPICAL_FEN: Final = 800
LONGEST_S: Final = 7 * 86_400
DEMAND: Final = {"contended": 0.7, "slack": 3.0}
"""Card-hours of all pools over those of all jobs."""


@dataclass(frozen=True)
class Result:
    """What one way reached on one instance."""

    way: str
    value_fen: int
    bound_fen: int
    wall_s: float
    cpu_s: float
    peak_mb: int


def main() -> None:
    """Run the sizes asked for, and print one table."""
    arguments = sys.argv[1:]
    seconds = float(_option(arguments, "--seconds") or SECONDS)
    print(f"{'instance, way':<40} {'value':>15} {'gap':>9} {'wall s':>7} {'CPU s':>7} {'MB':>6}")
    with peer(_option(arguments, "--skypilot")) as python:
        for size in ALL if arguments == ["all"] else arguments or SMALL:
            results = compared(size, seconds, python)
            bound_fen = max(one.bound_fen for one in results)
            for one in results:
                gap = (one.value_fen - bound_fen) / max(one.value_fen, 1)
                print(
                    f"{size + ', ' + one.way:<40} {one.value_fen:>15,} {gap:>9.4%} "
                    f"{one.wall_s:>7.1f} {one.cpu_s:>7.1f} {one.peak_mb:>6}"
                )


def _option(arguments: list[str], name: str) -> str | None:
    """Take an option and its value out of the arguments."""
    if name not in arguments:
        return None
    at = arguments.index(name)
    value = arguments[at + 1]
    del arguments[at : at + 2]
    return value


def measure(seconds: float = SECONDS) -> list[tuple[str, float, float]]:
    """Return every way on the smallest sizes, jobs per second, and how it compares in value.

    The ratio is the value of plain HiGHS over the way's own: above 1 is better. This takes
    some minutes; the great sizes run by hand.
    """
    rows = []
    with peer(None) as python:
        for size in SMALL:
            results = compared(size, seconds, python)
            plain = next(one for one in results if one.way == "plain HiGHS")
            jobs = int(size.split("x")[0])
            rows += [
                (f"{size}: {one.way}", jobs / one.wall_s, plain.value_fen / one.value_fen)
                for one in results
            ]
    return rows


def compared(size: str, seconds: float, python: str | None) -> list[Result]:
    """Run every way on one instance."""
    with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as name:
        folder = Path(name)
        count, kind = size.split("-")
        jobs, pools = map(int, count.split("x"))
        write(folder, jobs, pools, DEMAND[kind])
        ways: Sequence[tuple[str, Callable[..., None]]] = (
            ("greedy, cheapest that fits", greedy),
            ("power of two choices", two_choices),
            ("plain HiGHS", plain),
            ("tallygrid place", ours),
        )
        results = [apart(way, run, folder, seconds) for way, run in ways]
        return [*([skypilot(folder, python)] if python else []), *results]


@contextmanager
def peer(python: str | None) -> Iterator[str | None]:
    """Give a Python that has SkyPilot, or nothing where it cannot be installed."""
    if python is not None:
        yield python
        return
    with tempfile.TemporaryDirectory(prefix="tallygrid-skypilot-") as folder:
        made = str(Path(folder) / "bin" / "python")
        try:
            for command in (
                [sys.executable, "-m", "venv", folder],
                [made, "-m", "pip", "install", "--quiet", SKYPILOT],
            ):
                subprocess.run(command, check=True, capture_output=True)  # fixed words
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"SkyPilot is left out, it could not be installed here: {error}")
            yield None
            return
        yield made


def skypilot(folder: Path, python: str) -> Result:
    """Let SkyPilot choose for one job after the other; its time is that of choosing alone."""
    from tallygrid.placement.batch.repair import Assignment  # noqa: PLC0415  # see `ours`: each way loads its own

    instance = _instance(folder)
    made = Assignment.empty(instance)
    asked = folder / "skypilot.json"
    asked.write_text(json.dumps(_offers(instance)), encoding="utf-8")
    done = subprocess.run(
        [python, str(PEER), str(asked)], check=True, stdout=subprocess.PIPE
    )  # our own script
    told = json.loads(done.stdout)
    for job, pool in enumerate(told["choices"]):
        if pool >= 0:
            assert made.holds(job, pool)
            made.put(job, pool)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1_024
    return Result("SkyPilot", made.value_fen, 0, told["seconds"], told["seconds"], peak_mb)


def _offers(instance: Any) -> dict[str, Any]:  # noqa: ANN401  # loaded by each way for itself
    """Return what each job would cost in each pool that is better than leaving it out."""
    unplaced = instance.batch.jobs.unplaced_fen
    return {
        "room": instance.capacity.tolist(),
        "money": [*instance.batch.budgets.available_fen.tolist(), 0],
        "jobs": [
            {
                "work": int(instance.work[job]),
                "programme": int(instance.batch.jobs.programme[job]),
                "offers": [
                    (pool, int(instance.cost_fen[job, pool]), int(instance.subsidy_fen[job, pool]))
                    for pool in range(len(instance.capacity))
                    if instance.is_open[job, pool] and instance.cost_fen[job, pool] < unplaced[job]
                ],
            }
            for job in range(len(unplaced))
        ],
    }


def apart(way: str, run: Callable[..., None], folder: Path, seconds: float) -> Result:
    """Run one way in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    start = time.perf_counter()
    process = context.Process(target=run, args=(folder, seconds, sending))
    process.start()
    value_fen, bound_fen, cpu_s, peak_mb = receiving.recv()
    process.join()
    return Result(way, value_fen, bound_fen, time.perf_counter() - start, cpu_s, peak_mb)


def tell(sending: Any, value_fen: int, bound_fen: int) -> None:  # noqa: ANN401  # a connection
    """Send what was reached, and what it took."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime
    sending.send((value_fen, bound_fen, cpu_s, used.ru_maxrss // 1_024))


def ours(folder: Path, seconds: float, sending: Any) -> None:  # noqa: ANN401  # a connection
    """Run the command as a user does."""
    from click.testing import CliRunner  # noqa: PLC0415  # each way loads its own

    from tallygrid.cli import tallygrid  # noqa: PLC0415  # see `ours`: each way loads its own

    files = (f"--{name}={folder / name}.csv" for name in ("jobs", "pools", "routes", "budgets"))
    words = ["place", *files, f"--out={folder / 'out.csv'}", f"--seconds={seconds}", "--json"]
    told = json.loads(CliRunner().invoke(tallygrid, words).stdout)
    tell(sending, told["objective_fen"], told["bound_fen"])


def greedy(folder: Path, _: float, sending: Any) -> None:  # noqa: ANN401  # a connection
    """Place jobs as they come, each where it is cheapest of what fits."""
    _place_in_order(
        folder, sending, lambda cost, fits, _random, _room: cost.argmin() if fits else -1
    )


def two_choices(folder: Path, _: float, sending: Any) -> None:  # noqa: ANN401  # a connection
    """Place jobs as they come, each in the emptier of two pools drawn from those that fit."""

    def choose(cost: Any, fits: list[int], random: Random, room: Any) -> int:  # noqa: ANN401, ARG001  # arrays; see `greedy`
        drawn = random.sample(fits, min(2, len(fits)))
        return max(drawn, key=lambda pool: room[pool], default=-1)

    _place_in_order(folder, sending, choose)


def _place_in_order(folder: Path, sending: Any, choose: Callable[..., int]) -> None:  # noqa: ANN401  # a connection
    import numpy as np  # noqa: PLC0415  # see `ours`: each way loads its own

    from tallygrid.placement.batch.repair import Assignment  # noqa: PLC0415  # see `ours`: each way loads its own

    instance, random = _instance(folder), stream(SEED, "choices")
    made = Assignment.empty(instance)
    unplaced = instance.batch.jobs.unplaced_fen
    programme = instance.batch.jobs.programme
    for job in range(len(unplaced)):
        fits = instance.is_open[job] & (instance.work[job] <= made.room)
        fits &= instance.subsidy_fen[job] <= made.money[programme[job]]
        fits &= instance.cost_fen[job] < unplaced[job]
        cost = np.where(fits, instance.cost_fen[job], np.iinfo(np.int64).max)
        pool = int(choose(cost, np.flatnonzero(fits).tolist(), random, made.room))
        if pool >= 0:
            made.put(job, pool)
    tell(sending, made.value_fen, 0)


def plain(folder: Path, seconds: float, sending: Any) -> None:  # noqa: ANN401  # a connection
    """Give every pair to HiGHS, with its own settings and all cores."""
    import highspy  # noqa: PLC0415  # see `ours`: each way loads its own
    import numpy as np  # noqa: PLC0415  # see `ours`: each way loads its own

    start = time.perf_counter()
    instance = _instance(folder)
    batch = instance.batch
    jobs, pools = np.nonzero(instance.is_open)
    rows, columns = instance.is_open.shape
    programme = batch.jobs.programme[jobs]
    index = np.stack([jobs, rows + pools, rows + columns + programme], axis=1)
    subsidy = instance.subsidy_fen[jobs, pools].astype(float)
    value = np.stack([np.ones(len(jobs)), (instance.work / instance.unit)[jobs], subsidy], axis=1)
    kept = np.stack([programme >= -1, programme >= -1, programme >= 0], axis=1)
    limits = [np.ones(rows), instance.capacity / instance.unit, batch.budgets.available_fen]
    upper = np.concatenate(limits).astype(float)
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # its types are partial
    solver.setOptionValue("output_flag", False)  # noqa: FBT003  # the option takes no name
    solver.setOptionValue("threads", os.cpu_count() or 1)
    solver.passModel(
        len(jobs),
        len(upper),
        int(kept.sum()),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize),
        float(batch.jobs.unplaced_fen.sum()),
        (instance.cost_fen[jobs, pools] - batch.jobs.unplaced_fen[jobs]).astype(float),
        np.zeros(len(jobs)),
        np.ones(len(jobs)),
        np.full(len(upper), -np.inf),
        upper,
        np.concatenate([[0], np.cumsum(kept.sum(axis=1))])[:-1].astype(np.int32),
        index[kept].astype(np.int32),
        value[kept],
        np.ones(len(jobs), dtype=np.int32),
    )
    solver.setOptionValue("time_limit", max(seconds - (time.perf_counter() - start), 0.1))
    solver.run()
    info = solver.getInfo()
    nothing = float(batch.jobs.unplaced_fen.sum())
    tell(
        sending,
        round(min(info.objective_function_value, nothing)),
        int(max(info.mip_dual_bound, 0)),
    )


def _instance(folder: Path) -> Any:  # noqa: ANN401  # loaded by each way for itself
    from tallygrid.files.batch import Paths, read_batch  # noqa: PLC0415  # see `ours`: each way loads its own
    from tallygrid.placement.batch.instance import Instance  # noqa: PLC0415  # see `ours`: each way loads its own

    names = ("jobs", "pools", "routes", "budgets")
    return Instance.of(read_batch(Paths(*(folder / f"{name}.csv" for name in names))))


def write(folder: Path, jobs: int, pools: int, demand: float) -> None:
    """Write the four files of one instance."""
    random = stream(SEED, f"batch {jobs} {pools} {demand}")
    sites = [f"s{n}" for n in range(max(2, pools // 2))]
    job_rows = list(_jobs(random, jobs, sites))
    card_hours = [row[1] * float(row[2]) for row in job_rows]
    spent_fen = [0.0] * len(RATES_BP)
    for row, work in zip(job_rows, card_hours, strict=True):
        if row[9]:
            number = int(row[9][1:])
            spent_fen[number] += work * TYPICAL_FEN * RATES_BP[number] / 10_000
    share = 0.4 if demand < 1 else 2.0
    _write(
        folder / "jobs.csv",
        "job_id,cards,hours,models,origin,sites,region,data_gb,latency_ms_max,programme,unplaced_fen",
        job_rows,
    )
    _write(
        folder / "pools.csv",
        "pool_id,site,model,origin,cards,hours,price_fen,extra_fen",
        _pools(random, pools, sites, sum(card_hours) * demand),
    )
    _write(
        folder / "routes.csv",
        "region,site,latency_ms,transfer_fen_per_gb",
        [
            (f"r{n}", site, random.randrange(1, 40), random.choice([0, 5, 10, 50]))
            for n in range(REGIONS)
            for site in sites
        ],
    )
    _write(
        folder / "budgets.csv",
        "programme,available_fen,rate_bp",
        [(f"g{n}", int(fen * share), RATES_BP[n]) for n, fen in enumerate(spent_fen)],
    )


def _jobs(random: Random, jobs: int, sites: list[str]) -> Iterator[tuple[Any, ...]]:
    for number, (cards, duration_s) in enumerate(_gangs(random, jobs)):
        hours = min(duration_s, LONGEST_S) / 3_600
        is_domestic = random.random() < 0.3  # noqa: PLR2004  # drawn, like all below
        names = [name for name, origin, _ in MODELS if origin == "domestic" or not is_domestic]
        yield (
            f"j{number}",
            cards,
            f"{hours:.6f}",
            "|".join(
                random.choice([[], random.sample(names, random.randrange(1, len(names) + 1))])
            ),
            "domestic" if is_domestic else "any",
            "|".join(random.choice([[]] * 9 + [random.sample(sites, max(2, len(sites) // 5))])),
            f"r{random.randrange(REGIONS)}",
            random.choice([0, 0, 1, 10, 100, 1_000]),
            random.choice([""] * 6 + [random.choice([10, 15, 20])]),
            random.choice(["", f"g{random.randrange(len(RATES_BP))}"]),
            int(cards * hours * TYPICAL_FEN * random.uniform(1.2, 5)) + random.randrange(1_000),
        )


def _gangs(random: Random, jobs: int) -> list[tuple[int, float]]:
    """Return the cards and the seconds of so many jobs."""
    if named := os.environ.get("TALLYGRID_TRACE"):
        trace = read_jobs(Path(named))
        rows = sorted(random.choices(range(len(trace)), k=jobs))
        return [(int(trace.gang[row]), max(1.0, float(trace.run_s[row]))) for row in rows]
    return [
        (job.cards, job.duration_s) for job in generate(read_table(), seed=SEED, jobs=jobs).jobs
    ]


def _pools(
    random: Random, pools: int, sites: list[str], card_hours: float
) -> Iterator[tuple[Any, ...]]:
    """Yield pools of uneven size; every eighth, and the largest, takes the largest gangs."""
    sizes = [min(20.0, random.paretovariate(1.2)) for _ in range(pools)]
    large = sorted(sizes)[-max(1, pools // 8)]
    for n, size in enumerate(sizes):
        model, origin, price_fen = random.choice(MODELS)
        capacity = card_hours * size / sum(sizes)
        cards = 128 if size >= large else random.choice([4, 8, 16, 32, 64, 128])
        while cards > 4 and capacity / cards < 12 and size < max(sizes):  # noqa: PLR2004  # the generator's own
            cards //= 2
        price = price_fen * random.randrange(70, 131) / 100
        extra = random.randrange(20_000) / 100
        yield (
            *(f"p{n}", sites[n % len(sites)], model, origin, cards, f"{capacity / cards:.6f}"),
            *(f"{price:.2f}", f"{extra:.2f}"),
        )


def _write(file: Path, header: str, rows: Any) -> None:  # noqa: ANN401  # of any columns
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened, lineterminator="\n")
        table.writerow(header.split(","))
        table.writerows(rows)


if __name__ == "__main__":
    main()
