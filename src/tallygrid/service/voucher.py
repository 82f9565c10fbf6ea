"""A voucher as the service keeps it, and what the books say is left on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from psycopg import Connection

from tallygrid.core.catalogue import OfferKind
from tallygrid.core.key import key_of
from tallygrid.core.rating import Grant
from tallygrid.core.window import day_of
from tallygrid.service.plain import dump, load
from tallygrid.service.purchase import Share


@dataclass(frozen=True)
class Voucher:
    """One row of `service.voucher`."""

    id: str
    programme: str
    kind: OfferKind
    application: str
    applicant: str
    contract: str
    fiscal_year: int
    grant_terms: Grant
    """What a bill needs to know; its room is the face value."""
    cap: str
    """The holder of the yearly cap that a redemption counts under; empty if issue counts."""
    paid_to: Literal["provider", "applicant"]
    assumptions: tuple[str, ...]
    zone: str
    """The zone in which its days are read: the programme's own."""
    valid_from: date
    valid_until: date
    """The first day on which it may no longer be redeemed."""
    state: str
    budget_group: str = ""
    """The class whose own money it is of; empty where the money is for all."""

    @property
    def face_fen(self) -> int:
        """The most the voucher pays in all."""
        return self.grant_terms.room_fen

    def is_valid(self, at: datetime) -> bool:
        """Tell whether the voucher may be redeemed at an instant."""
        day = day_of(at, self.zone)
        return self.valid_from <= day < self.valid_until and self.state in {"issued", "part_used"}

    def share_of(self, purchase: str, *, provider: str, year: int) -> Share:
        """Return this voucher's part in a purchase that is made from a provider in a year."""
        return Share(
            programme=self.programme,
            voucher=self.id,
            fiscal_year=self.fiscal_year,
            payee=provider if self.paid_to == "provider" else self.applicant,
            hold=key_of("hold", purchase, self.id),
            cap_year=year,
            cap=self.cap,
            group=self.budget_group,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the voucher as its row."""
        plain: dict[str, Any] = dump(self)
        return plain


def of_applicant(connection: Connection, applicant: str) -> tuple[Voucher, ...]:
    """Return an applicant's vouchers, in the order of their ids."""
    rows = connection.execute(
        "SELECT to_jsonb(voucher) FROM service.voucher WHERE applicant = %s ORDER BY id",
        (applicant,),
    ).fetchall()
    return tuple(load(Voucher, row[0]) for row in rows)


def find(connection: Connection, voucher: str) -> Voucher | None:
    """Return a voucher by its id."""
    row = connection.execute(
        "SELECT to_jsonb(voucher) FROM service.voucher WHERE id = %s", (voucher,)
    ).fetchone()
    return None if row is None else load(Voucher, row[0])


def free_fen(connection: Connection, voucher: Voucher) -> Mapping[str, int]:
    """Return what is neither spent nor held on a voucher, funder by funder."""
    rows = connection.execute(
        """
        SELECT account.funder, account.in_fen - account.out_fen - account.held_fen
        FROM books.account
        JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s AND account.kind = 'committed' AND account.holder = %s
          AND account.year = %s
        ORDER BY account.funder
        """,
        (voucher.programme, voucher.id, voucher.fiscal_year),
    ).fetchall()
    return dict(rows)


def years_with_money(connection: Connection, voucher: Voucher) -> tuple[int, ...]:
    """Return the fiscal years in which something is free on a voucher, the earliest first."""
    rows = connection.execute(
        """
        SELECT account.year FROM books.account
        JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s AND account.kind = 'committed' AND account.holder = %s
        GROUP BY account.year
        HAVING sum(account.in_fen - account.out_fen - account.held_fen) > 0
        ORDER BY account.year
        """,
        (voucher.programme, voucher.id),
    ).fetchall()
    return tuple(year for (year,) in rows)
