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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured: `record_property("measured", …)`, whichever process ran them."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")


# a machine that is busy for a moment fails no promise
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with temporary_home() as home:
        yield resolve(Settings(home=home), print)


@pytest.fixture
def fresh_server(server: Server) -> Iterator[Server]:
    database = server.create_database(f"fresh_{next(_numbers)}")
    yield database
    database.drop_database()


@pytest.fixture
def server_home() -> Iterator[Path]:
    """A home of its own; whatever server runs in it is stopped at the end."""
    with temporary_home() as home:
        yield home


@pytest.fixture(scope="module")
def own_home() -> Iterator[Path]:
    """A home that the tests of one module share."""
    with temporary_home() as home:
        yield home


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Make a home that the server's user can reach; pytest's own directories are closed to it."""
    with tempfile.TemporaryDirectory(prefix="tallygrid-") as directory:
        Path(directory).chmod(0o711)
        home = Path(directory) / "home"
        yield home
        embedded.at_home(home, Voice(print)).stop()
