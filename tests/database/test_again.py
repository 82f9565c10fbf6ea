"""Work survives the loss of its connection, and is done once however often it is tried."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from patience import until
from psycopg import Connection
from psycopg.rows import TupleRow

from tallygrid.database import Server, Sessions, persistently, resolve, retrying
from tallygrid.settings import Settings

CutPower = Callable[[Server], None]
INSERT = "INSERT INTO thing VALUES (%s) ON CONFLICT DO NOTHING"


@pytest.fixture
def own_server(own_home: Path) -> Server:
    server = resolve(Settings(home=own_home), print)
    with server.connect("migrator") as connection:
        connection.execute("DROP TABLE IF EXISTS thing")
        connection.execute("CREATE TABLE thing (number int PRIMARY KEY)")
    return server


def test_work_during_which_the_server_is_killed_is_done_on_a_new_one(
    own_server: Server, cut_power: CutPower
) -> None:
    told: list[str] = []
    attempts: list[int] = []

    def work(connection: Connection[TupleRow]) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            cut_power(own_server)
        connection.execute(INSERT, [1])
        return "done"

    assert retrying(own_server, "migrator", work, told.append) == "done"
    assert len(attempts) == 2
    assert "lost" in told[0]
    assert _things(own_server) == [1]


def test_whoever_hangs_in_a_transaction_loses_it_and_does_the_work_again(
    own_server: Server,
) -> None:
    attempts: list[str] = []

    def work(connection: Connection[TupleRow]) -> None:
        row = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert row is not None
        attempts.append(row[0])
        if len(attempts) == 1:
            connection.execute("SET idle_in_transaction_session_timeout = '20ms'")
            time.sleep(0.2)  # as a process that was stopped does
        connection.execute("SELECT 1")

    retrying(own_server, "web", work, print)

    assert attempts == ["1min", "1min"]
    with own_server.connect("auditor") as reader:
        row = reader.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert row == ("0",), "who reads an export in a pager takes its time"


def test_work_whose_connection_alone_is_cut_is_done_on_another(own_server: Server) -> None:
    victims: list[int] = []

    def work(connection: Connection[TupleRow]) -> None:
        if not victims:
            victims.append(connection.info.backend_pid)
            with own_server.administer() as administrator:
                administrator.execute("SELECT pg_terminate_backend(%s)", victims)
        connection.execute(INSERT, [2])

    retrying(own_server, "migrator", work, print)

    assert _things(own_server) == [2]


def test_a_crash_of_one_backend_is_waited_out(own_server: Server) -> None:
    """PostgreSQL restarts all of them then, and refuses everyone meanwhile."""
    victims: list[int] = []

    def work(connection: Connection[TupleRow]) -> None:
        if not victims:
            victims.append(connection.info.backend_pid)
            os.kill(victims[0], signal.SIGKILL)
            # Until the postmaster has fetched it, new connections would be let in, and then cut.
            until(lambda: not Path(f"/proc/{victims[0]}").exists())
        connection.execute(INSERT, [3])

    retrying(own_server, "migrator", work, print)

    assert _things(own_server) == [3]


def test_a_stopped_server_is_started_for_the_work(own_server: Server) -> None:
    own_server.stop()

    with Sessions(own_server, print) as sessions:
        sessions.run("migrator", lambda connection: connection.execute(INSERT, [4]))

    assert _things(own_server) == [4]


def test_an_open_connection_that_has_died_meanwhile_is_replaced(
    own_server: Server, cut_power: CutPower
) -> None:
    with Sessions(own_server, print) as sessions:
        sessions.run("migrator", lambda connection: connection.execute(INSERT, [5]))
        cut_power(own_server)

        sessions.run("migrator", lambda connection: connection.execute(INSERT, [6]))

    assert _things(own_server) == [5, 6]


def test_work_that_connects_by_itself_is_repeated_when_the_server_was_killed(
    own_server: Server, cut_power: CutPower
) -> None:
    attempts: list[int] = []

    def work() -> str:
        attempts.append(1)
        with own_server.connect("migrator") as connection:
            if len(attempts) == 1:
                cut_power(own_server)
            connection.execute(INSERT, [7])
        return "done"

    assert persistently(own_server, work) == "done"
    assert len(attempts) == 2
    assert _things(own_server) == [7]


def test_a_mistake_in_the_work_is_not_repeated(own_server: Server) -> None:
    attempts: list[int] = []

    def work(connection: Connection[TupleRow]) -> None:
        attempts.append(1)
        connection.execute(INSERT, [7])
        connection.execute("SELECT 1/0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        retrying(own_server, "migrator", work, print)
    assert attempts == [1]
    assert _things(own_server) == []


def test_a_connection_is_kept_for_the_next_work_of_the_same_thread(own_server: Server) -> None:
    def backend(connection: Connection[TupleRow]) -> int:
        return connection.info.backend_pid

    found: list[int] = []
    with Sessions(own_server, print) as sessions:
        found += [sessions.run("web", backend), sessions.run("web", backend)]
        other = threading.Thread(target=lambda: found.append(sessions.run("web", backend)))
        other.start()
        other.join()

    assert found[0] == found[1] != found[2]


def test_patience_has_an_end(own_server: Server) -> None:
    """Work that ends its own connection every time would otherwise be tried for ever."""

    def work(connection: Connection[TupleRow]) -> None:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with (
        Sessions(own_server, print, patience_s=0.2) as sessions,
        pytest.raises(psycopg.OperationalError),
    ):
        sessions.run("migrator", work)


def _things(server: Server) -> list[int]:
    with server.connect("migrator") as connection:
        return [number for (number,) in connection.execute("SELECT number FROM thing ORDER BY 1")]
