"""The great jobs and the small: few are most of the work, and many fill the gaps."""

from dataclasses import replace
from typing import Final

import numpy as np

from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.packing import Packing, search
from tallygrid.placement.batch.relaxation import Floats, Relaxation
from tallygrid.placement.batch.repair import Assignment, Choice, inserted
from tallygrid.placement.batch.tables import NONE

_MOST: Final = 2_000
_SHARE: Final = 0.95
"""The great jobs are the fewest that have this share of all work."""
_STEPS: Final = 300
_PACE: Final = 0.05


def great_jobs(relaxation: Relaxation) -> Choice:
    """Return the jobs that are packed whole."""
    order = np.argsort(-relaxation.work, kind="stable")
    summed = np.cumsum(relaxation.work[order])
    count = int(np.searchsorted(summed, _SHARE * summed[-1])) + 1 if len(summed) else 0
    return np.sort(order[: min(count, _MOST)])


def fill(
    made: Assignment, relaxation: Relaxation, great: Choice, prices: Floats, deadline: Deadline
) -> None:
    """Place what is left out where it costs least at the prices of what is left.

    The great jobs take no part in finding those prices, or they would crowd out the small in
    parts, and then fit nowhere as a whole.
    """
    is_left = made.choice == NONE
    is_left[great] = False
    rows = np.flatnonzero(is_left)
    if len(rows):
        room = made.room.astype(np.float64) / made.instance.unit
        limits = np.concatenate([room, made.money[:-1].astype(np.float64)])
        rest = replace(relaxation.part(rows), limits=limits)
        nobody = Packing.of(rest, rows[:0], prices, 0.0)
        worth = float(rest.unplaced.sum())
        prices = search(nobody, prices, deadline, value_max=worth, steps=_STEPS, pace=_PACE).asked
    inserted(made, relaxation, prices)
