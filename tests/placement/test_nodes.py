"""Nodes: a gang stands on whole nodes, and the rest of it together on one more."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tallygrid.placement.nodes import Reservation, fitted, free_nodes, placed, sizes

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def taken(cards: int, start_h: int, end_h: int, *nodes: int) -> Reservation:
    return Reservation("site", "H100", cards, NOON + start_h * HOUR, NOON + end_h * HOUR, nodes)


def test_cards_given_back_at_noon_are_free_at_noon() -> None:
    before, after = taken(16, -2, 0, 0, 1), taken(16, 0, 2, 0, 1)

    assert free_nodes(16, [before], start=NOON, end=NOON + HOUR) == [8, 8]
    assert free_nodes(16, [after], start=NOON, end=NOON + HOUR) == [0, 0]


def test_scattered_cards_are_many_and_still_too_few_for_a_gang() -> None:
    held = [taken(1, 0, 2, node) for node in range(4)]

    free = free_nodes(32, held, start=NOON, end=NOON + HOUR)

    assert free == [7, 7, 7, 7]
    assert fitted(free, 8) is None
    assert fitted(free, 7) == (0,)


def test_a_node_that_changes_hands_within_the_period_is_not_free() -> None:
    held = [taken(8, 0, 1, 0), taken(8, 1, 2, 1)]

    assert free_nodes(16, held, start=NOON, end=NOON + 2 * HOUR) == [0, 0]
    assert free_nodes(16, held, start=NOON, end=NOON + HOUR) == [0, 8]


def test_cards_of_which_nobody_told_the_nodes_are_packed_and_all_count() -> None:
    known, unknown = [taken(4, 0, 2, 0), taken(4, 0, 2, 1)], taken(8, 0, 2)

    assert sum(free_nodes(16, [*known, unknown], start=NOON, end=NOON + HOUR)) == 0


gangs = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6), st.integers(1, 6)), max_size=12)


@given(st.integers(1, 60), gangs)
def test_who_is_let_in_by_turns_never_stands_on_anothers_cards(
    cards: int, asked: list[tuple[int, int, int]]
) -> None:
    """Held against a count of every card in every hour."""
    held: list[Reservation] = []
    for gang, start_h, lasting_h in asked:
        one = taken(gang, start_h, start_h + lasting_h)
        nodes = fitted(free_nodes(cards, held, start=one.start, end=one.end), gang)
        if nodes is not None:
            held.append(taken(gang, start_h, start_h + lasting_h, *nodes))

    for hour in range(12):
        left = sizes(cards)
        for one in held:
            if one.covers(NOON + hour * HOUR):
                rest = one.cards
                for node in one.nodes:
                    left[node] -= min(rest, 8)
                    rest -= min(rest, 8)
                assert rest == 0
        assert min(left) >= 0


@given(st.integers(1, 60), gangs)
def test_packing_loses_no_card(cards: int, asked: list[tuple[int, int, int]]) -> None:
    held = [taken(gang, 0, 1) for gang, _, _ in asked]

    free = free_nodes(cards, held, start=NOON, end=NOON + HOUR)

    assert sum(free) == max(0, cards - sum(one.cards for one in held))
    assert all(one.nodes for one in placed(cards, held))
