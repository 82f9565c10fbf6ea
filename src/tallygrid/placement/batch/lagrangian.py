"""Dual prices by subgradients: capacity and budgets are priced instead of kept.

Two searches follow one another. Prices first rise and fall by factors, which finds their
order of magnitude in a few dozen steps however far apart they are; then the volume
algorithm of Barahona and Anbil (2000) brings them near the best.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.relaxation import Floats, Relaxation

_FACTOR_STEPS: Final = 100
_VOLUME_STEPS: Final = 200
_FACTOR_MAX: Final = 4.0
_FEW: Final = 10
"""Steps without gain after which the steps become shorter."""


@dataclass(frozen=True)
class Priced:
    """Dual prices, and the bound they prove (in floats)."""

    prices: Floats
    value: float


def search(
    relaxation: Relaxation, value_max: float, deadline: Deadline, start: Priced | None = None
) -> Priced:
    """Return good dual prices, in a fixed number of steps unless the time is up.

    Args:
        relaxation: What is priced.
        value_max: The value of a known assignment.
        deadline: When to stop at the latest.
        start: Prices to begin with, instead of looking for their magnitude first.
    """
    found = start or _by_factors(relaxation, deadline)
    return _by_volume(relaxation, found, value_max, deadline)


def _by_factors(relaxation: Relaxation, deadline: Deadline) -> Priced:
    """Raise the price of what is used too much and lower that of the rest, by factors."""
    limits = _positive(relaxation)
    least = _least(relaxation)
    prices = np.zeros(len(limits))
    level, best = least.copy(), Priced(prices, -np.inf)
    for step in range(_FACTOR_STEPS):
        answer = relaxation.at(prices)
        if answer.value > best.value:
            best = Priced(prices, answer.value)
        if deadline.is_over:
            break
        ratio = np.clip(answer.used / limits + 1e-3, 1 / _FACTOR_MAX, _FACTOR_MAX)
        level = np.maximum(least, level * ratio ** (1 / (1 + step / 5)))
        prices = np.where(level <= least * (1 + 1e-4), 0.0, level)
    return best


def _by_volume(
    relaxation: Relaxation, start: Priced, value_max: float, deadline: Deadline
) -> Priced:
    """Follow an average of the answers so far, as long a step as the gap allows."""
    limits = _positive(relaxation)
    best = start
    average = relaxation.at(start.prices).used / limits
    pace, most, idle = 0.3, 0.1, 0
    for step in range(1, _VOLUME_STEPS + 1):
        excess = average - 1
        ahead = np.where((best.prices <= 0) & (excess < 0), 0.0, excess)
        length = float(ahead @ ahead)
        if length < 1e-12 or deadline.is_over or value_max <= best.value:  # noqa: PLR2004  # as good as nothing
            break
        stride = pace * (value_max - best.value) / length
        prices = np.maximum(0.0, best.prices + stride * ahead / limits)
        answer = relaxation.at(prices)
        used = answer.used / limits
        average += _share(excess, used - average, most) * (used - average)
        if answer.value > best.value:
            if (used - 1) @ ahead >= 0 and answer.value > best.value + 1e-4 * abs(best.value):
                pace = min(2.0, pace * 1.1)
            best, idle = Priced(prices, answer.value), 0
        else:
            idle += 1
        if idle == _FEW:
            pace, idle = max(pace * 0.66, 1e-4), 0
        if step % 100 == 0:
            most = max(most / 2, 1e-4)
    return best


def _share(excess: Floats, change: Floats, most: float) -> float:
    """Return how much of a new answer makes the average's excess least, within bounds."""
    length = float(change @ change)
    if not length:
        return most
    return min(max(-float(excess @ change) / length, most / 10), most)


def _positive(relaxation: Relaxation) -> Floats:
    """Return the limits, those of nothing made small instead."""
    return np.maximum(relaxation.limits, 1e-9)


def _least(relaxation: Relaxation) -> Floats:
    """Return the prices below which a price counts as none."""
    typical = relaxation.unplaced.sum() / max(relaxation.work.sum(), 1e-9)
    budgets = len(relaxation.limits) - relaxation.pools
    return np.concatenate([np.full(relaxation.pools, typical * 1e-3), np.full(budgets, 1e-3)])
