"""A small town: two firms, two providers, three authorities, and something of everything.

One of the providers is an applicant too, so that what it may see as one is told from what it
may see as the other.
"""

from fractions import Fraction
from typing import Any, Final

from desk import (
    AT,
    CARD,
    CATALOGUE,
    CITY,
    FIRM,
    OTHER_FIRM,
    PROVINCE,
    REIMBURSED,
    SERVER,
    Desk,
    wanted,
)

from tallygrid.core.payment import Receipt
from tallygrid.service import paying, recovering
from tallygrid.service.purchase import Cards
from tallygrid.service.recovering import Demand
from tallygrid.service.token import Bearer

SELLER: Final = CATALOGUE.providers[CATALOGUE.offers[SERVER].provider].credit_code
BOTH: Final = CATALOGUE.providers[CATALOGUE.offers[CARD].provider].credit_code
"""It sells cards, and asks for vouchers itself."""

PLACES: Final = {"410000": PROVINCE, "410100": CITY, "310000": REIMBURSED}
"""Which authority, known by its place, runs which programme."""

CARDS: Final[dict[str, Any]] = {
    "offer": CARD,
    "quantity": 8,
    "cards": Cards(CATALOGUE.offers[CARD].model, 8, 3_600),
}
"""Eight cards, reserved for an hour."""

KNOWN: Final = (
    *(Bearer("authority", place) for place in PLACES),
    *(Bearer("provider", one) for one in (SELLER, BOTH)),
    *(Bearer("applicant", one) for one in (FIRM, OTHER_FIRM, BOTH)),
)
BEARERS: Final = (
    *KNOWN,
    # Who is somebody, but not this; and who is nobody.
    Bearer("authority", FIRM),
    Bearer("provider", FIRM),
    Bearer("applicant", SELLER),
    Bearer("applicant", "410000"),
    Bearer("authority", "990000"),
    Bearer("authority", PROVINCE),
)


def settle(desk: Desk) -> None:
    """Let everything happen once: asked, refused, granted, bought, delivered, paid, shared out."""
    for programme in PLACES.values():
        desk.fund(programme, 10**9)
    _buy_together(desk)
    _buy_apart(desk)
    _pay(desk)
    _share_out(desk)


def _buy_together(desk: Desk) -> None:
    """The firm uses vouchers of province and city on one purchase, and one alone."""
    both = [
        desk.voucher(programme, f"A-{n}", 15_000_000, contract="C-1")
        for n, programme in enumerate((PROVINCE, CITY), start=1)
    ]
    shared = desk.buy(wanted("S-1", *both, quantity=2))
    desk.deliver(shared, 1, Fraction(1))
    voucher = desk.voucher(CITY, "A-3", 10_000_000, contract="C-2")
    desk.buy(wanted("S-2", voucher, contract="C-2", **CARDS))
    desk.apply(PROVINCE, "A-4", contract_fen=5_000_000, registered_in="310115")


def _buy_apart(desk: Desk) -> None:
    """The other firm and a provider buy on their own; somebody buys without any voucher."""
    paid_back = {"registered_in": "310115", "applicant": OTHER_FIRM}
    voucher = desk.voucher(REIMBURSED, "B-1", 10_000_000, **paid_back)
    repaid = desk.buy(
        wanted("T-1", voucher, applicant=OTHER_FIRM, contract="B-1", offer=CARD, quantity=10)
    )
    desk.deliver(repaid, 1, Fraction(10), final=True)
    sellers = desk.voucher(PROVINCE, "B-2", 15_000_000, applicant=BOTH)
    desk.buy(wanted("T-2", sellers, applicant=BOTH, contract="B-2"))
    desk.buy(wanted("T-3", applicant=OTHER_FIRM, contract="B-3", **CARDS))


def _pay(desk: Desk) -> None:
    for programme in PLACES.values():
        for payment in paying.prepare(
            desk.office, programme=programme, batch=f"P-{programme}", at=AT
        ):
            receipt = Receipt(payment.id, f"R-{payment.id}", payment.amount_fen)
            paying.confirm(desk.office, [receipt], at=AT)
            demand = Demand(f"D-{payment.id}", payment.id, 1, "Letter 1")
            recovering.demand(desk.office, demand, at=AT)


def _share_out(desk: Desk) -> None:
    """Write batches as `allocating` does; none of these programmes closes one."""
    desk.administer(
        """
        INSERT INTO service.batch
        SELECT DISTINCT programme, 'B-1', hash, 'pro_rata', '', '{}'::jsonb, now()
        FROM service.application;
        INSERT INTO service.allotment
        SELECT programme, 'B-1', id, decision, 1, 1, 'granted', 1, '1' FROM service.application
        """
    )
