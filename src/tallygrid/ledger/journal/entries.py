"""The books as entries: every event with the postings it made, and the balances at the end.

An account of the books is two here: what is `Spendable`, and what holds have set `Aside`;
neither has accounts below it, since journal programs would add those in. Public money is in
the programme's currency; memoranda are in a commodity `MEMO`, so that they never mix with it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from tallygrid.core.books import MONEY_TABLE, Account, Phase

_EVENTS_PER_READ: Final = 1000
_MEMO: Final = "MEMO"
_LABELS: Final[Mapping[str, str]] = {"funder": "F", "holder": "H", "group": "G"}


@dataclass(frozen=True)
class Posting:
    """An amount that comes to one half of an account, or, below zero, leaves it."""

    account: Account
    is_aside: bool
    amount_fen: int


@dataclass(frozen=True)
class Event:
    """An event of the books with its legs."""

    seq: int
    key: UUID
    kind: str
    hold: UUID | None
    is_final: bool
    occurred_at: datetime
    posted_at: datetime
    posted_by: str
    reason: str
    document: str
    leaf: str
    legs: Sequence[tuple[str, str, int]]

    @property
    def day(self) -> date:
        """The day on which it was posted, in UTC."""
        return self.posted_at.astimezone(UTC).date()

    @property
    def phase(self) -> Phase:
        """What it does to a hold."""
        return MONEY_TABLE[self.kind].phase

    @property
    def closes(self) -> bool:
        """Tell whether its hold ends with it."""
        return self.is_final or self.phase in {"release", "expire"}


@dataclass(frozen=True)
class Entry:
    """An event, and what it moved; nothing, if it only changed the state of a hold."""

    event: Event
    postings: tuple[Posting, ...]


@dataclass(frozen=True)
class Journal:
    """One programme's books up to an event, and the balances that they claim after it."""

    connection: Connection[Any]
    programme: str
    currency: str
    last_seq: int
    balances: tuple[Posting, ...]

    def entries(self) -> Iterator[Entry]:
        """Return every event in order, each with its postings."""
        rests: _Rests = {}
        for event in self._events():
            yield Entry(event, tuple(p for p in _postings(event, rests) if p.amount_fen))

    def name(self, posting: Posting) -> str:
        """Return the name of a posting's account in a journal."""
        return journal_account(self.programme, posting.account, is_aside=posting.is_aside)

    def commodity(self, account: Account) -> str:
        """Return what an account counts."""
        return self.currency if account.family == "money" else _MEMO

    def _events(self) -> Iterator[Event]:
        for after in range(0, self.last_seq, _EVENTS_PER_READ):
            cursor = self.connection.cursor(row_factory=class_row(Event))
            yield from cursor.execute(
                _READ, [self.programme, after, min(after + _EVENTS_PER_READ, self.last_seq)]
            )


def journals(connection: Connection[Any], programme: str | None = None) -> Iterator[Journal]:
    """Return the journal of a programme, or of all."""
    found = connection.execute(
        "SELECT code FROM books.programme WHERE %s::text IS NULL OR code = %s ORDER BY code",
        [programme, programme],
    ).fetchall()
    return (_journal(connection, code) for (code,) in found)


def day_after(day: date) -> date:
    """Return the day at whose beginning a day's postings are all made.

    >>> day_after(date(2026, 12, 31))
    datetime.date(2027, 1, 1)
    """
    return day + timedelta(days=1)


def journal_account(programme: str, account: Account, *, is_aside: bool = False) -> str:
    """Return an account's name in a journal.

    Parts are escaped, so that different accounts have different names.

    >>> journal_account("p", Account("committed", 2026, holder="V-1", funder="city"))
    'Assets:Pp:Y2026:Committed:Fcity:HV--1:Spendable'
    """
    root = "Equity" if account.is_source else "Assets"
    kind = "".join(word.title() for word in account.kind.split("_"))
    parts = [
        label + _escaped(value)
        for name, label in _LABELS.items()
        if (value := getattr(account, name))
    ]
    half = "Aside" if is_aside else "Spendable"
    return ":".join([root, "P" + _escaped(programme), f"Y{account.year}", kind, *parts, half])


def _escaped(text: str) -> str:
    """Write what is no ASCII letter or digit by its number between hyphens; a hyphen twice.

    >>> _escaped("张-1")
    '-5f20---1'
    """
    return re.sub(
        r"[^0-9A-Za-z]",
        lambda found: "--" if found[0] == "-" else f"-{ord(found[0]):x}-",
        text,
    )


def _journal(connection: Connection[Any], programme: str) -> Journal:
    """Read where the books of a programme end, and the balances there, in one look."""
    found = connection.execute(
        """
        SELECT programme.currency, programme.last_seq, account.code,
          account.in_fen - account.out_fen - account.held_fen, account.held_fen
        FROM books.programme LEFT JOIN books.account ON account.programme = programme.id
        WHERE programme.code = %s
        ORDER BY account.code
        """,
        [programme],
    ).fetchall()
    currency, last_seq = found[0][:2]
    balances = tuple(
        Posting(Account.of(code), is_aside, amount_fen)
        for _, _, code, free_fen, held_fen in found
        if code
        for is_aside, amount_fen in ((False, free_fen), (True, held_fen))
    )
    return Journal(connection, programme, currency, last_seq, balances)


_Rests = dict[UUID, dict[tuple[str, str], int]]
"""Per open hold, what each of its legs has left."""


def _postings(event: Event, rests: _Rests) -> Iterator[Posting]:
    """Yield what an event moves, and note what its hold has left."""
    sets_aside, captures = event.phase in {"hold", "extend"}, event.phase == "capture"
    rest = rests.setdefault(event.hold or event.key, {})
    for source, target, amount_fen in event.legs:
        yield Posting(Account.of(source), captures, -amount_fen)
        yield Posting(Account.of(source if sets_aside else target), sets_aside, amount_fen)
        if sets_aside or captures:
            change = amount_fen if sets_aside else -amount_fen
            rest[source, target] = rest.get((source, target), 0) + change
    if event.closes:
        for (source, _), left_fen in sorted(rest.items()):
            yield Posting(Account.of(source), is_aside=True, amount_fen=-left_fen)
            yield Posting(Account.of(source), is_aside=False, amount_fen=left_fen)
    if event.closes or event.phase == "direct":
        del rests[event.hold or event.key]


_READ: Final = """
    SELECT event.seq, event.key, event.kind, event.hold, event.is_final, event.occurred_at,
      event.posted_at, event.posted_by, event.reason, event.document,
      encode(event.leaf, 'hex') AS leaf, coalesce(legs.legs, '[]') AS legs
    FROM books.event
    JOIN books.programme ON programme.id = event.programme
    LEFT JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_array(source.code, target.code, leg.amount_fen)
                       ORDER BY leg.no) AS legs
      FROM books.leg
      JOIN books.account AS source ON source.programme = leg.programme AND source.id = leg.source
      JOIN books.account AS target ON target.programme = leg.programme AND target.id = leg.target
      WHERE leg.programme = event.programme AND leg.seq = event.seq
    ) AS legs ON true
    WHERE programme.code = %s AND event.seq > %s AND event.seq <= %s
    ORDER BY event.seq
"""
