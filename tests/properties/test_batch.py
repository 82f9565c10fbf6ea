"""The batch optimum agrees with brute force on small instances, and keeps every rule on all.

The oracle reads the files that the command reads, and imports nothing of what it judges.
"""

import csv
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracle import batch as oracle

from tallygrid.files.batch import Paths, read_batch
from tallygrid.placement.batch.answer import LEFT_OUT, Answer, reasons
from tallygrid.placement.batch.bound import STEP, Prices, dual_bound
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.knapsack import pack
from tallygrid.placement.batch.lowered import Lowered
from tallygrid.placement.batch.packing import Packing
from tallygrid.placement.batch.relaxation import Relaxation
from tallygrid.placement.batch.repair import Assignment, inserted
from tallygrid.placement.batch.solve import solve

Rows = Sequence[tuple[object, ...]]
JOBS = "job_id,cards,hours,models,origin,sites,region,data_gb,latency_ms_max,programme,unplaced_fen"
POOLS = "pool_id,site,model,origin,cards,hours,price_fen,extra_fen"
ROUTES = "region,site,latency_ms,transfer_fen_per_gb"
BUDGETS = "programme,available_fen,rate_bp"
LARGEST = 8


def decimals(least: int, most: int) -> st.SearchStrategy[str]:
    """Numbers of 0 to 6 decimals, many of which are round."""
    wild = st.integers(least * 10**6, most * 10**6).map(
        lambda n: f"{n // 10**6}.{n % 10**6:06d}".rstrip("0").rstrip(".")
    )
    return st.integers(least, most).map(str) | wild


def some(*names: str) -> st.SearchStrategy[str]:
    return st.just("") | st.lists(st.sampled_from(names), min_size=1, unique=True).map("|".join)


jobs = st.tuples(
    st.sampled_from(["1", "2", "0.5", str(LARGEST)]),
    decimals(1, 6),
    some("H", "A"),
    st.sampled_from(["any", "any", "domestic"]),
    some("s", "t"),
    st.sampled_from(["r", "q"]),
    decimals(0, 3),
    st.sampled_from(["", "", "5", "1.5"]),
    st.sampled_from(["", "g", "h"]),
    st.integers(0, 3_000) | st.just(10**14),
)
pools = st.tuples(
    st.sampled_from(["s", "t"]),
    st.sampled_from(["H", "A"]),
    st.sampled_from(["domestic", "foreign"]),
    st.sampled_from([str(LARGEST), "4", "0"]),
    decimals(0, 8),
    decimals(0, 200) | st.just("99999999.999999"),
    decimals(0, 20) | st.just("99999999.999999"),
)
routes = st.tuples(st.sampled_from(["0", "1.5", "5", "6"]), decimals(0, 10))
budgets = st.tuples(st.integers(0, 2_000), decimals(0, 10_000))


def written(folder: Path, parts: tuple[Rows, Rows, Rows, Rows]) -> Paths:
    """Write the four files; budgets that no job asks for are left away."""
    job_rows, pool_rows, route_rows, budget_rows = parts
    asked = {row[8] for row in job_rows}
    named = zip(("g", "h"), budget_rows, strict=True)
    pairs = [("r", "s"), ("r", "t"), ("q", "s"), ("q", "t")]
    first, *rest = pool_rows
    tables: dict[str, tuple[str, Rows]] = {
        "jobs": (JOBS, [(f"j{n}", *row) for n, row in enumerate(job_rows)]),
        # The first pool takes every gang: a gang that none takes is a mistake, not an answer.
        "pools": (
            POOLS,
            [
                ("p0", *first[:3], LARGEST, *first[4:]),
                *((f"p{n}", *row) for n, row in enumerate(rest, 1)),
            ],
        ),
        "routes": (ROUTES, [(*pair, *row) for pair, row in zip(pairs, route_rows, strict=True)]),
        "budgets": (BUDGETS, [(name, *row) for name, row in named if name in asked]),
    }
    for name, (header, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(header.split(","))
            table.writerows(rows)
    return Paths(*(folder / f"{name}.csv" for name in tables))


def batches(most: int) -> st.SearchStrategy[tuple[Rows, Rows, Rows, Rows]]:
    return st.tuples(
        st.lists(jobs, max_size=most),
        st.lists(pools, min_size=1, max_size=3),
        st.lists(routes, min_size=4, max_size=4),
        st.lists(budgets, min_size=2, max_size=2),
    )


def solved(paths: Paths, weight_bp: int, seconds: float = 60) -> tuple[Instance, Answer]:
    instance = Instance.of(read_batch(paths), public_weight_bp=weight_bp)
    deadline = Deadline(time.monotonic, time.monotonic() + seconds)
    return instance, solve(instance, deadline)


def assigned(instance: Instance, answer: Answer) -> dict[str, str]:
    names = (*instance.batch.pools.ids, "")
    return {
        job: names[pool]
        for job, pool in zip(instance.batch.jobs.ids, answer.choice.tolist(), strict=True)
    }


def told(prices: Prices, instance: Instance) -> list[oracle.Row]:
    batch = instance.batch
    return [
        {"kind": kind, "id": name, "price_num": str(price), "price_den": str(STEP)}
        for kind, ids, found in (
            ("pool", batch.pools.ids, prices.pool),
            ("budget", batch.budgets.programmes, prices.budget),
        )
        for name, price in zip(ids, found, strict=True)
    ]


weights = st.sampled_from([10_000, 10_000, 0, 12_345])


_JOB = ("1", "1", "", "any", "", "r", "0", "", "", 10**14)
DEAR: tuple[Rows, Rows, Rows, Rows] = (
    [_JOB, _JOB, (*_JOB[:8], "h", 10**14)],
    [
        ("s", "H", "domestic", "8", "1", "1", "99999999.999999"),
        ("s", "H", "domestic", "8", "1", "99999999.999999", "0"),
    ],
    [("0", "0")] * 4,
    [(0, "0"), (1, "1")],
)
"""So dear that nobody is left out, though much is."""


SCARCE: tuple[Rows, Rows, Rows, Rows] = (
    [("8", "3.431444", "", "any", "", "r", "0", "", "g", 10**14)],
    [("s", "H", "domestic", "8", "4", "15.044687", "0")],
    [("0", "0")] * 4,
    [(0, "145"), (0, "0")],
)
"""A budget of nothing, whose price is more than 64 bits hold."""

BLURRED: tuple[Rows, Rows, Rows, Rows] = (
    [
        _JOB,
        (*_JOB[:9], 1),
        ("1", "2", *_JOB[2:9], 0),
        ("8", "4.75555", *_JOB[2:9], 2),
    ],
    [("s", "H", "domestic", "8", "4.88055", "0", "0")],
    [("0", "0")] * 4,
    [(0, "0"), (0, "0")],
)
"""One job worth 10¹⁴ times as much as the others."""

POOR: tuple[Rows, Rows, Rows, Rows] = (
    [
        _JOB,
        ("1", "2", "", "domestic", *_JOB[4:8], "g", 10**14),
        ("2", "4", *_JOB[2:8], "h", 10**14),
        ("1", "4", *_JOB[2:8], "h", 10**14),
    ],
    [
        ("s", "H", "domestic", "8", "4", "0", "99999999.999999"),
        ("s", "H", "domestic", "8", "4", "17", "0"),
    ],
    [("0", "5"), ("6", "0.000023"), ("6", "0.000001"), ("0", "0")],
    [(2, "0"), (14, "746")],
)
"""Budgets of a few fen, which must not vanish beside amounts of 10¹⁴."""

TORN: tuple[Rows, Rows, Rows, Rows] = (
    [
        ("8", "1", *_JOB[2:9], 10**14),
        ("8", "1", *_JOB[2:9], 3 * 10**14),
        ("2", "1", *_JOB[2:9], 2),
        ("2", "1.5", *_JOB[2:9], 3),
    ],
    [("s", "H", "domestic", "8", "1.5", "0", "0.25")],
    [("0", "0")] * 4,
    [(0, "0"), (0, "0")],
)
"""No room for all that is worth very much, and it is not worth the same."""


@example(DEAR, 10_000)
@example(SCARCE, 10_000)
@example(BLURRED, 10_000)
@example(POOR, 12_345)
@example(TORN, 10_000)
@settings(max_examples=40, deadline=None)
@given(batches(5), weights)
def test_the_value_is_that_of_brute_force(
    parts: tuple[Rows, Rows, Rows, Rows], weight_bp: int
) -> None:
    agree(parts, weight_bp)


def agree(parts: tuple[Rows, Rows, Rows, Rows], weight_bp: int) -> None:
    """Solve to the end, and hold every figure against the oracle."""
    with TemporaryDirectory() as folder:
        paths = written(Path(folder), parts)
        files = oracle.read(Path(folder))
        instance, answer = solved(paths, weight_bp)

    best = oracle.optimum(files, weight_bp)
    # The solver works in floats: what is small beside the dearest cost it cannot tell apart.
    # Only how good the answer is may suffer; value, rules and bounds below are exact all the same.
    blur_fen = int(np.where(instance.is_open, instance.cost_fen, 0).max(initial=0)) // 10**6
    assert best <= answer.objective_fen <= best + blur_fen
    assert oracle.value(files, assigned(instance, answer), weight_bp) == answer.objective_fen
    assert answer.bound_fen <= best
    assert answer.dual_bound_fen == oracle.dual_bound(
        files, told(answer.prices, instance), weight_bp
    )


@settings(max_examples=40, deadline=None)
@given(batches(40), weights)
def test_every_rule_is_kept_and_the_bound_holds(
    parts: tuple[Rows, Rows, Rows, Rows], weight_bp: int
) -> None:
    """Stopped at once, so that the value is often not the best; it must be honest all the same."""
    with TemporaryDirectory() as folder:
        paths = written(Path(folder), parts)
        files = oracle.read(Path(folder))
        instance, answer = solved(paths, weight_bp, seconds=0.2)

    value = oracle.value(files, assigned(instance, answer), weight_bp)
    assert value == answer.objective_fen
    assert answer.dual_bound_fen <= answer.bound_fen <= value
    assert answer.dual_bound_fen == oracle.dual_bound(
        files, told(answer.prices, instance), weight_bp
    )
    why = dict(reasons(instance, answer.choice))
    assert len(why) == len(files.jobs) - answer.placed
    assert set(why.values()) <= set(LEFT_OUT)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(batches(4), weights)
def test_brute_force_agrees_on_thousands(
    parts: tuple[Rows, Rows, Rows, Rows], weight_bp: int
) -> None:
    agree(parts, weight_bp)


great = st.integers(0, 3_000) | st.sampled_from([10**14, 2 * 10**14, 3 * 10**14])


@settings(max_examples=40, deadline=None)
@given(batches(3), st.lists(great, min_size=3, max_size=3))
def test_lower_amounts_leave_the_order_of_values(
    parts: tuple[Rows, Rows, Rows, Rows], drawn: list[int]
) -> None:
    """Every value comes back from the lowered one, so the least is the least in both."""
    job_rows, *_ = parts
    amounts = [(*row[:9], fen) for row, fen in zip(job_rows, drawn, strict=False)]
    with TemporaryDirectory() as folder:
        instance = Instance.of(read_batch(written(Path(folder), (amounts, *parts[1:]))))
    relaxation = Relaxation.of(instance)
    lowered = Lowered.of(relaxation)
    before, after = (
        np.column_stack([one.unplaced, one.cost]) for one in (relaxation, lowered.relaxation)
    )

    for ways in product(*(np.flatnonzero(np.isfinite(row)).tolist() for row in before)):
        at = np.arange(len(ways)), np.array(ways, dtype=np.int64)
        value = before[at].sum()
        assert value - 1 < lowered.raised(after[at].sum()) <= value
    assert (after <= before).all()


prices = st.integers(0, 10**9) | st.integers(0, 10**15)


@settings(max_examples=40, deadline=None)
@given(batches(4), st.lists(prices, min_size=5, max_size=5))
def test_any_prices_prove_a_bound(parts: tuple[Rows, Rows, Rows, Rows], drawn: list[int]) -> None:
    with TemporaryDirectory() as folder:
        instance = Instance.of(read_batch(written(Path(folder), parts)))
        files = oracle.read(Path(folder))

    batch = instance.batch
    chosen = Prices(
        tuple(drawn[: len(batch.pools.ids)]), tuple(drawn[3 : 3 + len(batch.budgets.programmes)])
    )

    found = dual_bound(instance, chosen)

    assert found == oracle.dual_bound(files, told(chosen, instance))
    assert found <= oracle.optimum(files)


@settings(max_examples=40, deadline=None)
@given(batches(12), st.lists(st.integers(0, 3_000), min_size=5, max_size=5))
def test_what_is_compiled_places_as_plain_python_does(
    parts: tuple[Rows, Rows, Rows, Rows], drawn: list[int]
) -> None:
    """Python's own integers are never compiled."""
    with TemporaryDirectory() as folder:
        instance = Instance.of(read_batch(written(Path(folder), parts)))
    relaxation = Relaxation.of(instance)
    at = np.array(drawn[: len(relaxation.limits)], dtype=np.float64)
    one, other = Assignment.empty(instance), Assignment.empty(instance)
    other.room = other.room.astype(object)

    inserted(one, relaxation, at)
    inserted(other, relaxation, at)

    assert (one.choice == other.choice).all()
    assert (one.room == other.room).all()
    assert (one.money == other.money).all()


fees = st.floats(0, 5_000, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(
    batches(4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(fees, min_size=9, max_size=9),
    weights,
)
def test_any_fees_prove_a_bound(
    parts: tuple[Rows, Rows, Rows, Rows], is_great: list[bool], drawn: list[float], weight_bp: int
) -> None:
    """Whichever jobs are packed whole, and whatever they and the limits cost."""
    fees_prove_a_bound(parts, is_great, drawn, weight_bp)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(
    batches(4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(fees, min_size=9, max_size=9),
    weights,
)
def test_any_fees_prove_a_bound_on_thousands(
    parts: tuple[Rows, Rows, Rows, Rows], is_great: list[bool], drawn: list[float], weight_bp: int
) -> None:
    fees_prove_a_bound(parts, is_great, drawn, weight_bp)


def fees_prove_a_bound(
    parts: tuple[Rows, Rows, Rows, Rows], is_great: list[bool], drawn: list[float], weight_bp: int
) -> None:
    with TemporaryDirectory() as folder:
        instance = Instance.of(read_batch(written(Path(folder), parts)), public_weight_bp=weight_bp)
        best = oracle.optimum(oracle.read(Path(folder)), weight_bp)
    relaxation = Relaxation.of(instance)
    great = np.flatnonzero(is_great[: len(instance.work)])
    packing = Packing.of(relaxation, great, np.zeros(len(relaxation.limits)), apart=np.inf)

    packed = packing.at(np.array(drawn[: len(great) + len(relaxation.limits)]), near=1.0)

    assert packed.value <= best


@settings(max_examples=40, deadline=None)
@given(batches(6), st.lists(fees, min_size=11, max_size=11))
def test_a_pool_loses_what_it_would_rather_pack(
    parts: tuple[Rows, Rows, Rows, Rows], drawn: list[float]
) -> None:
    """Nothing where it has that already, and all of its gain where it has nothing."""
    with TemporaryDirectory() as folder:
        instance = Instance.of(read_batch(written(Path(folder), parts)))
    relaxation = Relaxation.of(instance)
    count = len(instance.work)
    packing = Packing.of(
        relaxation, np.arange(count), np.zeros(len(relaxation.limits)), apart=np.inf
    )
    asked = np.array(drawn[: count + len(relaxation.limits)])
    chosen = packing.at(asked, near=0.0).chosen
    content, nothing = np.full(count, -1), np.full(count, -1)
    content[packing.job[chosen]] = packing.pool[chosen]
    has_its_own = np.array(
        [
            (content[packing.job[chosen & (packing.pool == pool)]] == pool).all()
            for pool in range(relaxation.pools)
        ]
    )

    least, most = packing.losses(asked, content), packing.losses(asked, nothing)

    assert (least[has_its_own] == 0).all()
    assert (least <= most).all()
    assert ((most > 0) == np.isin(np.arange(relaxation.pools), packing.pool[chosen])).all()


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), max_size=9),
    st.integers(0, 60),
    st.integers(1, 30),
)
def test_a_pool_packs_what_gains_most(
    jobs: list[tuple[int, int]], room: int, steps_max: int
) -> None:
    jobs.sort(key=lambda job: -job[0] / job[1])
    gain = np.array([job[0] for job in jobs], dtype=np.float64)
    work = np.array([job[1] for job in jobs], dtype=np.float64)
    choices = [np.array(one, dtype=bool) for one in product([False, True], repeat=len(jobs))]
    most = max(gain[one].sum() for one in choices if work[one].sum() <= room)
    chosen = np.zeros(len(jobs), dtype=bool)

    bound = pack(gain, work, float(room), 0.0, 10**6, chosen)

    assert bound == gain[chosen].sum() == most
    assert work[chosen].sum() <= room
    assert pack(gain, work, float(room), 0.0, steps_max, chosen) >= most
    assert work[chosen].sum() <= room
