"""Exact arithmetic on columns: `int64` while it fits, Python's own integers where it does not."""

from math import gcd
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
"""Whole numbers: `int64`, or Python integers (dtype `object`) where those could overflow."""

_FITS: Final = 2**63
_SPLIT: Final = 1_000_000


def ceil_product(one: Numbers, other: Numbers, unit: int) -> Numbers:
    """Return ⌈one × other / unit⌉, neither below zero, broadcast like numpy.

    >>> ceil_product(np.array([810_000]), np.array([600_000_000]), 10**12)
    array([486])
    >>> ceil_product(np.array([1]), np.array([1]), 10**12)
    array([1])
    """
    whole, is_left = _divided(one, other, unit)
    return np.asarray(whole + is_left)


def floor_product(one: Numbers, other: Numbers, unit: int) -> Numbers:
    """Return ⌊one × other / unit⌋, neither below zero, broadcast like numpy."""
    return np.asarray(_divided(one, other, unit)[0])


def product(one: Numbers, other: Numbers) -> Numbers:
    """Return one × other, as Python's integers if `int64` could overflow."""
    if _highest(one) * _highest(other) < _FITS:
        return np.asarray(one * other)
    return np.asarray(one.astype(object) * other.astype(object))


def reduced(numbers: Numbers, unit: int) -> tuple[Numbers, int]:
    """Return numbers and their unit, both divided by what all have in common.

    >>> reduced(np.array([500_000, 2_000_000]), 1_000_000)
    (array([1, 4]), 2)
    """
    common = gcd(unit, *(int(one) for one in np.unique(numbers)))
    return numbers // common, unit // common


def total(numbers: Numbers) -> int:
    """Return the sum of whole numbers, however great.

    >>> total(np.array([2**62, 2**62, 2**62])) == 3 * 2**62
    True
    """
    if numbers.dtype == object:
        return int(numbers.sum()) if numbers.size else 0
    high, low = numbers >> 32, numbers & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())


def _divided(one: Numbers, other: Numbers, unit: int) -> tuple[Numbers, Numbers]:
    """Return the whole part of one × other / unit, and whether anything is left."""
    if _highest(one) * _highest(other) < _FITS:
        exact = one * other
        return exact // unit, exact % unit != 0
    if unit % _SPLIT == 0 and _highest(one) * max(_highest(other) // _SPLIT + 1, _SPLIT) < _FITS:
        # other = split × high + low, so that neither product overflows.
        lower = one * (other % _SPLIT)
        upper = one * (other // _SPLIT) + lower // _SPLIT
        rest = unit // _SPLIT
        return upper // rest, (upper % rest != 0) | (lower % _SPLIT != 0)
    exact = one.astype(object) * other.astype(object)
    return exact // unit, (exact % unit != 0).astype(bool)


def _highest(numbers: Numbers) -> int:
    return int(numbers.max()) if numbers.size else 0
