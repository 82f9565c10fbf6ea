"""How readily firms begin as a window ends: the law of the laboratory, fitted on days.

On a day with d days left a firm begins with the hazard h × (1 + B × exp(−d/D)). Of those who
begin at all in a window, how many do on which day depends on B, D and on how many of the firms
there were have begun already. All three are tried; B and D are believed as far as the best of
the others leaves them likely.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.lab.calibrate.estimate import CHI_SQUARE, Interval

Real = NDArray[np.float64]

BOOSTS: Final = np.concatenate([[0.0], np.geomspace(0.05, 100, 90)])
DAYS: Final = np.geomspace(1, 60, 36)
SPENT: Final = np.concatenate([[1e-6], np.geomspace(0.05, 3, 13)])
"""The hazard of the whole window: how many of the firms it brings forth."""
_RUSHES: Final = 4
"""A rush takes no more than this part of a window; what takes longer is a trend."""
_SEARCHED: Final = 1.3
"""Without a rush its length is free, and the best of several is found by luck: that there is
none is believed up to the bar of 97.5 %."""
_CLEAR: Final = 4
"""How many times the usual bar a rush must clear before its length is asked for."""
_EXPECTED_MIN: Final = 5


@dataclass(frozen=True)
class Window:
    """A window: how many began on each day of it, and the days that were left."""

    begun: Real
    days_left: Real


@dataclass(frozen=True)
class Rush:
    """What the days tell."""

    boost: Interval
    """Its upper end is infinite where nothing bounds it."""
    days: Interval | None
    """None if there is no rush whose length could be told."""


def rush(windows: Sequence[Window]) -> Rush:
    """Return the boost and its days; both are those of the model above."""
    longest = max(len(w.begun) for w in windows) / _RUSHES
    tried = DAYS[longest >= DAYS]
    fits = np.array([sum(_likelihood(w, days) for w in windows) for days in tried])
    best = np.unravel_index(int(fits.argmax()), fits.shape)
    loose = CHI_SQUARE / 2 * _looseness(windows, best)
    of_boost = fits.max(axis=(0, 2))
    boost = _interval(BOOSTS, of_boost, loose)
    of_days = _interval(tried, fits.max(axis=(1, 2)), loose)
    gain = fits.max() - fits[:, 0, :].max()
    low = 0.0 if of_boost[0] >= of_boost.max() - _SEARCHED * loose else boost.low
    high = boost.high if boost.high < BOOSTS[-1] else inf
    boost = Interval(boost.value, low, high)
    return Rush(boost, of_days if gain > _CLEAR * loose else None)


def _likelihood(window: Window, days: float) -> Real:
    """Return the logarithm of the likelihood by boost and by what the window spent."""
    found: Real = np.einsum("t,bst->bs", window.begun, np.log(_chances(window, days)))
    return found


def _chances(window: Window, days: float, boosts: Real = BOOSTS, spent: Real = SPENT) -> Real:
    """Return by boost, by spending and by day the chance that one who begins does so then."""
    ready = 1 + boosts[:, None] * np.exp(-window.days_left / days)
    total = np.cumsum(ready, axis=1)
    hazard = spent[None, :, None] / total[:, None, -1:]
    before = np.exp(-hazard * (total - ready)[:, None, :])
    found: Real = before * -np.expm1(-hazard * ready[:, None, :]) / -np.expm1(-spent)[None, :, None]
    return found


def _looseness(windows: Sequence[Window], best: tuple[np.intp, ...]) -> float:
    """Return by how much days scatter more than luck alone would have it, at least one."""
    square, cells = 0.0, 0
    for window in windows:
        chances = _chances(
            window, DAYS[best[0]], BOOSTS[[best[1]]], SPENT[[best[2]]]
        )[0, 0]  # fmt: skip
        seen, expected = _pooled(window.begun, chances * window.begun.sum())
        square += float(((seen - expected) ** 2 / expected).sum())
        cells += len(seen) - 1
    free = cells - 3
    return max(1.0, square / free) if free > 0 else 1.0


def _pooled(seen: Real, expected: Real) -> tuple[Real, Real]:
    """Add days together until enough is expected of each group."""
    group = np.floor(np.cumsum(expected) / _EXPECTED_MIN).astype(int)
    group = np.minimum(group, max(0, group[-1] - 1))
    of_seen = np.bincount(group, weights=seen).astype(np.float64)
    of_expected = np.bincount(group, weights=expected).astype(np.float64)
    return of_seen[of_expected > 0], of_expected[of_expected > 0]


def _interval(at: Real, fits: Real, loose: float) -> Interval:
    """Return the best point, and where the fit falls below the best by less than the bar."""
    best = int(fits.argmax())
    over = fits - fits[best] + loose
    inside = np.flatnonzero(over >= 0)
    return Interval(
        float(at[best]), _crossing(at, over, inside[0], -1), _crossing(at, over, inside[-1], 1)
    )


def _crossing(at: Real, over: Real, edge: int, way: int) -> float:
    """Return where the bar is crossed beyond an edge, between two points."""
    beyond = edge + way
    if not 0 <= beyond < len(at):
        return float(at[edge])
    part = over[edge] / (over[edge] - over[beyond])
    return float(at[edge] + part * (at[beyond] - at[edge]))
