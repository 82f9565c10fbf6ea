"""The share that goes on from one step to the next, with an exact interval."""

from collections.abc import Callable

import numpy as np

from tallygrid.lab.calibrate.estimate import Interval

_TAIL = 0.025
_HALVINGS = 60


def share(did: int, of: int) -> Interval:
    """Return a share and its interval by Clopper and Pearson.

    >>> share(5, 10)
    Interval(value=0.5, low=0.187..., high=0.812...)
    >>> share(0, 10).low, share(10, 10).high
    (0.0, 1.0)
    """
    choices = _choices(of)

    def at_most(k: int, p: float) -> float:
        """Return the chance of at most k."""
        n = np.arange(k + 1)
        return float(np.exp(choices[: k + 1] + n * np.log(p) + (of - n) * np.log1p(-p)).sum())

    low = 0.0 if did == 0 else _root(lambda p: 1 - at_most(did - 1, p) < _TAIL)
    high = 1.0 if did == of else _root(lambda p: at_most(did, p) > _TAIL)
    return Interval(did / of, low, high)


def _choices(of: int) -> np.ndarray:
    """Return the logarithms of how many ways there are to choose 0, 1, … of so many."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, of + 1)))])
    found: np.ndarray = factorials[-1] - factorials - factorials[::-1]
    return found


def _root(is_below: Callable[[float], bool]) -> float:
    """Return the share at which an answer changes."""
    low, high = 1e-12, 1 - 1e-12
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2
