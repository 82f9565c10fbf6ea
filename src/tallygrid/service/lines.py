"""Lines: what was measured or delivered, rated into money, and captured from its hold."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from psycopg import Connection

from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.rating import Bill, Subsidy, line, together
from tallygrid.service import outbox
from tallygrid.service.holding import held_fen, lacking
from tallygrid.service.intent import (
    Answer,
    Posting,
    Step,
    Wish,
    carry_out,
    postings,
    resume,
    unsettled,
)
from tallygrid.service.office import Office
from tallygrid.service.plain import dump, load
from tallygrid.service.purchase import Purchase, Share


@dataclass(frozen=True)
class Accepted:
    """Usage or a delivery whose evidence was examined and accepted."""

    n: int
    """Its number within the purchase, from 1: the same number is the same line."""
    quantity: Fraction
    used_at: datetime
    """When it happened, not when it was examined: it decides the year."""
    evidence: Mapping[str, Any]
    document: str
    """SHA-256 of the evidence, in hexadecimal."""
    final: bool
    """Whether nothing more will come, so that the rest of the hold is free."""


@dataclass(frozen=True)
class Line:
    """What was accepted once, and what it came to."""

    n: int
    quantity: Fraction
    bill: Bill
    document: str


def of_purchase(office: Office, purchase: Purchase) -> tuple[Line, ...]:
    """Return the lines of a purchase, in their order."""

    def read(connection: Connection) -> tuple[Line, ...]:
        rows = connection.execute(
            """
            SELECT n, quantity, bill, document FROM service.line
            WHERE purchase = %s ORDER BY n
            """,
            (purchase.id,),
        ).fetchall()
        return tuple(
            Line(n, Fraction(quantity), load(Bill, bill), document)
            for n, quantity, bill, document in rows
        )

    return office.transact("web", read)


def capture(office: Office, purchase: Purchase, accepted: Accepted) -> Answer:
    """Rate what was accepted and capture it: owed from now on, once."""
    wish = Wish(
        key=key_of("capture", purchase.id, accepted.n),
        kind="capture",
        body={
            "account": str(purchase.account),
            "purchase": purchase.id,
            "n": accepted.n,
            "quantity": str(accepted.quantity),
            "document": accepted.document,
            "final": accepted.final,
        },
    )
    while True:
        resume(office, "capture", account=str(purchase.account))
        try:
            return carry_out(
                office, wish, lambda connection: _postings(connection, purchase, accepted)
            )
        except _AnotherPendingError:
            continue  # somebody else began a line of this account in between; finish theirs first


class _AnotherPendingError(Exception):
    """A line of the same account is on its way, so the total to date is not known."""


def _postings(
    connection: Connection, purchase: Purchase, accepted: Accepted
) -> tuple[Posting, ...]:
    """Work out a line's postings while the account it is rounded in stands still."""
    account = str(purchase.account)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (account,))
    if unsettled(connection, "capture", {"account": account}):
        raise _AnotherPendingError
    to_date, booked = _to_date(connection, purchase)
    bill = line(purchase.terms, to_date=to_date + accepted.quantity, booked=booked)
    steps = [
        Step(share.programme, "worker", event)
        for share, subsidy in zip(purchase.shares, bill.subsidies, strict=True)
        for event in _captured(connection, share, subsidy, accepted)
    ]
    steps += _beside(connection, purchase, accepted, bill)
    row = _row(purchase, accepted, bill)
    if not steps:  # the applicant pays it all, and has paid it in: no public money moves
        outbox.carry(connection, row)
        return ()
    return postings(steps, outbox=row)


def _to_date(connection: Connection, purchase: Purchase) -> tuple[Fraction, Bill]:
    """Return what the account has counted so far, and what of it is booked."""
    rows = connection.execute(
        "SELECT quantity, bill FROM service.line WHERE account = %s", (purchase.account,)
    ).fetchall()
    booked = together(purchase.terms, [load(Bill, bill) for _, bill in rows])
    return sum((Fraction(quantity) for quantity, _ in rows), Fraction(0)), booked


def _captured(
    connection: Connection, share: Share, subsidy: Subsidy, accepted: Accepted
) -> tuple[Event, ...]:
    """Capture a line's subsidy; first extend the hold where the running total asks for more."""
    legs = share.legs(subsidy.funders)
    short = lacking(legs, held_fen(connection, share))
    capture_ = Event(
        key=key_of("capture", share.hold, accepted.n),
        kind="capture",
        legs=legs,
        occurred_at=accepted.used_at,
        hold=share.hold,
        final=accepted.final,
        reason=f"line {accepted.n}",
        document=accepted.document,
    )
    if not short:
        return (capture_,)
    extend = replace(
        capture_,
        key=key_of("extend", share.hold, accepted.n),
        kind="extend",
        legs=short,
        final=False,
    )
    return extend, capture_


def _beside(
    connection: Connection, purchase: Purchase, accepted: Accepted, bill: Bill
) -> list[Step]:
    """Return a line's memoranda: the provider's discount, and at the end the deposit's rest."""
    year = accepted.used_at.year
    steps = []
    if bill.discount_fen:
        leg = Leg(
            Account("discount_source", year),
            Account("discount_given", year, holder=purchase.provider),
            bill.discount_fen,
        )
        steps.append(_memo(purchase, accepted, "discount", leg))
    if accepted.final and (leg_ := _rest_of_deposit(connection, purchase, bill, year)):
        steps.append(_memo(purchase, accepted, "copay", leg_))
    return steps


def _rest_of_deposit(
    connection: Connection, purchase: Purchase, bill: Bill, year: int
) -> Leg | None:
    """Return the leg that gives back what the applicant paid in too much, or asks for more."""
    rows = connection.execute(
        "SELECT bill FROM service.line WHERE purchase = %s", (purchase.id,)
    ).fetchall()
    bills = [*(load(Bill, row[0]) for row in rows), bill]
    rest_fen = purchase.deposit_fen - sum(purchase.cash_of(one) for one in bills)
    source = Account("copay_source", purchase.placed_at.year)
    received = Account("copay_received", purchase.placed_at.year, holder=purchase.applicant)
    if rest_fen > 0:
        return Leg(received, source, rest_fen)
    due = Account("copay_due", year, holder=purchase.applicant)
    return Leg(Account("copay_source", year), due, -rest_fen) if rest_fen else None


def _memo(purchase: Purchase, accepted: Accepted, kind: str, leg: Leg) -> Step:
    event = Event(
        key=key_of(kind, purchase.id, accepted.n),
        kind=kind,
        legs=(leg,),
        occurred_at=accepted.used_at,
        reason=f"purchase {purchase.id}, line {accepted.n}",
        document=accepted.document,
    )
    return Step(purchase.memo_programme, "worker", event)


def _row(purchase: Purchase, accepted: Accepted, bill: Bill) -> dict[str, Any]:
    return {
        "does": "line_accepted",
        "state": "settled" if accepted.final else "part_delivered",
        "line": {
            "purchase": purchase.id,
            "n": accepted.n,
            "account": str(purchase.account),
            "quantity": str(accepted.quantity),
            "bill": dump(bill),
            "evidence": dict(accepted.evidence),
            "document": accepted.document,
            "used_at": accepted.used_at.isoformat(),
        },
    }
