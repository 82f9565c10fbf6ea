"""What was accepted too high is put right; any other entry is undone by its mirror."""

from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from desk import AT, CITY, FIRM, PROVINCE, Desk, scheme, used, wanted

from tallygrid.core.key import key_of
from tallygrid.service import closing, correcting, lines, paying
from tallygrid.service.closing import Close
from tallygrid.service.correcting import CorrectionError
from tallygrid.service.purchase import Purchase
from tallygrid.service.wish import Answer

CONTRACT_FEN = 60_000_000
PART_FEN = 1_500_000


@pytest.fixture
def settled(funded: Desk) -> tuple[Desk, Purchase]:
    """Two server-months, delivered and settled: each voucher has paid 30,000.00 yuan."""
    province = funded.voucher(PROVINCE, "A-1", CONTRACT_FEN, contract="C-1")
    city = funded.voucher(CITY, "A-2", CONTRACT_FEN, contract="C-1")
    purchase = funded.buy(wanted("R-1", province, city, quantity=2))
    assert funded.deliver(purchase, 1, Fraction(2), final=True).accepted
    return funded, purchase


def _correct(desk: Desk, purchase: Purchase, n: int, less: Fraction | int) -> Answer:
    return correcting.correct(desk.office, purchase, used(n, -Fraction(less)))


def _owed(desk: Desk, purchase: Purchase) -> int:
    return desk.balance(CITY, f"payable:{purchase.provider}:city").free_fen


def test_what_was_not_used_is_owed_no_more(settled: tuple[Desk, Purchase]) -> None:
    desk, purchase = settled
    own_fen = desk.balance(CITY, f"copay_received:{FIRM}").total_fen

    assert _correct(desk, purchase, 2, 1).accepted
    assert _correct(desk, purchase, 2, 1).accepted

    assert _owed(desk, purchase) == PART_FEN
    assert desk.balance(PROVINCE, f"payable:{purchase.provider}:province").free_fen == PART_FEN // 2
    assert desk.balance(CITY, "committed:V-A-2:city").free_fen == 12_000_000 - PART_FEN
    assert desk.balance(CITY, f"copay_received:{FIRM}").total_fen == own_fen - 4_500_000
    assert [one.quantity for one in lines.of_purchase(desk.office, purchase)] == [2, -1]
    assert desk.rows("SELECT state FROM service.voucher") == [("part_used",)] * 2
    assert desk.purchase("R-1").state == "settled"
    assert desk.problems() == ()


def test_all_of_it_can_be_taken_back_and_no_more(settled: tuple[Desk, Purchase]) -> None:
    desk, purchase = settled
    for n in (2, 3):
        assert _correct(desk, purchase, n, 1).accepted

    with pytest.raises(CorrectionError, match="cannot be taken back"):
        _correct(desk, purchase, 4, Fraction(1, 100))
    with pytest.raises(CorrectionError, match="below zero"):
        _correct(desk, purchase, 4, -1)

    assert _owed(desk, purchase) == 0
    assert desk.rows("SELECT state FROM service.voucher") == [("issued",)] * 2
    assert desk.problems() == ()


def test_what_was_paid_already_is_not_corrected_but_asked_back(
    settled: tuple[Desk, Purchase],
) -> None:
    desk, purchase = settled
    paying.prepare(desk.office, programme=CITY, batch="B-1", at=AT)
    before = desk.snapshot()

    with pytest.raises(CorrectionError, match="ask the money back"):
        _correct(desk, purchase, 2, 1)

    assert desk.snapshot() == before


def test_an_appropriation_by_mistake_is_undone_once(desk: Desk) -> None:
    desk.fund(CITY, 1_000)
    key = key_of("appropriate", CITY, AT.year, "first")

    for _ in range(2):
        assert correcting.reverse(desk.office, CITY, [key], at=AT, why="a slip").accepted

    assert desk.balance(CITY, "available::city").free_fen == 0
    assert desk.problems() == ()


def test_what_was_carried_into_the_next_year_is_undone_in_both_years_or_in_none(
    desk: Desk,
) -> None:
    desk.fund(CITY, 1_000)
    at = AT.replace(year=2027)
    closing.close(desk.office, scheme(CITY), Close(2026, "Y-1", carries=True), at=at)
    halves = [
        key
        for (key,) in desk.rows(
            "SELECT key FROM books.event WHERE kind LIKE 'close_carry%' ORDER BY seq"
        )
    ]

    for one, other in (halves, reversed(halves)):
        with pytest.raises(CorrectionError, match=f"name {other} too"):
            correcting.reverse(desk.office, CITY, [one], at=at, why="a slip")
    assert correcting.reverse(desk.office, CITY, halves, at=at, why="a slip").accepted

    assert desk.balance(CITY, "available::city@2026").free_fen == 1_000
    assert desk.balance(CITY, "available::city@2027").free_fen == 0
    assert desk.problems() == ()


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        (key_of("issue", "A-2"), "voucher revoke"),
        (key_of("deposit", "R-1", False), "tallygrid correct"),  # noqa: FBT003  # not given back
        (key_of("capture", key_of("hold", "R-1", "V-A-2"), 1), "tallygrid correct"),
        (key_of("hold", "R-1", "V-A-2"), "only holds money"),
        (uuid4(), "have no entry"),
    ],
)
def test_what_rows_follow_is_put_right_with_them(
    settled: tuple[Desk, Purchase], key: UUID, remedy: str
) -> None:
    desk, _ = settled
    before = desk.snapshot()

    with pytest.raises(CorrectionError, match=remedy):
        correcting.reverse(desk.office, CITY, [key], at=AT, why="a slip")

    assert desk.snapshot() == before
