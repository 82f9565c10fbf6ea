"""Waiting for what is bound to happen: a busy machine takes its time, and only a fault is told."""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 300
"""Nothing here takes a tenth of it, unless it hangs."""


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
