"""What is dated before that which it follows, and what is dated on the same day."""

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from desk import AT, CITY, Desk, request, scheme, wanted

from tallygrid.core.payment import Receipt
from tallygrid.service import applying, closing, delivering, noticing, paying, recovering
from tallygrid.service.closing import Close, Kept
from tallygrid.service.delivering import Delivery, DeliveryError
from tallygrid.service.noticing import NoticeError
from tallygrid.service.paying import Payment, ReceiptError
from tallygrid.service.recovering import Demand
from tallygrid.service.told import ToldError

DAY = timedelta(days=1)
MIDNIGHT = AT.replace(hour=0)


def _sent(desk: Desk, at: datetime = AT) -> Payment:
    voucher = desk.voucher(CITY, "A-1", 7_500_000)
    purchase = desk.buy(wanted("O-1", voucher, contract="A-1"))
    assert desk.deliver(purchase, 1, Fraction(1), final=True).accepted
    (payment,) = paying.prepare(desk.office, programme=CITY, batch="B-1", at=at)
    return payment


def test_no_receipt_is_dated_before_the_day_on_which_its_payment_was_sent(funded: Desk) -> None:
    payment = _sent(funded)
    receipt = Receipt(payment.id, "T-1", payment.amount_fen)

    with pytest.raises(ReceiptError, match=r"was sent on .*`--at`"):
        paying.confirm(funded.office, [receipt], at=AT - DAY)
    assert paying.confirm(funded.office, [receipt], at=MIDNIGHT)[0].accepted
    assert paying.confirm(funded.office, [receipt], at=AT - DAY)[0].accepted  # is known already


def test_no_payment_comes_back_before_the_day_on_which_it_arrived(funded: Desk) -> None:
    payment = _sent(funded)
    paying.confirm(funded.office, [Receipt(payment.id, "T-1", payment.amount_fen)], at=AT + DAY)
    back = Receipt(payment.id, "T-2", payment.amount_fen, is_paid=False)

    with pytest.raises(ReceiptError, match="arrived on"):
        paying.confirm(funded.office, [back], at=AT, late=True)
    assert paying.confirm(funded.office, [back], at=AT + DAY, late=True)[0].accepted
    assert funded.problems() == ()


def test_what_was_sent_again_arrives_no_sooner_than_that(funded: Desk) -> None:
    """That it had arrived before, and came back, says nothing about the day of the new sending."""
    payment = _sent(funded)
    paid = Receipt(payment.id, "T-1", payment.amount_fen)
    paying.confirm(funded.office, [paid], at=AT)
    back = Receipt(payment.id, "T-2", payment.amount_fen, is_paid=False)
    paying.confirm(funded.office, [back], at=AT, late=True)
    paying.again(funded.office, batch="B-1", at=AT + 2 * DAY)
    anew = Receipt(payment.id, "T-3", payment.amount_fen)

    with pytest.raises(ReceiptError, match="was sent on"):
        paying.confirm(funded.office, [anew], at=AT + DAY)
    assert paying.confirm(funded.office, [anew], at=AT + 2 * DAY)[0].accepted
    assert funded.problems() == ()


def test_nothing_is_asked_back_before_the_day_on_which_it_arrived(funded: Desk) -> None:
    payment = _sent(funded)
    paying.confirm(funded.office, [Receipt(payment.id, "T-1", payment.amount_fen)], at=AT + DAY)
    asked = Demand("K-1", payment.id, 100, "idle cards were billed")

    with pytest.raises(ToldError, match=r"arrived on .* Correct the date"):
        recovering.demand(funded.office, asked, at=AT)
    assert recovering.demand(funded.office, asked, at=AT + DAY).accepted


def test_what_was_ordered_today_may_be_delivered_today(funded: Desk) -> None:
    """A day alone is its first instant, and the order was placed later on that day."""
    funded.buy(wanted("O-1"), at=AT)
    purchase = funded.purchase("O-1")
    paper = Delivery(1, Fraction(1), MIDNIGHT, b"paper", "paper", final=True)

    delivering.check(purchase, paper, ())
    yesterday = Delivery(1, Fraction(1), AT - DAY, b"paper", "paper", final=True)
    with pytest.raises(DeliveryError, match="Correct the date"):
        delivering.check(purchase, yesterday, ())
    assert delivering.accept(funded.office, purchase, paper).accepted
    assert funded.problems() == ()


def test_a_voucher_whose_stages_keep_all_of_it_stays_in_its_year(funded: Desk) -> None:
    """Nothing is carried, so nothing says so; what is left is carried when the order has ended."""
    name = funded.voucher(CITY, "A-1", 60_000_000)
    order = funded.buy(wanted("O-1", name, contract="A-1", quantity=8, first_stage=Fraction(1)))
    assert funded.deliver(order, 1, Fraction(1)).accepted
    new_year = AT.replace(year=AT.year + 1)

    closed = closing.close(
        funded.office, scheme(CITY), Close(AT.year, "Y-1", carries=True), at=new_year
    )

    assert (closed.vouchers, closed.on_vouchers_fen) == (0, 0)
    assert closing.kept(funded.office, CITY, AT.year) == Kept(
        CITY, AT.year, ("O-1",), 12_000_000 - 1_500_000
    )
    assert funded.problems() == ()
    assert funded.deliver(order, 2, Fraction(1), final=True).accepted
    assert closing.kept(funded.office, CITY, AT.year) is None
    left = closing.came_free(funded.office, order)
    again = closing.close(
        funded.office, scheme(CITY), Close(AT.year, "Y-2", carries=True), at=new_year
    )
    assert again.vouchers == 1
    assert again.on_vouchers_fen == 6 * 1_500_000
    assert left == (Kept(CITY, AT.year, ("O-1",), again.on_vouchers_fen),)
    assert closing.came_free(funded.office, order) == ()
    assert funded.problems() == ()


def test_no_voucher_is_issued_before_the_day_of_its_award(funded: Desk) -> None:
    asked = request("A-1", contract_fen=60_000_000)
    applying.apply(funded.office, scheme(CITY), asked, at=AT, way="notice")

    with pytest.raises(NoticeError, match="Correct the date"):
        noticing.issue(funded.office, "A-1", at=AT - DAY)
    assert noticing.issue(funded.office, "A-1", at=MIDNIGHT).accepted
