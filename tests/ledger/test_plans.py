"""What a batch reads depends on the batch alone, even if it was planned while books were empty."""

from contextlib import closing
from typing import Any

from bookkeeping import Books, event
from books_machine import books_of
from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import Event
from tallygrid.database import Server

ROLE = "migrator"  # may post every kind in this test's database
WAY = "committed:V-1 > payable:P"
READ = """
SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE schemaname = 'books'
"""


def test_a_batch_reads_no_more_rows_after_the_books_have_grown(server: Server) -> None:
    with books_of(server, "plans") as created, closing(Books(created)) as books:
        books.fund(10_000)
        connection = created.connect(ROLE, autocommit=True)
        early = [rows_read(connection, books, worked(books)) for _ in range(8)][-1]

        for first in range(0, 3000, 500):
            books.post("web", *issued(first), *(hold() for _ in range(400)))
        late = rows_read(connection, books, worked(books))
        connection.close()

        assert early > 0
        assert late <= early + 5, f"{early} rows were read, and now {late}"


def worked(books: Books) -> list[Event]:
    """Return a batch that touches holds of before in every way, and opens and captures its own."""
    opened = [books.hold(5) for _ in range(4)]
    own = hold()
    return [
        event("extend", {WAY: 1}, hold=opened[0]),
        event("start", hold=opened[1]),
        event("capture", {WAY: 2}, hold=opened[2]),
        event("release", hold=opened[3]),
        own,
        event("capture", {WAY: 1}, hold=own.key, final=True, outbox={"n": 1}),
        event("issue", {"reserved > committed:V-1": 10**9}),  # refused, and recorded
    ]


def issued(first: int) -> list[Event]:
    """Return events that open accounts."""
    return [event("limit", {f"cap_source > cap_room:A-{n}": 1}) for n in range(first, first + 500)]


def hold() -> Event:
    """Return a hold of one fen."""
    return event("hold", {WAY: 1}, ttl_seconds=3600)


def rows_read(connection: Connection[Any], books: Books, events: list[Event]) -> int:
    """Post a batch, and return how many rows of the books that read."""
    with connection.transaction():
        before = ask(connection)
        outcomes = ledger.post(connection, programme=books.programme, events=events)
        after = ask(connection)
    assert [outcome.code for outcome in outcomes] == ["posted"] * 6 + ["insufficient"]
    return after - before


def ask(connection: Connection[Any]) -> int:
    """Return how many rows were read so far, as this session counts."""
    row = connection.execute(READ).fetchone()
    assert row is not None
    return int(row[0])
