"""An award for work that is done and paid is owed at once, under the same caps and claims."""

import pytest
from desk import AT, CITY, FIRM, Desk, request, scheme

from tallygrid.core.books import REGISTRY
from tallygrid.service import applying, paying
from tallygrid.service.applying import Applied, Way
from tallygrid.service.intent import ConflictError

CONTRACT_FEN = 60_000_000
AWARD_FEN = 12_000_000


def _award(desk: Desk, name: str, contract: str = "C-1", way: Way = "ex_post") -> Applied:
    asked = request(name, contract=contract, contract_fen=CONTRACT_FEN)
    return applying.apply(desk.office, scheme(CITY), asked, at=AT, way=way)


def test_an_award_without_a_voucher_is_owed_to_the_applicant(funded: Desk) -> None:
    free_fen = funded.balance(CITY, "available::city").free_fen

    for _ in range(2):
        applied = _award(funded, "A-1")
        assert (applied.state, applied.voucher) == ("awarded", None)

    assert funded.balance(CITY, "available::city").free_fen == free_fen - AWARD_FEN
    assert funded.balance(CITY, f"payable:{FIRM}:city").free_fen == AWARD_FEN
    assert funded.rows("SELECT id FROM service.voucher") == []
    (payment,) = paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)
    assert (payment.payee, payment.amount_fen) == (FIRM, AWARD_FEN)
    assert funded.problems() == ()


def test_it_takes_the_contracts_claim_as_a_voucher_does(funded: Desk) -> None:
    _award(funded, "A-1")

    again = _award(funded, "A-2", way="voucher")

    assert again.voucher is None
    assert again.refused is not None
    assert again.refused.programme == REGISTRY
    assert funded.balance(REGISTRY, f"ceiling_used:{FIRM}.C-1@9999").total_fen == AWARD_FEN
    with pytest.raises(ConflictError):
        _award(funded, "A-1", way="voucher")


def test_without_money_it_waits(desk: Desk) -> None:
    desk.fund(CITY, AWARD_FEN - 1)

    applied = _award(desk, "A-1")

    assert (applied.state, applied.voucher) == ("waiting", None)
    assert desk.balance(CITY, f"payable:{FIRM}:city").total_fen == 0
    assert desk.problems() == ()
