"""Who borrows a connection finds nothing of whoever had it before."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest
from patience import PATIENCE_S
from psycopg import Connection

from tallygrid.database import Server
from tallygrid.database.pool import BusyError, Pool

Deed = Callable[[Connection[Any]], object]


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Server]:
    created = server.create_database("pooled")
    yield created
    created.drop_database()


@pytest.fixture
def pool(database: Server) -> Iterator[Pool]:
    """One connection, of a role that may create things."""
    with database.connect("migrator") as migrator:
        migrator.execute("DROP TABLE IF EXISTS public.kept")
        migrator.execute("CREATE TABLE public.kept (id int)")
    opened = Pool(database, "migrator", size=1, patience_s=0.2)
    yield opened
    opened.close()


def _runs(*statements: str) -> Deed:
    def run(connection: Connection[Any]) -> None:
        for statement in statements:
            connection.execute(statement.encode())

    return run


def _fails(connection: Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("INSERT INTO kept SELECT 1 / 0")


def _fails_in_a_savepoint(connection: Connection[Any]) -> None:
    connection.execute("INSERT INTO kept VALUES (1)")
    connection.execute("SAVEPOINT before")
    _fails(connection)


def _turns_the_connection_over(connection: Connection[Any]) -> None:
    connection.autocommit = True
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.row_factory = psycopg.rows.dict_row


LEFT: Final[dict[str, Deed]] = {
    "nothing": _runs(),
    "an abandoned transaction": _runs("INSERT INTO kept VALUES (1)"),
    "a token of a transaction": _runs("SELECT set_config('tallygrid.token', 'mine', true)"),
    "a token of a session": _runs("SELECT set_config('tallygrid.token', 'mine', false)", "COMMIT"),
    "a failed transaction": _fails,
    "a failed savepoint": _fails_in_a_savepoint,
    "a savepoint": _runs("SAVEPOINT one", "INSERT INTO kept VALUES (1)", "SAVEPOINT two"),
    "a prepared statement": _runs("PREPARE asked AS SELECT 1", "COMMIT"),
    "an open cursor": _runs("DECLARE pages CURSOR FOR SELECT 1"),
    "a cursor with hold": _runs("DECLARE pages CURSOR WITH HOLD FOR SELECT 1", "COMMIT"),
    "a temporary table": _runs("CREATE TEMP TABLE seen AS SELECT 1", "COMMIT"),
    "a lock of the session": _runs("SELECT pg_advisory_lock(7)", "COMMIT"),
    "a lock of the transaction": _runs("SELECT pg_advisory_xact_lock(7)"),
    "another role": _runs("SET ROLE tallygrid_books", "COMMIT"),
    "another path": _runs("SET search_path = pg_temp", "COMMIT"),
    "a channel": _runs("LISTEN news", "COMMIT"),
    "another manner": _runs(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE",
        "COMMIT",
    ),
    "a place in a sequence": _runs(
        "CREATE TEMP SEQUENCE counted", "SELECT nextval('counted')", "COMMIT"
    ),
    "the driver's own settings": _turns_the_connection_over,
}
"""What a borrower leaves behind."""


def _state(connection: Connection[Any]) -> dict[str, Any]:
    """Return all of a session that somebody else may have left there."""
    asked = {
        "rows": "SELECT count(*) FROM public.kept",
        "token": "SELECT coalesce(current_setting('tallygrid.token', true), '')",
        "role": "SELECT current_user",
        "path": "SELECT current_setting('search_path')",
        "manner": "SELECT current_setting('transaction_read_only'),"
        " current_setting('transaction_isolation')",
        "prepared": "SELECT count(*) FROM pg_prepared_statements",
        "cursors": "SELECT count(*) FROM pg_cursors WHERE name <> ''",
        "tables": "SELECT count(*) FROM pg_class WHERE pg_table_is_visible(oid) AND"
        " relpersistence = 't'",
        "locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        "channels": "SELECT count(*) FROM pg_listening_channels()",
        "pid": "SELECT pg_backend_pid()",
    }
    return {name: connection.execute(query).fetchone() for name, query in asked.items()}


@pytest.mark.parametrize("left", LEFT)
def test_the_next_borrower_finds_what_the_first_one_found(pool: Pool, left: str) -> None:
    with pool.lent() as first:
        found = _state(first)
    with pool.lent() as second:
        LEFT[left](second)
    with pool.lent() as third:
        assert _state(third) == found  # by the same process of the server, too
        assert third.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def _breaks_off(pool: Pool, deed: Deed) -> None:
    with pool.lent() as connection:
        deed(connection)
        raise ZeroDivisionError


@pytest.mark.parametrize("left", LEFT)
def test_whoever_fails_leaves_no_more_than_whoever_forgets(pool: Pool, left: str) -> None:
    with pool.lent() as first:
        found = _state(first)
    with pytest.raises(ZeroDivisionError):
        _breaks_off(pool, LEFT[left])
    with pool.lent() as third:
        assert _state(third) == found


def test_what_is_committed_stays(pool: Pool) -> None:
    with pool.lent() as first:
        first.execute("INSERT INTO kept VALUES (1)")
        first.commit()
    with pool.lent() as second:
        assert second.execute("SELECT id FROM kept").fetchall() == [(1,)]


def test_a_copy_in_the_middle_costs_the_connection_and_leaves_nothing(pool: Pool) -> None:
    with pool.lent() as first:
        pid = first.info.backend_pid
        first.pgconn.exec_(b"COPY kept FROM STDIN")
    with pool.lent() as second:
        assert second.info.backend_pid != pid
        assert second.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize("while_lent", [True, False])
def test_a_connection_that_was_cut_is_replaced(
    pool: Pool, database: Server, *, while_lent: bool
) -> None:
    def cut(pid: int) -> None:
        with database.administer() as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    with pool.lent() as first:
        pid = first.info.backend_pid
        if while_lent:
            cut(pid)
    if not while_lent:
        cut(pid)

    with pool.lent() as second:
        assert second.info.backend_pid != pid
        assert second.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_is_lent_is_nobody_elses(pool: Pool) -> None:
    with pool.lent(), pytest.raises(BusyError, match="All 1 connections"), pool.lent():
        pass
    with pool.lent() as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_whoever_waits_gets_what_comes_back(database: Server) -> None:
    pool = Pool(database, "auditor", size=2, patience_s=PATIENCE_S)
    pids: set[int] = set()

    def borrow() -> None:
        for _ in range(10):
            with pool.lent() as connection:
                pids.add(connection.info.backend_pid)
                connection.execute("SELECT pg_sleep(0.001)")

    threads = [threading.Thread(target=borrow) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()

    assert 1 <= len(pids) <= 2
