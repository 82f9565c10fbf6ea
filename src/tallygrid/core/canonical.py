"""The exact text whose hash stands for an event of the books, written without the database.

An event is written with one value per line; what is absent is an empty line. Only the reason may
have several lines, and it comes last. The database writes the same text in SQL
(docs/algorithms/ledger.md#proof); this is the second reading, by which anyone checks a proof
where no database is. What is signed is written in fields that know their length.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any


def fields(*values: str) -> bytes:
    """Write values so that no two different rows of them give one text.

    >>> fields("hello", "", "张").decode()
    '5:hello0:3:张'
    """
    encoded = (value.encode() for value in values)
    return b"".join(b"%d:%s" % (len(value), value) for value in encoded)


def lines(*values: str) -> bytes:
    r"""Write one value per line.

    >>> lines("hello", "", "张").decode()
    'hello\n\n张'
    """
    return "\n".join(values).encode()


def instant(at: datetime) -> str:
    """Write an instant in UTC to the microsecond, as the canonical text does.

    >>> instant(datetime(2026, 3, 1, 9, tzinfo=UTC))
    '2026-03-01T09:00:00.000000Z'
    """
    assert at.tzinfo is not None, "an instant names its zone"
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return the hash of what the caller of an event asked for."""
    ttl_seconds = event["ttl_seconds"]
    said = event["outbox"]
    return sha256(
        lines(
            event["kind"],
            event["hold"] or "",
            "" if ttl_seconds is None else str(ttl_seconds),
            "true" if event["is_final"] else "false",
            event["occurred_at"],
            event["document"],
            "" if said is None else sha256(said.encode()).hexdigest(),
            *(" ".join(map(str, leg)) for leg in event["legs"]),
            "",
            event["reason"],
        )
    ).digest()


def leaf_of(programme: str, event: Mapping[str, Any]) -> bytes:
    """Return the hash of an event with what the books added: place, time, login role."""
    return sha256(
        lines(
            programme,
            str(event["batch"]),
            event["posted_at"],
            event["posted_by"],
            str(event["seq"]),
            event["key"],
            body_of(event).hex(),
        )
    ).digest()


def genesis_of(programme: str, currency: str) -> bytes:
    """Return what the first batch of a programme is chained to."""
    return sha256(lines(programme, currency)).digest()


def link_of(previous: bytes, leaves: Iterable[bytes]) -> bytes:
    """Return the hash of a batch: of the hash before it, followed by its leaves."""
    return sha256(previous + b"".join(leaves)).digest()


def canonical_json(value: object) -> str:
    """Write JSON in one way only: sorted keys, no spaces, every character as itself.

    >>> canonical_json({"b": 1, "a": "张"})
    '{"a":"张","b":1}'
    """
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def sha256_of(value: object) -> str:
    """Return the hash of a value's canonical JSON, in hexadecimal."""
    return sha256(canonical_json(value).encode()).hexdigest()
