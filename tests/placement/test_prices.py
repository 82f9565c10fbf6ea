"""Prices: what is plentiful is worth nothing, what is scarce no more than the way around it."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.placement import Pool, Request, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement.online import place
from tallygrid.placement.prices import Expected, Worth, solve
from tallygrid.placement.shelf import Shelf

CATALOGUE = read_catalogue()
SHELF = Shelf.of(CATALOGUE)
WEEK_H = 168.0
JOB = Request(cards=8, seconds=86_400, place="shenzhen", models=frozenset({"H100"}))
FREE = {key: cards * WEEK_H for key, cards in SHELF.cards.items()}
ALL_H100 = {key for key in SHELF.pools if key[1] == "H100"}


def worth(jobs: int, free: float = 1.0, **more: object) -> Worth:
    expected = [Expected(JOB, **more)] * jobs  # type: ignore[arg-type]  # its own fields
    return solve(SHELF, expected, {key: hours * free for key, hours in FREE.items()}, {})


def test_where_all_have_room_nothing_is_worth_more() -> None:
    assert set(worth(10).pools_fen.values()) == {0}


def test_nothing_expected_is_worth_nothing() -> None:
    assert set(worth(0).pools_fen.values()) == {0}


def test_the_cheapest_pool_is_worth_what_the_way_around_it_costs() -> None:
    """It cannot hold all, so an hour more there saves the difference to the next."""
    idle = {key: Pool(n, n // 8, 0, utilisation_bp=0) for key, n in SHELF.cards.items()}
    ranked = place(JOB, SHELF, idle, Weights(pressure_fen_per_card_hour=0)).ranked()
    first = (ranked[0].site, ranked[0].model)
    other = next(one for one in ranked if (one.site, one.model) != first)
    assert ranked[0].cost is not None
    assert other.cost is not None
    saved_fen = (other.cost.total_fen - ranked[0].cost.total_fen) / (8 * 24)

    found = solve(SHELF, [Expected(JOB)] * 40, {**FREE, first: 100.0}, {}).pools_fen

    assert found[first] > 0
    assert abs(found[first] - saved_fen) < 2
    assert all(found[key] == 0 for key in SHELF.pools if key != first)


def test_only_what_the_jobs_may_use_is_worth_anything() -> None:
    found = worth(400, free=0.05).pools_fen

    assert min(found[key] for key in ALL_H100) > 0
    assert {found[key] for key in SHELF.pools if key not in ALL_H100} == {0}


def test_a_budget_that_does_not_suffice_has_a_price_and_one_that_does_has_none() -> None:
    expected = [Expected(JOB, programme="p", rate_bp=5_000)] * 20

    short = solve(SHELF, expected, FREE, {"p": 100_000})
    ample = solve(SHELF, expected, FREE, {"p": 10**10})

    assert short.budgets_bp["p"] > 0
    assert ample.budgets_bp["p"] == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.floats(0.001, 1), st.integers(0, 7))
def test_prices_are_the_same_every_time_and_never_below_zero(
    jobs: int, free: float, cards: int
) -> None:
    expected = [Expected(replace(JOB, cards=cards + 1))] * jobs
    left = {key: hours * free for key, hours in FREE.items()}

    first, again = (solve(SHELF, expected, left, {}) for _ in range(2))

    assert first == again
    assert min(first.pools_fen.values()) >= 0
