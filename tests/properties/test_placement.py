"""The online choice is the cheapest of those allowed, by a second reckoning in exact fractions.

Of the search itself only the function under test is imported; rules and costs are worked out
again here, from the catalogue.
"""

from fractions import Fraction
from math import ceil, floor
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tallygrid.core.catalogue import Catalogue, Offer
from tallygrid.core.placement import Pool, PoolState, Request, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf

CATALOGUE: Catalogue = read_catalogue()
SHELF = Shelf.of(CATALOGUE)
POOLS = sorted({(site.id, model) for site in CATALOGUE.sites.values() for model in site.cards})

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
    related=nothing | some_providers,
    wait_seconds_max=st.integers(0, 10_000),
)
a_pool = st.builds(
    Pool,
    cards=st.just(0),
    whole_nodes=st.integers(0, 40),
    largest_part=st.integers(0, 7),
    utilisation_bp=st.integers(0, 10_000),
    wait_seconds=st.none() | st.integers(0, 20_000),
    shadow_fen_per_card_hour=st.integers(0, 1_000),
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
)


def allowed(request: Request, offer: Offer, state: PoolState) -> bool:
    site, pool = CATALOGUE.sites[offer.site], state.get((offer.site, offer.model))
    if pool is None or request.cards > site.cards[offer.model]:
        return False
    limit = request.latency_ms_max
    latency_ms = CATALOGUE.routes[request.place, offer.site].latency_ms
    return (
        (not request.models or offer.model in request.models)
        and offer.memory_gb >= request.memory_gb_min
        and (request.origin == "any" or offer.origin == "domestic")
        and (not request.sites or offer.site in request.sites)
        and (limit is None or latency_ms <= limit)
        and (request.providers is None or offer.provider in request.providers)
        and offer.provider not in request.related
        and starts_after(request, pool) <= request.wait_seconds_max
    )


def starts_after(request: Request, pool: Pool) -> float:
    whole, part = request.cards // 8, request.cards % 8
    spare_nodes = pool.whole_nodes - whole
    if spare_nodes > 0 or (spare_nodes == 0 and part <= pool.largest_part):
        return 0
    return float("inf") if pool.wait_seconds is None else pool.wait_seconds


def objective(request: Request, offer: Offer, pool: Pool, by: Weights) -> int:
    site, card = CATALOGUE.sites[offer.site], CATALOGUE.cards[offer.model]
    route = CATALOGUE.routes[request.place, offer.site]
    hours = Fraction(request.seconds, 3_600)
    card_hours = request.cards * hours
    kwh = card_hours * card.power_w * Fraction(site.pue_milli, 1_000) / 1_000
    units = card_hours / (5_760 if offer.unit == "server_month" else 1)
    gross_fen = ceil(units * offer.price.unit_fen)
    power_fen = kwh * Fraction(site.power_price_milli_yuan, 10)
    carbon_t = kwh * Fraction(site.grid_g_per_kwh, 10**6)
    pressure_fen = floor(Fraction(by.pressure_fen_per_card_hour * pool.utilisation_bp, 10_000))
    wait_hours = Fraction(int(starts_after(request, pool)), 3_600)
    return (
        gross_fen
        - floor(Fraction(gross_fen * offer.discount_bp, 10_000))
        + request.data_gb * route.transfer_fen_per_gb
        + ceil(power_fen * Fraction(by.energy_bp, 10_000))
        + ceil(carbon_t * by.carbon_fen_per_tonne)
        + ceil(route.latency_ms * hours * by.latency_fen_per_ms_hour)
        + ceil(wait_hours * request.cards * by.wait_fen_per_card_hour)
        + ceil(card_hours * (pressure_fen + pool.shadow_fen_per_card_hour))
    )


@given(requests, states, weights)
def test_the_choice_is_the_cheapest_of_those_allowed(
    request: Request, state: PoolState, by: Weights
) -> None:
    totals = {
        offer.id: objective(request, offer, state[offer.site, offer.model], by)
        for offer in CATALOGUE.offers_of("compute")
        if allowed(request, offer, state)
    }

    placement = place(request, SHELF, state, by)

    found = {one.offer: one.cost.total_fen for one in placement.verdicts if one.cost}
    assert found == totals
    assert placement.chosen == min(totals, key=lambda id_: (totals[id_], id_), default=None)


@given(requests, states)
def test_a_verdict_has_either_a_cost_or_a_reason(request: Request, state: PoolState) -> None:
    placement = place(request, SHELF, state)

    assert len(placement.verdicts) == len(SHELF.entries)
    assert all((one.cost is None) == bool(one.codes) for one in placement.verdicts)


@given(requests, states, st.randoms(use_true_random=False))
def test_the_order_in_which_pools_report_changes_nothing(
    request: Request, state: PoolState, chance: Random
) -> None:
    reports = list(state.items())
    chance.shuffle(reports)

    assert place(request, SHELF, dict(reports)) == place(request, SHELF, state)
