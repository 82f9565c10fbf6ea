"""Ending: a voucher expires or is revoked, and what is left of it goes back.

What is held for work that has begun is not touched: the work is finished and paid, and what
its hold leaves over goes back the next time. What the caps and the registry have counted for
the part that goes back is theirs again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection

from tallygrid.core.books import REGISTRY, Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.core.window import day_of
from tallygrid.service import buying
from tallygrid.service import purchase as purchases
from tallygrid.service import voucher as vouchers
from tallygrid.service.buying import UnknownError
from tallygrid.service.intent import carry_out, followed, resume
from tallygrid.service.office import Office
from tallygrid.service.plain import load
from tallygrid.service.told import ToldError, state
from tallygrid.service.voucher import Voucher
from tallygrid.service.wish import Posting, Refused, Step, Wish, postings_of

End = Literal["expired", "revoked"]

_TRIES_MAX: Final = 10


@dataclass(frozen=True)
class Ended:
    """What went back of a voucher."""

    voucher: str
    state: End
    back_fen: int
    refused: Refused | None = None
    """Why the books gave nothing back, if they refused."""


def expire(office: Office, programme: str, *, at: datetime) -> tuple[Ended, ...]:
    """End every voucher of a programme whose validity is over, in the order of their ids.

    Also what a hold has given back since to a voucher that had ended goes back now.
    """

    def due(connection: Connection) -> tuple[Voucher, ...]:
        rows = connection.execute(
            "SELECT to_jsonb(voucher) FROM service.voucher WHERE programme = %s ORDER BY id",
            (programme,),
        ).fetchall()
        found = (load(Voucher, row) for (row,) in rows)
        return tuple(one for one in found if _is_due(connection, one, at))

    return tuple(_end_in_all_years(office, one, at=at) for one in office.transact("web", due))


def revoke(office: Office, name: str, *, at: datetime, why: str, document: str = "") -> Ended:
    """Take a voucher back, on a paper; what was ordered with it and has not begun is given up.

    What went back is all that ever did: asked again, the answer is the same.

    Raises:
        UnknownError: There is no such voucher.
        ToldError: It has expired or is used up.
    """
    resume(office, "give_up")  # which vouchers a purchase has, its intent does not say
    resume(office, "end", voucher=name)
    found = office.transact("web", lambda connection: vouchers.find(connection, name))
    if found is None:
        raise UnknownError("voucher", name)
    if found.state in {"expired", "used_up"}:
        raise ToldError("not_revocable", voucher=name, state=state(found.state))
    for purchase in office.transact("web", lambda connection: unbegun(connection, name)):
        buying.give_up(office, purchase, at=at, why=f"voucher {name} was revoked")
    done = _end_in_all_years(office, found, at=at, state="revoked", why=why, document=document)
    return replace(done, back_fen=office.transact("web", lambda it: _back_fen(it, name)))


def end(  # noqa: PLR0913  # what an entry of the books says
    office: Office,
    voucher: Voucher,
    *,
    at: datetime,
    state: End = "expired",
    why: str = "its validity is over",
    document: str = "",
    to: Literal["available", "lapsed"] | None = None,
) -> Ended:
    """Give back what is free on a voucher, and end it.

    Args:
        office: Where to work.
        voucher: The voucher as its row says.
        at: When.
        state: What it is from now on; a voucher that has ended keeps its state.
        why: The reason, for the books.
        document: SHA-256 of the paper, if there is one.
        to: Where the money goes; to what is available within its fiscal year, else it lapses.
    """
    same_year = day_of(at, voucher.zone).year == voucher.fiscal_year
    target = to or ("available" if same_year else "lapsed")
    for _ in range(_TRIES_MAX):
        done = _try(office, _Ending(voucher, state, target, at, why, document))
        if done.refused is None or done.refused.final:
            break  # else somebody was at its money meanwhile
    return done


def _end_in_all_years(office: Office, voucher: Voucher, **how: Any) -> Ended:  # noqa: ANN401  # `end`'s own
    """End a voucher, with what an earlier year has kept for orders that come stage by stage."""
    years = office.transact("web", lambda it: vouchers.years_with_money(it, voucher))
    before = [replace(voucher, fiscal_year=year) for year in years if year < voucher.fiscal_year]
    done = [end(office, one, **how) for one in (*before, voucher)]
    refused = [one.refused for one in done if one.refused is not None]
    back_fen = sum(one.back_fen for one in done)
    return replace(done[-1], back_fen=back_fen, refused=refused[0] if refused else None)


def unbegun(connection: Connection, voucher: str) -> tuple[purchases.Purchase, ...]:
    """Return the purchases that a voucher shall help to pay and whose work has not begun."""
    found = purchases.of_state(connection, "held")
    return tuple(one for one in found if any(share.voucher == voucher for share in one.shares))


@dataclass(frozen=True)
class _Moves:
    """What is free on a voucher, funder by funder, and how much has ever left it."""

    parts_fen: Mapping[str, int]
    out_fen: int

    @property
    def free_fen(self) -> int:
        return sum(self.parts_fen.values())


@dataclass(frozen=True)
class _Ending:
    """How a voucher ends: when and why, and where its money goes."""

    voucher: Voucher
    asked: End
    target: str
    at: datetime
    why: str
    document: str

    @property
    def state(self) -> End:
        """What the voucher is then; what has ended keeps its state."""
        known: dict[str, End] = {"expired": "expired", "revoked": "revoked"}
        return known.get(self.voucher.state, self.asked)

    def wish(self, moves: _Moves) -> Wish:
        """Return the wish to give back what is free now: what comes free later is another."""
        name = (self.voucher.id, self.voucher.fiscal_year, self.target)
        return Wish(
            key=key_of("end", *name, moves.out_fen, moves.free_fen),
            kind="end",
            body={"voucher": self.voucher.id, "state": self.state, "to": self.target},
        )

    def steps(self, connection: Connection, wish: Wish) -> list[Step]:
        """Return the money's way with that of its caps, then the registry's."""
        moves = _moves(connection, self.voucher)
        if not moves.free_fen:
            return []
        year, programme = self.voucher.fiscal_year, self.voucher.programme
        money = [
            Leg(
                Account("committed", year, self.voucher.id, funder, self.voucher.budget_group),
                Account(self.target, year, funder=funder, group=self.voucher.budget_group),
                fen,
            )
            for funder, fen in moves.parts_fen.items()
            if fen
        ]
        caps = list(_uncounted(connection, programme, ("award", "issue"), self.voucher, moves))
        claims = list(_uncounted(connection, REGISTRY, ("claim",), self.voucher, moves))
        steps = [Step(programme, "web", self._event("lapse", wish, [*money, *caps]))]
        return steps + [
            Step(REGISTRY, "web", self._event("unclaim", wish, claims)) for _ in claims[:1]
        ]

    def _event(self, name: str, wish: Wish, legs: list[Leg]) -> Event:
        reason = f"voucher {self.voucher.id} {self.state}: {self.why}"
        key = key_of(name, wish.key)
        return Event(key, "lapse", tuple(legs), self.at, reason=reason, document=self.document)


def _try(office: Office, ending: _Ending) -> Ended:
    voucher, state = ending.voucher, ending.state
    moves = office.transact("web", lambda connection: _moves(connection, voucher))
    if voucher.state == state and not moves.free_fen:
        return Ended(voucher.id, state, 0)
    wish = ending.wish(moves)

    def compose(connection: Connection) -> tuple[Posting, ...]:
        steps = ending.steps(connection, wish)
        payload = {
            "does": "voucher_ended",
            "voucher": voucher.id,
            "state": state,
            "gave_back": bool(steps),
        }
        return followed(connection, steps, payload)

    answer = carry_out(office, wish, compose, anew=True)
    return Ended(voucher.id, state, moves.free_fen if answer.accepted else 0, answer.refused)


def _back_fen(connection: Connection, name: str) -> int:
    """Return all that has ever gone back of a voucher by its ending."""
    rows = connection.execute(
        """
        SELECT postings FROM service.intent
        WHERE kind = 'end' AND body ->> 'voucher' = %s
          AND settled_at IS NOT NULL AND outcome -> 'refused' = 'null'
        """,
        (name,),
    ).fetchall()
    return sum(
        leg.amount_fen
        for (written,) in rows
        for posting in postings_of(written)
        for event in posting.events
        for leg in event.legs
        if leg.source.kind == "committed"
    )


def _is_due(connection: Connection, voucher: Voucher, at: datetime) -> bool:
    if voucher.state in {"issued", "part_used"}:
        return day_of(at, voucher.zone) >= voucher.valid_until
    has_ended = voucher.state in {"expired", "revoked"}
    return has_ended and _moves(connection, voucher).free_fen > 0


def _moves(connection: Connection, voucher: Voucher) -> _Moves:
    parts = vouchers.free_fen(connection, voucher)
    row = connection.execute(
        """
        SELECT coalesce(sum(account.out_fen), 0)::bigint FROM books.account
        JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s AND account.kind = 'committed' AND account.holder = %s
        """,
        (voucher.programme, voucher.id),
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return _Moves(parts, int(row[0]))


def _uncounted(
    connection: Connection,
    programme: str,
    names: Sequence[str],
    voucher: Voucher,
    moves: _Moves,
) -> Iterator[Leg]:
    """Yield the way back of what was counted when the voucher was issued.

    A claim that may be made once has one unit: it is free again if nothing was ever used.
    """
    unused = moves.free_fen == voucher.face_fen
    for source, target, amount_fen in counted(connection, programme, names, voucher.application):
        back_fen = moves.free_fen if amount_fen == voucher.face_fen else int(unused)
        if back_fen:
            yield Leg(Account.of(target), Account.of(source), back_fen)


def counted(
    connection: Connection, programme: str, names: Sequence[str], application: str
) -> list[tuple[str, str, int]]:
    """Return the memoranda that awarding and issuing have counted: from, to and how much.

    What was held for an award that the books refused then was given back, and counts no more.
    """
    return connection.execute(
        """
        SELECT source.code, target.code, leg.amount_fen
        FROM books.event
        JOIN books.programme ON programme.id = event.programme
        JOIN books.leg ON (leg.programme, leg.seq) = (event.programme, event.seq)
        JOIN books.account AS source ON (source.programme, source.id) = (leg.programme, leg.source)
        JOIN books.account AS target ON (target.programme, target.id) = (leg.programme, leg.target)
        WHERE programme.code = %s AND event.key = ANY (%s)
          AND target.kind IN ('cap_used', 'ceiling_used')
          AND NOT EXISTS (
            SELECT FROM books.hold
            WHERE (hold.programme, hold.key) = (event.programme, event.key)
              AND hold.state IN ('released', 'expired'))
        ORDER BY leg.no
        """,
        (programme, keys_of(connection, names, application)),
    ).fetchall()


def keys_of(connection: Connection, names: Sequence[str], application: str) -> list[UUID]:
    """Return the keys that events of these names have: they follow from the application.

    And from its batch, if there was one.
    """
    batches = connection.execute(
        "SELECT batch FROM service.allotment WHERE application = %s", (application,)
    ).fetchall()
    return [key_of(name, application, *batch) for name in names for batch in [(), *batches]]
