"""The whole integer programme with the solver, beside our own search, on a second core.

It begins from nothing, and hears nothing of what the search finds, nor the search of it: so
the search takes the same steps whatever runs beside it. A thread is enough, since the solver
holds no lock of Python's while it works; and no process can be left behind.
"""

import os
from threading import Event, Thread
from typing import Final

import numpy as np

from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.relaxation import Relaxation
from tallygrid.placement.batch.restricted import Pairs, Solved, solve_plain

_PATIENCE_S: Final = 0.5
"""How long it may take to stop. Afterwards what it told on the way counts."""


def has_second_core() -> bool:
    """Tell whether there is more than one core."""
    return (os.cpu_count() or 1) > 1


class Beside:
    """The solver at work in a thread."""

    def __init__(self, relaxation: Relaxation, pairs: Pairs, deadline: Deadline) -> None:
        self.pairs = pairs
        self._found = Solved(np.empty(0), np.empty(0), -np.inf, is_done=False)
        self._stop = Event()
        self._thread = Thread(target=self._work, args=(relaxation, deadline), daemon=True)
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
        self._found = solve_plain(
            relaxation, self.pairs, deadline, hear=self._hear, is_stopped=self._stop.is_set
        )

    def _hear(self, solved: Solved) -> None:
        self._found = solved
