"""From what is owed to what is paid: the treasury's list goes out, its receipts come back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from tallygrid import ledger
from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.money import yuan
from tallygrid.service.intent import carry_out
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.wish import Answer, Posting, Wish


@dataclass(frozen=True)
class Payment:
    """One amount on its way to one payee, under one programme, year and funder."""

    id: str
    batch: str
    programme: str
    fiscal_year: int
    funder: str
    payee: str
    amount_fen: int
    state: str
    receipt: str
    sent_at: datetime
    confirmed_at: datetime | None
    attempt: int = 1
    """How often it was sent, each time under this id."""


@dataclass(frozen=True)
class Receipt:
    """The treasury's word on one payment: paid, under its own document number (支付凭证号)."""

    payment: str
    number: str
    amount_fen: int
    is_paid: bool = True


class ReceiptError(Exception):
    """Receipts do not match the payments that were sent; nothing was booked."""

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("\n".join(differences))


def prepare(office: Office, *, programme: str, batch: str, at: datetime) -> tuple[Payment, ...]:
    """Send everything a programme owes, one payment per payee, year and funder.

    A batch that was prepared before is returned as it was: the same name pays once.
    """
    wish = Wish(
        key_of("prepare", batch), "prepare", {"programme": programme, "batch": batch}, batch
    )
    carry_out(office, wish, lambda connection: _batch(connection, programme, batch, at))
    return payments(office, batch=batch)


def again(office: Office, *, batch: str, at: datetime) -> tuple[Answer, ...]:
    """Send the payments of a batch that have failed once more, under the same ids.

    Whoever keeps lists of its own then sees that it is the same payment. One whose money has
    gone out with another batch meanwhile is refused.
    """
    failed = [one for one in payments(office, batch=batch) if one.state == "failed"]
    return tuple(_send_again(office, one, at) for one in failed)


def confirm(office: Office, receipts: Iterable[Receipt], *, at: datetime) -> tuple[Answer, ...]:
    """Book the treasury's receipts: payments that arrived, and payments that came back.

    Raises:
        ReceiptError: A receipt names no payment that was sent, another amount, or a payment
            that another receipt has settled.
    """
    known = {payment.id: payment for payment in payments(office)}
    pairs = [(known.get(receipt.payment), receipt) for receipt in dict.fromkeys(receipts)]
    differences = [text for pair in pairs if (text := _difference(*pair))]
    if differences := [*differences, *_contradictions(receipt for _, receipt in pairs)]:
        raise ReceiptError(differences)
    return tuple(
        _confirm(office, payment, receipt, at) for payment, receipt in pairs if payment is not None
    )


def payments(office: Office, *, batch: str | None = None) -> tuple[Payment, ...]:
    """Return the payments of a batch, or all of them, in the order of their ids."""

    def load(connection: Connection) -> tuple[Payment, ...]:
        cursor = connection.cursor(row_factory=class_row(Payment))
        cursor.execute(
            """
            SELECT * FROM service.payment
            WHERE batch = %(batch)s OR %(batch)s::text IS NULL ORDER BY id
            """,
            {"batch": batch},
        )
        return tuple(cursor.fetchall())

    return office.transact("payer", load)


def _batch(connection: Connection, programme: str, batch: str, at: datetime) -> tuple[Posting, ...]:
    events = tuple(
        _pay(account, amount_fen, programme=programme, batch=batch, n=n, at=at)
        for n, (account, amount_fen) in enumerate(_owed(connection, programme), start=1)
    )
    starts = range(0, len(events), ledger.EVENTS_PER_BATCH_MAX)
    return tuple(
        Posting(programme, "payer", events[n : n + ledger.EVENTS_PER_BATCH_MAX]) for n in starts
    )


def _owed(connection: Connection, programme: str) -> list[tuple[Account, int]]:
    balances = ledger.balances(connection, programme)
    return sorted(
        (account, balance.free_fen)
        for account, balance in balances.items()
        if account.kind == "payable" and balance.free_fen
    )


def _pay(
    account: Account, amount_fen: int, *, programme: str, batch: str, n: int, at: datetime
) -> Event:
    payment = Payment(
        id=f"{batch}-{n:04d}",
        batch=batch,
        programme=programme,
        fiscal_year=account.year,
        funder=account.funder,
        payee=account.holder,
        amount_fen=amount_fen,
        state="sent",
        receipt="",
        sent_at=at,
        confirmed_at=None,
    )
    return Event(
        key=key_of("pay", payment.id),
        kind="pay",
        legs=(Leg(account, _sibling(account, "in_payment"), amount_fen),),
        occurred_at=at,
        reason=f"payment {payment.id}",
        outbox={"does": "payment_sent", **dump(payment)},
    )


def _send_again(office: Office, payment: Payment, at: datetime) -> Answer:
    attempt = payment.attempt + 1
    wish = Wish(
        key=key_of("pay again", payment.id, attempt),
        kind="pay_again",
        body={"payment": payment.id, "attempt": attempt},
    )
    owed = Account("payable", payment.fiscal_year, holder=payment.payee, funder=payment.funder)
    event = Event(
        key=wish.key,
        kind="pay",
        legs=(Leg(owed, _sibling(owed, "in_payment"), payment.amount_fen),),
        occurred_at=at,
        reason=f"payment {payment.id}, attempt {attempt}",
        outbox={
            "does": "payment_again",
            "payment": payment.id,
            "attempt": attempt,
            "sent_at": at.isoformat(),
        },
    )
    return carry_out(office, wish, lambda _: (Posting(payment.programme, "payer", (event,)),))


def _confirm(office: Office, payment: Payment, receipt: Receipt, at: datetime) -> Answer:
    wish = Wish(
        key=key_of("receipt", payment.id, receipt.number),
        kind="receipt",
        body={"payment": payment.id, "receipt": receipt.number, "paid": receipt.is_paid},
    )
    posting = Posting(payment.programme, "payer", (_confirmation(payment, receipt, at),))
    return carry_out(office, wish, lambda _: (posting,))


def _confirmation(payment: Payment, receipt: Receipt, at: datetime) -> Event:
    sent = Account("in_payment", payment.fiscal_year, holder=payment.payee, funder=payment.funder)
    kind = "confirm" if receipt.is_paid else "fail"
    target = _sibling(sent, "paid" if receipt.is_paid else "payable")
    return Event(
        key=_end_of(payment),
        kind=kind,
        legs=(Leg(sent, target, payment.amount_fen),),
        occurred_at=at,
        reason=f"receipt {receipt.number}",
        outbox={
            "does": "payment_confirmed" if receipt.is_paid else "payment_failed",
            "payment": payment.id,
            "receipt": receipt.number,
            "confirmed_at": at.isoformat(),
        },
    )


def _end_of(payment: Payment) -> UUID:
    """Return the key of its end: whatever its receipts say, each time it is sent it ends once."""
    if payment.attempt == 1:
        return key_of("settled", payment.id)
    return key_of("settled", payment.id, payment.attempt)


def _difference(payment: Payment | None, receipt: Receipt) -> str:
    if payment is None:
        return f"Receipt {receipt.number} names payment {receipt.payment}, which was never sent."
    if payment.amount_fen != receipt.amount_fen:
        return (
            f"Receipt {receipt.number} is for {yuan(receipt.amount_fen)} yuan; "
            f"payment {payment.id} was {yuan(payment.amount_fen)} yuan."
        )
    state = "confirmed" if receipt.is_paid else "failed"
    if payment.state != "sent" and (payment.state, payment.receipt) != (state, receipt.number):
        return (
            f"Receipt {receipt.number} names payment {payment.id}, "
            f"which is {payment.state} already by receipt {payment.receipt}."
        )
    return ""


def _contradictions(receipts: Iterable[Receipt]) -> Iterator[str]:
    """Yield a sentence for every payment that several receipts of one list name."""
    first: dict[str, Receipt] = {}
    for receipt in receipts:
        known = first.setdefault(receipt.payment, receipt)
        if known is not receipt:
            yield (
                f"Receipts {known.number} and {receipt.number} both name payment "
                f"{receipt.payment}. A payment has one receipt."
            )


def _sibling(account: Account, kind: str) -> Account:
    return Account(kind, account.year, holder=account.holder, funder=account.funder)
