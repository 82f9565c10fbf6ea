"""Events and batches as they are recorded: the plain data from which anyone computes the hashes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Connection


class Batch(NamedTuple):
    """A link of the chain, with the leaves of its events in order; hashes in hexadecimal."""

    no: int
    first_seq: int
    last_seq: int
    previous: str
    hash: str
    leaves: list[str]


def recorded(
    connection: Connection[Any], programme: str, seqs: Iterable[int]
) -> tuple[dict[str, Any], ...]:
    """Return events by their places, as `core.canonical` reads them."""
    found = connection.execute(
        """
        SELECT jsonb_build_object(
          'seq', event.seq,
          'batch', event.batch,
          'key', event.key,
          'kind', event.kind,
          'hold', event.hold,
          'ttl_seconds', event.ttl_seconds,
          'is_final', event.is_final,
          'occurred_at', to_char(event.occurred_at AT TIME ZONE 'UTC', %(instant)s),
          'posted_at', to_char(event.posted_at AT TIME ZONE 'UTC', %(instant)s),
          'posted_by', event.posted_by,
          'reason', event.reason,
          'document', event.document,
          'outbox', outbox.payload::text,
          'legs', coalesce(legs.legs, '[]'))
        FROM books.event
        JOIN books.programme ON programme.id = event.programme
        LEFT JOIN books.outbox ON outbox.programme = event.programme AND outbox.seq = event.seq
        LEFT JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_array(source.code, target.code, leg.amount_fen)
                           ORDER BY leg.no) AS legs
          FROM books.leg
          JOIN books.account AS source
            ON source.programme = leg.programme AND source.id = leg.source
          JOIN books.account AS target
            ON target.programme = leg.programme AND target.id = leg.target
          WHERE leg.programme = event.programme AND leg.seq = event.seq
        ) AS legs ON true
        WHERE programme.code = %(programme)s AND event.seq = ANY (%(seqs)s)
        ORDER BY event.seq
        """,
        {"programme": programme, "seqs": list(seqs), "instant": 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'},
    )
    return tuple(row[0] for row in found)


def batches(
    connection: Connection[Any], programme: str, first: int, last: int
) -> tuple[Batch, ...]:
    """Return the links of a programme's chain from one batch to another, both included."""
    found = connection.execute(
        """
        SELECT batch.no, batch.first_seq, batch.last_seq, encode(batch.previous, 'hex'),
          encode(batch.hash, 'hex'), array_agg(encode(event.leaf, 'hex') ORDER BY event.seq)
        FROM books.batch
        JOIN books.programme ON programme.id = batch.programme
        JOIN books.event ON event.programme = batch.programme
          AND event.seq BETWEEN batch.first_seq AND batch.last_seq
        WHERE programme.code = %s AND batch.no BETWEEN %s AND %s
        GROUP BY batch.programme, batch.no ORDER BY batch.no
        """,
        [programme, first, last],
    )
    return tuple(Batch(*row) for row in found)
