"""Correcting: usage that was accepted too high is put right, and any other entry undone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import REVERSED_BY, Account, Event, Leg, reversal_of
from tallygrid.core.key import key_of
from tallygrid.core.rating import Bill, Subsidy
from tallygrid.service import delivering, lines
from tallygrid.service.intent import (
    PendingError,
    carry_out,
    followed,
    in_turn,
    resume,
    settle_first,
)
from tallygrid.service.lines import Accepted
from tallygrid.service.office import Office
from tallygrid.service.publishing import in_force
from tallygrid.service.purchase import Purchase, Share, require_state
from tallygrid.service.told import ToldError, quantity
from tallygrid.service.wish import Answer, Posting, Step, Wish, postings
from tallygrid.service.year import require_open

_REMEDIES: Final = {
    "award": "revoke",
    "award_ex_post": "award",
    "withdraw": "anew",
    "discount": "correct",
    "issue": "revoke",
    "capture": "correct",
    "correct": "buy",
    "lapse": "voucher",
    "hold": "release",
    "extend": "release",
    "transfer_out": "transfer",
    "transfer_in": "transfer",
    "claw_back": "clawback",
    "waive": "clawback",
    "recover": "clawback",
    "write_off": "clawback",
    "pay": "receipt",
    "confirm": "clawback",
    "fail": "again",
}
"""Kinds that rows beside the books follow: another command puts both right together."""


_OTHER_HALF: Final = {"close_carry_out": 1, "close_carry_in": -1}
"""Halves of one move into the next year, and how far off the other one stands."""


class CorrectionError(ToldError):
    """A correction is none, or takes back more than there was."""


@dataclass(frozen=True)
class Entry:
    """What stands in the books under a key."""

    key: UUID
    kind: str
    seq: int
    legs: tuple[Leg, ...]


def take_back(
    office: Office,
    purchase: Purchase,
    less: Fraction,
    *,
    evidence: bytes,
    describes: str,
    at: datetime,
) -> tuple[Answer, int]:
    """Correct a purchase on a paper; return the answer, and which line it has become.

    Whoever brings another paper at the same time waits, so that each gets a number of its own.

    Raises:
        CorrectionError: As `correct` says.
        DeliveryError: The use is dated before the order.
        HungError: Another process is at it for longer than anything takes.
        StateError: Nothing of the purchase was accepted.
    """
    document = sha256(evidence).hexdigest()
    delivering.require_bought(purchase, at)
    with delivering.in_turn(office, purchase.id):
        taken = Accepted(
            n=delivering.number_of(office, purchase, evidence),
            quantity=-less,
            used_at=at,
            evidence={"describes": describes, "sha256": document},
            document=document,
            final=False,
        )
        return correct(office, purchase, taken), taken.n


def correct(office: Office, purchase: Purchase, less: Accepted) -> Answer:
    """Take back a part of what was accepted: a line with a quantity below zero.

    The running total is rated anew, and the difference goes from what is owed back to the
    vouchers, the caps and the applicant.

    Raises:
        CorrectionError: The quantity is not below zero, or more than was ever accepted; or it
            was paid already, and has to be asked back.
        StateError: Nothing of the purchase was accepted.
    """
    if less.quantity >= 0:
        raise CorrectionError("adds", quantity=quantity(less.quantity, purchase.unit))
    accepted = sum((one.quantity for one in lines.of_purchase(office, purchase)), Fraction(0))
    if accepted + less.quantity < 0 and not _is_known(office, purchase, less):
        raise CorrectionError(
            "takes_too_much",
            purchase=purchase.id,
            accepted=quantity(accepted, purchase.unit),
            quantity=quantity(-less.quantity, purchase.unit),
        )
    wish = Wish(
        key=key_of("capture", purchase.id, less.n),
        kind="capture",
        body={
            "account": str(purchase.account),
            "purchase": purchase.id,
            "n": less.n,
            "quantity": str(less.quantity),
            "document": less.document,
            "final": False,
        },
    )
    while True:
        resume(office, "capture", account=str(purchase.account))
        try:
            return carry_out(
                office, wish, lambda connection: _taken_back(connection, purchase, less), anew=True
            )
        except PendingError:
            continue  # somebody else's line comes first


def reverse(
    office: Office, programme: str, keys: Sequence[UUID], *, at: datetime, why: str
) -> Answer:
    """Undo entries by their exact mirrors, all of them or none.

    Raises:
        CorrectionError: An entry is not there, or is put right by another command.
        YearError: What was taken back of an appropriation would come into a closed year.
    """
    wish = Wish(
        key=key_of("reverse", programme, *sorted(map(str, keys))),
        kind="reverse",
        body={"programme": programme, "keys": [str(key) for key in keys]},
    )
    return in_turn(
        office,
        wish,
        lambda connection: _reversed(connection, programme, keys, at=at, why=why),
        "close",
        programme=programme,
    )


def _reversed(
    connection: Connection, programme: str, keys: Sequence[UUID], *, at: datetime, why: str
) -> tuple[Posting, ...]:
    entries = [_reversible(connection, programme, key) for key in keys]
    for entry in entries:
        _require_other_half(connection, programme, entry, keys)
        if entry.kind == "reduce":
            require_open(connection, programme, entry.legs[0].source.year)
    steps = [
        Step(
            programme,
            _ROLES[REVERSED_BY[entry.kind]],
            reversal_of(entry.key, entry.kind, entry.legs, at=at, reason=why),
        )
        for entry in entries
    ]
    return postings(steps)


_ROLES: Final = {"reverse_budget": "web", "reverse_use": "worker", "reverse_payment": "payer"}


def _reversible(connection: Connection, programme: str, key: UUID) -> Entry:
    rows = connection.execute(
        """
        SELECT event.kind, event.seq, source.code, target.code, leg.amount_fen
        FROM books.event
        JOIN books.programme ON programme.id = event.programme
        LEFT JOIN books.leg ON (leg.programme, leg.seq) = (event.programme, event.seq)
        LEFT JOIN books.account AS source
          ON (source.programme, source.id) = (leg.programme, leg.source)
        LEFT JOIN books.account AS target
          ON (target.programme, target.id) = (leg.programme, leg.target)
        WHERE programme.code = %s AND event.key = %s ORDER BY leg.no
        """,
        (programme, key),
    ).fetchall()
    if not rows:
        raise CorrectionError("no_entry", programme=programme, key=key)
    kind, seq, *_ = rows[0]
    if kind in _REMEDIES:
        raise CorrectionError(f"remedy.{_REMEDIES[kind]}", kind=kind, key=key)
    legs = tuple(
        Leg(Account.of(source), Account.of(target), fen) for _, _, source, target, fen in rows
    )
    if kind not in REVERSED_BY:
        raise CorrectionError("remedy.none", kind=kind, key=key)
    touched = {account.kind for leg in legs for account in (leg.source, leg.target)}
    if "committed" in touched:
        raise CorrectionError("remedy.voucher", kind=kind, key=key)
    if "copay_source" in touched:
        raise CorrectionError("remedy.correct", kind=kind, key=key)
    return Entry(key, kind, seq, legs)


def _require_other_half(
    connection: Connection, programme: str, entry: Entry, keys: Sequence[UUID]
) -> None:
    """Refuse to undo alone what left a year, or what arrived in the next: it would be in both."""
    if entry.kind not in _OTHER_HALF:
        return
    row = connection.execute(
        """
        SELECT event.key FROM books.event JOIN books.programme ON programme.id = event.programme
        WHERE programme.code = %s AND event.seq = %s
        """,
        (programme, entry.seq + _OTHER_HALF[entry.kind]),
    ).fetchone()
    assert row is not None, "the two are posted one after the other, both or neither"
    if row[0] not in keys:
        raise CorrectionError("half", kind=entry.kind, key=entry.key, other=row[0])


def _is_known(office: Office, purchase: Purchase, less: Accepted) -> bool:
    return any(one.n == less.n for one in lines.of_purchase(office, purchase))


def _taken_back(connection: Connection, purchase: Purchase, less: Accepted) -> tuple[Posting, ...]:
    account = str(purchase.account)
    settle_first(connection, account, "capture", account=account)
    require_state(connection, purchase, "part_delivered", "settled")
    bill = lines.next_bill(connection, purchase, less)
    state = _state(connection, purchase)
    steps = [
        Step(share.programme, "worker", event)
        for share, subsidy in zip(purchase.shares, bill.subsidies, strict=True)
        if (event := _back(share, subsidy, less)).legs
    ]
    for step in steps:
        _require_owed(connection, step)
    steps += [
        Step(purchase.memo_programme, "worker", _memo(purchase, less, kind, leg))
        for kind, leg in _beside(
            purchase, bill, used_in=less.used_at.year, is_settled=state == "settled"
        )
    ]
    payload = {**lines.row_of(purchase, less, bill), "state": state}
    return followed(connection, steps, payload)


def _require_owed(connection: Connection, step: Step) -> None:
    """See that what is taken back is still owed, before the first of several programmes moves.

    Raises:
        CorrectionError: It is on its way to the payee already, or has arrived.
    """
    for leg in step.event.legs:
        owed_fen = ledger.balance(connection, step.programme, leg.source).free_fen
        if leg.source.kind == "payable" and owed_fen < leg.amount_fen:
            raise CorrectionError(
                "paid_already",
                funder=in_force(connection)[step.programme].funder(leg.source.funder),
                year=leg.source.year,
                payee=leg.source.holder,
                programme=step.programme,
                owed=owed_fen,
                less=leg.amount_fen,
            )


def _back(share: Share, subsidy: Subsidy, less: Accepted) -> Event:
    """Return the way back of a share: what `share.legs` moves, from its end to its beginning."""
    fallen = [(funder, -fen) for funder, fen in subsidy.funders if fen < 0]
    return Event(
        key=key_of("correct", share.hold, less.n),
        kind="correct",
        legs=tuple(Leg(leg.target, leg.source, leg.amount_fen) for leg in share.legs(fallen)),
        occurred_at=less.used_at,
        reason=f"correction, line {less.n}",
        document=less.document,
    )


def _beside(
    purchase: Purchase, bill: Bill, *, used_in: int, is_settled: bool
) -> Iterator[tuple[str, Leg]]:
    """Yield the memoranda: less discount, and for a settled purchase its own money back."""
    if bill.discount_fen < 0:
        given = Account("discount_given", used_in, holder=purchase.provider)
        yield "correct", Leg(given, Account("discount_source", used_in), -bill.discount_fen)
    cash_fen = purchase.cash_of(bill)
    if is_settled and cash_fen < 0:
        year = purchase.placed_at.year
        received = Account("copay_received", year, holder=purchase.applicant)
        yield "copay", Leg(received, Account("copay_source", year), -cash_fen)


def _memo(purchase: Purchase, less: Accepted, kind: str, leg: Leg) -> Event:
    return Event(
        key=key_of("memo", kind, purchase.id, less.n),
        kind=kind,
        legs=(leg,),
        occurred_at=less.used_at,
        reason=f"purchase {purchase.id}, correction, line {less.n}",
        document=less.document,
    )


def _state(connection: Connection, purchase: Purchase) -> Any:  # noqa: ANN401  # a column
    row = connection.execute(
        "SELECT state FROM service.purchase WHERE id = %s", (purchase.id,)
    ).fetchone()
    assert row is not None, purchase.id
    return row[0]
