"""Closing a fiscal year (年终): what was not used is carried forward, or lapses.

Work that has not begun is given up in both ways. Work that has begun ends in the year it
began in, and so does what is owed for it: what its hold leaves over is closed by closing
once more, under another document. So what a voucher has promised to the stages of an order
that has begun is not carried away from them; where all lapses, its voucher ends, and they
have no more than what is held.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid import ledger
from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.window import day_of
from tallygrid.service import buying
from tallygrid.service import purchase as purchases
from tallygrid.service import voucher as vouchers
from tallygrid.service.ending import end
from tallygrid.service.intent import PendingError, carry_out, given, resume
from tallygrid.service.lines import to_come_fen
from tallygrid.service.office import Office
from tallygrid.service.plain import load
from tallygrid.service.publishing import Scheme
from tallygrid.service.voucher import Voucher
from tallygrid.service.wish import Answer, Posting, Refused, Step, Wish, postings
from tallygrid.service.year import YearError, is_closed, require_standing, settle_entering

_FREE: Final = ("available", "reserved")
_LEGS_TOGETHER: Final = 500


@dataclass(frozen=True)
class Close:
    """How a year is closed, and under the number of which document."""

    year: int
    document: str
    """The same number is the same closing; what comes back later is closed under another."""
    carries: bool
    """What is left goes into the next year; else it lapses."""

    @property
    def reason(self) -> str:
        """What every entry of the closing gives as its reason."""
        return f"{self.document}: the year {self.year} is closed"


@dataclass(frozen=True)
class Closed:
    """What closing has moved, under its document: asked again, the answer is the same."""

    given_up: int
    """Purchases whose work had not begun."""
    vouchers: int
    on_vouchers_fen: int
    budget_fen: int
    """What was promised to nobody, or awarded without a voucher."""
    refused: tuple[Refused, ...] = ()
    """What the books refused: somebody was at it meanwhile; close once more."""


def close(office: Office, scheme: Scheme, how: Close, *, at: datetime) -> Closed:
    """Close a programme's year, once, however often it is interrupted and asked for again.

    The budget is closed last, when all the rest is, and with it the year.

    Raises:
        ConflictError: The document's number stands for another closing.
        YearError: The year is not over where the programme is run; or this closing was undone.
    """
    if day_of(at, scheme.programme.place.zone).year <= how.year:
        raise YearError("year_not_over", programme=scheme.id, year=how.year, at=at.date())
    wish = _wish(scheme.id, how)
    before = given(office, wish.key)
    was_closed = before is not None and before.accepted
    refused = [] if was_closed else _close_vouchers(office, scheme.id, how, at)
    if not refused and (answer := _close_budget(office, wish, how, at)).refused:
        refused = [answer.refused]

    def moved(connection: Connection) -> Closed:
        if was_closed:
            require_standing(connection, scheme.id, how.year, wish.key)
        return _moved(connection, scheme.id, how)

    return replace(office.transact("web", moved), refused=tuple(refused))


@dataclass(frozen=True)
class Kept:
    """What a year that is closed keeps on vouchers, and for which orders."""

    programme: str
    year: int
    orders: tuple[str, ...]
    fen: int


def kept(office: Office, programme: str, year: int) -> Kept | None:
    """Return what a closed year keeps for orders that run; None if none does.

    When they have ended the year has to be closed once more.
    """

    def load(connection: Connection) -> Kept | None:
        found = purchases.of_state(connection, "running", "part_delivered")
        orders = tuple(one.id for one in found if _draws_on(one, programme, year))
        balances = ledger.balances(connection, programme) if orders else {}
        fen = sum(
            balance.total_fen
            for account, balance in balances.items()
            if (account.kind, account.year) == ("committed", year)
        )
        return Kept(programme, year, orders, fen) if orders else None

    return office.transact("web", load)


def came_free(office: Office, purchase: purchases.Purchase) -> tuple[Kept, ...]:
    """Return what an order that has ended left over in years that are closed already."""

    def load(connection: Connection) -> Iterator[Kept]:
        for share in purchase.shares:
            voucher = vouchers.find(connection, share.voucher)
            assert voucher is not None, share.voucher
            free = vouchers.free_fen(connection, replace(voucher, fiscal_year=share.fiscal_year))
            if sum(free.values()) and is_closed(connection, share.programme, share.fiscal_year):
                about = (share.programme, share.fiscal_year, (purchase.id,))
                yield Kept(*about, sum(free.values()))

    return office.transact("web", lambda connection: tuple(load(connection)))


def _wish(programme: str, how: Close) -> Wish:
    return Wish(
        key=key_of("close", programme, how.year, how.document),
        kind="close",
        body={
            "programme": programme,
            "year": how.year,
            "document": how.document,
            "carries": how.carries,
        },
    )


def _close_vouchers(office: Office, programme: str, how: Close, at: datetime) -> list[Refused]:
    """Give up what has not begun, then close every voucher; return what was refused."""
    resume(office, "give_up", "carry", "end")
    for purchase in office.transact("web", lambda it: _unbegun(it, programme, how.year)):
        buying.give_up(office, purchase, at=at, why=how.reason)
    found = office.transact("web", lambda connection: _vouchers(connection, programme, how.year))
    refused = [_close_voucher(office, voucher, how, at) for voucher in found]
    return [one for one in refused if one is not None]


def _close_voucher(office: Office, voucher: Voucher, how: Close, at: datetime) -> Refused | None:
    """Carry what is free on a voucher into the next year, or let it lapse and end the voucher."""
    if not how.carries or voucher.state in {"expired", "revoked"}:
        return end(office, voucher, at=at, why=how.reason, to="lapsed").refused
    wish = Wish(
        key=key_of("carry", voucher.id, how.year, how.document),
        kind="carry",
        body={"voucher": voucher.id, "year": how.year, "document": how.document},
    )

    def compose(connection: Connection) -> tuple[Posting, ...]:
        free = vouchers.free_fen(connection, replace(voucher, fiscal_year=how.year))
        orders = purchases.in_stages(connection, voucher.id)
        kept = sum((to_come_fen(connection, one, voucher.id) for one in orders), Counter())
        accounts = [
            (Account("committed", how.year, voucher.id, funder, voucher.budget_group), fen)
            for funder, fen in free.items()
        ]
        parts = [(account, max(0, fen - kept[account])) for account, fen in accounts]
        steps = _carried(voucher.programme, parts, wish, how, at)
        payload = {
            "does": "voucher_carried",
            "voucher": voucher.id,
            "fiscal_year": how.year + 1,
        }
        return postings(steps, outbox=payload) if steps else ()  # all is kept: it stays where it is

    return carry_out(office, wish, compose, anew=True).refused


def _close_budget(office: Office, wish: Wish, how: Close, at: datetime) -> Answer:
    """Carry what is available or reserved into the next year, or let it lapse."""
    programme = wish.body["programme"]

    def compose(connection: Connection) -> tuple[Posting, ...]:
        settle_entering(connection, programme, how.year)
        parts = _free(connection, programme, how.year)
        if how.carries:
            return postings(_carried(programme, parts, wish, how, at))
        return postings(list(_lapsed(programme, parts, wish, how, at)))

    while True:
        resume(office, "appropriate", "reverse", programme=programme)
        resume(office, "transfer", to=programme)
        try:
            return carry_out(office, wish, compose, anew=True)
        except PendingError:
            continue  # money that was under way when the year was closed is closed with it


def _moved(connection: Connection, programme: str, how: Close) -> Closed:
    """Return what a closing has moved so far: every one of its entries gives it as the reason."""
    about = {"programme": programme, "year": how.year, "reason": how.reason}
    row = connection.execute(
        """
        SELECT
            count(DISTINCT source.holder) FILTER (WHERE source.kind = 'committed'),
            coalesce(sum(leg.amount_fen) FILTER (WHERE source.kind = 'committed'), 0)::bigint,
            coalesce(sum(leg.amount_fen) FILTER (
                WHERE source.kind IN ('available', 'reserved')), 0)::bigint
        FROM books.event
        JOIN books.programme ON programme.id = event.programme
        JOIN books.leg ON (leg.programme, leg.seq) = (event.programme, event.seq)
        JOIN books.account AS source ON (source.programme, source.id) = (leg.programme, leg.source)
        WHERE programme.code = %(programme)s AND source.year = %(year)s
          AND event.kind IN ('close_carry_out', 'close_lapse', 'lapse')
          AND event.reason IN (
            %(reason)s,
            'voucher ' || source.holder || ' expired: ' || %(reason)s,
            'voucher ' || source.holder || ' revoked: ' || %(reason)s)
        """,
        about,
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return Closed(_given_up(connection, about), *row)


def _given_up(connection: Connection, about: Mapping[str, object]) -> int:
    row = connection.execute(
        """
        SELECT count(*) FROM service.intent
        WHERE kind = 'give_up' AND settled_at IS NOT NULL AND jsonb_path_exists(
            postings,
            '$[*] ? (@.programme == $programme).events[*] ? (@.reason == $reason)', %s)
        """,
        (Jsonb(about),),
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])


def _carried(
    programme: str, parts: Sequence[tuple[Account, int]], wish: Wish, how: Close, at: datetime
) -> list[Step]:
    """Return the way out of the year and, in the same chain, the way into the next one."""
    steps = []
    for n, some in enumerate(_portions(parts)):
        out = [(account, _sum_of(account, "carried_out"), fen) for account, fen in some]
        into = [
            (_next_year(_sum_of(account, "carried_in")), _next_year(account), fen)
            for account, fen in some
        ]
        steps.append(_step(programme, "close_carry_out", out, (wish, how, at, n)))
        steps.append(_step(programme, "close_carry_in", into, (wish, how, at, n)))
    return steps


def _lapsed(
    programme: str, parts: Sequence[tuple[Account, int]], wish: Wish, how: Close, at: datetime
) -> Iterator[Step]:
    for n, some in enumerate(_portions(parts)):
        ways = [(account, _sum_of(account, "lapsed"), fen) for account, fen in some]
        yield _step(programme, "close_lapse", ways, (wish, how, at, n))


def _step(
    programme: str,
    kind: str,
    ways: Sequence[tuple[Account, Account, int]],
    about: tuple[Wish, Close, datetime, int],
) -> Step:
    wish, how, at, n = about
    legs = tuple(Leg(source, target, fen) for source, target, fen in ways)
    event = Event(key_of(kind, wish.key, n), kind, legs, at, reason=how.reason)
    return Step(programme, "web", event)


def _portions(parts: Sequence[tuple[Account, int]]) -> Iterator[Sequence[tuple[Account, int]]]:
    """Yield what there is to move in events of a size that people can read."""
    moving = [(account, fen) for account, fen in parts if fen]
    for start in range(0, len(moving), _LEGS_TOGETHER):
        yield moving[start : start + _LEGS_TOGETHER]


def _sum_of(account: Account, kind: str) -> Account:
    return Account(kind, account.year, funder=account.funder, group=account.group)


def _next_year(account: Account) -> Account:
    return replace(account, year=account.year + 1)


def _free(connection: Connection, programme: str, year: int) -> list[tuple[Account, int]]:
    found = ledger.balances(connection, programme)
    return [
        (account, balance.free_fen)
        for account, balance in found.items()
        if account.kind in _FREE and account.year == year and balance.free_fen
    ]


def _unbegun(connection: Connection, programme: str, year: int) -> tuple[purchases.Purchase, ...]:
    found = purchases.of_state(connection, "held")
    return tuple(one for one in found if _draws_on(one, programme, year))


def _draws_on(purchase: purchases.Purchase, programme: str, year: int) -> bool:
    return any((one.programme, one.fiscal_year) == (programme, year) for one in purchase.shares)


def _vouchers(connection: Connection, programme: str, year: int) -> tuple[Voucher, ...]:
    """Return the vouchers that have money of a year that is free, in the order of their ids."""
    rows = connection.execute(
        """
        SELECT to_jsonb(voucher) || jsonb_build_object('fiscal_year', account.year)
        FROM service.voucher
        JOIN books.programme ON programme.code = voucher.programme
        JOIN books.account
          ON account.programme = programme.id AND account.holder = voucher.id
          AND account.kind = 'committed'
        WHERE voucher.programme = %s AND account.year = %s
        GROUP BY voucher.id, account.year
        HAVING sum(account.in_fen - account.out_fen - account.held_fen) > 0
        ORDER BY voucher.id
        """,
        (programme, year),
    ).fetchall()
    return tuple(load(Voucher, row) for (row,) in rows)
