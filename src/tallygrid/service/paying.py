"""From what is owed to what is paid: the treasury's list goes out, its receipts come back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from tallygrid import ledger
from tallygrid.core.books import Account, Event, Leg, Problem, reversal_of
from tallygrid.core.key import key_of
from tallygrid.core.money import yuan
from tallygrid.core.payment import PaymentOrder, Receipt, block_of, list_of, reference_of
from tallygrid.core.window import day_of
from tallygrid.service.intent import carry_out, given, in_turn, resume, settle_first
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.publishing import in_force
from tallygrid.service.wish import Answer, Posting, Refused, Wish
from tallygrid.settings import Language
from tallygrid.text import render


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
    """With which list of its batch it was sent last: the first, or one of those sent again."""

    def is_for(self, receipt: Receipt) -> bool:
        """Tell whether a receipt is for its amount."""
        return receipt.amount_fen == self.amount_fen


class ReceiptError(Exception):
    """Receipts do not match the payments that were sent; nothing was booked."""

    def __init__(self, differences: Sequence[Problem]) -> None:
        self.differences = tuple(differences)
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return every difference, a line each."""
        return "\n".join(render(one.code, language, **one.values) for one in self.differences)


def prepare(office: Office, *, programme: str, batch: str, at: datetime) -> tuple[Payment, ...]:
    """Send everything a programme owes, one payment per payee, year and funder.

    A batch that was prepared before is returned as it was: the same name pays once. Where
    nothing is owed there is no batch, and its name stays free.
    """
    wish = Wish(_prepared(batch), "prepare", {"programme": programme, "batch": batch})
    if not owed_fen(office, programme) and given(office, wish.key) is None:
        resume(office, "prepare", batch=batch)
        return payments(office, batch=batch)
    carry_out(office, wish, lambda connection: _batch(connection, programme, batch, at))
    return payments(office, batch=batch)


def refused(office: Office, *, batch: str) -> Refused | None:
    """Return why something that was owed is not in a batch, as the books said last.

    Another batch, or a correction, had the money between counting and sending.
    """
    answer = given(office, _prepared(batch))
    return None if answer is None else answer.refused


def _prepared(batch: str) -> UUID:
    return key_of("prepare", batch)


def again(office: Office, *, batch: str, at: datetime) -> Answer | None:
    """Send the payments of a batch that have failed once more, under the same ids, in one list.

    Whoever keeps lists of its own then sees that it is the same payment. One whose money has
    gone out with another batch meanwhile is refused.

    Returns:
        The refusal of one of them, or that all were sent; None if none has failed.
    """
    found = payments(office, batch=batch)
    if all(one.state != "failed" for one in found):
        return None
    attempt = _last_attempt(found) + 1
    body = {"batch": batch, "attempt": attempt}
    wish = Wish(key_of("pay again", batch, attempt), "pay_again", body)
    return carry_out(
        office, wish, lambda connection: _again(connection, batch, attempt, at), anew=True
    )


def _last_attempt(found: Iterable[Payment]) -> int:
    return max((one.attempt for one in found), default=1)


def confirm(
    office: Office, receipts: Iterable[Receipt], *, at: datetime, late: bool = False
) -> tuple[Answer, ...]:
    """Book the treasury's receipts: payments that arrived, and payments that came back.

    Args:
        office: Where to work.
        receipts: What the treasury or bank says.
        at: When.
        late: Whether a payment that was confirmed may come back (退汇): then the confirmation
            is undone, and the money is owed again.

    Raises:
        ReceiptError: A receipt names no payment that was sent, another amount, a payment that
            another receipt has settled, or one that is asked back; or it was booked before the
            payment was sent again, or is dated before what it answers.
    """
    known = _by_name(office)
    pairs = [(known.get(receipt.payment), receipt) for receipt in dict.fromkeys(receipts)]
    if differences := office.transact("web", lambda it: _differences(it, pairs, at, late=late)):
        raise ReceiptError(differences)
    answers = [_confirm(office, payment, receipt, at) for payment, receipt in pairs if payment]
    if any(one.refused and one.refused.code == "conflict" for one in answers):
        # Somebody else's receipt for the same payment came in between.
        known = _by_name(office)
        pairs = [(known.get(receipt.payment), receipt) for _, receipt in pairs]
        if differences := office.transact("web", lambda it: _differences(it, pairs, at, late=late)):
            raise ReceiptError(differences)
    return tuple(answers)


def told_apart(
    office: Office, receipts: Iterable[Receipt]
) -> tuple[tuple[Receipt, ...], tuple[Problem, ...]]:
    """Return the receipts that count, one for each payment, and of which payments none is known.

    A file may hold the answers to every attempt at a payment. What was booked of an earlier one
    is passed over; a payment of which then nothing is left, or several receipts, is left alone.
    """
    known = _by_name(office)
    given = tuple(dict.fromkeys(receipts))
    spent = office.transact("web", lambda it: _spent(it, known, given))
    said: dict[Payment | None, list[Receipt]] = {}
    for receipt in given:
        said.setdefault(known.get(receipt.payment), []).append(receipt)
    count, doubts = list[Receipt](), list[Problem]()
    for payment, found in said.items():
        new = [one for one in found if one not in spent]
        if payment is None or len(new) == 1 or not all(map(payment.is_for, new)):
            count += new  # what is wrong in it is for `confirm` to say, with all else
        elif new:
            doubts += _contradictions((payment, one) for one in new)
        else:
            doubts.append(_problem("spent", found[-1], payment=payment.id))
    return tuple(count), tuple(doubts)


def _spent(
    connection: Connection, known: Mapping[str, Payment], receipts: Iterable[Receipt]
) -> frozenset[Receipt]:
    """Return the receipts that were booked of an earlier attempt."""
    pairs = ((known.get(one.payment), one) for one in receipts)
    return frozenset(
        one for payment, one in pairs if payment and _is_spent(connection, payment, one)
    )


def orders(office: Office, sent: Iterable[Payment]) -> tuple[PaymentOrder, ...]:
    """Return payments as a treasury or bank is asked to pay them, payees by their names."""

    def load(connection: Connection) -> dict[str, str]:
        rows = connection.execute(
            "SELECT id, coalesce(name ->> 'zh', name ->> 'en', id) FROM service.party"
        ).fetchall()
        return dict(rows)

    names = office.transact("payer", load)
    return tuple(
        PaymentOrder(
            id=one.id,
            programme=one.programme,
            fiscal_year=one.fiscal_year,
            funder=one.funder,
            payee=one.payee,
            payee_name=names[one.payee],
            amount_fen=one.amount_fen,
        )
        for one in sent
    )


def owed_fen(office: Office, programme: str) -> int:
    """Return what a programme owes and has not sent."""
    owed = office.transact("payer", lambda connection: _owed(connection, programme))
    return sum(fen for _, fen in owed)


def last_list(office: Office, batch: str) -> tuple[int, tuple[Payment, ...]]:
    """Return the number of a batch's last list, and what of it nothing was heard of yet."""
    found = payments(office, batch=batch)
    last = _last_attempt(found)
    return last, tuple(one for one in found if (one.state, one.attempt) == ("sent", last))


def parties_owed(office: Office, programme: str, *, batch: str) -> frozenset[str]:
    """Return the funders and payees of a batch: those of its payments, or of all that is owed."""
    if sent := payments(office, batch=batch):
        return frozenset(name for one in sent for name in (one.funder, one.payee))
    owed = office.transact("payer", lambda connection: _owed(connection, programme))
    return frozenset(name for account, _ in owed for name in (account.funder, account.holder))


def unanswered(office: Office, receipts: Iterable[Receipt]) -> tuple[Payment, ...]:
    """Return the payments of which nothing was heard, of the batches that receipts speak of."""
    named = {receipt.payment for receipt in receipts}
    found = payments(office)
    batches = {one.batch for one in found if named & {one.id, reference_of(one.id)}}
    return tuple(one for one in found if one.batch in batches and one.state == "sent")


def references(office: Office) -> dict[str, datetime | None]:
    """Return everything by which others may name the payments that were sent, and their blocks.

    With a payment that was sent again stands when that was: before, it was another attempt.
    """
    found = _by_name(office)
    blocks = {
        block_of(list_of(one.batch, one.attempt), one.funder, one.fiscal_year)
        for one in found.values()
    }
    again = {name: one.sent_at if one.attempt > 1 else None for name, one in found.items()}
    return dict.fromkeys(blocks) | again


def payments(office: Office, *, batch: str | None = None) -> tuple[Payment, ...]:
    """Return the payments of a batch, or all of them, in the order of their ids."""
    return office.transact("payer", lambda connection: _payments(connection, batch))


def _payments(connection: Connection, batch: str | None) -> tuple[Payment, ...]:
    cursor = connection.cursor(row_factory=class_row(Payment))
    cursor.execute(
        """
        SELECT * FROM service.payment
        WHERE batch = %(batch)s OR %(batch)s::text IS NULL ORDER BY id
        """,
        {"batch": batch},
    )
    return tuple(cursor.fetchall())


def _by_name(office: Office) -> dict[str, Payment]:
    """Return all payments, by their references and their ids."""
    return {name: one for one in payments(office) for name in (reference_of(one.id), one.id)}


def _batch(connection: Connection, programme: str, batch: str, at: datetime) -> tuple[Posting, ...]:
    events = tuple(
        _pay(account, amount_fen, programme=programme, batch=batch, n=n, at=at)
        for n, (account, amount_fen) in enumerate(_owed(connection, programme), start=1)
    )
    return _posted(programme, events)


def _again(connection: Connection, batch: str, attempt: int, at: datetime) -> tuple[Posting, ...]:
    failed = [one for one in _payments(connection, batch) if one.state == "failed"]
    events = tuple(_sent_again(one, attempt, at) for one in failed)
    return _posted(failed[0].programme, events) if failed else ()


def _posted(programme: str, events: tuple[Event, ...]) -> tuple[Posting, ...]:
    """Return payments as postings, in which each stands or falls alone."""
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


def _sent_again(payment: Payment, attempt: int, at: datetime) -> Event:
    owed = Account("payable", payment.fiscal_year, holder=payment.payee, funder=payment.funder)
    return Event(
        key=key_of("pay again", payment.id, attempt),
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


def _confirm(office: Office, payment: Payment, receipt: Receipt, at: datetime) -> Answer:
    body = {
        "payment": payment.id,
        "receipt": receipt.number,
        "paid": receipt.is_paid,
        "attempt": payment.attempt,
    }
    wish = Wish(_key_of(payment, receipt, payment.attempt), "receipt", body)
    ending = _confirmation(payment, receipt, at)
    if not _is_late(payment, receipt):
        return carry_out(office, wish, lambda _: (Posting(payment.programme, "payer", (ending,)),))
    events = _undone(payment, receipt, ending)

    def compose(connection: Connection) -> tuple[Posting, ...]:
        settle_first(connection, f"payment {payment.id}", "claw_back", payment=payment.id)
        if demanded := _demanded(connection, payment, receipt):
            raise ReceiptError([demanded])
        return (Posting(payment.programme, "payer", events),)

    return in_turn(office, wish, compose, "claw_back", anew=True, payment=payment.id)


def _key_of(payment: Payment, receipt: Receipt, attempt: int) -> UUID:
    """Return the key under which a receipt is booked: what it says of one time it was sent."""
    return key_of("receipt", payment.id, receipt.number, attempt, receipt.is_paid)


def _is_late(payment: Payment, receipt: Receipt) -> bool:
    """Tell whether a payment that was confirmed came back after all."""
    return payment.state == "confirmed" and not receipt.is_paid


def _undone(payment: Payment, receipt: Receipt, failed: Event) -> tuple[Event, ...]:
    """Return the confirmation undone, and then the payment's failure, both or neither."""
    (leg,) = failed.legs
    confirmed = Leg(leg.source, _sibling(leg.source, "paid"), leg.amount_fen)
    why = f"receipt {receipt.number}"
    undone = reversal_of(failed.key, "confirm", [confirmed], at=failed.occurred_at, reason=why)
    returned = key_of("returned", payment.id, payment.attempt)
    return replace(undone, chain=1), replace(failed, key=returned, chain=1)


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


def _differences(
    connection: Connection,
    pairs: Sequence[tuple[Payment | None, Receipt]],
    at: datetime,
    *,
    late: bool,
) -> list[Problem]:
    """Return all that keeps a list from being booked, before any of it is."""
    schemes = in_force(connection)
    found = (
        _bar(connection, payment, receipt)
        or _difference(payment, receipt, late=late)
        or _early(payment, receipt, at, schemes[payment.programme].programme.place.zone)
        if payment
        else _problem("unknown", receipt, payment=receipt.payment)
        for payment, receipt in pairs
    )
    return [*filter(None, found), *_contradictions(pairs)]


def _bar(connection: Connection, payment: Payment, receipt: Receipt) -> Problem | None:
    """Return why a receipt cannot be booked whatever it says: its money is, or its number."""
    if _is_late(payment, receipt) and (found := _demanded(connection, payment, receipt)):
        return found
    spent = _is_spent(connection, payment, receipt)
    return _problem("spent", receipt, payment=payment.id) if spent else None


def _is_spent(connection: Connection, payment: Payment, receipt: Receipt) -> bool:
    """Tell whether a receipt was booked before the payment was sent again."""
    if payment.attempt == 1:
        return False
    keys = [_key_of(payment, receipt, n) for n in range(1, payment.attempt)]
    booked = connection.execute(
        """
        SELECT key FROM service.intent
        WHERE key = ANY (%s) AND (settled_at IS NULL OR outcome -> 'refused' = 'null')
        """,
        (keys,),
    ).fetchone()
    return booked is not None


def _demanded(connection: Connection, payment: Payment, receipt: Receipt) -> Problem | None:
    """Return what of a payment is asked back: that money cannot come back a second way."""
    row = connection.execute(
        """
        SELECT string_agg(id, ', ' ORDER BY id) FROM service.clawback
        WHERE payment = %s AND (state <> 'waived' OR recovered_fen > 0)
        """,
        (payment.id,),
    ).fetchone()
    names = row and row[0]
    return _problem("demanded", receipt, payment=payment.id, names=names) if names else None


def _difference(payment: Payment, receipt: Receipt, *, late: bool) -> Problem | None:
    if not payment.is_for(receipt):
        amounts = {"found": yuan(receipt.amount_fen), "sent": yuan(payment.amount_fen)}
        return _problem("other_amount", receipt, payment=payment.id, **amounts)
    state = "confirmed" if receipt.is_paid else "failed"
    if payment.state != "sent" and (payment.state, payment.receipt) != (state, receipt.number):
        code = f"settled.{payment.state}"
        if _is_late(payment, receipt):
            if late:
                return None
            code = "came_back"
        return _problem(code, receipt, payment=payment.id, before=payment.receipt)
    return None


def _early(payment: Payment, receipt: Receipt, at: datetime, zone: str) -> Problem | None:
    """Return that what a receipt answers was not sent yet on its day, or had not arrived.

    A statement of that month would else tell of money that came before it had left.
    """
    answered = payment.sent_at if payment.state == "sent" else payment.confirmed_at
    is_new = payment.state == "sent" or _is_late(payment, receipt)
    if not is_new or answered is None or day_of(at, zone) >= day_of(answered, zone):
        return None
    days = {"asked": day_of(at, zone), "since": day_of(answered, zone)}
    return _problem(f"early.{payment.state}", receipt, payment=payment.id, **days)


def _contradictions(pairs: Iterable[tuple[Payment | None, Receipt]]) -> Iterator[Problem]:
    """Yield every payment that several receipts of one list name."""
    first: dict[str, Receipt] = {}
    for payment, receipt in pairs:
        name = payment.id if payment else receipt.payment
        known = first.setdefault(name, receipt)
        if known is not receipt:
            is_other = known._replace(is_paid=receipt.is_paid) != receipt
            code = "double" if is_other else "contradiction"
            yield _problem(code, receipt, payment=name, before=known.number)


def _problem(code: str, receipt: Receipt, **values: str | date) -> Problem:
    return Problem(f"paying.difference.{code}", {"receipt": receipt.number, **values})


def _sibling(account: Account, kind: str) -> Account:
    return Account(kind, account.year, holder=account.holder, funder=account.funder)
