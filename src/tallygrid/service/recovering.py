"""Recovering (追回): money that was paid wrongly is asked back, and what becomes of that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from tallygrid.core.books import Account, Event, Leg, reversal_of
from tallygrid.core.clawback import NEXT_CLAWBACK, ClawbackAct, ClawbackState, clawback_after
from tallygrid.core.key import key_of
from tallygrid.core.window import day_of
from tallygrid.service.buying import UnknownError
from tallygrid.service.intent import (
    PendingError,
    carry_out,
    followed,
    in_turn,
    resume,
    settle_first,
)
from tallygrid.service.office import Office
from tallygrid.service.publishing import in_force
from tallygrid.service.told import ToldError, either, state
from tallygrid.service.wish import Answer, Posting, Step, Wish

_OF_A_PAYMENT: Final = ("claw_back", "receipt")
"""Kinds of intents that change how much of a payment can be asked back."""
_Moves = tuple[tuple[Account, Account, int], ...]
_OPPOSITE: Final = {
    ClawbackAct.CONTEST: ClawbackAct.UPHOLD,
    ClawbackAct.UPHOLD: ClawbackAct.CONTEST,
    ClawbackAct.WRITE_OFF: ClawbackAct.REOPEN,
    ClawbackAct.REOPEN: ClawbackAct.WRITE_OFF,
}


@dataclass(frozen=True)
class Clawback:
    """One demand, with where its money sits."""

    id: str
    payment: str
    programme: str
    fiscal_year: int
    funder: str
    payee: str
    amount_fen: int
    recovered_fen: int
    state: str
    why: str
    demanded_at: datetime
    since: datetime
    """When its state began."""
    acted_at: datetime
    """The latest day of all that was done about it."""

    @property
    def due_fen(self) -> int:
        """What is still asked back."""
        return self.amount_fen - self.recovered_fen

    def account(self, kind: str) -> Account:
        """Return the payee's account of a kind."""
        return Account(kind, self.fiscal_year, holder=self.payee, funder=self.funder)


@dataclass(frozen=True)
class Demand:
    """What is asked back, of which payment, and on which paper."""

    id: str
    """A name of one's own: the same name is the same demand."""
    payment: str
    amount_fen: int
    why: str
    document: str = ""
    """SHA-256 of the paper that says so."""


class ExcessiveError(ToldError):
    """More is asked back than a payment has brought, or than is still due."""


class ActError(ToldError):
    """A demand was to do something that its state does not allow."""

    def __init__(self, clawback: str, now: ClawbackState, act: ClawbackAct) -> None:
        allowed = sorted(other for known, other in NEXT_CLAWBACK if known is now)
        code = "clawback_act" if allowed else "clawback_over"
        values = {"clawback": clawback, "state": state(now), "act": state(act)}
        super().__init__(code, **values, allowed=either(allowed))


def demand(office: Office, asked: Demand, *, at: datetime) -> Answer:
    """Ask back a part or the whole of a payment that has arrived.

    Raises:
        ConflictError: The name stands for another demand.
        ExcessiveError: The payment was for less or came back, or part of it is asked back
            already.
        ToldError: It is dated before the payment arrived.
        UnknownError: There is no such payment.
    """
    body = {
        "clawback": asked.id,
        "payment": asked.payment,
        "amount_fen": asked.amount_fen,
        "document": asked.document,
    }
    wish = Wish(key_of("claw_back", asked.id), "claw_back", body)
    return in_turn(
        office,
        wish,
        lambda connection: _demanded(connection, asked, wish, at),
        *_OF_A_PAYMENT,
        anew=True,
        payment=asked.payment,
    )


def contest(office: Office, name: str, *, at: datetime) -> Answer:
    """Note that the payee contests a demand; nothing is recovered meanwhile."""
    return _act(office, name, ClawbackAct.CONTEST, at=at)


def uphold(office: Office, name: str, *, at: datetime) -> Answer:
    """Uphold a contested demand."""
    return _act(office, name, ClawbackAct.UPHOLD, at=at)


def waive(office: Office, name: str, *, at: datetime) -> Answer:
    """Drop a demand: what is not recovered was rightly paid."""

    def back(one: Clawback) -> _Moves:
        return ((one.account("recoverable"), one.account("paid"), one.due_fen),)

    return _act(office, name, ClawbackAct.WAIVE, back, at=at)


def write_off(office: Office, name: str, *, at: datetime) -> Answer:
    """Give up what will not come back."""
    return _act(office, name, ClawbackAct.WRITE_OFF, _given_up, at=at)


def reopen(office: Office, name: str, *, at: datetime) -> Answer:
    """Demand again what was given up, as when money comes after all: that entry is undone."""
    return _act(office, name, ClawbackAct.REOPEN, _given_up, at=at)


def recover(  # noqa: PLR0913  # what the bank's receipt says
    office: Office,
    name: str,
    *,
    amount_fen: int,
    receipt: str,
    year: int,
    at: datetime,
    to: Literal["available", "lapsed"] = "available",
) -> Answer:
    """Book money that has come back, in the fiscal year in which it came.

    Args:
        office: Where to work.
        name: Whose demand.
        amount_fen: How much came back.
        receipt: The number of the receipt: the same number is the same money.
        year: The fiscal year in which it came; a later one takes it over as carried in.
        at: When it came.
        to: Whether it can be promised again, or goes to the treasury.

    Raises:
        ExcessiveError: More came back than is due, or in a year before that of the payment.
    """

    def back(one: Clawback) -> _Moves:
        if amount_fen > one.due_fen:
            raise ExcessiveError(
                "recovers_too_much", clawback=name, due=one.due_fen, asked=amount_fen
            )
        if year < one.fiscal_year:
            raise ExcessiveError(
                "recovered_before", payment=one.payment, since=one.fiscal_year, year=year
            )
        source, target = one.account("recoverable"), Account(to, year, funder=one.funder)
        if year == one.fiscal_year:
            return ((source, target, amount_fen),)
        out = Account("carried_out", one.fiscal_year, funder=one.funder)
        into = Account("carried_in", year, funder=one.funder)
        return (source, out, amount_fen), (into, target, amount_fen)

    return _act(
        office, name, ClawbackAct.RECOVER_PART, back, at=at, receipt=receipt, amount_fen=amount_fen
    )


def clawbacks(office: Office) -> tuple[Clawback, ...]:
    """Return every demand, in the order of their ids."""
    return office.transact("web", lambda connection: _found(connection, None))


def _demanded(
    connection: Connection, asked: Demand, wish: Wish, at: datetime
) -> tuple[Posting, ...]:
    settle_first(connection, f"payment {asked.payment}", *_OF_A_PAYMENT, payment=asked.payment)
    paid = connection.execute(
        """
        SELECT programme, fiscal_year, funder, payee, state = 'failed', confirmed_at,
          CASE payment.state WHEN 'confirmed' THEN payment.amount_fen ELSE 0 END
            - coalesce((SELECT sum(CASE state WHEN 'waived' THEN recovered_fen ELSE amount_fen END)
                        FROM service.clawback WHERE payment = payment.id), 0)::bigint
        FROM service.payment AS payment WHERE id = %s
        """,
        (asked.payment,),
    ).fetchone()
    if paid is None:
        raise UnknownError("payment", asked.payment)
    programme, year, funder, payee, came_back, arrived_at, left_fen = paid
    if came_back:
        raise ExcessiveError("came_back", payment=asked.payment)
    if asked.amount_fen > left_fen:
        raise ExcessiveError(
            "asks_too_much", payment=asked.payment, left=left_fen, asked=asked.amount_fen
        )
    zone = in_force(connection)[programme].programme.place.zone
    arrived, day = day_of(arrived_at, zone), day_of(at, zone)
    if day < arrived:
        raise ToldError("demanded_before", payment=asked.payment, asked=day, arrived=arrived)
    source = Account("paid", year, holder=payee, funder=funder)
    target = Account("recoverable", year, holder=payee, funder=funder)
    event = Event(
        key=wish.key,
        kind="claw_back",
        legs=(Leg(source, target, asked.amount_fen),),
        occurred_at=at,
        reason=f"clawback {asked.id} of payment {asked.payment}: {asked.why}",
        document=asked.document,
    )
    row = {
        "does": "clawback_demanded",
        "id": asked.id,
        "payment": asked.payment,
        "amount_fen": asked.amount_fen,
        "recovered_fen": 0,
        "state": "demanded",
        "why": asked.why,
        "demanded_at": at.isoformat(),
    }
    return followed(connection, [Step(programme, "payer", event)], row)


def _act(  # noqa: PLR0913  # an act, and what it moves
    office: Office,
    name: str,
    act: ClawbackAct,
    ways: Callable[["Clawback"], _Moves] = lambda _: (),
    *,
    at: datetime,
    receipt: str = "",
    amount_fen: int = 0,
) -> Answer:
    """Do something about a demand, once for every time that its opposite was done.

    How often that was is counted when all that is pending is settled, and again under the lock.

    Raises:
        ActError: The demand's state does not allow it.
        ToldError: It is dated before what it follows.
        UnknownError: There is no such demand.
    """

    def attempt() -> Answer:
        round_ = office.transact("web", lambda connection: _round(connection, name, act))
        wish = Wish(
            key=_key(name, act, round_, receipt),
            kind="clawback",
            body={"clawback": name, "act": str(act), "receipt": receipt, "amount_fen": amount_fen},
        )

        def compose(connection: Connection) -> tuple[Posting, ...]:
            settle_first(connection, f"clawback {name}", "clawback", clawback=name)
            if _round(connection, name, act) != round_:
                raise PendingError
            one = _one(connection, name)
            moves = ways(one)
            recovered_fen = one.recovered_fen + amount_fen
            whole = bool(amount_fen) and recovered_fen == one.amount_fen
            done, now = ClawbackAct.RECOVER_REST if whole else act, ClawbackState(one.state)
            if (now, done) not in NEXT_CLAWBACK:
                raise ActError(name, now, act)
            _require_after(connection, one, act, at)
            payload: Mapping[str, Any] = {
                "does": "clawback_moved",
                "clawback": name,
                "state": str(clawback_after(now, done)),
                "recovered_fen": recovered_fen,
                "at": at.isoformat(),
            }
            events = [_event(wish, act, moves, at, round_)] if moves else []
            steps = [Step(one.programme, "payer", event) for event in events]
            return followed(connection, steps, payload)

        return carry_out(office, wish, compose, anew=True)

    while True:
        resume(office, "clawback", clawback=name)
        try:
            return attempt()
        except PendingError:
            continue  # somebody else's act comes first


def _require_after(connection: Connection, one: Clawback, act: ClawbackAct, at: datetime) -> None:
    """See that an act is not dated before what it follows, by the days where the programme is run.

    Money follows only the demand, or what opened it again: receipts may be booked in another
    order than they came in.
    """
    zone = in_force(connection)[one.programme].programme.place.zone
    follows = one.since if act is ClawbackAct.RECOVER_PART else one.acted_at
    before, day = day_of(follows, zone), day_of(at, zone)
    if day < before:
        values = {"clawback": one.id, "act": state(act), "asked": day, "before": before}
        raise ToldError("acted_before", **values)


def _given_up(one: Clawback) -> _Moves:
    return ((one.account("recoverable"), one.account("written_off"), one.due_fen),)


def _key(name: str, act: ClawbackAct, round_: int, receipt: str = "") -> UUID:
    return key_of("clawback", name, act, receipt, round_)


def _event(wish: Wish, act: ClawbackAct, moves: _Moves, at: datetime, round_: int) -> Event:
    """Return the event of an act that moves money, or that undoes the entry which did."""
    name, legs = wish.body["clawback"], tuple(Leg(*move) for move in moves)
    reason = f"clawback {name} {wish.body['receipt']}".strip()
    if act is ClawbackAct.REOPEN:
        given_up = _key(name, ClawbackAct.WRITE_OFF, round_ - 1)
        return reversal_of(given_up, "write_off", legs, at=at, reason=reason)
    kind = "recover" if act is ClawbackAct.RECOVER_PART else str(act)
    return Event(wish.key, kind, legs, at, reason=reason)


def _round(connection: Connection, name: str, act: ClawbackAct) -> int:
    """Return how often the opposite was done before: one contests anew what was upheld."""
    if act not in _OPPOSITE:
        return 0
    row = connection.execute(
        """
        SELECT count(*) FROM service.intent
        WHERE kind = 'clawback' AND body @> %s
          AND settled_at IS NOT NULL AND outcome ->> 'refused' IS NULL
        """,
        (Jsonb({"clawback": name, "act": str(_OPPOSITE[act])}),),
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])


def _one(connection: Connection, name: str) -> Clawback:
    found = _found(connection, name)
    if not found:
        raise UnknownError("clawback", name)
    return found[0]


def _found(connection: Connection, name: str | None) -> tuple[Clawback, ...]:
    cursor = connection.cursor(row_factory=class_row(Clawback))
    cursor.execute(
        """
        SELECT clawback.id, payment, programme, fiscal_year, funder, payee, clawback.amount_fen,
          recovered_fen, clawback.state, why, demanded_at, since, acted_at
        FROM service.clawback JOIN service.payment ON payment.id = clawback.payment
        WHERE clawback.id = %(name)s OR %(name)s::text IS NULL
        ORDER BY clawback.id
        """,
        {"name": name},
    )
    return tuple(cursor.fetchall())
