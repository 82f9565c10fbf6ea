"""Heads: the last hash of each programme, to be kept where no administrator can reach it.

Whoever may rewrite the whole database can rewrite the chain with it; nothing inside can
show that. A head saved outside can: the batch it names must still have its hash.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psycopg import Connection

from tallygrid.core.books import Head
from tallygrid.files.heads import read_heads

__all__ = ["heads", "read_heads", "write_heads"]


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


def write_heads(path: Path, saved: Iterable[Head]) -> None:
    """Add heads to a file, one JSON object per line; what the file holds already stays."""
    with path.open("a", encoding="utf-8") as file:
        for head in saved:
            written = {**vars(head), "at": head.at.isoformat(timespec="microseconds")}
            file.write(json.dumps(written, ensure_ascii=False) + "\n")
