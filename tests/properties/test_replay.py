"""Replay gives what the slow reference gives, on any trace, at any site, under any policy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.lab import oracle
from tallygrid.lab.oracle import Asked
from tallygrid.lab.replay.kernel import replay


@st.composite
def sites(draw: st.DrawFn) -> tuple[int, int]:
    """Return cards, and cards of a node (0 for a pool)."""
    node_cards = draw(st.sampled_from([0, 1, 2, 4, 8]))
    nodes = draw(st.integers(1, 6))
    return nodes * (node_cards or 4), node_cards


@st.composite
def traces(draw: st.DrawFn, cards: int) -> list[Asked]:
    """Return jobs in the order of arrival, many at one instant, many ending together."""
    gangs = st.one_of(st.integers(1, min(4, cards)), st.integers(1, cards))
    runs = st.one_of(st.integers(0, 5), st.integers(0, 60))
    jobs = st.builds(Asked, arrival_s=st.integers(0, 40), gang=gangs, run_s=runs)
    return sorted(draw(st.lists(jobs, max_size=40)), key=lambda job: job.arrival_s)


def replayed(trace: list[Asked], cards: int, node_cards: int, depth: int) -> list[int]:
    columns = np.array(trace, dtype=np.int64).reshape(-1, 3).T
    arrival, gang, run = (np.ascontiguousarray(column) for column in columns)
    return [int(one) for one in replay(arrival, gang, run, cards, node_cards, depth)]


@settings(max_examples=300, deadline=None)  # the first example is compiled
@given(st.data(), sites(), st.sampled_from([0, 1, 2, 3, 100]))
def test_every_start_is_that_of_the_reference(
    data: st.DataObject, site: tuple[int, int], depth: int
) -> None:
    cards, node_cards = site
    trace = data.draw(traces(cards))

    expected = oracle.starts(trace, cards=cards, node_cards=node_cards or None, depth=depth)

    assert replayed(trace, cards, node_cards, depth) == expected
