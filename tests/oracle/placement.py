"""The online choice once more: rule by rule and in exact fractions, from the catalogue alone."""

from fractions import Fraction
from hashlib import sha256
from math import ceil, floor

from tallygrid.core.catalogue import Catalogue, Offer
from tallygrid.core.placement import Pool, PoolState, Request, Weights

BELOW = 2**31


def reasons(request: Request, offer: Offer, state: PoolState, catalogue: Catalogue) -> set[str]:
    """Return everything that forbids an offer."""
    site, pool = catalogue.sites[offer.site], state.get((offer.site, offer.model))
    limit = request.latency_ms_max
    latency_ms = catalogue.routes[request.place, offer.site].latency_ms
    found = {
        "card_model": bool(request.models) and offer.model not in request.models,
        "memory": offer.memory_gb < request.memory_gb_min,
        "origin": request.origin == "domestic" and offer.origin == "foreign",
        "residency": bool(request.sites) and offer.site not in request.sites,
        "latency": limit is not None and latency_ms > limit,
        "provider_not_admitted": offer.id in request.refused
        or (request.providers is not None and offer.provider not in request.providers),
        "related_party": offer.provider in request.related,
        "not_certified": request.certified and not offer.facts.get("certified"),
    }
    return {code for code, holds in found.items() if holds} | _room(
        request, site.cards[offer.model], pool
    )


def _room(request: Request, cards: int, pool: Pool | None) -> set[str]:
    if request.cards > cards:
        return {"too_large"}
    if pool is None:
        return {"no_report"}
    return {"full"} if starts_after(request, pool) > request.wait_seconds_max else set()


def starts_after(request: Request, pool: Pool) -> float:
    """Return the seconds until a gang can start; infinity where nobody knows."""
    whole, part = request.cards // 8, request.cards % 8
    spare_nodes = pool.whole_nodes - whole
    if spare_nodes > 0 or (spare_nodes == 0 and part <= pool.largest_part):
        return 0
    return float("inf") if pool.wait_seconds is None else pool.wait_seconds


def used_bp(pool: Pool) -> int:
    """Return the use that counts; nobody trusts an old report."""
    return 10_000 if pool.is_stale else pool.utilisation_bp


def objective(
    request: Request, offer: Offer, pool: Pool, by: Weights, catalogue: Catalogue
) -> tuple[int, ...]:
    """Return the parts of what an offer costs in all, in the order in which they are told."""
    site, card = catalogue.sites[offer.site], catalogue.cards[offer.model]
    route = catalogue.routes[request.place, offer.site]
    hours = Fraction(request.seconds, 3_600)
    card_hours = request.cards * hours
    kwh = card_hours * card.power_w * Fraction(site.pue_milli, 1_000) / 1_000
    units = card_hours / (5_760 if offer.unit == "server_month" else 1)
    gross_fen = ceil(units * offer.price.unit_fen)
    power_fen = kwh * Fraction(site.power_price_milli_yuan, 10)
    carbon_t = kwh * Fraction(site.grid_g_per_kwh, 10**6)
    wait_hours = Fraction(int(starts_after(request, pool)), 3_600)
    pressure_fen = floor(Fraction(by.pressure_fen_per_card_hour * used_bp(pool), 10_000))
    price_fen = gross_fen - floor(Fraction(gross_fen * offer.discount_bp, 10_000))
    return (
        price_fen,
        request.data_gb * route.transfer_fen_per_gb,
        ceil(power_fen * Fraction(by.energy_bp, 10_000)),
        ceil(carbon_t * by.carbon_fen_per_tonne),
        ceil(route.latency_ms * hours * by.latency_fen_per_ms_hour),
        ceil(wait_hours * request.cards * by.wait_fen_per_card_hour),
        ceil(card_hours * pressure_fen),
        ceil(card_hours * floor(Fraction(pool.shadow_fen_per_card_hour * by.shadow_bp, 10_000))),
        ceil(Fraction(price_fen * request.budget_bp, 10_000)),
    )


def choice(
    request: Request, state: PoolState, by: Weights, catalogue: Catalogue
) -> tuple[str | None, dict[str, tuple[int, ...]]]:
    """Return the offer to be chosen, and the parts of every eligible offer's cost."""
    costs = {
        offer.id: objective(request, offer, state[offer.site, offer.model], by, catalogue)
        for offer in catalogue.offers_of("compute")
        if not reasons(request, offer, state, catalogue)
    }

    def rank(id_: str) -> tuple[int, ...]:
        offer = catalogue.offers[id_]
        pool = state[offer.site, offer.model]
        drawn = (luck(request.seed, name) for name in (offer.provider, id_))
        return (sum(costs[id_]), used_bp(pool), *drawn)

    return min(costs, key=rank, default=None), costs


def luck(seed: int, name: str) -> int:
    """Return what is drawn for a name: two rounds of multiplying and folding below 2**31."""
    mixed = seed ^ int(sha256(name.encode()).hexdigest()[:8], 16) % BELOW
    mixed = (mixed ^ mixed // 2**15) * 739_982_445 % BELOW
    mixed = (mixed ^ mixed // 2**12) * 695_872_825 % BELOW
    return mixed ^ mixed // 2**15
