"""What a purchase may not do: exceed its order, its contract, its cards, or be two things."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import psycopg
import pytest
from desk import AT, CITY, PROVINCE, REIMBURSED, Desk, DiedError, used, wanted

from tallygrid.service import buying, delivering, intent, lines
from tallygrid.service.buying import VoucherError
from tallygrid.service.delivering import Delivery, DeliveryError
from tallygrid.service.leasing import CardsError
from tallygrid.service.purchase import Cards, Purchase, StateError

CONTRACT_FEN = 60_000_000
CARDS = Cards("H100", 64, 30 * 24 * 3600)


@pytest.fixture
def purchase(funded: Desk) -> Purchase:
    """Eight server-months with the city's voucher, begun."""
    voucher = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    bought = funded.buy(wanted("R-1", voucher, quantity=8))
    assert buying.begin(funded.office, bought, at=AT).accepted
    return bought


def a_delivery(n: int, quantity: int, *, paper: bytes = b"", days: int = 7) -> Delivery:
    return Delivery(
        n=n,
        quantity=Fraction(quantity),
        delivered_at=AT + timedelta(days=days),
        evidence=paper or f"paper {n}".encode(),
        describes="paper",
        final=False,
    )


@pytest.mark.parametrize("transactions", range(3, 7))
def test_of_a_line_and_a_withdrawal_exactly_one_wins(
    funded: Desk, purchase: Purchase, transactions: int
) -> None:
    """A line that was begun is finished before anything is given back."""
    with pytest.raises(DiedError):
        lines.capture(funded.dying(transactions), purchase, used(1, Fraction(4)))

    with pytest.raises(StateError):
        buying.give_up(funded.office, purchase, at=AT, why="too late")
    intent.recover(funded.office)

    assert funded.purchase("R-1").state == "part_delivered"
    assert len(lines.of_purchase(funded.office, purchase)) == 1
    assert funded.problems() == ()


def test_a_withdrawal_that_was_begun_lets_no_line_be_added(
    funded: Desk, purchase: Purchase
) -> None:
    with pytest.raises(DiedError):
        buying.give_up(funded.dying(3), purchase, at=AT, why="given up")

    with pytest.raises(StateError):
        lines.capture(funded.office, purchase, used(1, Fraction(4)))

    assert funded.purchase("R-1").state == "failed"
    assert lines.of_purchase(funded.office, purchase) == ()


def test_what_was_given_up_cannot_be_begun(funded: Desk) -> None:
    bought = funded.buy(wanted("R-1"))
    buying.give_up(funded.office, bought, at=AT, why="given up")

    with pytest.raises(StateError):
        buying.begin(funded.office, bought, at=AT)


def test_a_part_that_no_voucher_pays_for_is_still_a_line(funded: Desk, purchase: Purchase) -> None:
    tiny = Fraction(1, 10**9)

    for n in (1, 2, 3):
        assert funded.deliver(purchase, n, tiny).accepted
    assert funded.deliver(purchase, 4, Fraction(8) - 3 * tiny, final=True).accepted

    bills = [one.bill.subsidy_fen for one in lines.of_purchase(funded.office, purchase)]
    assert (bills[:3], sum(bills)) == ([0, 0, 0], 12_000_000)


def test_more_than_was_ordered_cannot_be_delivered(funded: Desk, purchase: Purchase) -> None:
    with pytest.raises(DeliveryError, match="9 server-months more is too much"):
        delivering.accept(funded.office, purchase, a_delivery(1, 9))


def test_nothing_is_delivered_before_it_was_bought(funded: Desk, purchase: Purchase) -> None:
    with pytest.raises(DeliveryError, match="Correct the date"):
        delivering.accept(funded.office, purchase, a_delivery(1, 1, days=-1))


def test_one_paper_proves_one_delivery(funded: Desk, purchase: Purchase) -> None:
    other = funded.buy(wanted("R-2"))
    assert delivering.accept(funded.office, purchase, a_delivery(1, 1, paper=b"same")).accepted

    with pytest.raises(DeliveryError, match="proves a delivery of R-1 already"):
        delivering.accept(funded.office, other, a_delivery(1, 1, paper=b"same"))


def test_a_voucher_pays_for_its_own_contract_and_kind_only(funded: Desk) -> None:
    voucher = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")

    for other in (
        wanted("R-1", voucher, contract="C-OTHER"),
        replace(wanted("R-2", voucher), offer="qingyang.model-small"),
    ):
        with pytest.raises(VoucherError):
            buying.buy(funded.office, other, at=AT)


def test_one_voucher_named_twice_pays_once(funded: Desk) -> None:
    voucher = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")

    bought = funded.buy(wanted("R-1", voucher, voucher, quantity=8))

    assert [share.voucher for share in bought.shares] == [voucher]
    assert bought.bill.subsidy_fen == 12_000_000


def test_programmes_that_no_text_lets_go_together_do_not_both_pay(funded: Desk) -> None:
    """The province's and the city's texts allow each other; the third knows of neither."""
    funded.fund(REIMBURSED, 10**9)
    funded.voucher(PROVINCE, "A-1", CONTRACT_FEN, contract="C-1")

    allowed = funded.apply(CITY, "A-2", contract_fen=CONTRACT_FEN, contract="C-1")
    barred = funded.apply(
        REIMBURSED,
        "A-3",
        contract_fen=CONTRACT_FEN,
        rent_fen=CONTRACT_FEN,
        registered_in="310115",
        contract="C-1",
    )

    assert allowed.voucher is not None
    assert (barred.state, barred.voucher) == ("refused", None)
    assert barred.decision.outcome == "eligible"
    assert barred.barred == f"silent {PROVINCE}"


def test_cards_that_somebody_has_taken_are_not_sold_again(funded: Desk) -> None:
    """Five times 64 cards are more than the site lists; a later month is free again."""
    names = [f"R-{n}" for n in range(1, 20)]
    sold = []
    for name in names:
        try:
            funded.buy(wanted(name, quantity=8, cards=CARDS))
        except CardsError:
            break
        sold.append(name)

    listed = funded.office.catalogue.sites["zhongwei"].cards["H100"]
    assert len(sold) == listed // 64
    later = AT + timedelta(days=30)
    assert funded.buy(wanted("LATER", quantity=8, cards=CARDS), at=later).state == "held"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE service.payment SET payee = payee",
        "UPDATE service.payment SET amount_fen = amount_fen",
        "UPDATE service.voucher SET grant_terms = grant_terms",
        "UPDATE service.purchase SET document = document",
        "DELETE FROM service.line",
        "DELETE FROM service.intent",
    ],
)
@pytest.mark.parametrize("role", ["web", "worker", "payer"])
def test_no_login_says_otherwise_what_was_said_once(
    funded: Desk, role: str, statement: str
) -> None:
    with (
        funded.server.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
