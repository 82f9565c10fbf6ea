"""Rows follow the books: what each posting left in its outbox, carried over in order.

A payload says what it `does`; the statement of that name stands beside this file, and may
run twice. Several processes may drain at once: the row of a programme in
`service.progress` is their lock.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb


def drain(connection: Connection) -> int:
    """Carry over everything the books have left since last time; return how many payloads."""
    connection.execute(
        """
        INSERT INTO service.progress (programme)
        SELECT code FROM books.programme ORDER BY code ON CONFLICT (programme) DO NOTHING
        """
    )
    behind = connection.execute(
        """
        SELECT progress.programme, progress.seq, programme.last_seq
        FROM service.progress
        JOIN books.programme ON programme.code = progress.programme
        WHERE programme.last_seq > progress.seq
        ORDER BY progress.programme
        FOR UPDATE OF progress
        """
    ).fetchall()
    return sum(_carry_over(connection, *row) for row in behind)


def carry(connection: Connection, payload: Mapping[str, Any]) -> None:
    """Let the rows follow one payload; also one that moves no public money and has no posting."""
    connection.execute(_statement(payload["does"]), {"payload": Jsonb(payload)})


def _carry_over(connection: Connection, programme: str, done: int, head: int) -> int:
    left = connection.execute(
        """
        SELECT outbox.payload
        FROM books.outbox
        JOIN books.programme ON programme.id = outbox.programme
        WHERE programme.code = %s AND outbox.seq > %s AND outbox.seq <= %s
        ORDER BY outbox.seq
        """,
        (programme, done, head),
    ).fetchall()
    for (payload,) in left:
        carry(connection, payload)
    connection.execute(
        "UPDATE service.progress SET seq = %s WHERE programme = %s", (head, programme)
    )
    return len(left)


@cache
def _statement(deed: str) -> bytes:
    return files(__package__).joinpath(f"{deed}.sql").read_bytes()
