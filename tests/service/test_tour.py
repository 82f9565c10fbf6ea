"""A start-up rents 64 H100 for a month: eight servers at 75,000 yuan, with two vouchers."""

from datetime import timedelta
from fractions import Fraction
from itertools import accumulate
from typing import Final

from desk import AT, CATALOGUE, CITY, FIRM, PROVINCE, SERVER, Desk, wanted

from tallygrid.core.payment import Receipt
from tallygrid.service import buying, delivering, paying
from tallygrid.service.delivering import Delivery
from tallygrid.service.purchase import Cards

CONTRACT_FEN: Final = 60_000_000
DAYS: Final = (7, 7, 7, 9)
PROVIDER: Final = CATALOGUE.providers[CATALOGUE.offers[SERVER].provider].credit_code


def test_a_month_of_64_cards_is_paid_to_the_fen_by_two_programmes_and_the_applicant(
    funded: Desk,
) -> None:
    vouchers = [
        funded.voucher(programme, f"A-{programme}", CONTRACT_FEN, contract="C-1")
        for programme in (PROVINCE, CITY)
    ]
    assert _committed(funded, vouchers) == [6_000_000, 6_000_000, 12_000_000]

    purchase = funded.buy(
        wanted(
            "R-1",
            *vouchers,
            quantity=8,
            first_stage=Fraction(8 * 7, 30),
            cards=Cards("H100", 64, 30 * 24 * 3600),
        )
    )
    assert purchase.deposit_fen == 36_000_000
    assert buying.begin(funded.office, purchase, at=AT).accepted
    _deliver(funded)

    assert _committed(funded, vouchers) == [0, 0, 0]
    assert _bills(funded) == [
        (14_000_000, 2_800_000, 2_800_000, 8_400_000),
        (14_000_000, 2_800_000, 2_800_000, 8_400_000),
        (14_000_000, 2_800_000, 2_800_000, 8_400_000),
        (18_000_000, 3_600_000, 3_600_000, 10_800_000),
    ]
    received = funded.balance(CITY, f"copay_received:{FIRM}")
    assert (received.in_fen, received.out_fen) == (36_000_000, 0)
    assert funded.purchase("R-1").state == "settled"
    assert _owed(funded, "payable") == [6_000_000, 6_000_000, 12_000_000]

    _pay(funded)

    assert _owed(funded, "payable") == _owed(funded, "in_payment") == [0, 0, 0]
    assert _owed(funded, "paid") == [6_000_000, 6_000_000, 12_000_000]
    assert funded.held_fen(PROVINCE) == funded.held_fen(CITY) == funded.held_fen("registry") == 0
    assert funded.problems() == ()


def _deliver(desk: Desk) -> None:
    """Accept week after week; before each but the first, hold for it."""
    ends = [AT + timedelta(days=end) for end in accumulate(DAYS)]
    for n, (days, end) in enumerate(zip(DAYS, ends, strict=True), start=1):
        purchase, part = desk.purchase("R-1"), Fraction(8 * days, 30)
        if n > 1:
            assert buying.extend(desk.office, purchase, stage=n, quantity=part, at=end).accepted
        # A stage holds its own share, and a fen per funder in case of rounding.
        assert desk.held_fen(CITY) - part * 7_500_000 // 5 in (0, 1)
        delivery = Delivery(n, part, end, f"week {n}".encode(), f"week {n}", final=n == len(DAYS))
        assert delivering.accept(desk.office, purchase, delivery).accepted


def _pay(desk: Desk) -> None:
    for programme in (PROVINCE, CITY):
        sent = paying.prepare(desk.office, programme=programme, batch=programme, at=AT)
        assert {one.payee for one in sent} == {PROVIDER}
        receipts = [Receipt(one.id, f"T-{one.id}", one.amount_fen) for one in sent]
        assert all(one.accepted for one in paying.confirm(desk.office, receipts, at=AT))


def _committed(desk: Desk, vouchers: list[str]) -> list[int]:
    return _three(desk, "committed", *vouchers)


def _owed(desk: Desk, kind: str) -> list[int]:
    return _three(desk, kind, PROVIDER, PROVIDER)


def _three(desk: Desk, kind: str, by_province: str, by_city: str) -> list[int]:
    """Return what sits on the province's account of two funders and the city's of one."""
    where = [
        (PROVINCE, f"{kind}:{by_province}:province"),
        (PROVINCE, f"{kind}:{by_province}:city"),
        (CITY, f"{kind}:{by_city}:city"),
    ]
    return [desk.balance(programme, code).total_fen for programme, code in where]


def _bills(desk: Desk) -> list[tuple[int, ...]]:
    rows = desk.rows("SELECT bill FROM service.line ORDER BY n")
    return [
        (
            bill["gross_fen"],
            *(one["subsidy_fen"] for one in bill["subsidies"]),
            bill["co_payment_fen"],
        )
        for (bill,) in rows
    ]
