"""The whole integer programme with the solver, beside our own search, on a second core.

It begins from nothing, and hears nothing of what the search finds, nor the search of it: so
the search takes the same steps whatever runs beside it. A thread is enough, since the solver
holds no lock of Python's while it works; and no process can be left behind. Python waits for
the thread before it ends: one that is cut off inside the solver would take the process along.
"""

import os
from dataclasses import replace
from threading import Event, Thread
from typing import Final

import numpy as np

from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.relaxation import Relaxation
from tallygrid.placement.batch.restricted import Solved, allowed_pairs, solve_plain

_PATIENCE_S: Final = 0.5
"""How long it may take to stop. Afterwards what it told on the way counts."""


def has_second_core() -> bool:
    """Tell whether there is more than one core."""
    return (os.cpu_count() or 1) > 1


class Beside:
    """The solver at work in a thread."""

    def __init__(self, relaxation: Relaxation, deadline: Deadline) -> None:
        self.pairs = allowed_pairs(relaxation)
        self._found = Solved(np.empty(0), np.empty(0), -np.inf, is_done=False)
        at = self.pairs.jobs, self.pairs.pools
        self._saved = relaxation.cost[at] - relaxation.unplaced[at[0]]
        self._stop = Event()
        self._thread = Thread(target=self._work, args=(relaxation, deadline))
        self._thread.start()

    @property
    def found(self) -> Solved:
        """What it has found so far."""
        return self._found

    def stop(self) -> Solved:
        """Stop it, and return what it found."""
        self._stop.set()
        self._thread.join(_PATIENCE_S)
        return self._found

    def _work(self, relaxation: Relaxation, deadline: Deadline) -> None:
        hear, is_stopped = self._hear, self._stop.is_set
        hear(solve_plain(relaxation, self.pairs, deadline, hear=hear, is_stopped=is_stopped))

    def _hear(self, solved: Solved) -> None:
        """Keep the better assignment and the better bound: its second run begins anew."""
        better = min(self._found, solved, key=self._cost)
        bound = max(self._found.bound, solved.bound)
        self._found = replace(better, bound=bound, is_done=solved.is_done)

    def _cost(self, solved: Solved) -> float:
        return float(self._saved @ solved.share) if len(solved.share) else np.inf
