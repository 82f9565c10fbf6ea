"""The journal for hledger, which recomputes every balance on its own.

Every event becomes a transaction on the day it was posted, with its number as the code. The
balances that the books claim stand as assertions in one last transaction of each programme:
`hledger check` accepts the journal only if its own sums agree.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date

from tallygrid.core.money import yuan
from tallygrid.ledger.journal.entries import Entry, Event, Journal, day_after


def hledger(journals: Iterable[Journal]) -> Iterator[str]:
    """Write journals as the lines of an hledger file."""
    yield "; The books of tallygrid"
    declared: set[str] = set()
    for journal in journals:
        yield ""
        yield f"; Programme {journal.programme}"
        yield from _written(journal, declared)


def _written(journal: Journal, declared: set[str]) -> Iterator[str]:
    opened: set[str] = set()
    day: date | None = None
    for entry in journal.entries():
        day = entry.event.day
        yield from _declarations(journal, entry, opened, declared)
        yield from _transaction(journal, entry)
    if day is not None:
        yield from _assertions(journal, day_after(day), opened)


def _declarations(
    journal: Journal, entry: Entry, opened: set[str], declared: set[str]
) -> Iterator[str]:
    """Declare what is new, so that strict checks pass too."""
    for posting in entry.postings:
        name, commodity = journal.name(posting), journal.commodity(posting.account)
        if commodity not in declared:
            declared.add(commodity)
            yield f"commodity 1000.00 {commodity}"
        if name not in opened:
            opened.add(name)
            yield f"account {name}"


def _transaction(journal: Journal, entry: Entry) -> Iterator[str]:
    event = entry.event
    if not entry.postings:
        yield f"; {event.day} {event.kind} {event.seq}: no amount moves"
        return
    yield f"{event.day} * ({event.seq}) {event.kind}"
    yield from _comments(event)
    for posting in entry.postings:
        commodity = journal.commodity(posting.account)
        yield f"    {journal.name(posting)}  {yuan(posting.amount_fen)} {commodity}"
    yield ""


def _assertions(journal: Journal, day: date, opened: set[str]) -> Iterator[str]:
    yield f"{day} * balances"
    for balance in journal.balances:
        if journal.name(balance) in opened:
            commodity = journal.commodity(balance.account)
            claimed = f"{yuan(balance.amount_fen)} {commodity}"
            yield f"    {journal.name(balance)}  0.00 {commodity} = {claimed}"
    yield ""


def _comments(event: Event) -> Iterator[str]:
    yield f"    ; key: {event.key}"
    yield f"    ; occurred: {event.occurred_at.astimezone(UTC).isoformat()}"
    yield f"    ; by: {event.posted_by}"
    if event.document:
        yield f"    ; document: {event.document}"
    yield f"    ; leaf: {event.leaf}"
    # Free text comes last and bare: hledger would end a tag's value at its first comma.
    yield from (f"    ; {line}" for line in event.reason.splitlines())
