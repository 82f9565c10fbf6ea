"""What the tests of the database do to it."""

import os
import signal
from collections.abc import Callable

import pytest
from patience import until

from tallygrid.database import Server
from tallygrid.database.embedded import Embedded
from tallygrid.database.process import is_alive, residents, send

Act = Callable[[Server], None]


@pytest.fixture
def kill() -> Act:
    """Kill a server's postmaster and see it dead; what it leaves may serve a moment longer."""
    return _kill_postmaster


@pytest.fixture
def cut_power() -> Act:
    """Kill every process of a server, and see them dead: nobody is answered any more."""
    return _kill_all


def _kill_postmaster(server: Server) -> None:
    pid = _embedded(server).postmaster()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))


def _kill_all(server: Server) -> None:
    data = _embedded(server).place.data
    _kill_postmaster(server)
    send(residents(data), signal.SIGKILL)
    until(lambda: not residents(data))


def _embedded(server: Server) -> Embedded:
    assert isinstance(server.source, Embedded)
    return server.source
