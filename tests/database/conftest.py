"""What the tests of the database do to it."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from tallygrid.database import Server
from tallygrid.database.embedded import Embedded
from tallygrid.database.process import is_alive


@pytest.fixture
def kill() -> Callable[[Server], None]:
    """Kill a server's postmaster as a power cut of the process would, and see it dead."""
    return _kill


def _kill(server: Server) -> None:
    assert isinstance(server.source, Embedded)
    pid = server.source.postmaster()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)
