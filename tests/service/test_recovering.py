"""Money that was paid wrongly is asked back, once, and what becomes of it is booked."""

from contextlib import suppress
from datetime import timedelta
from fractions import Fraction

import pytest
from desk import AT, CATALOGUE, CITY, SERVER, Desk, DiedError, wanted

from tallygrid.core.payment import Receipt
from tallygrid.service import paying, recovering
from tallygrid.service.buying import UnknownError
from tallygrid.service.intent import Compose, ConflictError, carry_out
from tallygrid.service.office import Office
from tallygrid.service.paying import Payment, ReceiptError
from tallygrid.service.recovering import ActError, Clawback, Demand, ExcessiveError
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Answer, Wish

PROVIDER = CATALOGUE.providers[CATALOGUE.offers[SERVER].provider].credit_code
PAID_FEN = 1_500_000


@pytest.fixture
def paid(funded: Desk) -> Desk:
    """The city has paid a provider 15,000.00 yuan."""
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    purchase = funded.buy(wanted("O-1", voucher, contract="A-1"))
    assert funded.deliver(purchase, 1, Fraction(1), final=True).accepted
    (payment,) = paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)
    paying.confirm(funded.office, [Receipt(payment.id, "T-1", payment.amount_fen)], at=AT)
    return funded


def _payment(desk: Desk) -> Payment:
    (payment,) = paying.payments(desk.office)
    return payment


def _demand(desk: Desk, name: str, amount_fen: int) -> bool:
    asked = Demand(name, _payment(desk).id, amount_fen, "idle cards were billed")
    return recovering.demand(desk.office, asked, at=AT).accepted


def _one(desk: Desk) -> Clawback:
    (found,) = recovering.clawbacks(desk.office)
    return found


def _where(desk: Desk) -> list[int]:
    kinds = ("paid", "recoverable", "written_off")
    return [desk.balance(CITY, f"{kind}:{PROVIDER}:city").total_fen for kind in kinds]


def _recover(desk: Desk, amount_fen: int, receipt: str, year: int = AT.year, days: int = 0) -> None:
    at = AT + timedelta(days)
    recovering.recover(desk.office, "K-1", amount_fen=amount_fen, receipt=receipt, year=year, at=at)


def test_what_is_asked_back_is_asked_back_once(paid: Desk) -> None:
    assert _demand(paid, "K-1", 500_000)
    assert _demand(paid, "K-1", 500_000)

    assert _where(paid) == [1_000_000, 500_000, 0]
    with pytest.raises(ConflictError):
        _demand(paid, "K-1", 500_001)
    with pytest.raises(ExcessiveError, match="can be asked back"):
        _demand(paid, "K-2", 1_000_001)
    assert _where(paid) == [1_000_000, 500_000, 0]


def test_a_payment_that_has_not_arrived_cannot_be_asked_back(funded: Desk) -> None:
    with pytest.raises(UnknownError):
        recovering.demand(funded.office, Demand("K-1", "B-9", 1, "none"), at=AT)


def test_it_comes_back_in_parts_and_can_be_promised_again(paid: Desk) -> None:
    free_fen = paid.balance(CITY, "available::city").free_fen
    _demand(paid, "K-1", PAID_FEN)

    for amount_fen, receipt in ((400_000, "R-1"), (400_000, "R-1"), (1_100_000, "R-2")):
        _recover(paid, amount_fen, receipt)

    assert (_one(paid).state, _one(paid).recovered_fen) == ("recovered", PAID_FEN)
    assert paid.balance(CITY, "available::city").free_fen == free_fen + PAID_FEN
    assert _where(paid) == [0, 0, 0]
    assert paid.problems() == ()


def test_more_than_is_due_is_not_booked(paid: Desk) -> None:
    _demand(paid, "K-1", 500_000)
    _recover(paid, 400_000, "R-1")

    with pytest.raises(ExcessiveError, match="is due"):
        _recover(paid, 100_001, "R-2")

    assert _one(paid).due_fen == 100_000


def test_what_comes_back_in_a_later_year_belongs_to_that_year(paid: Desk) -> None:
    _demand(paid, "K-1", PAID_FEN)
    with pytest.raises(ExcessiveError, match="can have come back in 2025"):
        _recover(paid, PAID_FEN, "R-1", year=AT.year - 1)

    _recover(paid, PAID_FEN, "R-1", year=AT.year + 1)

    assert paid.balance(CITY, f"available::city@{AT.year + 1}").free_fen == PAID_FEN
    assert paid.balance(CITY, "carried_out::city").free_fen == PAID_FEN
    assert paid.problems() == ()


def test_a_contested_demand_waits_until_it_is_upheld_or_dropped(paid: Desk) -> None:
    _demand(paid, "K-1", 500_000)

    for _ in range(2):
        recovering.contest(paid.office, "K-1", at=AT)
        with pytest.raises(ActError):
            _recover(paid, 1, "R-1")
        recovering.uphold(paid.office, "K-1", at=AT)
    recovering.contest(paid.office, "K-1", at=AT)
    assert _one(paid).state == "contested"
    recovering.waive(paid.office, "K-1", at=AT)

    assert _one(paid).state == "waived"
    assert _where(paid) == [PAID_FEN, 0, 0]
    assert _demand(paid, "K-2", PAID_FEN)


def test_what_has_come_back_of_a_dropped_demand_is_not_asked_back_again(paid: Desk) -> None:
    _demand(paid, "K-1", PAID_FEN)
    _recover(paid, 400_000, "R-1")
    recovering.waive(paid.office, "K-1", at=AT)

    with pytest.raises(ExcessiveError, match="can be asked back"):
        _demand(paid, "K-2", PAID_FEN - 399_999)
    with pytest.raises(ReceiptError, match="asked back already"):
        paying.confirm(
            paid.office,
            [Receipt(_payment(paid).id, "T-2", PAID_FEN, is_paid=False)],
            at=AT,
            late=True,
        )

    assert _demand(paid, "K-2", PAID_FEN - 400_000)
    assert _where(paid) == [0, PAID_FEN - 400_000, 0]


def test_no_act_is_dated_before_what_it_follows(paid: Desk) -> None:
    _demand(paid, "K-1", 500_000)
    with pytest.raises(ToldError, match=r"contested on 10 May 2026: .* is of 11 May 2026"):
        recovering.contest(paid.office, "K-1", at=AT - timedelta(days=1))
    with pytest.raises(ToldError, match="recovered in part on 10 May 2026"):
        _recover(paid, 1, "R-1", days=-1)

    assert recovering.contest(paid.office, "K-1", at=AT + timedelta(days=5)).accepted
    assert recovering.contest(paid.office, "K-1", at=AT - timedelta(days=1)).accepted, "the same"
    with pytest.raises(ToldError, match=r"upheld on 15 May 2026: .* 16 May 2026"):
        recovering.uphold(paid.office, "K-1", at=AT + timedelta(days=4))
    earlier_that_day = AT + timedelta(days=5, hours=-1)
    assert recovering.uphold(paid.office, "K-1", at=earlier_that_day).accepted

    assert (_one(paid).state, _one(paid).recovered_fen) == ("demanded", 0)


def test_receipts_are_booked_in_any_order_but_nothing_else_is_dated_before_them(
    paid: Desk,
) -> None:
    _demand(paid, "K-1", 500_000)
    _recover(paid, 200_000, "R-2", days=5)
    _recover(paid, 100_000, "R-1", days=2)

    with pytest.raises(ToldError, match=r"written off on 15 May 2026: .* 16 May 2026"):
        recovering.write_off(paid.office, "K-1", at=AT + timedelta(days=4))

    assert recovering.write_off(paid.office, "K-1", at=AT + timedelta(days=5)).accepted
    assert _where(paid) == [1_000_000, 0, 200_000]
    assert paid.problems() == ()


def test_what_will_not_come_back_is_written_off(paid: Desk) -> None:
    _demand(paid, "K-1", 500_000)
    _recover(paid, 200_000, "R-1")

    recovering.write_off(paid.office, "K-1", at=AT)

    assert _where(paid) == [1_000_000, 0, 300_000]
    with pytest.raises(ActError, match="It can be reopened"):
        _recover(paid, 1, "R-2")
    assert paid.problems() == ()


def test_what_comes_after_it_was_written_off_is_booked_once_the_demand_is_reopened(
    paid: Desk,
) -> None:
    _demand(paid, "K-1", 500_000)
    _recover(paid, 200_000, "R-1")
    recovering.write_off(paid.office, "K-1", at=AT)

    for _ in range(2):  # asked again, it is one reopening
        assert recovering.reopen(paid.office, "K-1", at=AT).accepted
    assert _where(paid) == [1_000_000, 300_000, 0]
    assert _one(paid).state == "demanded"
    _recover(paid, 100_000, "R-2")
    for _ in range(2):
        assert recovering.write_off(paid.office, "K-1", at=AT).accepted
    assert _where(paid) == [1_000_000, 0, 200_000]
    recovering.reopen(paid.office, "K-1", at=AT)
    _recover(paid, 200_000, "R-3")

    assert _where(paid) == [1_000_000, 0, 0]
    assert _one(paid).state == "recovered"
    with pytest.raises(ActError, match="nothing more can be done"):
        recovering.write_off(paid.office, "K-1", at=AT)
    assert paid.problems() == ()


@pytest.mark.parametrize("transactions", range(1, 7))
def test_an_act_that_was_cut_short_is_finished_before_its_opposite(
    paid: Desk, transactions: int
) -> None:
    _demand(paid, "K-1", 500_000)
    with suppress(DiedError):
        recovering.write_off(paid.dying(transactions), "K-1", at=AT)

    with suppress(ActError):  # where it was cut short before it was written down
        recovering.reopen(paid.office, "K-1", at=AT)
    assert (_one(paid).state, _where(paid)[1:]) == ("demanded", [500_000, 0])

    recovering.write_off(paid.office, "K-1", at=AT)
    with suppress(DiedError):
        recovering.reopen(paid.dying(transactions), "K-1", at=AT)
    recovering.write_off(paid.office, "K-1", at=AT)

    assert (_one(paid).state, _where(paid)[1:]) == ("written_off", [0, 500_000])
    assert paid.problems() == ()


def test_an_act_that_somebody_else_overtakes_is_worked_out_anew(
    paid: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demand is given up between the counting of earlier acts and the reopening."""
    _demand(paid, "K-1", 500_000)

    def overtaken(office: Office, wish: Wish, compose: Compose, *, anew: bool) -> Answer:
        monkeypatch.setattr(recovering, "carry_out", carry_out)
        recovering.write_off(paid.office, "K-1", at=AT)
        return carry_out(office, wish, compose, anew=anew)

    monkeypatch.setattr(recovering, "carry_out", overtaken)
    for _ in range(2):
        assert recovering.reopen(paid.office, "K-1", at=AT).accepted

    assert (_one(paid).state, _where(paid)[1:]) == ("demanded", [500_000, 0])
    assert paid.problems() == ()
