"""Lines of one contract sum to the bill of the whole, however they are cut, and stay held for."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from random import Random
from typing import Final

import pytest
from desk import (
    AT,
    CARD,
    CATALOGUE,
    CITY,
    FIRM,
    PROVINCE,
    REIMBURSED,
    SERVER,
    Desk,
    DiedError,
    used,
    wanted,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.catalogue import Price
from tallygrid.core.money import split
from tallygrid.core.rating import Bill, Grant, Terms, line, rated, together
from tallygrid.service import buying, lines
from tallygrid.service.plain import load
from tallygrid.service.purchase import Purchase, StateError

PROVIDER: Final = CATALOGUE.providers[CATALOGUE.offers[CARD].provider].credit_code
TERMS: Final = Terms(
    Price(8_000_000, "card_hour", 5_760),
    (
        Grant("p", "V-1", 2_000, 10**6, funders=(("province", 1), ("city", 1))),
        Grant("c", "V-2", 2_000, 10**6),
    ),
    discount_bp=333,
    vat_bp=600,
)

_parts = st.lists(
    st.fractions(min_value=Fraction(1, 3600), max_value=40, max_denominator=3600),
    min_size=1,
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(parts=_parts)
def test_however_usage_is_cut_its_lines_sum_to_the_bill_of_the_whole(
    parts: list[Fraction],
) -> None:
    lines: list[Bill] = []
    for n, _ in enumerate(parts, start=1):
        booked = together(TERMS, lines)
        lines.append(line(TERMS, to_date=sum(parts[:n], Fraction(0)), booked=booked))

    assert together(TERMS, lines) == rated(TERMS, sum(parts, Fraction(0)))


@settings(max_examples=50, deadline=None)
@given(parts=_parts)
def test_two_funders_of_one_weight_never_differ_by_more_than_a_fen(parts: list[Fraction]) -> None:
    first, _ = rated(TERMS, sum(parts, Fraction(0))).subsidies

    province, city = (fen for _, fen in first.funders)

    assert abs(province - city) <= 1
    assert province + city == first.subsidy_fen


def _vouchers(desk: Desk, contract_fen: int = 10_000_000) -> list[str]:
    return [
        desk.voucher(programme, f"A-{programme}", contract_fen, contract="C-1")
        for programme in (PROVINCE, CITY)
    ]


def _bills(desk: Desk) -> list[Bill]:
    rows = desk.rows("SELECT bill FROM service.line ORDER BY purchase, n")
    return [load(Bill, bill) for (bill,) in rows]


def _payable(desk: Desk, programme: str, funder: str, payee: str = PROVIDER) -> int:
    return desk.balance(programme, f"payable:{payee}:{funder}").total_fen


def test_thirty_tiny_captures_come_to_one_rating_of_their_sum(funded: Desk) -> None:
    vouchers, chance = _vouchers(funded), Random(7)  # noqa: S311  # not for secrets
    parts = [Fraction(chance.randint(1, 5_000), 3_600) for _ in range(30)]
    for n, part in enumerate(parts, start=1):
        purchase = funded.buy(wanted(f"J-{n}", *vouchers, offer=CARD, quantity=part))
        assert funded.deliver(purchase, 1, part, final=True).accepted

    whole = rated(purchase.terms, sum(parts, Fraction(0)))
    assert together(purchase.terms, _bills(funded)) == whole
    by_province, by_city = (one.subsidy_fen for one in whole.subsidies)
    both = [_payable(funded, PROVINCE, "province"), _payable(funded, PROVINCE, "city")]
    assert both == list(split(by_province, (1, 1)))
    assert _payable(funded, CITY, "city") == by_city
    received = funded.balance(CITY, f"copay_received:{FIRM}").total_fen
    due = funded.balance(CITY, f"copay_due:{FIRM}").total_fen
    assert received + due == whole.co_payment_fen
    assert funded.held_fen(PROVINCE) == funded.held_fen(CITY) == 0
    assert funded.problems() == ()


def test_captures_at_once_on_one_account_are_rated_one_after_the_other(funded: Desk) -> None:
    vouchers = _vouchers(funded)
    parts = [Fraction(n, 7) for n in range(1, 9)]
    bought = [
        funded.buy(wanted(f"J-{n}", *vouchers, offer=CARD, quantity=part))
        for n, part in enumerate(parts)
    ]

    def capture(one: tuple[Purchase, Fraction]) -> bool:
        return funded.deliver(one[0], 1, one[1], final=True).accepted

    with ThreadPoolExecutor(4) as threads:
        pairs = list(zip(bought, parts, strict=True))
        accepted = list(threads.map(capture, [*pairs, *pairs]))

    assert all(accepted)
    assert len(_bills(funded)) == len(parts)
    whole = rated(bought[0].terms, sum(parts, Fraction(0)))
    assert together(bought[0].terms, _bills(funded)) == whole
    assert funded.problems() == ()


def test_a_line_that_asks_for_more_than_is_held_extends_its_hold(funded: Desk) -> None:
    vouchers = _vouchers(funded)
    purchase = funded.buy(wanted("J-1", *vouchers, offer=CARD, quantity=2))

    assert funded.deliver(purchase, 1, Fraction(3), final=True).accepted

    (bill,) = _bills(funded)
    assert bill == rated(purchase.terms, Fraction(3))
    assert _payable(funded, CITY, "city") == bill.subsidies[1].subsidy_fen
    more_fen = bill.co_payment_fen - purchase.deposit_fen
    assert funded.balance(CITY, f"copay_due:{FIRM}").total_fen == more_fen > 0
    assert funded.problems() == ()


def test_what_a_voucher_has_no_room_for_the_applicant_owes(funded: Desk) -> None:
    """A job ran longer than its cards were reserved for, and another took the voucher's rest."""
    vouchers = _vouchers(funded, 7_500_000)
    purchase = funded.buy(wanted("J-1", *vouchers, offer=CARD, quantity=100))
    funded.buy(wanted("J-2", *vouchers, offer=SERVER, quantity=1))
    held = funded.balance(CITY, f"committed:{vouchers[1]}:city")
    assert held.free_fen == 0

    assert funded.deliver(purchase, 1, Fraction(200), final=True).accepted

    (bill,) = _bills(funded)
    full = rated(purchase.terms, Fraction(200))
    promised = rated(purchase.terms, Fraction(100))
    for paid, asked, had in zip(bill.subsidies, full.subsidies, promised.subsidies, strict=True):
        assert had.subsidy_fen <= paid.subsidy_fen <= had.subsidy_fen + 2 < asked.subsidy_fen
    assert bill.co_payment_fen == bill.gross_fen - bill.subsidy_fen
    due = funded.balance(CITY, f"copay_due:{FIRM}").total_fen
    assert due == bill.co_payment_fen - purchase.deposit_fen
    assert funded.problems() == ()


def test_a_line_whose_extension_was_overtaken_is_rated_again_with_what_is_left(
    funded: Desk,
) -> None:
    vouchers = _vouchers(funded, 7_500_000)
    purchase = funded.buy(wanted("J-1", *vouchers, offer=CARD, quantity=100))
    asked = used(1, Fraction(200), final=True)
    with pytest.raises(DiedError):
        lines.capture(funded.dying(3), purchase, asked)
    funded.buy(wanted("J-2", *vouchers, offer=SERVER, quantity=1))

    answer = lines.capture(funded.office, purchase, asked)

    assert answer.accepted
    assert answer.attempt == 2
    assert len(_bills(funded)) == 1
    assert funded.purchase("J-1").state == "settled"
    assert funded.problems() == ()


def test_the_rest_of_a_hold_and_of_a_deposit_is_given_back_at_the_end(funded: Desk) -> None:
    vouchers = _vouchers(funded)
    purchase = funded.buy(wanted("J-1", *vouchers, offer=CARD, quantity=10))

    assert funded.deliver(purchase, 1, Fraction(4), final=True).accepted

    (bill,) = _bills(funded)
    received = funded.balance(CITY, f"copay_received:{FIRM}")
    assert received.in_fen == purchase.deposit_fen
    assert received.total_fen == bill.co_payment_fen
    assert funded.held_fen(PROVINCE) == funded.held_fen(CITY) == 0
    free_fen = funded.balance(CITY, f"committed:{vouchers[1]}:city").free_fen
    assert free_fen == 2_000_000 - bill.subsidies[1].subsidy_fen


def test_a_discount_is_remembered_and_lowers_what_is_billed(funded: Desk) -> None:
    offers = CATALOGUE.offers_of("compute")
    offer = next(one for one in offers if one.discount_bp)
    vouchers = _vouchers(funded)
    purchase = funded.buy(wanted("J-1", *vouchers, offer=offer.id, quantity=1))

    assert funded.deliver(purchase, 1, Fraction(1), final=True).accepted

    (bill,) = _bills(funded)
    given_fen = funded.balance(CITY, f"discount_given:{purchase.provider}").total_fen
    assert given_fen == bill.discount_fen > 0
    assert bill.billed_fen == bill.subsidy_fen + bill.co_payment_fen


def test_what_is_deducted_is_owed_to_the_provider_and_what_is_paid_back_to_the_applicant(
    funded: Desk,
) -> None:
    funded.fund(REIMBURSED, 10**9)
    deducted = funded.buy(wanted("J-1", *_vouchers(funded), offer=CARD, quantity=10))
    repaid = funded.voucher(REIMBURSED, "A-3", 10_000_000, registered_in="310115")
    reimbursed = funded.buy(wanted("J-2", repaid, offer=CARD, quantity=10, contract="A-3"))

    funded.deliver(deducted, 1, Fraction(10), final=True)
    funded.deliver(reimbursed, 1, Fraction(10), final=True)

    assert _payable(funded, CITY, "city") == deducted.bill.subsidies[1].subsidy_fen
    (part,) = reimbursed.bill.subsidies
    ((funder, _),) = part.funders
    assert part.redeem == "reimburse"
    assert _payable(funded, REIMBURSED, funder, FIRM) == part.subsidy_fen > 0
    assert _payable(funded, REIMBURSED, funder) == 0
    assert deducted.deposit_fen == deducted.bill.co_payment_fen
    assert reimbursed.deposit_fen == reimbursed.bill.billed_fen


def test_stages_hold_to_the_fen_what_a_purchase_was_promised(funded: Desk) -> None:
    """The voucher is a fen short of nothing: stages that round up one by one would exceed it."""
    contract_fen = CATALOGUE.offers[CARD].price.gross_fen(Fraction(10))
    vouchers = _vouchers(funded, contract_fen)
    part = Fraction(10, 7)
    purchase = funded.buy(wanted("J-1", *vouchers, offer=CARD, quantity=10, first_stage=part))
    for n in range(1, 8):
        if n > 1:
            assert buying.extend(funded.office, purchase, stage=n, quantity=part, at=AT).accepted
        assert funded.deliver(purchase, n, part, final=n == 7).accepted

    assert together(purchase.terms, _bills(funded)) == rated(purchase.terms, Fraction(10))
    assert funded.balance(CITY, f"committed:{vouchers[1]}:city").total_fen == 0


def test_a_stage_that_the_vouchers_have_no_room_for_is_refused(funded: Desk) -> None:
    vouchers = _vouchers(funded, 7_500_000)
    half = Fraction(1, 2)
    purchase = funded.buy(wanted("J-1", *vouchers, first_stage=half))
    funded.buy(wanted("J-2", *vouchers, offer=CARD, quantity=5_760))

    answer = buying.extend(funded.office, purchase, stage=2, quantity=half, at=AT)

    assert answer.accepted  # what is held for the first stage is enough until it is captured
    funded.deliver(purchase, 1, half)
    refused = buying.extend(funded.office, purchase, stage=3, quantity=half, at=AT)
    assert refused.refused is not None
    assert refused.refused.code == "insufficient"


@pytest.mark.parametrize("with_vouchers", [True, False])
def test_nothing_can_be_delivered_after_the_last_part(funded: Desk, *, with_vouchers: bool) -> None:
    vouchers = _vouchers(funded) if with_vouchers else []
    purchase = funded.buy(wanted("J-1", *vouchers, offer=CARD, quantity=10))
    funded.deliver(purchase, 1, Fraction(10), final=True)
    before = funded.snapshot()

    with pytest.raises(StateError, match="is settled"):
        funded.deliver(purchase, 2, Fraction(1))
    with pytest.raises(StateError, match="is settled"):
        buying.give_up(funded.office, purchase, at=AT, why="too late")

    assert funded.snapshot() == before


def test_a_purchase_without_vouchers_begins_and_can_be_given_up_like_any_other(
    desk: Desk,
) -> None:
    purchase = desk.buy(wanted("J-1", offer=CARD))

    assert buying.begin(desk.office, purchase, at=AT).accepted
    assert desk.purchase("J-1").state == "running"
    assert desk.balance("registry", f"copay_received:{FIRM}").total_fen == purchase.bill.gross_fen

    assert buying.give_up(desk.office, purchase, at=AT, why="no longer wanted").accepted
    assert desk.purchase("J-1").state == "failed"
    assert desk.balance("registry", f"copay_received:{FIRM}").total_fen == 0
