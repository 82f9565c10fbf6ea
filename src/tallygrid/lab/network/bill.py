"""Who pays which part of a bill, over 64-bit whole numbers: `core.rating`, for the kernel.

The same arithmetic as `core.rating.rated` for parallel grants, without its objects and its
fractions: amounts that `rated` keeps as fractions of a fen are ten-thousandths here. A
property holds the two against one another.
"""

from numba.extending import register_jitable

from tallygrid.placement.kernel import ceil_product

_PARTS = 10_000
"""Of a fen; and of a whole, in basis points."""
_HIGH_RATE_BP = 8_000
"""As in `core.rating`: from here on a reference price caps the base."""


@register_jitable
def base_fen(
    card_seconds: int,
    billed_fen: int,
    rate_bp: int,
    is_net: int,
    vat_bp: int,
    reference_num: int,
    reference_den: int,
) -> int:
    """Return what a rate applies to: the bill, or less under a reference price or without tax."""
    base = billed_fen
    if rate_bp >= _HIGH_RATE_BP and reference_den > 0:
        base = min(base, ceil_product(card_seconds, reference_num, reference_den))
    if is_net:
        base -= tax_within(base, vat_bp)
    return base


@register_jitable
def tax_within(amount_fen: int, vat_bp: int) -> int:
    """Return the tax contained in an amount; see `core.rating.tax_within`."""
    whole = _PARTS + vat_bp
    return (2 * amount_fen * vat_bp + whole) // (2 * whole)


@register_jitable
def subsidy_parts(base: int, rate_bp: int, room_fen: int, left_parts: int) -> int:
    """Return the exact subsidy in ten-thousandths of a fen, before it is rounded to the unit."""
    return min(base * rate_bp, room_fen * _PARTS, left_parts)


@register_jitable
def whole_units(parts: int, unit_fen: int) -> int:
    """Return the fen in so many ten-thousandths, whole units only."""
    return parts // (_PARTS * unit_fen) * unit_fen
