"""Heads: the last hash of each programme, to be kept where no administrator can reach it.

Whoever may rewrite the whole database can rewrite the chain with it; nothing inside can
show that. A head saved outside can: the batch it names must still have its hash.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection

from tallygrid.core.books import Head, Problem
from tallygrid.core.heads import SignedHead, signed
from tallygrid.core.signature import SigningKey
from tallygrid.files.heads import HEADS_FILE, kept_to_oneself, read_heads, write_heads
from tallygrid.ledger.verify import against


def heads(connection: Connection[Any]) -> tuple[Head, ...]:
    """Return the head of every programme that has posted anything, sorted by programme."""
    found = connection.execute(
        """
        SELECT programme.code, batch.no, batch.last_seq, encode(batch.hash, 'hex'),
          batch.algorithm, batch.posted_at
        FROM books.programme
        JOIN books.batch ON batch.programme = programme.id AND batch.no = programme.last_batch
        ORDER BY programme.code
        """
    )
    return tuple(Head(*row) for row in found)


def publish(
    connection: Connection[Any], folder: Path, key: SigningKey, *, at: datetime
) -> tuple[tuple[SignedHead, ...], tuple[Problem, ...]]:
    """Sign the heads that are new, and add them to the folder that is published.

    Nothing is signed that contradicts what was: if a batch whose head was published is gone or
    another now, its programme is left out and the batch named.

    Returns:
        The heads that were published, and what kept others back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with kept_to_oneself(folder / HEADS_FILE):
        last = {one.head.programme: one.head for one in published(folder)}
        problems = tuple(problem for head in last.values() for problem in against(connection, head))
        kept_back = {problem.values["programme"] for problem in problems}
        new = tuple(
            signed(head, key, at=at)
            for head in heads(connection)
            if head.programme not in kept_back and head != last.get(head.programme)
        )
        write_heads(folder / HEADS_FILE, new)
    return new, problems


def published(folder: Path) -> tuple[SignedHead, ...]:
    """Return the heads of a published folder, the oldest first; none, if there is no file yet."""
    file = folder / HEADS_FILE
    return read_heads(file) if file.exists() and file.stat().st_size else ()
