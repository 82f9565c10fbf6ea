"""Drawing up statements from the books."""

from datetime import datetime, time
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from psycopg import Connection

from tallygrid.core.books import Account
from tallygrid.core.statement import COLUMNS, Month, Movement, Statement, Sums, total
from tallygrid.settings import Language
from tallygrid.text import render


class NoPartyError(Exception):
    """Nobody of that name is known in these books."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return what was not found."""
        return render("statement.no_party", language, name=self.name)


def statement(
    connection: Connection[Any], party: str, month: Month, zone: ZoneInfo, *, at: datetime
) -> Statement:
    """Return a party's statement of a month.

    Args:
        connection: Of a role that reads the books, in a transaction that sees one state.
        party: The unified social credit code.
        month: The month, in the zone.
        zone: In which its days begin.
        at: When it is drawn up.

    Raises:
        NoPartyError: There is no such party.
    """
    row = connection.execute(
        "SELECT coalesce(name ->> 'zh', name ->> 'en') FROM service.party WHERE id = %s", [party]
    ).fetchone()
    if row is None:
        raise NoPartyError(party)
    start, end = (datetime.combine(one.first, time(), zone) for one in (month, month.next))
    values = {"party": party, "kinds": list(COLUMNS), "start": start, "end": end}
    before = connection.execute(_BEFORE, values).fetchall()
    within = connection.execute(_WITHIN, values).fetchall()
    heads = connection.execute(_HEADS, values).fetchall()
    return Statement(
        party=party,
        name=row[0],
        month=month,
        drawn_at=at.astimezone(zone),
        heads=tuple(heads),
        opening=total(Sums.of(kind, fen) for kind, fen in before),
        movements=tuple(sorted(_movement(party, zone, _Row(*one)) for one in within)),
    )


class _Row(NamedTuple):
    """A leg that touches the party, as the books hold it."""

    programme: str
    seq: int
    no: int
    kind: str
    occurred_at: datetime
    reason: str
    source: str
    target: str
    amount_fen: int


def _movement(party: str, zone: ZoneInfo, row: _Row) -> Movement:
    """Return one leg as it concerns the party; a voucher's money names the voucher."""
    start, end = Account.of(row.source), Account.of(row.target)
    gone = Sums.of(start.kind, -row.amount_fen) if start.holder == party else Sums()
    come = Sums.of(end.kind, row.amount_fen) if end.holder == party else Sums()
    own = end if end.holder == party else start
    return Movement(
        at=row.occurred_at.astimezone(zone),
        programme=row.programme,
        seq=row.seq,
        year=own.year,
        funder=own.funder,
        event=row.kind,
        voucher=next((one.holder for one in (start, end) if one.kind == "committed"), ""),
        reason=row.reason,
        change=gone + come,
    )


_LEGS: Final = """
    FROM books.account
    JOIN books.leg ON leg.programme = account.programme
      AND account.id IN (leg.source, leg.target)
    JOIN books.account AS source ON (source.programme, source.id) = (leg.programme, leg.source)
    JOIN books.account AS target ON (target.programme, target.id) = (leg.programme, leg.target)
    JOIN books.event ON (event.programme, event.seq) = (leg.programme, leg.seq)
    JOIN books.event_kind ON event_kind.code = event.kind
    JOIN books.programme ON programme.id = leg.programme
    WHERE account.holder = %(party)s AND account.kind = ANY (%(kinds)s)
      AND event_kind.phase IN ('direct', 'capture')
"""
_BEFORE: Final = f"""
    SELECT account.kind,
      sum(CASE WHEN account.id = leg.target THEN leg.amount_fen ELSE -leg.amount_fen END)::bigint
    {_LEGS} AND event.occurred_at < %(start)s
    GROUP BY account.kind
"""  # our own text
_WITHIN: Final = f"""
    SELECT DISTINCT programme.code, event.seq, leg.no, event.kind, event.occurred_at,
      event.reason, source.code, target.code, leg.amount_fen
    {_LEGS} AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s
"""  # the same
_HEADS: Final = f"""
    SELECT programme.code, max(programme.last_seq) {_LEGS} GROUP BY programme.code
    ORDER BY programme.code
"""  # the same
