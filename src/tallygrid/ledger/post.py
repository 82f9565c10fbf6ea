"""Posting to the books, and opening them."""

import json
from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection

from tallygrid.core.books import Event, Outcome

EVENTS_PER_BATCH_MAX: Final = 1000
"""The database refuses more; some hundreds are fastest."""


def post(
    connection: Connection[Any], *, programme: str, events: Sequence[Event]
) -> tuple[Outcome, ...]:
    """Post events to a programme's books in the connection's transaction, as one batch.

    Each event has its own outcome, in the order given; a refusal is an outcome, not an
    exception. The role that is logged in must be permitted to post the kind.

    Raises:
        psycopg.errors.NoDataFound: The programme's books are not open.
    """
    if not events:
        return ()
    found = connection.execute(
        "SELECT key, code, seq, detail FROM books.post(%s, %s::jsonb)",
        [programme, json.dumps([event.as_json() for event in events], ensure_ascii=False)],
    )
    return tuple(Outcome(key, code, seq, detail) for key, code, seq, detail in found)


def open_programme(connection: Connection[Any], code: str, currency: str = "CNY") -> None:
    """Open a programme's books; asking twice is asking once.

    Raises:
        psycopg.errors.UniqueViolation: They are open in another currency.
    """
    connection.execute("SELECT books.open_programme(%s, %s)", [code, currency])


def programmes(connection: Connection[Any]) -> tuple[str, ...]:
    """Return the programmes that have books, sorted."""
    found = connection.execute("SELECT code FROM books.programme ORDER BY code")
    return tuple(code for (code,) in found)


def expire_holds(connection: Connection[Any], programme: str, *, limit: int = 100) -> int:
    """Expire overdue holds of unstarted work; return how many.

    Every posting does so first by itself, so this only serves programmes that lie still.
    """
    found = connection.execute("SELECT books.expire_holds(%s, %s)", [programme, limit]).fetchone()
    assert found is not None
    return int(found[0])
