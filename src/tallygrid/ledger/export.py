"""The books as a Beancount journal, which recomputes every balance on its own.

Every event becomes a transaction on the day it was posted. An account of the books is two
here: what is `Spendable`, and what holds have set `Aside`; neither has accounts below it,
since Beancount would add those in. The balances the books claim are asserted at the end, to
the fen: `bean-check` accepts the journal only if its own sums agree. Public
money is in the programme's currency; memoranda are in a commodity `MEMO`, so that they never
mix with it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from tallygrid.core.books import MONEY_TABLE, Account, Phase
from tallygrid.core.money import yuan

_EVENTS_PER_READ: Final = 1000
_MEMO: Final = "MEMO"
_LABELS: Final[Mapping[str, str]] = {"funder": "F", "holder": "H", "group": "G"}


def export_beancount(connection: Connection[Any], programme: str | None = None) -> Iterator[str]:
    """Write a programme's books, or all, as the lines of a Beancount journal."""
    yield 'option "title" "The books of tallygrid"'
    yield 'option "operating_currency" "CNY"'
    found = connection.execute(
        "SELECT code FROM books.programme WHERE %s::text IS NULL OR code = %s ORDER BY code",
        [programme, programme],
    ).fetchall()
    for (code,) in found:
        yield ""
        yield f"; Programme {code}"
        yield from _Journal(connection, code).lines()


def journal_account(programme: str, account: Account, *, held: bool = False) -> str:
    """Return an account's name in the journal.

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
    programme_part, year_part = "P" + _escaped(programme), f"Y{account.year}"
    return ":".join(
        [root, programme_part, year_part, kind, *parts, "Aside" if held else "Spendable"]
    )


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


@dataclass(frozen=True)
class _Row:
    """An event of the books with its legs, as the export reads it."""

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
    def phase(self) -> Phase:
        return MONEY_TABLE[self.kind].phase

    @property
    def closes(self) -> bool:
        return self.is_final or self.phase in {"release", "expire"}


_Way = tuple[str, str]


@dataclass
class _Journal:
    """The journal of one programme while it is being written."""

    connection: Connection[Any]
    programme: str
    opened: set[str] = field(default_factory=set)
    rests: dict[UUID, dict[_Way, int]] = field(default_factory=dict)
    """Per open hold, what each of its legs has left."""

    def lines(self) -> Iterator[str]:
        currency, last_seq, balances = self._end()
        day: date | None = None
        for row in self._rows(last_seq):
            day = row.posted_at.astimezone(UTC).date()
            yield from self._transaction(row, day, currency)
        if day is not None:
            yield from self._assertions(balances, day + timedelta(days=1), currency)

    def _end(self) -> tuple[str, int, Sequence[tuple[str, int, int]]]:
        """Read where the books end, and the balances there, in one look."""
        found = self.connection.execute(
            """
            SELECT programme.currency, programme.last_seq, account.code,
              account.in_fen - account.out_fen - account.held_fen, account.held_fen
            FROM books.programme LEFT JOIN books.account ON account.programme = programme.id
            WHERE programme.code = %s
            ORDER BY account.code
            """,
            [self.programme],
        ).fetchall()
        currency, last_seq = found[0][:2]
        return currency, last_seq, [(code, free, held) for _, _, code, free, held in found if code]

    def _rows(self, last_seq: int) -> Iterator[_Row]:
        for after in range(0, last_seq, _EVENTS_PER_READ):
            cursor = self.connection.cursor(row_factory=class_row(_Row))
            yield from cursor.execute(
                _READ, [self.programme, after, min(after + _EVENTS_PER_READ, last_seq)]
            )

    def _transaction(self, row: _Row, day: date, currency: str) -> Iterator[str]:
        postings = [posting for posting in self._postings(row) if posting[2]]
        for code, held, _ in postings:
            name = journal_account(self.programme, Account.of(code), held=held)
            if name not in self.opened:
                self.opened.add(name)
                yield f"{day} open {name} {_commodity(code, currency)}"
        if not postings:
            yield f"; {day} {row.kind} {row.seq}: no amount moves"
            return
        yield f"{day} * {_quoted(row.kind)} {_quoted(row.reason)}"
        yield from _metadata(row)
        for code, held, amount_fen in postings:
            name = journal_account(self.programme, Account.of(code), held=held)
            yield f"  {name}  {yuan(amount_fen)} {_commodity(code, currency)}"

    def _postings(self, row: _Row) -> Iterator[tuple[str, bool, int]]:
        """Yield the account, whether its held part, and the amount of each posting."""
        sets_aside, captures = row.phase in {"hold", "extend"}, row.phase == "capture"
        rest = self.rests.setdefault(row.hold or row.key, {})
        for source, target, amount_fen in row.legs:
            yield source, captures, -amount_fen
            yield (source if sets_aside else target), sets_aside, amount_fen
            if sets_aside or captures:
                change = amount_fen if sets_aside else -amount_fen
                rest[source, target] = rest.get((source, target), 0) + change
        if row.closes:
            for (source, _), left in sorted(rest.items()):
                yield source, True, -left
                yield source, False, left
        if row.closes or row.phase == "direct":
            del self.rests[row.hold or row.key]

    def _assertions(
        self, balances: Sequence[tuple[str, int, int]], day: date, currency: str
    ) -> Iterator[str]:
        for code, free, held in balances:
            for is_held, amount_fen in ((False, free), (True, held)):
                name = journal_account(self.programme, Account.of(code), held=is_held)
                if name in self.opened:
                    commodity = _commodity(code, currency)
                    yield f"{day} balance {name}  {yuan(amount_fen)} ~ 0.00 {commodity}"


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


def _commodity(code: str, currency: str) -> str:
    return currency if Account.of(code).family == "money" else _MEMO


def _metadata(row: _Row) -> Iterator[str]:
    yield f"  seq: {row.seq}"
    yield f"  key: {_quoted(str(row.key))}"
    yield f"  occurred: {_quoted(row.occurred_at.astimezone(UTC).isoformat())}"
    yield f"  by: {_quoted(row.posted_by)}"
    if row.document:
        yield f"  document: {_quoted(row.document)}"
    yield f"  leaf: {_quoted(row.leaf)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
