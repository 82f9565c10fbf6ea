"""Own shares (自付款): what applicants still owe beside their deposits, received or late.

No public money is in it: these are memoranda, in the books of the programme they ride with.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.service.intent import carry_out, settle_first
from tallygrid.service.office import Office
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Answer, Posting, Wish


@dataclass(frozen=True, order=True)
class OwnShare:
    """What one applicant owes in one programme's books."""

    debtor: str
    programme: str
    due_fen: int
    overdue_fen: int

    @property
    def owed_fen(self) -> int:
        """Everything that has not been received."""
        return self.due_fen + self.overdue_fen


class OwnShareError(ToldError):
    """More own money was received than is owed."""


def outstanding(office: Office) -> tuple[OwnShare, ...]:
    """Return everybody who owes own money, sorted by debtor and programme."""

    def load(connection: Connection) -> tuple[OwnShare, ...]:
        rows = connection.execute(
            """
            SELECT account.holder, programme.code,
              coalesce(sum(in_fen - out_fen) FILTER (WHERE kind = 'copay_due'), 0)::bigint,
              coalesce(sum(in_fen - out_fen) FILTER (WHERE kind = 'copay_overdue'), 0)::bigint
            FROM books.account JOIN books.programme ON programme.id = account.programme
            WHERE account.kind IN ('copay_due', 'copay_overdue')
            GROUP BY account.holder, programme.code
            HAVING sum(in_fen - out_fen) > 0
            ORDER BY account.holder, programme.code
            """
        ).fetchall()
        return tuple(OwnShare(*row) for row in rows)

    return office.transact("worker", load)


def receive(
    office: Office, programme: str, debtor: str, *, amount_fen: int, receipt: str, at: datetime
) -> Answer:
    """Book own money that has come in: first against what is late, then the oldest.

    Args:
        office: Where to work.
        programme: In whose books it is owed.
        debtor: Who paid.
        amount_fen: How much.
        receipt: The number of the receipt: the same number is the same money.
        at: When.

    Raises:
        ConflictError: The receipt's number stands for another sum.
        OwnShareError: It is more than is owed.
    """
    body = {"programme": programme, "debtor": debtor, "number": receipt, "amount_fen": amount_fen}
    wish = Wish(key_of("copay received", programme, debtor, receipt), "copay", body)

    def compose(connection: Connection) -> tuple[Posting, ...]:
        name = f"copay {programme} {debtor}"
        settle_first(connection, name, "copay", programme=programme, debtor=debtor)
        owed = _owed(connection, programme, debtor)
        if amount_fen > sum(fen for _, fen in owed):
            raise OwnShareError(
                "own_share", debtor=debtor, owed=sum(fen for _, fen in owed), asked=amount_fen
            )
        legs, left_fen = [], amount_fen
        for account, fen in owed:
            if part_fen := min(fen, left_fen):
                legs.append(Leg(account, _sibling(account, "copay_received"), part_fen))
                left_fen -= part_fen
        event = Event(wish.key, "copay", tuple(legs), at, reason=f"receipt {receipt}")
        return (Posting(programme, "worker", (event,)),)

    return carry_out(office, wish, compose, anew=True)


def _owed(connection: Connection, programme: str, debtor: str) -> list[tuple[Account, int]]:
    """Return what a debtor owes, account by account: the late first, then the oldest."""
    found = ledger.balances(connection, programme)
    owed = [
        (account, balance.free_fen)
        for account, balance in found.items()
        if account.holder == debtor
        and account.kind in {"copay_due", "copay_overdue"}
        and balance.free_fen
    ]
    return sorted(owed, key=lambda one: (one[0].kind == "copay_due", one[0].year))


def note_late(office: Office, programme: str, debtor: str, *, notice: str, at: datetime) -> Answer:
    """Note that what a debtor owes is late, by the number of the notice it was sent."""
    body = {"programme": programme, "debtor": debtor, "number": notice}
    wish = Wish(key_of("copay late", programme, debtor, notice), "copay", body)

    def compose(connection: Connection) -> tuple[Posting, ...]:
        name = f"copay {programme} {debtor}"
        settle_first(connection, name, "copay", programme=programme, debtor=debtor)
        legs = tuple(
            Leg(account, _sibling(account, "copay_overdue"), fen)
            for account, fen in _owed(connection, programme, debtor)
            if account.kind == "copay_due"
        )
        if not legs:
            raise OwnShareError("nothing_due", debtor=debtor, programme=programme)
        event = Event(wish.key, "copay", legs, at, reason=f"notice {notice}")
        return (Posting(programme, "worker", (event,)),)

    return carry_out(office, wish, compose, anew=True)


def _sibling(account: Account, kind: str) -> Account:
    return Account(kind, account.year, holder=account.holder)
