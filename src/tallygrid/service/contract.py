"""A contract as the registry knows it: the most public money that it may bear, in all programmes.

The first claim opens it, with the amount and the day that its facts give. Where the parties
change the amount, or the day was written wrongly, an authority amends it: claims after that give
what holds now. What opened it stays in the books, and every decision as it was told.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from psycopg import Connection

from tallygrid.core.books import REGISTRY, Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.service.intent import in_turn, settle_first
from tallygrid.service.office import Office
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Answer, Posting, Wish

ALL_YEARS: Final = 9999
"""The year of memoranda that no year bounds."""
SOURCE: Final = Account("ceiling_source", ALL_YEARS)
KINDS: Final = ("apply", "allot", "notice", "amend", "lower")
"""Kinds of intents that change what a contract has had, or may have."""


class ContractError(ToldError):
    """A contract cannot be amended so."""


@dataclass(frozen=True)
class Contract:
    """What the registry keeps of a contract."""

    first_fen: int
    """The amount with which it was opened."""
    first_signed_at: datetime
    """The day of its signing, with which it was opened."""
    signed_at: datetime
    """The day of its signing that holds now."""
    limit_fen: int
    """The most public money that it may bear now."""
    free_fen: int
    """What of that is neither used nor claimed."""

    @property
    def is_amended(self) -> bool:
        """Whether something else holds than it was opened with."""
        return (self.limit_fen, self.signed_at) != (self.first_fen, self.first_signed_at)


@dataclass(frozen=True)
class Amendment:
    """What else holds of a contract, under the number of the paper that says so."""

    applicant: str
    contract: str
    document: str
    """The same number is the same amendment."""
    amount_fen: int | None = None
    """What it comes to; None leaves that as it is."""
    signed_on: date | None = None
    """The day on which it was signed; None leaves that as it is."""


def named(applicant: str, contract: str) -> str:
    """Return what the books call a contract: its number is its applicant's word, and its alone.

    Whoever writes the number of somebody else's contract has named another one. A name of two
    parts, its first a credit code, is no claim's, whose first is a scope.
    """
    return f"{applicant}.{contract}"


def room(holder: str) -> Account:
    """Return what may still come to a contract or a claim on one."""
    return Account("ceiling_room", ALL_YEARS, holder)


def used(holder: str) -> Account:
    """Return what has come to a contract or a claim on one."""
    return Account("ceiling_used", ALL_YEARS, holder)


def find(connection: Connection, holder: str) -> Contract | None:
    """Return a contract by its name in the books; None if nobody has claimed it."""
    applicant, _, contract = holder.partition(".")
    row = connection.execute(
        """
        SELECT leg.amount_fen, event.occurred_at,
          coalesce(
            (SELECT (body ->> 'signed_on')::timestamp AT TIME ZONE 'UTC' FROM service.intent
             WHERE kind = 'amend'
               AND body ->> 'applicant' = %(applicant)s AND body ->> 'contract' = %(contract)s
               AND body ? 'signed_on'
               AND settled_at IS NOT NULL AND outcome -> 'refused' = 'null'
             ORDER BY settled_at DESC LIMIT 1),
            event.occurred_at),
          room.in_fen - room.out_fen + coalesce(used.in_fen - used.out_fen, 0),
          room.in_fen - room.out_fen - room.held_fen
        FROM books.programme
        JOIN books.event ON event.programme = programme.id AND event.key = %(key)s
        JOIN books.leg ON (leg.programme, leg.seq) = (event.programme, event.seq)
        JOIN books.account AS room ON room.programme = programme.id AND room.code = %(room)s
        LEFT JOIN books.account AS used ON used.programme = programme.id AND used.code = %(used)s
        WHERE programme.code = %(registry)s
        """,
        {
            "registry": REGISTRY,
            "key": key_of("ceiling", holder),
            "room": room(holder).code,
            "used": used(holder).code,
            "applicant": applicant,
            "contract": contract,
        },
    ).fetchone()
    return None if row is None else Contract(*row)


def amend(office: Office, asked: Amendment, *, at: datetime) -> Answer:
    """Let another amount of a contract hold from now on, or another day of signing.

    Raises:
        ConflictError: The paper's number stands for something else.
        ContractError: Nobody has claimed the contract, or more than that is promised on it.
    """
    wish = Wish(
        key=key_of("amend", asked.applicant, asked.contract, asked.document),
        kind="amend",
        body={
            "applicant": asked.applicant,
            "contract": asked.contract,
            "document": asked.document,
            **({} if asked.amount_fen is None else {"amount_fen": asked.amount_fen}),
            **({} if asked.signed_on is None else {"signed_on": asked.signed_on.isoformat()}),
        },
    )

    def compose(connection: Connection) -> tuple[Posting, ...]:
        name, contract = f"contract {asked.contract}", asked.contract
        settle_first(connection, name, *KINDS, contract=contract)
        return _amended(connection, asked, wish, at)

    return in_turn(office, wish, compose, *KINDS, anew=True, contract=asked.contract)


def _amended(
    connection: Connection, asked: Amendment, wish: Wish, at: datetime
) -> tuple[Posting, ...]:
    known = find(connection, holder := named(asked.applicant, asked.contract))
    about = {"contract": asked.contract, "applicant": asked.applicant}
    if known is None:
        raise ContractError("no_contract", **about)
    if asked.amount_fen is None:
        return ()
    promised_fen = known.limit_fen - known.free_fen
    if asked.amount_fen < promised_fen:
        raise ContractError("promised", **about, promised=promised_fen, asked=asked.amount_fen)
    more_fen = asked.amount_fen - known.limit_fen
    if not more_fen:
        return ()
    way = (SOURCE, room(holder)) if more_fen > 0 else (room(holder), SOURCE)
    event = Event(
        key=wish.key,
        kind="limit" if more_fen > 0 else "lower_limit",
        legs=(Leg(*way, abs(more_fen)),),
        occurred_at=at,
        reason=f"contract {asked.contract}, amended by {asked.document}",
    )
    return (Posting(REGISTRY, "web", (event,)),)
