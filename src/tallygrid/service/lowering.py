"""Lowering: an award without a voucher (事后) was too high, and a part of it is taken back.

It was not sent yet, else it is asked back (`recovering`), whatever else is owed to the applicant.
What goes back is owed no more, and what the caps and the contract have counted of it is theirs
again; if nothing is left of the award it is withdrawn, and its contract may be claimed anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.books import REGISTRY, Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.money import split
from tallygrid.core.window import day_of
from tallygrid.service import contract as contracts
from tallygrid.service.buying import UnknownError
from tallygrid.service.ending import counted, keys_of
from tallygrid.service.intent import in_turn, settle_first
from tallygrid.service.office import Office
from tallygrid.service.publishing import in_force
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Answer, Posting, Step, Wish, postings


class LoweringError(ToldError):
    """There is no such award, less is left of it, or it was paid."""


@dataclass(frozen=True)
class Award:
    """What an application was awarded without a voucher."""

    application: str
    programme: str
    applicant: str
    contract: str
    seq: int
    """Its place in the programme's books."""
    legs: tuple[Leg, ...]
    """Its money, from what is available to what is owed, funder by funder."""
    lowered_fen: int
    """What was taken back before."""

    @property
    def awarded_fen(self) -> int:
        """What it came to at first."""
        return sum(leg.amount_fen for leg in self.legs)

    @property
    def left_fen(self) -> int:
        """What it comes to now."""
        return self.awarded_fen - self.lowered_fen

    def back(self, less_fen: int) -> Iterator[tuple[Leg, int]]:
        """Yield how much goes back on each way, rounded on the total taken back so far."""
        parts = tuple(leg.amount_fen for leg in self.legs)
        before = split(self.lowered_fen, parts)
        after = split(self.lowered_fen + less_fen, parts)
        yield from zip(self.legs, (b - a for a, b in zip(before, after, strict=True)), strict=True)


@dataclass(frozen=True)
class Less:
    """How much of which award goes back, and on which paper."""

    application: str
    fen: int
    document: str
    """SHA-256 of the paper: the same paper is the same correction."""


def find(connection: Connection, application: str) -> Award:
    """Return an award without a voucher.

    Raises:
        LoweringError: The application has another award, or none.
        UnknownError: There is no such application.
    """
    row = connection.execute(
        "SELECT programme, applicant, contract, way FROM service.application WHERE id = %s",
        (application,),
    ).fetchone()
    if row is None:
        raise UnknownError("application", application)
    programme, applicant, contract, way = row
    rows = _legs(connection, programme, application) if way == "ex_post" else []
    if not rows:
        raise LoweringError("no_award", application=application)
    legs = tuple(
        Leg(Account.of(source), Account.of(target), fen) for _, source, target, fen in rows
    )
    lowered_fen = _lowered_fen(connection, application)
    return Award(application, programme, applicant, contract, rows[0][0], legs, lowered_fen)


def lower(office: Office, less: Less, *, at: datetime) -> Answer:
    """Take back a part of an award, or all of it.

    Raises:
        ConflictError: The paper says another amount.
        LoweringError: The application has no such award, less than that is left of it, or it is
            on its way to the applicant already.
        UnknownError: There is no such application.
    """
    contract = office.transact("web", lambda it: find(it, less.application)).contract
    body = {
        "application": less.application,
        "contract": contract,
        "less_fen": less.fen,
        "document": less.document,
    }
    wish = Wish(key_of("lower", less.application, less.document), "lower", body)

    def compose(connection: Connection) -> tuple[Posting, ...]:
        settle_first(connection, f"contract {contract}", *contracts.KINDS, contract=contract)
        return _lowered(connection, less, wish, at)

    return in_turn(office, wish, compose, *contracts.KINDS, anew=True, contract=contract)


def _lowered(connection: Connection, less: Less, wish: Wish, at: datetime) -> tuple[Posting, ...]:
    award = find(connection, less.application)
    _require_owed(connection, award, less)
    is_whole = less.fen == award.left_fen
    back = [*_money(connection, award, less, at), *_caps(connection, award, less)]
    claims = [*_claims(connection, award, less, is_whole=is_whole)]
    steps = [
        Step(award.programme, "worker", _event("correct", wish, less, back, at)),
        Step(REGISTRY, "worker", _event("unclaim", wish, less, claims, at)),
    ]
    withdrawn = {"does": "award_withdrawn", "application": award.application}
    return postings(steps, outbox=withdrawn if is_whole else None)


def _require_owed(connection: Connection, award: Award, less: Less) -> None:
    """See that so much is left of an award, and that this money itself is still owed."""
    about = {"application": award.application, "less": less.fen}
    if less.fen > award.left_fen:
        raise LoweringError("lowers_too_much", left=award.left_fen, **about)
    for leg, fen in award.back(less.fen):
        if fen and (payment := _carrier(connection, award, leg.target)):
            funder = in_force(connection)[award.programme].funder(leg.target.funder)
            raise LoweringError("award_paid", funder=funder, payment=payment, **about)


def _carrier(connection: Connection, award: Award, owed: Account) -> str:
    """Return the payment that an award's money went out with; empty while it is owed.

    A payment takes all that is owed. What came back goes with the next one, or with its own that
    is sent once more.
    """
    rows = connection.execute(
        """
        SELECT payload ->> 'does', coalesce(payload ->> 'payment', payload ->> 'id')
        FROM books.account
        JOIN books.programme ON programme.id = account.programme
        JOIN books.leg
          ON leg.programme = account.programme AND account.id IN (leg.source, leg.target)
        JOIN books.outbox ON (outbox.programme, outbox.seq) = (leg.programme, leg.seq)
        WHERE programme.code = %s AND account.code = %s AND leg.seq > %s
          AND payload ->> 'does' IN ('payment_sent', 'payment_again', 'payment_failed')
        ORDER BY leg.seq
        """,
        (award.programme, owed.code, award.seq),
    ).fetchall()
    last, is_owed = "", True
    for does, payment in rows:
        if does == "payment_failed":
            is_owed = is_owed or payment == last
        elif is_owed and (does == "payment_sent" or payment == last):
            last, is_owed = payment, False
    return "" if is_owed else last


def _money(connection: Connection, award: Award, less: Less, at: datetime) -> Iterator[Leg]:
    """Yield the way back, to what can be promised again within the award's fiscal year."""
    zone = in_force(connection)[award.programme].programme.place.zone
    for leg, fen in award.back(less.fen):
        same_year = day_of(at, zone).year == leg.source.year
        target = leg.source if same_year else replace(leg.source, kind="lapsed")
        if fen:
            yield Leg(leg.target, target, fen)


def _caps(connection: Connection, award: Award, less: Less) -> Iterator[Leg]:
    names = ("award ex post",)
    for room, used, _ in counted(connection, award.programme, names, award.application):
        yield Leg(Account.of(used), Account.of(room), less.fen)


def _claims(connection: Connection, award: Award, less: Less, *, is_whole: bool) -> Iterator[Leg]:
    """Yield what the contract can bear again, and what can be claimed again if nothing is left."""
    ceiling = contracts.used(contracts.named(award.applicant, award.contract))
    for room, used, _ in counted(connection, REGISTRY, ("claim",), award.application):
        fen = less.fen if Account.of(used) == ceiling else int(is_whole)
        if fen:
            yield Leg(Account.of(used), Account.of(room), fen)


def _event(name: str, wish: Wish, less: Less, legs: Sequence[Leg], at: datetime) -> Event:
    reason = f"application {less.application}, lowered"
    key = key_of(name, wish.key)
    return Event(key, "correct", tuple(legs), at, reason=reason, document=less.document)


def _legs(
    connection: Connection, programme: str, application: str
) -> list[tuple[int, str, str, int]]:
    """Return place and money of an award without a voucher; none, if it was not awarded."""
    return connection.execute(
        """
        SELECT event.seq, source.code, target.code, leg.amount_fen
        FROM books.event
        JOIN books.programme ON programme.id = event.programme
        JOIN books.leg ON (leg.programme, leg.seq) = (event.programme, event.seq)
        JOIN books.account AS source ON (source.programme, source.id) = (leg.programme, leg.source)
        JOIN books.account AS target ON (target.programme, target.id) = (leg.programme, leg.target)
        WHERE programme.code = %s AND event.key = ANY (%s) AND target.kind = 'payable'
        ORDER BY leg.no
        """,
        (programme, keys_of(connection, ("award ex post",), application)),
    ).fetchall()


def _lowered_fen(connection: Connection, application: str) -> int:
    row = connection.execute(
        """
        SELECT coalesce(sum((body ->> 'less_fen')::bigint), 0)::bigint FROM service.intent
        WHERE kind = 'lower' AND body @> %s
          AND settled_at IS NOT NULL AND outcome -> 'refused' = 'null'
        """,
        (Jsonb({"application": application}),),
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])
