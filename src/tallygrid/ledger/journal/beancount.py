"""The journal for Beancount, which recomputes every balance on its own.

Every event becomes a transaction on the day it was posted. The balances that the books claim
are asserted at the end, to the fen: `bean-check` accepts the journal only if its own sums agree.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date

from tallygrid.core.money import yuan
from tallygrid.ledger.journal.entries import Entry, Event, Journal, day_after


def beancount(journals: Iterable[Journal]) -> Iterator[str]:
    """Write journals as the lines of a Beancount file."""
    yield 'option "title" "The books of tallygrid"'
    yield 'option "operating_currency" "CNY"'
    for journal in journals:
        yield ""
        yield f"; Programme {journal.programme}"
        yield from _written(journal)


def _written(journal: Journal) -> Iterator[str]:
    opened: set[str] = set()
    day: date | None = None
    for entry in journal.entries():
        day = entry.event.day
        yield from _openings(journal, entry, opened)
        yield from _transaction(journal, entry)
    if day is not None:
        yield from _assertions(journal, day_after(day), opened)


def _openings(journal: Journal, entry: Entry, opened: set[str]) -> Iterator[str]:
    for posting in entry.postings:
        name = journal.name(posting)
        if name not in opened:
            opened.add(name)
            yield f"{entry.event.day} open {name} {journal.commodity(posting.account)}"


def _transaction(journal: Journal, entry: Entry) -> Iterator[str]:
    event = entry.event
    if not entry.postings:
        yield f"; {event.day} {event.kind} {event.seq}: no amount moves"
        return
    yield f"{event.day} * {_quoted(event.kind)} {_quoted(event.reason)}"
    yield from _metadata(event)
    for posting in entry.postings:
        commodity = journal.commodity(posting.account)
        yield f"  {journal.name(posting)}  {yuan(posting.amount_fen)} {commodity}"


def _assertions(journal: Journal, day: date, opened: set[str]) -> Iterator[str]:
    for balance in journal.balances:
        if journal.name(balance) in opened:
            commodity = journal.commodity(balance.account)
            amount = yuan(balance.amount_fen)
            yield f"{day} balance {journal.name(balance)}  {amount} ~ 0.00 {commodity}"


def _metadata(event: Event) -> Iterator[str]:
    yield f"  seq: {event.seq}"
    yield f"  key: {_quoted(str(event.key))}"
    yield f"  occurred: {_quoted(event.occurred_at.astimezone(UTC).isoformat())}"
    yield f"  by: {_quoted(event.posted_by)}"
    if event.document:
        yield f"  document: {_quoted(event.document)}"
    yield f"  leaf: {_quoted(event.leaf)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
