"""Fixtures for every test that needs a database.

`server` is one embedded PostgreSQL per test process, stopped at the end. `fresh_server`
is an empty database on it, dropped after the test; migrate what the test needs::

    def test_a_claim(fresh_server: Server) -> None:
        database.migrate(fresh_server, [("ledger", ledger.MIGRATIONS)])
        with fresh_server.connect("worker") as connection:
            ...

A test that kills or stops a server starts one of its own, in `server_home`, or in
`own_home` if the tests of its module share one.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from tallygrid.database import Server, embedded, resolve
from tallygrid.database.voice import Voice
from tallygrid.settings import Settings

_numbers = itertools.count(1)
_MEMORY = Path("/dev/shm")  # noqa: S108  # one's own folder in it, with a random name
_ROOM = 4 << 30
"""Bytes that have to be free there: some ten times what three servers were seen to use."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured: `record_property("measured", …)`, whichever process ran them."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")


# A machine that is busy for a moment fails no promise, and neither does chance: the same code
# meets the same examples everywhere. `--hypothesis-profile=curious` looks for others.
_TOO_SLOW = (hypothesis.HealthCheck.too_slow,)
hypothesis.settings.register_profile("curious", deadline=None, suppress_health_check=_TOO_SLOW)
hypothesis.settings.register_profile(
    "patient", hypothesis.settings.get_profile("curious"), derandomize=True, database=None
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with temporary_home(_memory()) as home:
        yield resolve(Settings(home=home), print)


def _memory() -> Path | None:
    """Return a folder in memory, if there is one with room from which programs may be run.

    Most tests work on a copy of a database, which takes 0.4 s on a disk, and 0.05 s in memory.
    Whether what was acknowledged is lost is tried on a disk: `server_home`, and `tests/faults`.
    Where memory is short though there seems to be room, `TALLYGRID_TESTS_ON_DISK=1` keeps off it.
    """
    if os.environ.get("TALLYGRID_TESTS_ON_DISK") or not os.access(_MEMORY, os.W_OK):
        return None
    may_run = not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    return _MEMORY if may_run and shutil.disk_usage(_MEMORY).free >= _ROOM else None


@pytest.fixture
def fresh_server(server: Server) -> Iterator[Server]:
    database = server.create_database(f"fresh_{next(_numbers)}")
    yield database
    database.drop_database()


@pytest.fixture
def server_home() -> Iterator[Path]:
    """A home of its own, on a disk; whatever server runs in it is stopped at the end."""
    with temporary_home() as home:
        yield home


@pytest.fixture(scope="module")
def own_home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home that the tests of one module share; on a disk where faults are tried."""
    with temporary_home(None if "faults" in request.path.parts else _memory()) as home:
        yield home


@contextmanager
def temporary_home(parent: Path | None = None) -> Iterator[Path]:
    """Make a home that the server's user can reach; pytest's own directories are closed to it."""
    with tempfile.TemporaryDirectory(prefix="tallygrid-", dir=parent) as directory:
        Path(directory).chmod(0o711)
        home = Path(directory) / "home"
        yield home
        embedded.at_home(home, Voice(print)).stop()
