"""How many there are on both sides of a threshold, and how many too many just beside it.

Counts in equal bins are fitted by a Poisson regression whose logarithm is a parabola. A straight
line would be biased where the true curve bends; the parabola takes that bias out, and the
interval counts what this costs (robust bias correction at one bandwidth).
"""

import numpy as np
from numpy.typing import NDArray

from tallygrid.lab.calibrate.estimate import NORMAL, Interval

Real = NDArray[np.float64]

_STEPS = 50
_CLOSE = 1e-9


def jump(counts: Real, centres: Real) -> Interval:
    """Return by how many times there are more on the right of nought than on the left.

    Args:
        counts: How many in each bin.
        centres: The middle of each, as a distance from the threshold.
    """
    x = centres / np.abs(centres).max()
    right = (x > 0).astype(np.float64)
    curve = np.stack([np.ones_like(x), x, x**2], axis=1)
    design = np.hstack([curve, curve * right[:, None]])
    weights, covariance = _fitted(design, counts)
    half = NORMAL * float(np.sqrt(covariance[3, 3]))
    at = float(weights[3])
    return _times(at, half)


def excess(counts: Real, centres: Real, beside: NDArray[np.bool_]) -> Interval:
    """Return by how many times there are more in some bins than those around let expect.

    Args:
        counts: How many in each bin.
        centres: The middle of each, as a distance from the threshold.
        beside: The bins in question; the others tell what to expect there.
    """
    x = centres / np.abs(centres).max()
    curve = np.stack([np.ones_like(x), x, x**2], axis=1)
    weights, covariance = _fitted(curve[~beside], counts[~beside])
    expected = np.exp(curve[beside] @ weights)
    seen, total = float(counts[beside].sum()), float(expected.sum())
    slope = (expected[:, None] * curve[beside]).sum(axis=0) / total
    half = NORMAL * float(np.sqrt(1 / seen + slope @ covariance @ slope))
    return _times(float(np.log(seen / total)), half)


def _times(at: float, half: float) -> Interval:
    return Interval(float(np.exp(at)), float(np.exp(at - half)), float(np.exp(at + half)))


def _fitted(design: Real, counts: Real) -> tuple[Real, Real]:
    """Return the weights of a Poisson regression and their covariance, scatter included."""
    weights: Real = np.zeros(design.shape[1], dtype=np.float64)
    mean: Real = counts + 0.5
    for _ in range(_STEPS):
        aim = np.log(mean) + (counts - mean) / mean
        normal: Real = design.T @ (design * mean[:, None])
        new: Real = np.linalg.solve(normal, design.T @ (mean * aim)).astype(np.float64)
        moved, weights = float(np.abs(new - weights).max()), new
        mean = np.exp(np.clip(design @ weights, -30, 30))
        if moved < _CLOSE:
            break
    free = max(len(counts) - design.shape[1], 1)
    scatter = float(((counts - mean) ** 2 / mean).sum()) / free
    by_luck = 1 + 2 * np.sqrt(2 / free)
    inverse = np.linalg.inv(design.T @ (design * mean[:, None]))
    covariance: Real = inverse.astype(np.float64)
    return weights, covariance * (scatter if scatter > by_luck else 1.0)
