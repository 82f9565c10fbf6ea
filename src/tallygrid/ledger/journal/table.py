"""The journal as a table, one row per posting: CSV for people, Parquet for programs.

The amounts of an account's rows, summed, are its balance; those of an event, its zero.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from tallygrid.ledger.journal.entries import Entry, Journal

if TYPE_CHECKING:
    import polars as pl

COLUMNS: Final = (
    "programme", "seq", "no", "key", "kind", "hold", "occurred_at", "posted_at", "posted_by",
    "reason", "document", "leaf", "account", "account_kind", "year", "holder", "funder", "group",
    "half", "amount_fen", "commodity",
)  # fmt: skip
_INTEGERS: Final = frozenset({"seq", "no", "year", "amount_fen"})
_TIMES: Final = frozenset({"occurred_at", "posted_at"})
_ROWS_PER_WRITE: Final = 50_000


def write_csv(journals: Iterable[Journal], out: TextIO) -> None:
    """Write journals as CSV; times are UTC, as ISO 8601 writes them."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _rows(journals):
        writer.writerow([value.isoformat() if hasattr(value, "isoformat") else value
                         for value in row])  # fmt: skip


def write_parquet(journals: Iterable[Journal], path: Path) -> None:
    """Write journals as one Parquet file, a part at a time, so that no size is too large."""
    import polars as pl  # noqa: PLC0415  # half a second that only this form should cost
    from polars.io.plugins import register_io_source  # noqa: PLC0415  # the same

    schema: dict[str, pl.DataType] = {name: _type(name) for name in COLUMNS}
    rows = _rows(journals)

    def parts(*_: object) -> "Iterator[pl.DataFrame]":
        # Polars may ask for fewer columns or rows; a whole file needs them all.
        while part := list(islice(rows, _ROWS_PER_WRITE)):
            yield pl.DataFrame(part, schema=schema, orient="row")

    register_io_source(parts, schema=schema).sink_parquet(path)


def _type(name: str) -> "pl.DataType":
    import polars as pl  # noqa: PLC0415  # see `write_parquet`

    if name in _TIMES:
        return pl.Datetime("us", "UTC")
    return pl.Int64() if name in _INTEGERS else pl.String()


def _rows(journals: Iterable[Journal]) -> Iterator[tuple[Any, ...]]:
    for journal in journals:
        for entry in journal.entries():
            yield from _of_entry(journal, entry)


def _of_entry(journal: Journal, entry: Entry) -> Iterator[tuple[Any, ...]]:
    event = entry.event
    said = (
        str(event.key), event.kind, str(event.hold or ""), event.occurred_at.astimezone(UTC),
        event.posted_at.astimezone(UTC), event.posted_by, event.reason, event.document, event.leaf,
    )  # fmt: skip
    for number, posting in enumerate(entry.postings, start=1):
        account = posting.account
        yield (
            journal.programme, event.seq, number, *said, account.code, account.kind, account.year,
            account.holder, account.funder, account.group,
            "aside" if posting.is_aside else "spendable", posting.amount_fen,
            journal.commodity(account),
        )  # fmt: skip
