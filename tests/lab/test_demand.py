"""Demand repeats to the byte, says what is real in it, and gives every kind of request."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Literal

import pytest

from tallygrid.core.credit_code import is_well_formed
from tallygrid.core.demand import Demand
from tallygrid.lab.demand import DemandError, Table, from_trace, generate, read_table
from tallygrid.lab.trace import Trace, TraceJob

SHOW = (
    "import json; from tallygrid.lab.demand import generate, read_table;"
    "print(json.dumps(generate(read_table(), seed=5, jobs=50, firms=20).as_json()))"
)


@pytest.fixture(scope="module")
def table() -> Table:
    return read_table()


@pytest.fixture(scope="module")
def generated(table: Table) -> Demand:
    return generate(table, seed=1)


@pytest.fixture(scope="module")
def trace() -> Trace:
    """A thousand jobs of two virtual clusters, a minute and a half apart from a Friday on."""
    jobs = tuple(
        TraceJob(90 * n, 100 + n, 1 + n % 4, "busy" if n % 4 else "calm", n + 2)
        for n in range(1000)
    )
    return Trace("small.csv", datetime(2024, 3, 1, 6), jobs)  # noqa: DTZ001  # local time


@pytest.fixture(scope="module")
def played(trace: Trace, table: Table) -> Demand:
    return from_trace(trace, table, seed=1, jobs=200, firms=20)


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", SHOW],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    (answer,) = answers
    assert len(json.loads(answer)["jobs"]) == 50


def test_another_seed_gives_another_demand(table: Table, generated: Demand) -> None:
    other = generate(table, seed=2)

    assert other.jobs != generated.jobs
    assert [f.facts for f in other.firms] != [f.facts for f in generated.firms]


def test_as_many_jobs_are_given_as_were_asked_for(generated: Demand, played: Demand) -> None:
    assert len(generated.jobs) == 300
    assert len(played.jobs) == 200
    assert [job.number for job in played.jobs] == list(range(1, 201))


def test_a_demand_says_what_it_is(generated: Demand, played: Demand) -> None:
    assert generated.label == "fitted generator"
    assert played.label == "trace small.csv"
    assert {job.origin for job in generated.jobs} == {"fitted", "synthetic"}
    assert {job.origin for job in played.jobs} == {"trace", "synthetic"}


def test_a_played_trace_is_the_trace_thinned_evenly(trace: Trace, played: Demand) -> None:
    real = [job for job in played.jobs if job.origin == "trace"]

    rows = {(job.arrival_s, job.duration_s, job.cards) for job in trace.jobs}
    assert all((job.arrival_s, job.duration_s, job.cards) in rows for job in real)
    gaps = {b.arrival_s - a.arrival_s for a, b in pairwise(real)}
    assert gaps == {5 * 90, 6 * 90}
    assert played.week_offset_s == (4 * 24 + 6) * 3600


def test_a_trace_shorter_than_asked_for_is_played_whole(trace: Trace, table: Table) -> None:
    demand = from_trace(trace, table, seed=1, jobs=5000, firms=20)

    assert sum(job.origin == "trace" for job in demand.jobs) == len(trace.jobs)


def test_gangs_larger_than_the_trace_has_are_synthetic(generated: Demand) -> None:
    large = [job for job in generated.jobs if job.cards > 32]

    assert max(job.cards for job in large) == 64
    assert {job.origin for job in large} == {"synthetic"}
    assert sum(job.origin == "synthetic" for job in generated.jobs) == 9


@pytest.mark.parametrize("kind", ["model", "corpus"])
def test_models_and_corpora_are_bought_too(
    generated: Demand, kind: Literal["model", "corpus"]
) -> None:
    bought = [purchase for purchase in generated.purchases if purchase.kind == kind]

    assert bought
    assert all(purchase.quantity > 0 for purchase in bought)
    assert {purchase.origin for purchase in bought} == {"synthetic"}


def test_a_firm_belongs_to_one_virtual_cluster(trace: Trace, played: Demand) -> None:
    cluster_of = {(job.arrival_s, job.duration_s): job.cluster for job in trace.jobs}
    seen: dict[str, set[str]] = {}
    for job in played.jobs:
        if job.origin == "trace":
            seen.setdefault(job.firm, set()).add(cluster_of[job.arrival_s, job.duration_s])

    assert all(len(clusters) == 1 for clusters in seen.values())


def test_a_few_firms_ask_for_most(table: Table) -> None:
    demand = generate(table, seed=3, jobs=3000, firms=100)

    counts = sorted(Counter(job.firm for job in demand.jobs).values(), reverse=True)
    assert sum(counts[:20]) > 0.5 * sum(counts)


def test_a_campaign_stays_with_one_firm(table: Table) -> None:
    jobs = tuple(TraceJob(60 * n, 1, 1, "one", n) for n in range(100))
    trace = Trace("run", datetime(2024, 3, 1), jobs)  # noqa: DTZ001  # local time

    demand = from_trace(trace, table, seed=1, jobs=100, firms=20)

    assert len({job.firm for job in demand.jobs if job.origin == "trace"}) == 1


def test_invented_firms_have_codes_that_check_and_that_no_register_can_hold(
    generated: Demand,
) -> None:
    codes = [firm.credit_code for firm in generated.firms]

    assert len(set(codes)) == len(codes)
    assert all(is_well_formed(code) for code in codes)
    assert all(code.startswith("XX000000") for code in codes)


def test_every_fact_of_an_invented_firm_is_labelled(generated: Demand) -> None:
    for firm in generated.firms:
        assert set(firm.facts) <= set(firm.labels)
        assert set(firm.labels.values()) == {"assumed"}


def test_few_firms_show_every_place_class_and_common_refusal(generated: Demand) -> None:
    def seen(fact: str) -> set[object]:
        return {firm.facts.get(fact) for firm in generated.firms}

    assert len(seen("registered_in")) == 20
    assert len(seen("applicant_class")) == 6
    for fact in ("dishonesty_record", "related_party", "double_funding", "contract_claimed"):
        assert seen(fact) == {True, False}
    assert None in seen("other_fiscal_fen")


def test_more_jobs_leave_the_firms_as_they_are(table: Table, generated: Demand) -> None:
    assert generate(table, seed=1, jobs=10).firms == generated.firms


def test_a_demand_that_cannot_be_is_refused(trace: Trace, table: Table) -> None:
    with pytest.raises(DemandError, match="1 firms cannot fill the 2 virtual clusters"):
        from_trace(trace, table, seed=1, firms=1)
    with pytest.raises(DemandError, match="0 jobs"):
        generate(table, seed=1, jobs=0)
