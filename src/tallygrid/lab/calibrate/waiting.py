"""How readily those who wait for an answer give up, per day."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tallygrid.lab.calibrate.estimate import CHI_SQUARE, Interval

Real = NDArray[np.float64]

_NONE_SEEN = 3.689
"""The mean at which nothing is seen only once in forty times."""
_HALVINGS = 80


def giving_up(stayed: Real, left: Real, lost: Real) -> Interval:
    """Return the chance per day, and its interval by likelihood.

    Args:
        stayed: Days that each waited who is still there, or was answered.
        left: Days after which each gave up whose day is known.
        lost: Days that each would have waited who gave up on a day that is not known.
    """
    exposed = float(stayed.sum() + left.sum())
    if not len(left) and not len(lost):
        return Interval(0.0, 0.0, _NONE_SEEN / max(exposed, 1.0))

    def score(rate: float) -> float:
        """Return how the likelihood rises with the rate; it falls from high to low."""
        known = len(left) / rate
        return known + float((lost / np.expm1(rate * lost)).sum()) - exposed

    def likelihood(rate: float) -> float:
        unknown = float(np.log(-np.expm1(-rate * lost)).sum())
        return float(len(left) * np.log(rate) + unknown - rate * exposed)

    least, most = 1e-9, 10.0
    best = _falls(score, least, most)
    floor = likelihood(best) - CHI_SQUARE / 2
    return Interval(
        best,
        _falls(lambda rate: floor - likelihood(rate), least, best),
        _falls(lambda rate: likelihood(rate) - floor, best, most),
    )


def _falls(of: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function passes nought."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if of(middle) > 0 else (low, middle)
    return (low + high) / 2
