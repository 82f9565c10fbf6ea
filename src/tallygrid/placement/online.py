"""The online choice: hold every offer against the request, and take the cheapest in all.

The objective counts the whole price, not the user's share of it: public money is money. To
it come transfer, electricity, carbon, distance, waiting and the pressure on the pool. See
docs/algorithms/placement.md.
"""

from typing import Final

from tallygrid.core.money import BASIS_POINTS, share
from tallygrid.core.placement import (
    REASONS,
    Cost,
    Placement,
    Pool,
    PoolState,
    Request,
    Verdict,
    Weights,
)
from tallygrid.placement.shelf import Entry, Shelf

_BIT: Final = {code: 1 << bit for bit, code in enumerate(REASONS)}
_NO_REPORT: Final = Pool(
    cards=0, whole_nodes=0, largest_part=0, utilisation_bp=BASIS_POINTS, wait_seconds=None
)
_SECONDS_PER_HOUR: Final = 3_600
_MILLIWATT_SECONDS_PER_KWH: Final = 3_600_000_000
_MILLI_YUAN_PER_FEN: Final = 10
_GRAMS_PER_TONNE: Final = 1_000_000
_ENERGY: Final = _MILLIWATT_SECONDS_PER_KWH * _MILLI_YUAN_PER_FEN * BASIS_POINTS
_CARBON: Final = _MILLIWATT_SECONDS_PER_KWH * _GRAMS_PER_TONNE


def place(
    request: Request, shelf: Shelf, state: PoolState, weights: Weights | None = None
) -> Placement:
    """Choose the offer that costs least in all; ties go to the offer whose id sorts first."""
    weights = weights or Weights()
    verdicts = tuple(_verdict(request, entry, state, weights) for entry in shelf.entries)
    eligible = [(one.cost.total_fen, one.offer) for one in verdicts if one.cost]
    return Placement(
        request=request, chosen=min(eligible)[1] if eligible else None, verdicts=verdicts
    )


def _verdict(request: Request, entry: Entry, state: PoolState, weights: Weights) -> Verdict:
    pool = state.get((entry.site, entry.model), _NO_REPORT)
    wait_seconds = 0 if pool.holds(request.cards) else pool.wait_seconds
    reasons = _unsuitable(request, entry) | _no_room(request, entry, pool, wait_seconds)
    cost = None if reasons else _cost(request, entry, pool, weights, wait_seconds or 0)
    return Verdict(entry.offer, entry.site, entry.model, reasons, cost, wait_seconds)


def _unsuitable(request: Request, entry: Entry) -> int:
    """Return every reason that lies in the offer itself, as bits."""
    reasons = 0
    if request.models and entry.model not in request.models:
        reasons |= _BIT["card_model"]
    if entry.memory_gb < request.memory_gb_min:
        reasons |= _BIT["memory"]
    if request.origin == "domestic" and not entry.domestic:
        reasons |= _BIT["origin"]
    if request.sites and entry.site not in request.sites:
        reasons |= _BIT["residency"]
    limit = request.latency_ms_max
    if limit is not None and entry.routes[request.place][0] > limit:
        reasons |= _BIT["latency"]
    if request.providers is not None and entry.provider not in request.providers:
        reasons |= _BIT["provider_not_admitted"]
    if entry.provider in request.related:
        reasons |= _BIT["related_party"]
    return reasons


def _no_room(request: Request, entry: Entry, pool: Pool, wait_seconds: int | None) -> int:
    """Return every reason that lies in the site's cards, as bits.

    A gang beyond the whole site is never in time; whether the pool reports does not matter.
    """
    if request.cards > entry.site_cards:
        return _BIT["too_large"]
    if pool is _NO_REPORT:
        return _BIT["no_report"]
    if wait_seconds is None or wait_seconds > request.wait_seconds_max:
        return _BIT["full"]
    return 0


def _cost(request: Request, entry: Entry, pool: Pool, weights: Weights, wait_seconds: int) -> Cost:
    """Return every part of the objective, each rounded up to a whole fen."""
    card_seconds = request.cards * request.seconds
    latency_ms, transfer_fen_per_gb = entry.routes[request.place]
    gross_fen = -(-card_seconds * entry.price_fen // entry.price_card_seconds)
    pressure = weights.pressure_fen_per_card_hour * pool.utilisation_bp // BASIS_POINTS
    return Cost(
        price_fen=gross_fen - share(gross_fen, entry.discount_bp),
        transfer_fen=request.data_gb * transfer_fen_per_gb,
        energy_fen=-(-card_seconds * entry.energy * weights.energy_bp // _ENERGY),
        carbon_fen=-(-card_seconds * entry.carbon * weights.carbon_fen_per_tonne // _CARBON),
        latency_fen=-(
            -latency_ms * request.seconds * weights.latency_fen_per_ms_hour // _SECONDS_PER_HOUR
        ),
        wait_fen=-(
            -wait_seconds * request.cards * weights.wait_fen_per_card_hour // _SECONDS_PER_HOUR
        ),
        pressure_fen=-(
            -card_seconds * (pressure + pool.shadow_fen_per_card_hour) // _SECONDS_PER_HOUR
        ),
    )
