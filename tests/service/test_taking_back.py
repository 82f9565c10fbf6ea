"""Papers that correct a purchase are numbered in turn, and none is of before the order."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from fractions import Fraction

import pytest
from desk import AT, CITY, Desk, wanted

from tallygrid.service import correcting, lines
from tallygrid.service.delivering import DeliveryError
from tallygrid.service.purchase import Purchase
from tallygrid.service.wish import Answer

LESS = Fraction(1, 10)


@pytest.fixture
def delivered(funded: Desk) -> tuple[Desk, Purchase]:
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    purchase = funded.buy(wanted("O-1", voucher, contract="A-1"))
    assert funded.deliver(purchase, 1, Fraction(1), final=True).accepted
    return funded, purchase


def _take_back(desk: Desk, purchase: Purchase, paper: bytes, days: int = 0) -> tuple[Answer, int]:
    at = AT + timedelta(days)
    return correcting.take_back(
        desk.office, purchase, LESS, evidence=paper, describes="paper", at=at
    )


def test_papers_that_come_at_once_are_each_a_correction(delivered: tuple[Desk, Purchase]) -> None:
    desk, purchase = delivered
    papers = [b"a", b"b", b"c", b"d"]

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda paper: _take_back(desk, purchase, paper), papers))

    assert all(answer.accepted for answer, _ in done)
    assert sorted(n for _, n in done) == [2, 3, 4, 5]
    assert sum(one.quantity for one in lines.of_purchase(desk.office, purchase)) == 1 - 4 * LESS
    assert [_take_back(desk, purchase, paper)[1] for paper in papers] == [n for _, n in done]
    assert desk.problems() == ()


def test_no_correction_is_dated_before_the_order(delivered: tuple[Desk, Purchase]) -> None:
    desk, purchase = delivered

    with pytest.raises(DeliveryError, match="Correct the date"):
        _take_back(desk, purchase, b"a", days=-1)
