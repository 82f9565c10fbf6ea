"""An award for work that is done and paid is owed at once, under the same caps and claims."""

from contextlib import suppress
from datetime import datetime
from hashlib import sha256

import pytest
from desk import AT, CITY, FIRM, PROVINCE, Desk, DiedError, request, scheme

from tallygrid.core.books import REGISTRY
from tallygrid.core.payment import Receipt
from tallygrid.service import applying, correcting, intent, lowering, paying
from tallygrid.service.applying import Applied, Way
from tallygrid.service.buying import UnknownError
from tallygrid.service.correcting import CorrectionError
from tallygrid.service.intent import ConflictError
from tallygrid.service.lowering import Less, LoweringError
from tallygrid.service.wish import Answer

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


def _lower(desk: Desk, fen: int, paper: str = "a", at: datetime = AT, of: str = "A-1") -> Answer:
    return lowering.lower(desk.office, Less(of, fen, sha256(paper.encode()).hexdigest()), at=at)


def _pay(desk: Desk, batch: str) -> None:
    """Pay all that the city owes."""
    (sent,) = paying.prepare(desk.office, programme=CITY, batch=batch, at=AT)
    paying.confirm(desk.office, [Receipt(sent.id, f"T-{batch}", sent.amount_fen)], at=AT)


def _counted_fen(desk: Desk) -> set[int]:
    """Return what every cap and the contract have counted, but for claims, which are one unit."""
    rows = desk.rows(
        "SELECT in_fen - out_fen FROM books.account"
        " WHERE kind IN ('cap_used', 'ceiling_used') AND in_fen - out_fen <> 1"
    )
    return {fen for (fen,) in rows}


def test_a_part_of_it_goes_back_with_what_was_counted_of_it(funded: Desk) -> None:
    free_fen = funded.balance(CITY, "available::city").free_fen
    _award(funded, "A-1")

    for paper, less_fen in (("a", 2_000_001), ("a", 2_000_001), ("b", 4_000_000)):
        assert _lower(funded, less_fen, paper).accepted

    assert funded.balance(CITY, f"payable:{FIRM}:city").free_fen == 5_999_999
    assert funded.balance(CITY, "available::city").free_fen == free_fen - 5_999_999
    assert _counted_fen(funded) == {5_999_999}
    assert funded.rows("SELECT state FROM service.application") == [("awarded",)]
    with pytest.raises(ConflictError, match="This paper for application A-1"):
        _lower(funded, 1)
    with pytest.raises(LoweringError, match=r"59,999\.99 is left"):
        _lower(funded, 6_000_000, "c")
    assert funded.problems() == ()


def test_what_was_taken_back_of_it_comes_again_by_another_award(funded: Desk) -> None:
    _award(funded, "A-1")
    _lower(funded, 1)
    ((key,),) = funded.rows(
        "SELECT event.key FROM books.event JOIN books.programme ON programme.id = event.programme"
        " WHERE kind = 'correct' AND code <> 'registry'"
    )

    with pytest.raises(CorrectionError, match=r"an award is taken back whole, then made anew"):
        correcting.reverse(funded.office, CITY, [key], at=AT, why="a slip")

    assert _lower(funded, AWARD_FEN - 1, "b").accepted
    assert _award(funded, "A-2").state == "awarded"


def test_taken_back_whole_it_is_withdrawn_and_its_contract_free(funded: Desk) -> None:
    _award(funded, "A-1")

    assert _lower(funded, AWARD_FEN).accepted

    assert funded.rows("SELECT state FROM service.application") == [("withdrawn",)]
    assert _counted_fen(funded) == {0}
    assert _award(funded, "A-1").state == "withdrawn", "the same name is the same application"
    assert _award(funded, "A-2").state == "awarded"
    assert funded.problems() == ()


def test_two_funders_each_have_their_part_back_to_the_fen(funded: Desk) -> None:
    asked = request("A-1", contract="C-1", contract_fen=CONTRACT_FEN)
    applying.apply(funded.office, scheme(PROVINCE), asked, at=AT, way="ex_post")

    for n in range(3):
        assert _lower(funded, 1, f"{n}").accepted

    owed = [
        funded.balance(PROVINCE, f"payable:{FIRM}:{funder}").free_fen
        for funder in ("province", "city")
    ]
    assert owed == [AWARD_FEN // 2 - 1, AWARD_FEN // 2 - 2]
    assert funded.problems() == ()


def test_after_its_year_what_goes_back_lapses(funded: Desk) -> None:
    _award(funded, "A-1")

    _lower(funded, 7, at=AT.replace(year=2027))

    assert funded.balance(CITY, "lapsed::city").total_fen == 7
    assert funded.problems() == ()


def test_what_is_on_its_way_or_was_never_such_an_award_is_not_lowered(funded: Desk) -> None:
    with pytest.raises(UnknownError, match="no application 'A-1'"):
        _lower(funded, 1)
    _award(funded, "A-1")
    paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)

    with pytest.raises(LoweringError, match="clawback demand"):
        _lower(funded, 1)
    funded.voucher(CITY, "A-2", 7_500_000)
    with pytest.raises(LoweringError, match="A-2 has no award without a voucher"):
        lowering.lower(funded.office, Less("A-2", 1, ""), at=AT)
    ((key,),) = funded.rows("SELECT key FROM books.event WHERE kind = 'award_ex_post'")
    with pytest.raises(CorrectionError, match="tallygrid correct --yuan"):
        correcting.reverse(funded.office, CITY, [key], at=AT, why="a slip")


def test_an_award_that_was_paid_is_not_lowered_out_of_what_another_one_is_owed(
    funded: Desk,
) -> None:
    _award(funded, "A-1")
    _pay(funded, "B-1")
    _award(funded, "A-2", "C-2")

    for less_fen in (1, AWARD_FEN):
        with pytest.raises(LoweringError, match=r"clawback demand --payment B-1-0001"):
            _lower(funded, less_fen)

    assert funded.balance(CITY, f"payable:{FIRM}:city").free_fen == AWARD_FEN
    assert _lower(funded, AWARD_FEN, of="A-2").accepted
    assert funded.problems() == ()


def test_an_award_whose_payment_came_back_is_lowered_until_it_is_sent_once_more(
    funded: Desk,
) -> None:
    """The one after it has been paid meanwhile, and stays so."""
    _award(funded, "A-1")
    (first,) = paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)
    _award(funded, "A-2", "C-2")
    _pay(funded, "B-2")
    paying.confirm(funded.office, [Receipt(first.id, "T-9", AWARD_FEN, is_paid=False)], at=AT)

    with pytest.raises(LoweringError, match=r"--payment B-2-0001"):
        _lower(funded, 1, of="A-2")
    paying.again(funded.office, batch="B-1", at=AT)
    with pytest.raises(LoweringError, match=r"--payment B-1-0001"):
        _lower(funded, 1)
    paying.confirm(funded.office, [Receipt(first.id, "T-10", AWARD_FEN, is_paid=False)], at=AT)
    assert _lower(funded, 1).accepted

    _pay(funded, "B-3")
    with pytest.raises(LoweringError, match=r"--payment B-3-0001"):
        _lower(funded, 1, "b")
    assert funded.problems() == ()


def test_interrupted_anywhere_it_goes_back_once(funded: Desk) -> None:
    _award(funded, "A-1")
    for lifetime in range(12):
        with suppress(DiedError):
            _lower(Desk(funded.server, funded.directory, funded.dying(lifetime)), AWARD_FEN)
        intent.recover(funded.office)

    assert _lower(funded, AWARD_FEN).accepted
    assert _counted_fen(funded) == {0}
    assert funded.problems() == ()
