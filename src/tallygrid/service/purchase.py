"""A purchase as the service keeps it: one thing bought by one applicant on fixed terms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from tallygrid.core.books import REGISTRY, Account, Leg
from tallygrid.core.key import key_of
from tallygrid.core.rating import Bill, Terms
from tallygrid.service.plain import dump, load
from tallygrid.service.told import ToldError, either, state

HOLD_TTL_S: Final = 7 * 24 * 3600
"""How long a hold waits for work to start; started work never expires."""


@dataclass(frozen=True)
class Cards:
    """Cards to be reserved for a purchase, from its beginning on."""

    model: str
    cards: int
    seconds: int


@dataclass(frozen=True)
class Share:
    """A voucher's part in a purchase: where its money sits and to whom it will be owed."""

    programme: str
    voucher: str
    fiscal_year: int
    payee: str
    hold: UUID
    cap_year: int
    """The year in which a cap counts this redemption: that of the purchase."""
    cap: str = ""
    """The holder of the yearly cap that this redemption counts under, if redemption counts."""
    group: str = ""
    """The class whose own money the voucher is of."""

    def legs(self, amounts: Iterable[tuple[str, int]]) -> tuple[Leg, ...]:
        """Return the way of the money, funder by funder, and of the cap beside it."""
        paid = [(funder, amount_fen) for funder, amount_fen in amounts if amount_fen]
        money = tuple(
            Leg(
                self.account(funder),
                Account("payable", self.fiscal_year, holder=self.payee, funder=funder),
                amount_fen,
            )
            for funder, amount_fen in paid
        )
        if not (self.cap and money):
            return money
        counted_fen = sum(amount_fen for _, amount_fen in paid)
        used = Account("cap_used", self.cap_year, holder=self.cap)
        return (*money, Leg(self.cap_room, used, counted_fen))

    def account(self, funder: str) -> Account:
        """Return where a funder's part of the voucher sits."""
        return Account("committed", self.fiscal_year, self.voucher, funder, self.group)

    @property
    def cap_room(self) -> Account:
        """What the yearly cap has left, if redemption counts under one."""
        return Account("cap_room", self.cap_year, holder=self.cap)


@dataclass(frozen=True)
class Purchase:
    """One row of `service.purchase`; amounts are worked out from its terms alone."""

    id: str
    kind: str
    applicant: str
    contract: str
    offer: str
    site: str
    provider: str
    unit: str
    quantity: Fraction
    workload: Mapping[str, Any]
    shares: tuple[Share, ...]
    terms: Terms
    bill: Bill
    """What the whole quantity asked for would come to."""
    placement: Mapping[str, Any]
    state: str
    placed_at: datetime
    is_staged: bool = False
    """Whether money is held stage by stage, not for the whole at once."""
    reserved: Cards | None = None
    job: UUID | None = None
    """What its site knows its job by, attempt by attempt; no other books name one so."""

    @property
    def card_seconds(self) -> int:
        """The cards reserved, times how long: what was asked for, not what was used."""
        return self.reserved.cards * self.reserved.seconds if self.reserved else 0

    @property
    def account(self) -> UUID:
        """The running total that this purchase is rated in: one contract on one set of terms.

        Rounding the total of a contract, not each job, keeps a thousand short jobs within a
        fen of it.
        """
        return key_of(self.contract, self.offer, dump(self.terms))

    @property
    def deposit_fen(self) -> int:
        """What the applicant pays in before anything starts."""
        return self.cash_of(self.bill)

    @property
    def memo_programme(self) -> str:
        """The books in which this purchase's memoranda stand."""
        return self.shares[-1].programme if self.shares else REGISTRY

    def cash_of(self, bill: Bill) -> int:
        """Return what the applicant pays of a bill first, refunded later or not."""
        repaid = [part.subsidy_fen for part in bill.subsidies if part.redeem == "reimburse"]
        return bill.co_payment_fen + sum(repaid)

    def as_json(self) -> dict[str, Any]:
        """Return the purchase as its row holds it."""
        return {**dump(self), "account": str(self.account)}


class StateError(ToldError):
    """A purchase was asked for something that its state does not allow."""


def require_state(connection: Connection, purchase: Purchase, *states: str) -> None:
    """Insist that a purchase is in one of these states now.

    Raises:
        StateError: It is in another.
    """
    row = connection.execute(
        "SELECT state FROM service.purchase WHERE id = %s", (purchase.id,)
    ).fetchone()
    assert row is not None, purchase.id
    if row[0] not in states:
        raise StateError(
            "purchase", purchase=purchase.id, state=state(row[0]), allowed=either(states)
        )


def find(connection: Connection, purchase: str) -> Purchase | None:
    """Return a purchase by its id."""
    row = connection.execute(
        "SELECT document, state FROM service.purchase WHERE id = %s", (purchase,)
    ).fetchone()
    return None if row is None else _from_row(*row)


def of_state(connection: Connection, *states: str) -> tuple[Purchase, ...]:
    """Return the purchases in one of these states, oldest first."""
    rows = connection.execute(
        """
        SELECT document, state FROM service.purchase
        WHERE state = ANY (%s) ORDER BY placed_at, id
        """,
        (list(states),),
    ).fetchall()
    return tuple(_from_row(*row) for row in rows)


def in_stages(connection: Connection, voucher: str) -> tuple[Purchase, ...]:
    """Return the purchases a voucher helps to pay whose work has begun, with stages to come."""
    rows = connection.execute(
        """
        SELECT document, state FROM service.purchase
        WHERE state IN ('running', 'part_delivered') AND (document ->> 'is_staged')::boolean
          AND document -> 'shares' @> jsonb_build_array(jsonb_build_object('voucher', %s::text))
        ORDER BY placed_at, id
        """,
        (voucher,),
    ).fetchall()
    return tuple(_from_row(*row) for row in rows)


def require_site(connection: Connection, name: str, site: str) -> None:
    """Let this site run a purchase's job, and no other from now on.

    Raises:
        ToldError: Another was first.
    """
    row = connection.execute(
        """
        UPDATE service.purchase SET served_by = coalesce(served_by, %s)
        WHERE id = %s RETURNING served_by
        """,
        (site, name),
    ).fetchone()
    assert row is not None, name
    if row[0] != site:
        raise ToldError("served_elsewhere", purchase=name)


def give_to(connection: Connection, name: str, site: str) -> None:
    """Let another site run a purchase's job."""
    connection.execute("UPDATE service.purchase SET served_by = %s WHERE id = %s", (site, name))


def served_elsewhere(connection: Connection, site: str) -> frozenset[str]:
    """Return the purchases that have begun and whose jobs another site runs."""
    rows = connection.execute(
        "SELECT id FROM service.purchase WHERE state = 'running' AND served_by <> %s", (site,)
    ).fetchall()
    return frozenset(name for (name,) in rows)


def _from_row(document: dict[str, Any], state: str) -> Purchase:
    del document["account"]
    return load(Purchase, {**document, "state": state})
