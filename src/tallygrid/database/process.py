"""Which server processes are really alive: read from /proc, where a zombie shows as one.

`kill(pid, 0)` succeeds for a zombie and for a stranger that was given the same number.
A PostgreSQL process, postmaster or backend, has its data directory as working directory,
and a dead one has none.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path


def residents(data: Path) -> frozenset[int]:
    """Return the live processes that work in a data directory."""
    return frozenset(pid for pid in _all_pids() if is_resident(pid, data))


def is_resident(pid: int, data: Path) -> bool:
    """Tell whether a process is alive and works in a data directory."""
    try:
        return is_alive(pid) and Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    state = status.rsplit(")", 1)[1].split()[0]
    return state not in "ZX"


def send(pids: frozenset[int], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may have gone already."""
    for pid in sorted(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _all_pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208  # names only, thousands of them
