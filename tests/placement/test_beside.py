"""The solver beside the search: it helps where time runs out, and changes nothing else."""

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from threading import enumerate as threads

import numpy as np
import pytest
from patience import PATIENCE_S, until
from tests.oracle import batch as oracle

from tallygrid.files.batch import Paths, read_batch
from tallygrid.placement.batch.answer import Answer
from tallygrid.placement.batch.beside import Beside
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.relaxation import Relaxation
from tallygrid.placement.batch.solve import solve

JOBS = "job_id,cards,hours,models,origin,sites,region,data_gb,latency_ms_max,programme,unplaced_fen"
JOB_COUNT = 430
ALL_ALIKE = ([8], (10, 10), 105)
ALL_DIFFERENT = ([1, 2, 4, 8], (1, 40), 60)
POOLS = "pool_id,site,model,origin,cards,hours,price_fen,extra_fen"


def written(folder: Path, cards: list[int], between: tuple[int, int], hours: int) -> Paths:
    """Write many jobs and a dozen pools, so that packing and the solver beside take part."""
    random = Random(5)  # noqa: S311  # what is drawn is no secret
    drawn = [(random.choice(cards), random.randint(*between)) for _ in range(JOB_COUNT)]
    rest = ("", "any", "", "r", 0, "", "")
    job_rows = [
        (f"j{n}", wide, long, *rest, wide * long * random.randint(50, 400))
        for n, (wide, long) in enumerate(drawn)
    ]
    tables: dict[str, tuple[str, Sequence[tuple[object, ...]]]] = {
        "jobs": (JOBS, job_rows),
        "pools": (
            POOLS,
            [
                (f"p{n}", "s", "H", "foreign", 8, hours, random.randint(30, 90), 0)
                for n in range(12)
            ],
        ),
        "routes": ("region,site,latency_ms,transfer_fen_per_gb", [("r", "s", 1, 0)]),
        "budgets": ("programme,available_fen,rate_bp", []),
    }
    for name, (header, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header.split(","), *rows])
    return Paths(*(folder / f"{name}.csv" for name in tables))


def solved(instance: Instance, seconds: float) -> Answer:
    return solve(instance, Deadline(time.monotonic, time.monotonic() + seconds))


def test_what_ends_by_itself_is_the_same_again(tmp_path: Path) -> None:
    instance = Instance.of(read_batch(written(tmp_path, *ALL_ALIKE)))

    first, again = solved(instance, PATIENCE_S), solved(instance, PATIENCE_S)

    assert not first.is_late
    assert (first.choice == again.choice).all()
    assert first.bound_fen == again.bound_fen
    assert first.prices == again.prices


def test_time_that_runs_out_leaves_an_honest_answer_and_no_thread(tmp_path: Path) -> None:
    before = set(threads())
    paths = written(tmp_path, *ALL_DIFFERENT)
    instance, files = Instance.of(read_batch(paths)), oracle.read(tmp_path)

    answer = solved(instance, 2)

    ids = (*instance.batch.pools.ids, "")
    names = dict(zip(instance.batch.jobs.ids, (ids[p] for p in answer.choice), strict=True))
    assert oracle.value(files, names, 10_000) == answer.objective_fen >= answer.bound_fen
    until(lambda: set(threads()) <= before)  # it stops when it next looks up


@pytest.mark.parametrize("seconds", [0.05, 5.0])
def test_the_solver_beside_stops_when_told(tmp_path: Path, seconds: float) -> None:
    """Told at once or later, what it says it found keeps every limit."""
    instance = Instance.of(read_batch(written(tmp_path, *ALL_DIFFERENT)))
    relaxation = Relaxation.of(instance)
    deadline = Deadline(time.monotonic, time.monotonic() + 600)

    beside = Beside(relaxation, deadline)
    time.sleep(seconds)
    found = beside.stop()

    assert not found.is_done
    used = np.bincount(
        beside.pairs.pools[: len(found.share)],
        found.share * relaxation.work[beside.pairs.jobs][: len(found.share)],
        minlength=12,
    )
    assert (used <= relaxation.limits[:12] * (1 + 1e-6)).all()
