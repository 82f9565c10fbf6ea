"""Replay: the worked example of the docs, answers known from elsewhere, and SimPy's."""

from collections.abc import Generator
from dataclasses import asdict

import numpy as np
import pytest
import simpy
from philly import TRACE, WITH_THE_TRACE

from tallygrid.lab import oracle
from tallygrid.lab.chance import stream
from tallygrid.lab.oracle import Asked
from tallygrid.lab.replay.figures import figures_of
from tallygrid.lab.replay.site import ImmenseError, NothingError, Site, entry, starts
from tallygrid.lab.traces.jobs import Jobs, TooManyError
from tallygrid.lab.traces.read import read_jobs

EXAMPLE = [Asked(0, 6, 10), Asked(1, 3, 10), Asked(2, 1, 8), Asked(3, 1, 20), Asked(4, 4, 5)]
"""docs/algorithms/replay.md works it out by hand on eight cards."""


def jobs_of(asked: list[Asked]) -> Jobs:
    columns = np.array(asked, dtype=np.int64).reshape(-1, 3)
    arrival, gang, run = (columns[:, n].copy() for n in range(3))
    return Jobs("made.csv", arrival, gang, run, np.arange(2, len(asked) + 2))


def replayed(asked: list[Asked], site: Site) -> list[int]:
    return [int(second) for second in starts(jobs_of(asked), site)]


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (Site(8), [0, 10, 10, 10, 18]),
        (Site(8, node_cards=4), [0, 10, 10, 10, 20]),
        (Site(8, depth=100), [0, 10, 2, 3, 10]),
        (Site(8, node_cards=4, depth=100), [0, 10, 2, 3, 10]),
        (Site(8, depth=0), [0, 10, 10, 10, 18]),
    ],
)
def test_the_worked_example_of_the_docs(site: Site, expected: list[int]) -> None:
    assert replayed(EXAMPLE, site) == expected
    slow = oracle.starts(EXAMPLE, cards=site.cards, node_cards=site.node_cards, depth=site.depth)
    assert slow == expected


def test_on_nodes_enough_cards_apart_do_not_hold_a_gang() -> None:
    """Two nodes, each half taken: four cards are free, but not on one node."""
    asked = [Asked(0, 2, 10), Asked(0, 3, 20), Asked(0, 1, 10), Asked(1, 4, 5)]

    assert replayed(asked, Site(8))[-1] == 10
    assert replayed(asked, Site(8, node_cards=4))[-1] == 10
    assert replayed([*asked[:2], Asked(0, 2, 30), Asked(1, 4, 5)], Site(8, node_cards=4))[-1] == 20


def test_the_figures_are_those_of_the_worked_example() -> None:
    site = Site(8, depth=100)
    entered = entry(jobs_of([*EXAMPLE, Asked(5, 9, 1)]), site)

    figures = asdict(figures_of(entered, site, starts(entered.jobs, site)))

    assert figures == {
        "jobs": 5,
        "refused": 1,
        "cards": 8,
        "mean_wait_s": (0 + 9 + 0 + 0 + 6) / 5,
        "p50_wait_s": 0,
        "p99_wait_s": 9,
        "makespan_s": 23,
        "utilisation": (60 + 30 + 8 + 20 + 20) / (8 * 23),
        "saturated": True,
    }


def test_a_copy_begins_a_second_after_the_last_arrival() -> None:
    entered = entry(jobs_of([*EXAMPLE, Asked(6, 9, 1)]), Site(8), copies=3)

    assert entered.refused == 3
    assert list(entered.jobs.arrival_s) == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18]
    assert [int(line) for line in entered.too_large.line] == [7]


def test_what_cannot_be_replayed_is_said() -> None:
    with pytest.raises(NothingError, match="no job can be replayed on 8 cards"):
        entry(jobs_of([Asked(0, 9, 1)]), Site(8))
    with pytest.raises(TooManyError, match="500,000,000 jobs are too many"):
        entry(jobs_of(EXAMPLE), Site(8), copies=10**8)
    with pytest.raises(ImmenseError, match="at most 576,460,752,303,423,487 s can be counted"):
        starts(jobs_of([Asked(0, 1, 2**59)]), Site(8))
    assert replayed([Asked(0, 8, 2**59 - 2), Asked(1, 8, 0)], Site(8)) == [0, 2**59 - 2]


@pytest.mark.parametrize(
    ("asked", "saturated"),
    [
        ([Asked(0, 8, 2)], False),
        ([Asked(3 * n, 8, 2) for n in range(100)], False),
        # Waits that grow evenly: the last fifth waits 1.8 times as long as the middle fifth.
        ([Asked(n, 8, 2) for n in range(100)], False),
        ([Asked(n * (200 - n) // 100, 8, 2) for n in range(100)], True),
    ],
)
def test_waits_that_more_than_double_are_called_saturated(
    asked: list[Asked], *, saturated: bool
) -> None:
    jobs, site = jobs_of(asked), Site(8)

    assert figures_of(entry(jobs, site), site, starts(jobs, site)).saturated is saturated


def simpy_starts(asked: list[Asked], cards: int) -> list[int]:
    """Return the starts that SimPy gives: a container of cards, served in the order of asking."""
    world = simpy.Environment()
    free = simpy.Container(world, capacity=cards, init=cards)
    found = [-1] * len(asked)

    def job(number: int, one: Asked) -> Generator[simpy.Event, None, None]:
        yield world.timeout(one.arrival_s)
        yield free.get(one.gang)
        found[number] = int(world.now)
        yield world.timeout(one.run_s)
        yield free.put(one.gang)

    for number, one in enumerate(asked):
        world.process(job(number, one))
    world.run()
    return found


@pytest.mark.parametrize("seed", range(5))
def test_simpy_gives_the_same_starts_where_it_can_express_them(seed: int) -> None:
    random = stream(seed, "simpy")
    asked = sorted(
        Asked(random.randrange(5_000), random.choice([1, 1, 2, 8, 32]), random.randrange(300))
        for _ in range(1_000)
    )

    assert replayed(asked, Site(48)) == simpy_starts(asked, 48)


@WITH_THE_TRACE
@pytest.mark.parametrize(("cards", "mean_s"), [(416, 346_852.2234), (208, 2_819_936.1593)])
def test_the_trace_waits_as_long_as_another_program_found(cards: int, mean_s: float) -> None:
    trace = read_jobs(TRACE)
    site = Site(cards)
    entered = entry(trace, site)

    figures = figures_of(entered, site, starts(entered.jobs, site))

    assert (figures.jobs, figures.refused) == (48_222, 0)
    assert round(figures.mean_wait_s, 4) == mean_s


@WITH_THE_TRACE
def test_the_beginning_of_the_trace_waits_as_long_as_another_program_found() -> None:
    jobs = read_jobs(TRACE).of(slice(1_000))
    asked = [
        Asked(*map(int, row)) for row in zip(jobs.arrival_s, jobs.gang, jobs.run_s, strict=True)
    ]

    found = starts(jobs, Site(128))

    assert float((found - jobs.arrival_s).mean()) == 30_953.44
    assert [int(second) for second in found] == simpy_starts(asked, 128)


@WITH_THE_TRACE
@pytest.mark.parametrize("site", [Site(64, 8), Site(64, depth=20), Site(64, 8, 20)])
def test_a_part_of_the_trace_is_replayed_as_the_slow_reference_does(site: Site) -> None:
    jobs = read_jobs(TRACE).of(slice(20_000, 20_400))
    jobs.arrival_s[:] -= jobs.arrival_s[0]
    asked = [
        Asked(*map(int, row)) for row in zip(jobs.arrival_s, jobs.gang, jobs.run_s, strict=True)
    ]

    slow = oracle.starts(asked, cards=site.cards, node_cards=site.node_cards, depth=site.depth)

    assert [int(second) for second in starts(jobs, site)] == slow
