"""Posting to the books, and opening them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Connection

from tallygrid.core.books import Event, Leg, Outcome

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
        [programme, json.dumps([_asked(event) for event in events], ensure_ascii=False)],
    )
    return tuple(Outcome(key, code, seq, detail) for key, code, seq, detail in found)


def open_programme(connection: Connection[Any], code: str, currency: str = "CNY") -> None:
    """Open a programme's books; asking twice is asking once.

    Raises:
        psycopg.errors.UniqueViolation: They are open in another currency.
    """
    connection.execute("SELECT books.open_programme(%s, %s)", [code, currency])


def expire_holds(connection: Connection[Any], programme: str, *, limit: int = 100) -> int:
    """Expire overdue holds of unstarted work; return how many.

    Every posting does so first by itself, so this only serves programmes that lie still.
    """
    found = connection.execute("SELECT books.expire_holds(%s, %s)", [programme, limit]).fetchone()
    assert found is not None
    return int(found[0])


def _asked(event: Event) -> dict[str, Any]:
    return {name: value for name, value in _fields(event) if value is not None}


def _fields(event: Event) -> Iterator[tuple[str, object]]:
    yield "key", str(event.key)
    yield "kind", event.kind
    yield "legs", [_leg(leg) for leg in event.legs]
    yield "occurred_at", _utc(event.occurred_at)
    yield "hold", None if event.hold is None else str(event.hold)
    yield "ttl_seconds", event.ttl_seconds
    yield "final", event.final
    yield "reason", event.reason
    yield "document", event.document
    yield "outbox", None if event.outbox is None else dict(event.outbox)
    yield "chain", event.chain


def _leg(leg: Leg) -> Mapping[str, object]:
    return {"source": leg.source.code, "target": leg.target.code, "amount_fen": leg.amount_fen}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
