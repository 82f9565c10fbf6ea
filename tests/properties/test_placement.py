"""The online choice is the cheapest of those allowed, by a second reckoning in exact fractions."""

from collections.abc import Callable
from random import Random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from tests.oracle import placement as oracle

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Pool, PoolState, Request, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement import compiled as _compiled  # noqa: F401  # registers what `divided` needs
from tallygrid.placement import kernel
from tallygrid.placement.online import Router, place
from tallygrid.placement.shelf import Shelf, key_of_name

CATALOGUE: Catalogue = read_catalogue()
SHELF = Shelf.of(CATALOGUE)
POOLS = sorted({(site.id, model) for site in CATALOGUE.sites.values() for model in site.cards})


def _divided(one: int, other: int, by: int) -> int:
    return kernel.ceil_product(one, other, by)


divided = cast("Callable[[int, int, int], int]", njit(_divided))
"""The kernel's product as compiled code calls it."""

some_providers = st.frozensets(st.sampled_from(sorted(CATALOGUE.providers)))
nothing = st.just(frozenset[str]())
some_models = st.frozensets(st.sampled_from(sorted(CATALOGUE.cards)), max_size=3)
some_sites = st.frozensets(st.sampled_from(sorted(CATALOGUE.sites)), max_size=8)
requests = st.builds(
    Request,
    cards=st.integers(1, 300),
    seconds=st.integers(1, 10**7),
    place=st.sampled_from(sorted(CATALOGUE.places)),
    models=nothing | some_models,
    memory_gb_min=st.just(0) | st.integers(0, 150),
    origin=st.sampled_from(["any", "domestic"]),
    sites=nothing | some_sites,
    data_gb=st.integers(0, 10_000),
    latency_ms_max=st.none() | st.sampled_from([1, 5, 20]),
    providers=st.none() | some_providers,
    refused=st.dictionaries(st.sampled_from(sorted(CATALOGUE.offers)), st.just("1"), max_size=9),
    related=nothing | some_providers,
    certified=st.sampled_from([False, False, False, True]),
    wait_seconds_max=st.integers(0, 10_000),
    budget_bp=st.just(0) | st.integers(0, 30_000),
    seed=st.integers(0, 2**31 - 1),
)
a_pool = st.builds(
    Pool,
    cards=st.just(0),
    whole_nodes=st.integers(0, 40),
    largest_part=st.integers(0, 7),
    utilisation_bp=st.integers(0, 10_000),
    wait_seconds=st.none() | st.integers(0, 20_000),
    shadow_fen_per_card_hour=st.integers(0, 1_000),
    is_stale=st.booleans(),
)


def a_state(pools: list[Pool], silent: frozenset[tuple[str, str]]) -> PoolState:
    """A few pools over and over, so that most sites report and ties are common."""
    all_ = {key: pools[n % len(pools)] for n, key in enumerate(POOLS)}
    return {key: pool for key, pool in all_.items() if key not in silent}


states = st.builds(
    a_state,
    st.lists(a_pool, min_size=1, max_size=5),
    st.frozensets(st.sampled_from(POOLS), max_size=10),
)
weights = st.builds(
    Weights,
    energy_bp=st.integers(0, 10_000),
    carbon_fen_per_tonne=st.integers(0, 100_000),
    latency_fen_per_ms_hour=st.integers(0, 100),
    wait_fen_per_card_hour=st.integers(0, 2_000),
    pressure_fen_per_card_hour=st.integers(0, 2_000),
    shadow_bp=st.just(10_000) | st.integers(0, 20_000),
)


@given(requests, states, weights)
def test_the_choice_is_the_cheapest_of_those_allowed(
    request: Request, state: PoolState, by: Weights
) -> None:
    agree(request, state, by)


@pytest.mark.soak
@settings(max_examples=5_000)
@given(requests, states, weights)
def test_it_is_so_of_thousands(request: Request, state: PoolState, by: Weights) -> None:
    agree(request, state, by)


def agree(request: Request, state: PoolState, by: Weights) -> None:
    """Reasons, every part of every cost, and the choice, by the plain kernel and the compiled."""
    against = {
        offer.id: oracle.reasons(request, offer, state, CATALOGUE)
        for offer in CATALOGUE.offers_of("compute")
    }
    chosen, costs = oracle.choice(request, state, by, CATALOGUE)

    for compiled in (False, True):
        router = Router(SHELF, by, compiled=compiled)
        placement = router.choose(request, router.board(state)).placement()

        assert {one.offer: set(one.codes) for one in placement.verdicts} == against
        assert {one.offer: one.cost for one in placement.verdicts if one.cost} == costs
        assert placement.chosen == chosen
        assert place(request, SHELF, state, by) == placement


amounts = st.integers(0, 2**20) | st.integers(0, 2**50) | st.integers(2**49, 2**60)


@settings(deadline=None)  # the first call compiles
@given(amounts, amounts, amounts)
def test_the_compiled_product_is_exact_beyond_64_bits(one: int, other: int, by: int) -> None:
    for divisor in (by + 1, max(one, 1)):  # the second leaves nothing over
        assert divided(one, other, divisor) == kernel.ceil_product(one, other, divisor)


@given(st.integers(0, 2**31 - 1), st.text())
def test_luck_is_drawn_alike_by_the_plain_kernel_and_the_oracle(seed: int, name: str) -> None:
    assert kernel.luck(seed, key_of_name(name)) == oracle.luck(seed, name)


@given(requests, states, st.randoms(use_true_random=False))
def test_the_order_in_which_pools_report_changes_nothing(
    request: Request, state: PoolState, chance: Random
) -> None:
    reports = list(state.items())
    chance.shuffle(reports)

    assert place(request, SHELF, dict(reports)) == place(request, SHELF, state)
