"""Delivering: every paper is one line, whoever brings another at the same time."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from desk import AT, Desk, DiedError, wanted

from tallygrid.service import buying, delivering, lines
from tallygrid.service.delivering import Delivery
from tallygrid.service.office import Office

QUARTER = Fraction(1, 4)


def _deliver(office: Office, paper: bytes) -> int:
    """Deliver a quarter of the order; return which line it has become."""
    with delivering.in_turn(office, "O-1"):
        purchase = buying.found(office, "O-1")
        n = delivering.number_of(office, purchase, paper)
        delivery = Delivery(n, QUARTER, AT, paper, "paper", final=False)
        assert delivering.accept(office, purchase, delivery).accepted
    return n


def test_papers_that_come_at_once_get_each_a_number(funded: Desk) -> None:
    funded.buy(wanted("O-1"))
    papers = [b"a", b"b", b"c", b"d"]

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda paper: _deliver(funded.office, paper), papers))

    assert sorted(numbers) == [1, 2, 3, 4]
    assert [_deliver(funded.office, paper) for paper in papers] == numbers


def test_another_paper_does_not_take_the_number_of_one_that_was_interrupted(funded: Desk) -> None:
    purchase = funded.buy(wanted("O-1"))
    with pytest.raises(DiedError):
        _deliver(funded.dying(10), b"a")
    assert funded.rows("SELECT body ->> 'n' FROM service.intent WHERE settled_at IS NULL")

    assert _deliver(funded.office, b"b") == 2
    assert _deliver(funded.office, b"a") == 1
    assert len(lines.of_purchase(funded.office, purchase)) == 2
