"""Connections that many borrow in turn, each of which leaves nothing behind for the next.

What a borrower has left open is undone when the connection comes back, not when it is lent
again: an abandoned transaction must not hold its locks and its rows until somebody comes. A
connection that cannot be cleaned is closed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from tallygrid.database.server import Server

_SIZE: Final = 8
_PATIENCE_S: Final = 5.0
_AT_WORK: Final = frozenset({TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN})


class BusyError(Exception):
    """All connections are lent; one comes back soon."""

    def __init__(self, size: int) -> None:
        super().__init__(f"All {size} connections are in use. Ask again in a moment.")


class Pool:
    """At most so many connections of one role, each lent to one borrower at a time."""

    def __init__(
        self, server: Server, role: str, *, size: int = _SIZE, patience_s: float = _PATIENCE_S
    ) -> None:
        self._server = server
        self._role = role
        self._size = size
        self._patience_s = patience_s
        self._room = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Connection[TupleRow]] = []

    @contextmanager
    def lent(self) -> Iterator[Connection[TupleRow]]:
        """Lend a connection outside any transaction; what is not committed is undone.

        Raises:
            BusyError: None came back in time.
            psycopg.OperationalError: The server does not answer.
        """
        if not self._room.acquire(timeout=self._patience_s):
            raise BusyError(self._size)
        try:
            connection = self._taken() or self._opened()
            try:
                yield connection
            finally:
                self._take_back(connection)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close the connections that nobody has borrowed."""
        while connection := self._popped():
            connection.close()

    def _taken(self) -> Connection[TupleRow] | None:
        """Return a connection that lies idle and still answers."""
        while connection := self._popped():
            if _is_clean(connection):
                return connection
        return None

    def _opened(self) -> Connection[TupleRow]:
        connection = self._server.connect(self._role)
        # Cleaning forgets prepared statements; psycopg, which prepares on its own, would not know.
        connection.prepare_threshold = None
        return connection

    def _take_back(self, connection: Connection[TupleRow]) -> None:
        if _is_clean(connection):
            with self._lock:
                self._idle.append(connection)

    def _popped(self) -> Connection[TupleRow] | None:
        with self._lock:
            return self._idle.pop() if self._idle else None


def _is_clean(connection: Connection[TupleRow]) -> bool:
    """Clean a connection, or close it if that cannot be done."""
    try:
        if connection.info.transaction_status in _AT_WORK:
            connection.close()  # in the middle of a copy, say, or lost
            return False
        connection.rollback()
        connection.isolation_level = connection.read_only = connection.deferrable = None
        connection.row_factory = tuple_row
        connection.autocommit = True
        # Cursors, settings, prepared statements, channels, locks, temporary tables, sequences.
        connection.execute("DISCARD ALL")
        connection.autocommit = False
    except psycopg.Error:
        connection.close()
        return False
    return True
