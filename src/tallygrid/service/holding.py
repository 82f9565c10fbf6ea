"""Holds: what is still set aside for a purchase, and what it lacks for more."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from psycopg import Connection

from tallygrid.core.books import Account, Leg
from tallygrid.service.purchase import Share

Ways = Mapping[tuple[Account, Account], int]
"""Amounts by the way they go: from one account to another."""


def held_fen(connection: Connection, share: Share) -> Ways:
    """Return what is still held on each way of a share's hold."""
    rows = connection.execute(
        """
        SELECT source.code, target.code, leg.amount_fen - leg.captured_fen
        FROM books.hold_leg AS leg
        JOIN books.programme ON programme.id = leg.programme
        JOIN books.account AS source ON (source.programme, source.id) = (leg.programme, leg.source)
        JOIN books.account AS target ON (target.programme, target.id) = (leg.programme, leg.target)
        WHERE programme.code = %s AND leg.hold = %s
        """,
        (share.programme, share.hold),
    ).fetchall()
    return {(Account.of(source), Account.of(target)): left for source, target, left in rows}


def lacking(legs: Iterable[Leg], held: Ways) -> tuple[Leg, ...]:
    """Return the legs by which a hold must be extended before these amounts can be captured."""
    asked = ((leg, leg.amount_fen - held.get((leg.source, leg.target), 0)) for leg in legs)
    return tuple(replace(leg, amount_fen=more) for leg, more in asked if more > 0)
