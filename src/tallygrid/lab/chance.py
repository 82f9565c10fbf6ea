"""Chance with a seed: named streams, shares, and values between quantiles.

Every draw is made of whole numbers, so that a seed gives the same bytes on every machine.
"""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Final

FINENESS: Final = 1_000_000
"""A uniform draw is one of this many whole numbers."""


def stream(seed: int, name: str) -> Random:
    """Return the generator of one purpose, so that more draws here shift nothing elsewhere.

    >>> stream(7, "firms").random() == stream(7, "firms").random()
    True
    """
    return Random(f"{seed}/{name}")  # noqa: S311  # a simulation must repeat; nothing is secret


def allotted(total: int, weights: Sequence[int]) -> list[int]:
    """Divide whole things by weight, each share getting one at least while there are enough.

    >>> allotted(10, (90, 9, 1))
    [7, 2, 1]
    >>> allotted(2, (1, 9, 5))
    [0, 1, 1]
    """
    heaviest = sorted(range(len(weights)), key=lambda n: (-weights[n], n))
    parts = [0] * len(weights)
    for n in heaviest[:total]:
        parts[n] = 1
    rest = total - sum(parts)
    exact = [Fraction(rest * weight, sum(weights)) for weight in weights]
    parts = [part + int(share) for part, share in zip(parts, exact, strict=True)]
    by_remainder = sorted(heaviest, key=lambda n: -(exact[n] % 1))
    for n in by_remainder[: total - sum(parts)]:
        parts[n] += 1
    return parts


def between(random: Random, points: Sequence[int], values: Sequence[int]) -> int:
    """Return a value by its quantiles: uniform between one point and the next.

    Points rise from 0 to some whole (10000 for basis points); the value at each point never
    falls.
    """
    return at(points, values, random.randrange(FINENESS))


def at(points: Sequence[int], values: Sequence[int], mark: int) -> int:
    """Return the value at a mark out of `FINENESS`, interpolated between its neighbours.

    >>> at((0, 50, 100), (0, 10, 1000), 250_000)
    5
    """
    place = mark * points[-1]
    after = bisect_right(points, place // FINENESS)
    low, high = points[after - 1] * FINENESS, points[after] * FINENESS
    rise = values[after] - values[after - 1]
    # Rounded to the nearest whole, so that small counts are not pushed down.
    return values[after - 1] + (2 * rise * (place - low) + high - low) // (2 * (high - low))
