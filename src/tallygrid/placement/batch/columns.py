"""Which pairs of jobs and pools a programme needs: those that dual prices leave near the best."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.restricted import Pairs

_ROWS = 1_024
_ERROR = 1e-9
"""More than floats err in these sums."""
Mask = NDArray[np.bool_]
"""For every job and pool, whether the pair is in."""


def everything(relaxation: Relaxation) -> Mask:
    """Return every pair that could be worth it: allowed, and cheaper than leaving out."""
    return np.asarray(relaxation.cost < relaxation.unplaced[:, None])


def possible(relaxation: Relaxation, prices: Floats, apart: float) -> Mask:
    """Return every pair that a better assignment can have.

    At dual prices a pair costs so much above the job's best; if value and bound are less far
    apart, whatever has it is worse than what is known.
    """
    mask = everything(relaxation)
    for rows in _chunks(relaxation):
        priced = relaxation.priced(prices, rows)
        lowest = np.minimum(priced.min(axis=1), relaxation.unplaced[rows])
        mask[rows] &= priced - lowest[:, None] <= apart * (1 + _ERROR) + 1
    return mask


def pairs_of(mask: Mask) -> Pairs:
    """Return the pairs of a mask."""
    return Pairs(*np.nonzero(mask))


def near(relaxation: Relaxation, prices: Floats, *, slack: float, most: int) -> Mask:
    """Return the cheapest pairs of every job at dual prices.

    Args:
        relaxation: The jobs.
        prices: The dual prices.
        slack: How much dearer than the job's best, as a share of leaving it out.
        most: How many for a job.
    """
    mask = np.zeros(relaxation.cost.shape, dtype=bool)
    most = min(most, relaxation.pools)
    for rows in _chunks(relaxation):
        priced = relaxation.priced(prices, rows)
        first = np.argpartition(priced, most - 1, axis=1)[:, :most]
        cost = np.take_along_axis(priced, first, axis=1)
        out = relaxation.unplaced[rows]
        best = np.minimum(cost.min(axis=1), out)
        kept = np.isfinite(cost) & (cost <= (best + slack * out)[:, None])
        np.put_along_axis(mask[rows], first, kept, axis=1)
    return mask


def _chunks(relaxation: Relaxation) -> Iterator[slice]:
    for first in range(0, len(relaxation.work), _ROWS):
        yield slice(first, first + _ROWS)
