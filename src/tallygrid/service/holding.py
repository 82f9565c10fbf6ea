"""Holds: what is still set aside for a purchase, and what it lacks for more."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from psycopg import Connection

from tallygrid.core.books import Account, Leg
from tallygrid.core.money import split
from tallygrid.core.rating import Grant, Subsidy
from tallygrid.service.purchase import Share

Ways = Mapping[tuple[Account, Account], int]
"""Amounts by the way they go: from one account to another."""


def is_open(connection: Connection, share: Share) -> bool:
    """Tell whether a share's hold still sets anything aside."""
    return bool(held_fen(connection, share))


def held_fen(connection: Connection, share: Share) -> Ways:
    """Return what is still held on each way of a share's hold; nothing, once it is closed."""
    rows = connection.execute(
        """
        SELECT source.code, target.code, leg.amount_fen - leg.captured_fen
        FROM books.hold_leg AS leg
        JOIN books.programme ON programme.id = leg.programme
        JOIN books.hold ON (hold.programme, hold.key) = (leg.programme, leg.hold)
        JOIN books.account AS source ON (source.programme, source.id) = (leg.programme, leg.source)
        JOIN books.account AS target ON (target.programme, target.id) = (leg.programme, leg.target)
        WHERE programme.code = %s AND leg.hold = %s
          AND (hold.state = 'started' OR hold.state = 'open' AND hold.deadline > clock_timestamp())
        """,
        (share.programme, share.hold),
    ).fetchall()
    return {(Account.of(source), Account.of(target)): left for source, target, left in rows}


def room_fen(connection: Connection, share: Share, grant: Grant, booked: Subsidy) -> int:
    """Return the most that a grant can have paid in all after a share's next line.

    That is what is booked, what is held for the share, and what is free; less, if one of
    the funders or the yearly cap has less.
    """
    held = held_fen(connection, share)
    free = _free_fen(connection, share)
    paid = dict(booked.funders)
    names, weights = zip(*grant.funders, strict=True)
    left = [paid[name] + _left(free, held, share.account(name)) for name in names]
    room = min(grant.room_fen, sum(left))
    if share.cap:
        room = min(room, booked.subsidy_fen + _left(free, held, share.cap_room))
    while any(part > most for part, most in zip(split(room, weights), left, strict=True)):
        room -= 1  # the odd fen of several accounts fell to one funder
    return room


def _free_fen(connection: Connection, share: Share) -> Mapping[Account, int]:
    rows = connection.execute(
        """
        SELECT account.code, account.in_fen - account.out_fen - account.held_fen
        FROM books.account
        JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s
          AND (account.kind, account.holder) IN (('committed', %s), ('cap_room', %s))
        """,
        (share.programme, share.voucher, share.cap),
    ).fetchall()
    return {Account.of(code): free for code, free in rows}


def _left(free: Mapping[Account, int], held: Ways, source: Account) -> int:
    """Return what can still come from an account: free, or held for this share."""
    return free.get(source, 0) + sum(fen for (from_, _), fen in held.items() if from_ == source)


def lacking(legs: Iterable[Leg], held: Ways) -> tuple[Leg, ...]:
    """Return the legs by which a hold must be extended before these amounts can be captured."""
    asked = ((leg, leg.amount_fen - held.get((leg.source, leg.target), 0)) for leg in legs)
    return tuple(replace(leg, amount_fen=more) for leg, more in asked if more > 0)
