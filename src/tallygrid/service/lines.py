"""Lines: what was measured or delivered, rated into money, and captured from its hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.rating import Bill, Subsidy, Terms, line, together
from tallygrid.service.holding import held_fen, lacking, room_fen
from tallygrid.service.intent import (
    PendingError,
    attempts,
    carry_out,
    followed,
    resume,
    settle_first,
)
from tallygrid.service.office import Office
from tallygrid.service.plain import dump, load
from tallygrid.service.purchase import Purchase, Share, require_site, require_state
from tallygrid.service.wish import Answer, Posting, Step, Wish

_TRIES_MAX: Final = 10


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


def proved_by(office: Office, document: str, *, beside: str) -> str | None:
    """Return another purchase of which a line is proved by this evidence already."""

    def read(connection: Connection) -> str | None:
        row = connection.execute(
            "SELECT purchase FROM service.line WHERE document = %s AND purchase <> %s LIMIT 1",
            (document, beside),
        ).fetchone()
        return None if row is None else str(row[0])

    return office.transact("web", read)


def capture(
    office: Office, purchase: Purchase, accepted: Accepted, *, site: str | None = None
) -> Answer:
    """Rate what was accepted and capture it: owed from now on, once.

    If somebody else takes a voucher's last money in between, the line is rated again with
    what is left.

    Args:
        office: Where to work.
        purchase: What was bought.
        accepted: What was accepted of it.
        site: The site that has measured it, where a job was run.

    Raises:
        StateError: The purchase is settled or was given up.
        ToldError: Another site runs the job now.
    """
    wish = Wish(
        key=_key(purchase, accepted),
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
    for _ in range(_TRIES_MAX):
        answer = _try(office, wish, purchase, accepted, site)
        if answer.refused is None or answer.refused.code != "insufficient":
            break
    return answer


def _try(
    office: Office, wish: Wish, purchase: Purchase, accepted: Accepted, site: str | None
) -> Answer:
    while True:
        resume(office, "capture", account=str(purchase.account))
        resume(office, "give_up", purchase=purchase.id)
        try:
            return carry_out(
                office,
                wish,
                lambda connection: _postings(connection, purchase, accepted, site),
                anew=True,
            )
        except PendingError:
            continue  # somebody else began something in between; theirs is finished first


def _key(purchase: Purchase, accepted: Accepted) -> UUID:
    return key_of("capture", purchase.id, accepted.n)


def _postings(
    connection: Connection, purchase: Purchase, accepted: Accepted, site: str | None
) -> tuple[Posting, ...]:
    """Work out a line's postings while the account it is rounded in stands still."""
    settle_first(connection, purchase.id, "give_up", purchase=purchase.id)
    settle_first(connection, str(purchase.account), "capture", account=str(purchase.account))
    require_state(connection, purchase, "held", "running", "part_delivered")
    if site is not None:
        require_site(connection, purchase.id, site)
    bill = next_bill(connection, purchase, accepted)
    attempt = attempts(connection, _key(purchase, accepted)) + 1
    captures = [
        (share, _captured(share, subsidy, accepted))
        for share, subsidy in zip(purchase.shares, bill.subsidies, strict=True)
    ]
    steps = [
        *(step for pair in captures for step in _extended(connection, *pair, attempt=attempt)),
        *(step for _, step in captures if step.event.legs or accepted.final),
        *_beside(connection, purchase, accepted, bill),
    ]
    return followed(connection, steps, row_of(purchase, accepted, bill))


def next_bill(connection: Connection, purchase: Purchase, accepted: Accepted) -> Bill:
    """Return what a line adds to the account it is rounded in, or takes from it."""
    to_date, booked = _to_date(connection, purchase)
    terms = _within_rooms(connection, purchase, booked)
    return line(terms, to_date=to_date + accepted.quantity, booked=booked)


def _within_rooms(connection: Connection, purchase: Purchase, booked: Bill) -> Terms:
    """Return the terms with what every voucher can still pay; the applicant pays the rest."""
    grants = tuple(
        replace(grant, room_fen=room_fen(connection, share, grant, paid))
        for share, grant, paid in zip(
            purchase.shares, purchase.terms.grants, booked.subsidies, strict=True
        )
    )
    return replace(purchase.terms, grants=grants)


def _to_date(connection: Connection, purchase: Purchase) -> tuple[Fraction, Bill]:
    """Return what the account has counted so far, and what of it is booked."""
    rows = connection.execute(
        "SELECT quantity, bill FROM service.line WHERE account = %s", (purchase.account,)
    ).fetchall()
    booked = together(purchase.terms, [load(Bill, bill) for _, bill in rows])
    return sum((Fraction(quantity) for quantity, _ in rows), Fraction(0)), booked


def _extended(
    connection: Connection, share: Share, capture_: Step, *, attempt: int
) -> Iterator[Step]:
    """Extend a hold where the running total asks for more than it has.

    Every hold is extended before anything is captured: an extension can be refused, and a
    line is captured whole or not at all.
    """
    event = capture_.event
    short = lacking(event.legs, held_fen(connection, share))
    if short:
        key = key_of("extend", event.key, attempt)
        yield replace(
            capture_, event=replace(event, key=key, kind="extend", legs=short, final=False)
        )


def _captured(share: Share, subsidy: Subsidy, accepted: Accepted) -> Step:
    event = Event(
        key=key_of("capture", share.hold, accepted.n),
        kind="capture",
        legs=share.legs(subsidy.funders),
        occurred_at=accepted.used_at,
        hold=share.hold,
        final=accepted.final,
        reason=f"line {accepted.n}",
        document=accepted.document,
    )
    return Step(share.programme, "worker", event)


def stage_of(connection: Connection, purchase: Purchase, quantity: Fraction) -> Bill:
    """Return what a stage to come adds, of what the purchase was promised when it was made."""
    to_date, booked = _to_date(connection, purchase)
    own = together(purchase.terms, _bills(connection, purchase))
    rooms = [
        already.subsidy_fen + promised.subsidy_fen - drawn.subsidy_fen
        for already, promised, drawn in zip(
            booked.subsidies, purchase.bill.subsidies, own.subsidies, strict=True
        )
    ]
    grants = [
        replace(grant, room_fen=room)
        for grant, room in zip(purchase.terms.grants, rooms, strict=True)
    ]
    terms = replace(purchase.terms, grants=tuple(grants))
    return line(terms, to_date=to_date + quantity, booked=booked)


def to_come_fen(connection: Connection, purchase: Purchase, voucher: str) -> Counter[Account]:
    """Return what stages to come may ask of a voucher, beyond what is held for this one.

    That is what it promised, and as in the hold a fen more per funder, less what it has paid.
    """
    own = together(purchase.terms, _bills(connection, purchase))
    found: Counter[Account] = Counter()
    shares = zip(purchase.shares, purchase.bill.subsidies, own.subsidies, strict=True)
    for share, promised, drawn in shares:
        if share.voucher != voucher:
            continue
        paid = dict(drawn.funders)
        for funder, amount_fen in promised.funders:
            found[share.account(funder)] += amount_fen + 1 - paid.get(funder, 0)
        for (source, _), held in held_fen(connection, share).items():
            found[source] -= held
    return +found


def _bills(connection: Connection, purchase: Purchase) -> list[Bill]:
    rows = connection.execute(
        "SELECT bill FROM service.line WHERE purchase = %s", (purchase.id,)
    ).fetchall()
    return [load(Bill, row[0]) for row in rows]


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
    bills = [*_bills(connection, purchase), bill]
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


def row_of(purchase: Purchase, accepted: Accepted, bill: Bill) -> dict[str, Any]:
    """Return what the rows learn of a line."""
    return {
        "does": "line_accepted",
        "state": "settled" if accepted.final else "part_delivered",
        "vouchers": [share.voucher for share in purchase.shares],
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
