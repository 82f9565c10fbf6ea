"""Money is a whole number of fen; every division says where the odd fen goes.

An amount is a plain `int` whose name ends in `_fen`, so that the same arithmetic runs in
the service, in PostgreSQL (`bigint`) and in a jitted kernel. Nothing here meets a float.
"""

from fractions import Fraction
from math import floor
from typing import Final

FEN_PER_YUAN: Final = 100
BASIS_POINTS: Final = 10_000
GREATEST_FEN: Final = 9 * 10**14
"""Amounts stay below this, so that amount × basis points fits in a signed 64-bit integer."""


def share(amount_fen: int, rate_bp: int) -> int:
    """Return the part of an amount that a rate in basis points pays, rounded down.

    The odd fen stays with whoever pays the rest.

    >>> share(10_001, 5_000)
    5000
    """
    assert 0 <= amount_fen < GREATEST_FEN, amount_fen
    assert 0 <= rate_bp <= BASIS_POINTS, rate_bp
    return amount_fen * rate_bp // BASIS_POINTS


def split(amount_fen: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """Divide an amount among funders by weight, so that the parts sum to the whole.

    Each funder in turn takes its share of what the earlier ones have left, rounded down, so
    the odd fen goes to a later funder. No part falls when the amount grows: what a funder
    owes on a total to date is never less than what it owed before.

    >>> split(101, (1, 1))
    (50, 51)
    """
    assert weights, "an amount is divided among at least one funder"
    assert all(weight >= 0 for weight in weights), weights
    assert sum(weights) > 0, weights
    parts = []
    left_fen, left_weight = amount_fen, sum(weights)
    for weight in weights:
        part_fen = left_fen * weight // left_weight if left_weight else 0
        parts.append(part_fen)
        left_fen, left_weight = left_fen - part_fen, left_weight - weight
    return tuple(parts)


def owed(exact_total: Fraction, booked_fen: int) -> int:
    """Return what a line adds when a total to date is rounded down and part is booked already.

    Rounding the running total, not each line, keeps a thousand small lines within one fen
    of the contract.

    >>> owed(Fraction(7, 3), booked_fen=1)
    1
    """
    return floor(exact_total) - booked_fen


def yuan(amount_fen: int) -> str:
    """Write an amount in yuan with both decimals, for logs and files that machines read.

    >>> yuan(-123456)
    '-1234.56'
    """
    sign = "-" if amount_fen < 0 else ""
    whole, odd = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{whole}.{odd:02d}"
