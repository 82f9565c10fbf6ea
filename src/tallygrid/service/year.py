"""A fiscal year of a programme: no new money comes into one that is closed.

What brings money into a year and what closes it take turns under one lock: whoever comes
second finds the first one settled. What was spent or owed in the year still moves in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.books import reversal_key
from tallygrid.service.intent import settle_first
from tallygrid.service.told import ToldError
from tallygrid.service.wish import postings_of


class YearError(ToldError):
    """A year is not over yet, or is closed already."""


@dataclass(frozen=True)
class _Closing:
    """A closing that was booked."""

    key: UUID
    document: str
    keys: tuple[UUID, ...]
    """Its entries; none where nothing was left to move."""
    stands: bool
    """Whether it was not undone: one without entries is, with any that was booked before it."""


def require_open(connection: Connection, programme: str, year: int) -> None:
    """See that new money may come into a year, in the transaction that writes the intent.

    Raises:
        PendingError: The year is being closed.
        YearError: It is closed.
    """
    settle_first(connection, _lock(programme, year), "close", programme=programme)
    if (closing := _standing(connection, programme, year)) is not None:
        about = {"programme": programme, "year": year, "next": year + 1}
        code = "year_closed" if closing.keys else "year_closed_empty"
        keys = " ".join(map(str, closing.keys))
        raise YearError(code, document=closing.document, keys=keys, **about)


def is_closed(connection: Connection, programme: str, year: int) -> bool:
    """Tell whether a year is closed."""
    return _standing(connection, programme, year) is not None


def require_standing(connection: Connection, programme: str, year: int, key: UUID) -> None:
    """See that a closing was not undone since, before what it came to is told again.

    Raises:
        YearError: It was.
    """
    (closing,) = (one for one in _closings(connection, programme, year) if one.key == key)
    if not closing.stands:
        about = {"programme": programme, "year": year, "document": closing.document}
        raise YearError("closing_undone", **about)


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


def _standing(connection: Connection, programme: str, year: int) -> _Closing | None:
    """Return a closing that stands, one with entries to undo if there is one."""
    standing = (one for one in _closings(connection, programme, year) if one.stands)
    return max(standing, key=lambda one: bool(one.keys), default=None)


def _closings(connection: Connection, programme: str, year: int) -> tuple[_Closing, ...]:
    """Return all closings of a year, the latest first."""
    rows = connection.execute(
        """
        SELECT key, body ->> 'document', postings, settled_at FROM service.intent
        WHERE kind = 'close' AND body @> %s
          AND settled_at IS NOT NULL AND outcome -> 'refused' = 'null'
        ORDER BY settled_at DESC
        """,
        (Jsonb({"programme": programme, "year": year}),),
    ).fetchall()
    keys = [
        tuple(event.key for posting in postings_of(written) for event in posting.events)
        for _, _, written, _ in rows
    ]
    undone = [_undone_at(connection, programme, some) for some in keys]
    opened_at = max(filter(None, undone), default=None)
    return tuple(
        _Closing(
            key, document, some, stands=not at if some else not opened_at or closed > opened_at
        )
        for (key, document, _, closed), some, at in zip(rows, keys, undone, strict=True)
    )


def _undone_at(connection: Connection, programme: str, keys: Sequence[UUID]) -> datetime | None:
    """Return when every one of these entries was undone; None if one was not."""
    row = connection.execute(
        """
        SELECT max(event.posted_at), count(*) FROM books.event
        JOIN books.programme ON programme.id = event.programme
        WHERE programme.code = %s AND event.key = ANY (%s)
        """,
        (programme, [reversal_key(key) for key in keys]),
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    at, count = row
    return at if count == len(keys) else None
