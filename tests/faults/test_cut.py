"""The connection is cut around a commit: the outcome is unknown, and the same key resolves it."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from bookkeeping import Books, event
from caller import queue_on

from tallygrid import database, ledger
from tallygrid.database import Server, Sessions
from tallygrid.database.embedded import Embedded

When = Literal["before", "after"]
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Detoured(Embedded):
    """The embedded server, reached through another socket."""

    detour: Path

    def login(self, role: str) -> dict[str, Any]:
        """Return the way through the other socket."""
        return {**super().login(role), "host": str(self.detour)}


@dataclass
class Wire:
    """What lies between a caller and the server, and is cut when a commit passes it."""

    server: Path
    listener: socket.socket
    cut: When | None = None
    cuts: int = 0
    ends: list[socket.socket] = field(default_factory=list)

    def serve(self) -> None:
        """Connect whoever calls with the server, until the listener is shut."""
        with suppress(OSError):
            while True:
                caller, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server))
                self.ends += [caller, server]
                for run in (self.ask, self.answer):
                    threading.Thread(target=run, args=(caller, server), daemon=True).start()

    def ask(self, caller: socket.socket, server: socket.socket) -> None:
        """Carry what the caller says to the server."""
        with suppress(OSError):
            while said := caller.recv(_CHUNK):
                if self.cut and b"COMMIT" in said:
                    self.sever(caller, server, said)
                    return
                server.sendall(said)
            server.shutdown(socket.SHUT_WR)

    def sever(self, caller: socket.socket, server: socket.socket, said: bytes) -> None:
        """Cut both ends: before the commit gets through, or after it has been answered."""
        when, self.cut = self.cut, None
        self.cuts += 1
        caller.shutdown(socket.SHUT_RDWR)
        if when == "after":
            server.sendall(said)
            server.shutdown(socket.SHUT_WR)  # it commits, then sees that nobody is there
        else:
            server.shutdown(socket.SHUT_RDWR)

    def answer(self, caller: socket.socket, server: socket.socket) -> None:
        """Carry what the server says to the caller."""
        with suppress(OSError):
            while said := server.recv(_CHUNK):
                caller.sendall(said)
            caller.shutdown(socket.SHUT_WR)


@pytest.fixture
def books(fresh_server: Server) -> Iterator[Books]:
    database.migrate(fresh_server, [("ledger", ledger.MIGRATIONS)])
    opened = Books(fresh_server)
    opened.fund(1_000)
    yield opened
    opened.close()


@pytest.fixture
def wire(books: Books) -> Iterator[Wire]:
    with _wire(books.server) as laid:
        yield laid


@contextmanager
def _wire(server: Server) -> Iterator[Wire]:
    assert isinstance(server.source, Embedded)
    with tempfile.TemporaryDirectory(prefix="wire-") as directory:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{directory}/.s.PGSQL.5432")
        listener.listen()
        laid = Wire(server.source.place.socket_file, listener)
        thread = threading.Thread(target=laid.serve, daemon=True)
        thread.start()
        yield laid
        listener.shutdown(socket.SHUT_RDWR)
        for end in [*laid.ends, listener]:
            end.close()
        thread.join()


@pytest.mark.parametrize(("when", "code"), [("before", "posted"), ("after", "exists")])
def test_a_cut_at_the_commit_is_resolved_by_the_same_key(
    books: Books, wire: Wire, when: When, code: str
) -> None:
    held = event("hold", {"committed:V-1 > payable:P": 70}, ttl_seconds=3600)
    through = Server(_detoured(books.server, wire), books.server.database)

    with Sessions(through, print) as sessions:
        queue = queue_on(sessions)
        sessions.run("web", lambda connection: connection.execute("SELECT 1"))
        wire.cut = when
        (outcome,) = queue.post("web", books.programme, [held])

    assert wire.cuts == 1
    assert outcome.code == code
    assert books.balance("committed:V-1") == (930, 70)
    assert books.problems() == ()


def _detoured(server: Server, wire: Wire) -> Detoured:
    assert isinstance(server.source, Embedded)
    return Detoured(
        server.source.place, server.source.voice, Path(wire.listener.getsockname()).parent
    )
