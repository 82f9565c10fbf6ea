"""What the tests of the books share: short ways to write an event, and a programme's books."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import Connection

from tallygrid import database, ledger
from tallygrid.core.books import Account, Balance, Event, Head, Leg, Outcome, Problem
from tallygrid.database import Server, resolve
from tallygrid.settings import Settings

AT: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
YEAR: Final = 2026
_numbers = itertools.count(1)


def account(text: str) -> Account:
    """Return `kind`, `kind:holder`, `kind:holder:funder` … of this year, of the city by default."""
    code = text if "@" in text else f"{text}@{YEAR}"
    kind, _, rest = code.partition("@")[0].partition(":")
    if Account.of(f"{kind}@{YEAR}").family == "money" and rest.count(":") == 0:
        code = f"{kind}:{rest}:city@{code.partition('@')[2]}"
    return Account.of(code)


def leg(text: str, amount_fen: int) -> Leg:
    """Return a leg written `source > target`."""
    source, target = text.split(" > ")
    return Leg(account(source), account(target), amount_fen)


def event(kind: str, moves: Mapping[str, int] | None = None, **fields: Any) -> Event:  # noqa: ANN401  # Event's own fields
    """Return an event whose legs are written `source > target: amount`."""
    legs = tuple(leg(text, amount_fen) for text, amount_fen in (moves or {}).items())
    values: dict[str, Any] = {"key": uuid4(), "occurred_at": AT, **fields}
    return Event(kind=kind, legs=legs, **values)


@dataclass
class Books:
    """The books of one fresh programme, open to every role."""

    server: Server
    programme: str = field(default_factory=lambda: f"programme-{next(_numbers)}")
    connections: dict[str, Connection[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ledger.open_programme(self.connect("web"), self.programme)

    def connect(self, role: str) -> Connection[Any]:
        """Return the connection of a login role, or of the server's administrator."""
        if role not in self.connections:
            self.connections[role] = (
                self.server.administer(self.server.database)
                if role == "administrator"
                else self.server.connect(role, autocommit=True)
            )
        return self.connections[role]

    def close(self) -> None:
        """Close every connection."""
        for connection in self.connections.values():
            connection.close()

    def post(self, role: str, *events: Event) -> tuple[Outcome, ...]:
        """Post one batch as a role."""
        return ledger.post(self.connect(role), programme=self.programme, events=events)

    def codes(self, role: str, *events: Event) -> list[str]:
        """Post one batch and return the codes of its outcomes."""
        return [outcome.code for outcome in self.post(role, *events)]

    def fund(self, amount_fen: int, *, voucher: str = "V-1") -> None:
        """Appropriate an amount and issue all of it as one voucher."""
        codes = self.codes(
            "web",
            event("appropriate", {"appropriation > available": amount_fen}),
            event("award", {"available > reserved": amount_fen}),
            event("issue", {f"reserved > committed:{voucher}": amount_fen}),
        )
        assert codes == ["posted"] * 3

    def hold(self, amount_fen: int, *, voucher: str = "V-1", ttl_seconds: int = 3600) -> UUID:
        """Hold an amount of a voucher for provider P and return the hold's key."""
        held = event(
            "hold", {f"committed:{voucher} > payable:P": amount_fen}, ttl_seconds=ttl_seconds
        )
        assert self.codes("web", held) == ["posted"]
        return held.key

    def balance(self, text: str) -> tuple[int, int]:
        """Return what an account has free, and what is held."""
        found = ledger.balance(self.connect("auditor"), self.programme, account(text))
        return found.free_fen, found.held_fen

    def balances(self) -> dict[str, Balance]:
        """Return every balance by the account's code."""
        found = ledger.balances(self.connect("auditor"), self.programme)
        return {where.code: balance for where, balance in found.items()}

    def problems(self, *heads: Head) -> tuple[Problem, ...]:
        """Verify the books as the auditor does."""
        return ledger.verify(self.connect("auditor"), self.programme, heads)

    def make_overdue(self, hold: UUID) -> None:
        """Let the time a hold waits for work run out, as only an administrator could."""
        self.connect("administrator").execute(
            "UPDATE books.hold SET deadline = now() - interval '1 second' WHERE key = %s", [hold]
        )

    def mend_deadlines(self) -> None:
        """Put every deadline back to what the books say it was."""
        self.connect("administrator").execute(
            """
            UPDATE books.hold SET deadline = event.posted_at + make_interval(secs => ttl_seconds)
            FROM books.event WHERE event.programme = hold.programme AND event.key = hold.key
            """
        )


@contextmanager
def books_in(home: Path, programme: str) -> Iterator[Books]:
    """Open a programme's books in the server of a home; the migrator may post every kind."""
    server = resolve(Settings(home=home), print)
    database.migrate(server, [("ledger", ledger.MIGRATIONS)])
    with server.administer(server.database) as administrator:
        administrator.execute(
            "INSERT INTO books.permission SELECT 'tallygrid_migrator', code FROM books.event_kind"
            " ON CONFLICT DO NOTHING"
        )
    opened = Books(server, programme=programme)
    try:
        yield opened
    finally:
        opened.close()
