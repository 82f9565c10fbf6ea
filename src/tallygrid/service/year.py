"""A fiscal year of a programme: no new money comes into one that is closed.

What brings money into a year and what closes it take turns under one lock: whoever comes
second finds the first one settled. What was spent or owed in the year still moves in it.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.books import reversal_key
from tallygrid.service.intent import settle_first
from tallygrid.service.told import ToldError
from tallygrid.service.wish import postings_of


class YearError(ToldError):
    """A year is not over yet, or is closed already."""


def require_open(connection: Connection, programme: str, year: int) -> None:
    """See that new money may come into a year, in the transaction that writes the intent.

    Raises:
        PendingError: The year is being closed.
        YearError: It is closed.
    """
    settle_first(connection, _lock(programme, year), "close", programme=programme)
    if (document := closed_by(connection, programme, year)) is not None:
        about = {"programme": programme, "year": year, "next": year + 1}
        raise YearError("year_closed", document=document, **about)


def require_standing(connection: Connection, programme: str, year: int, key: UUID) -> None:
    """See that a closing was not undone since, before what it came to is told again.

    Raises:
        YearError: It was.
    """
    document, keys = _closings(connection, programme, year)[key]
    if keys and _undone(connection, programme, keys):
        raise YearError("closing_undone", programme=programme, year=year, document=document)


def settle_entering(connection: Connection, programme: str, year: int) -> None:
    """See that no new money is on its way into a year, in the transaction that closes it.

    Raises:
        PendingError: Some is.
    """
    lock = _lock(programme, year)
    settle_first(connection, lock, "appropriate", "reverse", programme=programme)
    settle_first(connection, lock, "transfer", to=programme)


def _lock(programme: str, year: int) -> str:
    return f"year {year} of {programme}"


def closed_by(connection: Connection, programme: str, year: int) -> str | None:
    """Return the document by which a year was closed; None if none was, or all were undone."""
    for document, keys in _closings(connection, programme, year).values():
        if not keys or not _undone(connection, programme, keys):
            return document
    return None


def _closings(
    connection: Connection, programme: str, year: int
) -> Mapping[UUID, tuple[str, Sequence[UUID]]]:
    """Return each closing's document and the keys of its entries, the latest first."""
    rows = connection.execute(
        """
        SELECT key, body ->> 'document', postings FROM service.intent
        WHERE kind = 'close' AND body @> %s
          AND settled_at IS NOT NULL AND outcome -> 'refused' = 'null'
        ORDER BY settled_at DESC
        """,
        (Jsonb({"programme": programme, "year": year}),),
    ).fetchall()
    return {
        key: (
            document,
            [event.key for posting in postings_of(written) for event in posting.events],
        )
        for key, document, written in rows
    }


def _undone(connection: Connection, programme: str, keys: Sequence[UUID]) -> bool:
    """Tell whether every one of these entries was undone."""
    row = connection.execute(
        """
        SELECT count(*) FROM books.event JOIN books.programme ON programme.id = event.programme
        WHERE programme.code = %s AND event.key = ANY (%s)
        """,
        (programme, [reversal_key(key) for key in keys]),
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]) == len(keys)
