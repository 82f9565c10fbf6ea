"""Work that is done again after the connection was lost.

A lost connection leaves it unknown whether the commit arrived. The work therefore carries
keys that make doing it twice the same as doing it once; see `tallygrid.core.key`.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from tallygrid.database.error import DatabaseError
from tallygrid.database.server import Server
from tallygrid.database.voice import Voice

T = TypeVar("T")
PATIENCE_S: Final = 600
_PAUSE_S_MAX: Final = 5
_REPETITIONS_MAX: Final = 5
_LOST: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    DatabaseError,
)
_PASSING: Final = frozenset({"database.unreachable", "database.did_not_start"})


class Sessions:
    """One open connection per role and thread, renewed when it is lost."""

    def __init__(
        self, server: Server, report: Callable[[str], None], *, patience_s: float = PATIENCE_S
    ) -> None:
        self._server = server
        self._voice = Voice(report, server.source.voice.language)
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._open: dict[tuple[int, str], Connection[TupleRow]] = {}

    def run(self, role: str, work: Callable[[Connection[TupleRow]], T]) -> T:
        """Run work in a transaction; after a lost connection, make the server answer and repeat.

        Raises:
            psycopg.Error: The work itself failed, or the server stayed away for too long.
        """
        deadline = time.monotonic() + self._patience_s
        pause_s = 0.05
        while True:
            try:
                return self._attempt(role, work)
            except _LOST as error:
                passing = not isinstance(error, DatabaseError) or error.code in _PASSING
                if not (passing and self._forget_if_lost(role)) or time.monotonic() > deadline:
                    raise
                self._voice.say("again", why=self._why(error))
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)

    def close(self) -> None:
        """Close every connection, of all threads."""
        with self._lock:
            for connection in self._open.values():
                connection.close()
            self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _why(self, error: Exception) -> str:
        if isinstance(error, DatabaseError):
            return error.sentence(self._voice.language)
        return str(error).splitlines()[0]

    def _attempt(self, role: str, work: Callable[[Connection[TupleRow]], T]) -> T:
        connection = self._connection(role)
        with connection.transaction():
            return work(connection)

    def _connection(self, role: str) -> Connection[TupleRow]:
        key = (threading.get_ident(), role)
        with self._lock:
            found = self._open.get(key)
        if found is None:
            found = self._connect(role)
            with self._lock:
                self._open[key] = found
        return found

    def _connect(self, role: str) -> Connection[TupleRow]:
        try:
            return self._server.connect(role)
        except psycopg.OperationalError:
            self._server.start()
            return self._server.connect(role)

    def _forget_if_lost(self, role: str) -> bool:
        """Tell whether there is no living connection any more, and forget a dead one."""
        key = (threading.get_ident(), role)
        with self._lock:
            found = self._open.get(key)
            if found is not None and not found.closed:
                return False
            self._open.pop(key, None)
        return True


def persistently(server: Server, work: Callable[[], T]) -> T:
    """Do work that opens connections of its own; if the server goes away meanwhile, do it again.

    Raises:
        psycopg.Error: The work itself fails, or the server goes away again and again.
    """
    for _ in range(_REPETITIONS_MAX):
        try:
            return work()
        except (psycopg.OperationalError, psycopg.InterfaceError):
            server.start()
    return work()


def retrying(
    server: Server,
    role: str,
    work: Callable[[Connection[TupleRow]], T],
    report: Callable[[str], None],
) -> T:
    """Run one piece of work as `Sessions.run` does, on a connection of its own."""
    with Sessions(server, report) as sessions:
        return sessions.run(role, work)
