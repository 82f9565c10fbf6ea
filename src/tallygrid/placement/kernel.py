"""The kernel of the online choice: every offer held against one request, in whole numbers.

Plain Python over flat rows of whole numbers, so that the same source serves twice: as it
stands, over lists, and compiled over arrays by `tallygrid.placement.compiled`. One request:
`tallygrid.placement.online`. Millions: a compiled loop of one's own calls
`compiled.weigh`, with pools that it changes as jobs come and go.

What stands in which row of `offers` and `pools` is named here. The rules are told in
docs/algorithms/placement.md, and told again, slowly, in `tests/oracle/placement.py`.
"""

from collections.abc import MutableSequence, Sequence
from typing import Final

from tallygrid.core.money import BASIS_POINTS, GREATEST_FEN

Row = Sequence[int]
Out = MutableSequence[int]

# Rows of `offers`, by offer. A rate is a numerator and a denominator, per card-second.
OFFER_POOL: Final = 0
PRICE_NUM: Final = 1
PRICE_DEN: Final = 2
DISCOUNT_BP: Final = 3
ENERGY_NUM: Final = 4
ENERGY_DEN: Final = 5
CARBON_NUM: Final = 6
CARBON_DEN: Final = 7
PROVIDER_KEY: Final = 8
OFFER_KEY: Final = 9
OFFER_ROWS: Final = 10

# Rows of `pools`, by pool.
CARDS: Final = 0
WHOLE_NODES: Final = 1
LARGEST_PART: Final = 2
WAIT_S: Final = 3
USED_BP: Final = 4
SHADOW_FEN: Final = 5
REPORT: Final = 6
POOL_ROWS: Final = 7

FRESH: Final = 0
STALE: Final = 1
"""The report is old: the pool counts as wholly in use, so that a known one is preferred."""
SILENT: Final = 2
NEVER: Final = -1
"""In `WAIT_S`: nobody knows when a gang could start."""

# In `weights`.
LATENCY_WEIGHT: Final = 0
WAIT_WEIGHT: Final = 1
PRESSURE_WEIGHT: Final = 2
WEIGHTS: Final = 3

# Rows of `parts`, by offer: what the objective is the sum of.
PRICE: Final = 0
TRANSFER: Final = 1
ENERGY: Final = 2
CARBON: Final = 3
LATENCY: Final = 4
WAIT: Final = 5
PRESSURE: Final = 6
SHADOW: Final = 7
BUDGET: Final = 8
PARTS: Final = 9
# And what the pool was seen to be, of every offer: when a gang could start, and its use.
SEEN_WAIT_S: Final = 9
SEEN_USED_BP: Final = 10
PART_ROWS: Final = 11

MASKS: Final = 8
"""The first reasons of `core.placement.REASONS` lie in the offer itself, and come as masks."""
TOO_LARGE: Final = 1 << 8
NO_REPORT: Final = 1 << 9
FULL: Final = 1 << 10

WORD_BITS: Final = 64
NODE_CARDS: Final = 8
HOUR_S: Final = 3_600
NOBODY: Final = -1

_LUCK: Final = (1 << 31) - 1


def weigh(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917  # one loop, see above
    cards: int,
    seconds: int,
    data_gb: int,
    wait_max_s: int,
    budget_bp: int,
    seed: int,
    barred: Row,
    offers: Sequence[Row],
    latency_ms: Row,
    transfer_fen: Row,
    pools: Sequence[Row],
    weights: Row,
    reasons: Out,
    parts: Sequence[Out],
) -> int:
    """Hold every offer against a request; return the cheapest in all, or `NOBODY`.

    Ties go to the least used pool, then to a provider and an offer drawn by the seed: who
    has which name, or how many of them, decides nothing.

    Args:
        cards: The gang.
        seconds: How long it is wanted.
        data_gb: What must be carried to it.
        wait_max_s: How long it may wait for cards.
        budget_bp: What a fen of price costs more because budgets are scarce.
        seed: The request's own, below 2**31.
        barred: `MASKS` masks one behind another, each of a bit per offer in words of 64: the
            offers that the request excludes for that reason.
        offers: `OFFER_ROWS` rows.
        latency_ms: From the data to each offer.
        transfer_fen: Per GB, likewise.
        pools: `POOL_ROWS` rows.
        weights: Of latency, wait and pressure; those of energy and carbon are in the rates.
        reasons: Takes the reasons against each offer, as bits.
        parts: `PART_ROWS` rows, which take the cost of each eligible offer, part by part, and
            of every offer how its pool was seen.
    """
    pool_of, price_num, price_den = offers[OFFER_POOL], offers[PRICE_NUM], offers[PRICE_DEN]
    discount_bp = offers[DISCOUNT_BP]
    energy_num, energy_den = offers[ENERGY_NUM], offers[ENERGY_DEN]
    carbon_num, carbon_den = offers[CARBON_NUM], offers[CARBON_DEN]
    provider_key, offer_key = offers[PROVIDER_KEY], offers[OFFER_KEY]
    pool_cards, whole_nodes, largest_part = pools[CARDS], pools[WHOLE_NODES], pools[LARGEST_PART]
    pool_wait_s, used_bp, shadow_fen = pools[WAIT_S], pools[USED_BP], pools[SHADOW_FEN]
    report = pools[REPORT]
    price, transfer, energy, carbon = parts[PRICE], parts[TRANSFER], parts[ENERGY], parts[CARBON]
    latency, wait, pressure = parts[LATENCY], parts[WAIT], parts[PRESSURE]
    shadow, budget = parts[SHADOW], parts[BUDGET]
    seen_wait_s, seen_used_bp = parts[SEEN_WAIT_S], parts[SEEN_USED_BP]
    count = len(reasons)
    words = (count + WORD_BITS - 1) // WORD_BITS
    card_seconds = cards * seconds
    latency_weight = seconds * weights[LATENCY_WEIGHT]
    wait_weight = cards * weights[WAIT_WEIGHT]
    best, best_fen, best_used = NOBODY, 0, 0
    any_barred = 0
    for offer in range(count):
        word, bit = offer // WORD_BITS, offer % WORD_BITS
        if bit == 0:
            any_barred = 0
            for mask in range(MASKS):
                any_barred |= barred[mask * words + word]
        found = 0
        if any_barred >> bit & 1:
            for mask in range(MASKS):
                found |= (barred[mask * words + word] >> bit & 1) << mask
        pool = pool_of[offer]
        wait_s = 0
        if cards > pool_cards[pool]:
            found |= TOO_LARGE
        elif report[pool] == SILENT:
            found |= NO_REPORT
        if not holds(cards, whole_nodes[pool], largest_part[pool]):
            wait_s = pool_wait_s[pool]
            if not found & (TOO_LARGE | NO_REPORT) and not 0 <= wait_s <= wait_max_s:
                found |= FULL
        used = used_bp[pool] if report[pool] == FRESH else BASIS_POINTS
        reasons[offer], seen_wait_s[offer], seen_used_bp[offer] = found, wait_s, used
        if found:
            continue
        gross_fen = ceil_product(card_seconds, price_num[offer], price_den[offer])
        price[offer] = gross_fen - gross_fen * discount_bp[offer] // BASIS_POINTS
        transfer[offer] = ceil_product(data_gb, transfer_fen[offer], 1)
        energy[offer] = ceil_product(card_seconds, energy_num[offer], energy_den[offer])
        carbon[offer] = ceil_product(card_seconds, carbon_num[offer], carbon_den[offer])
        latency[offer] = ceil_product(latency_ms[offer], latency_weight, HOUR_S)
        wait[offer] = ceil_product(wait_s, wait_weight, HOUR_S)
        pressed_fen = weights[PRESSURE_WEIGHT] * used // BASIS_POINTS
        pressure[offer] = ceil_product(card_seconds, pressed_fen, HOUR_S)
        shadow[offer] = ceil_product(card_seconds, shadow_fen[pool], HOUR_S)
        budget[offer] = ceil_product(price[offer], budget_bp, BASIS_POINTS)
        total_fen = price[offer] + transfer[offer] + energy[offer] + carbon[offer]
        total_fen += latency[offer] + wait[offer] + pressure[offer] + shadow[offer] + budget[offer]
        is_best = best == NOBODY or total_fen < best_fen
        if is_best or (total_fen == best_fen and wins_tie(
            used, provider_key[offer], offer_key[offer],
            best_used, provider_key[best], offer_key[best], seed,
        )):  # fmt: skip
            best, best_fen, best_used = offer, total_fen, used
    return best


def wins_tie(  # noqa: PLR0913, PLR0917  # numbers, so that any layout of rows will do
    used: int,
    provider_key: int,
    offer_key: int,
    best_used: int,
    best_provider_key: int,
    best_offer_key: int,
    seed: int,
) -> bool:
    """Tell whether an offer is chosen over another that costs the same: less used, or drawn."""
    if used != best_used:
        return used < best_used
    if provider_key != best_provider_key:
        return luck(seed, provider_key) < luck(seed, best_provider_key)
    return luck(seed, offer_key) < luck(seed, best_offer_key)


def holds(gang: int, whole_nodes: int, largest_part: int) -> bool:
    """Tell whether a gang fits now: on whole nodes, and the rest of it together on one node."""
    spare = whole_nodes - gang // NODE_CARDS
    return spare > 0 or (spare == 0 and gang % NODE_CARDS <= largest_part)


def ceil_product(one: int, other: int, by: int) -> int:
    """Return the product of two numbers, divided and rounded up; at most what amounts may be.

    >>> ceil_product(7, 3, 2), ceil_product(10**15, 10**15, 1)
    (11, 900000000000000)
    """
    return min(-(-one * other // by), GREATEST_FEN)


def luck(seed: int, key: int) -> int:
    """Return a number that only both together determine; the least wins a tie."""
    mixed = seed ^ key
    mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6D & _LUCK
    mixed = (mixed ^ mixed >> 12) * 0x297A2D39 & _LUCK
    return mixed ^ mixed >> 15
