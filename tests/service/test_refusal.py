"""A wish that cannot be met leaves nothing behind, and a key means one wish."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final

import pytest
from desk import AT, CARD, CITY, PROVINCE, Desk, DiedError, wanted
from patience import PATIENCE_S

from tallygrid.service import buying, intent
from tallygrid.service.intent import ConflictError
from tallygrid.service.wish import Answer

STACKED: Final = wanted("O-1", "V-A-1", "V-A-2")
RIVAL: Final = wanted("O-2", "V-A-2", offer=CARD, quantity=5_760)
"""A purchase that takes all that is left on the second voucher."""


@pytest.fixture
def stacked(funded: Desk) -> Desk:
    """Two vouchers of two programmes for one contract of one server for one month."""
    funded.voucher(PROVINCE, "A-1", 7_500_000, contract="C-1")
    funded.voucher(CITY, "A-2", 7_500_000, contract="C-1")
    return funded


def _overtaken(desk: Desk) -> None:
    """Write a wish for both vouchers down, and let somebody else take the second one's money."""
    with pytest.raises(DiedError):
        buying.buy(desk.dying(1), STACKED, at=AT)
    desk.buy(RIVAL)


def test_if_the_second_programme_refuses_the_first_one_gets_its_hold_back(stacked: Desk) -> None:
    _overtaken(stacked)

    answer = buying.buy(stacked.office, STACKED, at=AT)

    assert answer.refused is not None
    assert (answer.refused.programme, answer.refused.code) == (CITY, "insufficient")
    assert stacked.held_fen(PROVINCE) == 0
    assert stacked.rows("SELECT id FROM service.purchase") == [("O-2",)]
    assert stacked.balance(CITY, f"copay_received:{STACKED.applicant}").total_fen == 6_500_000
    assert stacked.problems() == ()


def test_a_key_whose_holds_were_given_back_is_spent(stacked: Desk) -> None:
    _overtaken(stacked)
    refused = buying.buy(stacked.office, STACKED, at=AT)
    buying.give_up(stacked.office, stacked.purchase("O-2"), at=AT, why="no longer wanted")

    again = buying.buy(stacked.office, STACKED, at=AT)

    assert again == refused
    assert again.final
    assert stacked.held_fen(PROVINCE) == stacked.held_fen(CITY) == 0


@pytest.mark.parametrize("transactions", range(8))
def test_killed_while_giving_back_a_purchase_is_made_whole_or_not_at_all(
    stacked: Desk, transactions: int
) -> None:
    _overtaken(stacked)
    with pytest.raises(DiedError):
        buying.buy(stacked.dying(transactions), STACKED, at=AT)
    buying.give_up(stacked.office, stacked.purchase("O-2"), at=AT, why="no longer wanted")

    intent.recover(stacked.office)
    answer = buying.buy(stacked.office, STACKED, at=AT)

    bought = stacked.rows("SELECT id FROM service.purchase WHERE id = 'O-1'")
    held = [stacked.held_fen(PROVINCE), stacked.held_fen(CITY)]
    assert held == ([1_500_000] * 2 if answer.accepted else [0, 0])
    assert bought == ([("O-1",)] if answer.accepted else [])
    assert stacked.problems() == ()


def test_a_refusal_that_left_nothing_behind_may_be_tried_again_under_its_key(
    stacked: Desk,
) -> None:
    wish = wanted("O-1", "V-A-2")
    with pytest.raises(DiedError):
        buying.buy(stacked.dying(1), wish, at=AT)
    stacked.buy(RIVAL)
    refused = buying.buy(stacked.office, wish, at=AT)
    buying.give_up(stacked.office, stacked.purchase("O-2"), at=AT, why="no longer wanted")

    accepted = buying.buy(stacked.office, wish, at=AT)

    assert (refused.accepted, refused.final, refused.attempt) == (False, False, 1)
    assert (accepted.accepted, accepted.attempt) == (True, 2)
    assert stacked.purchase("O-1").state == "held"


def test_a_key_cannot_be_used_for_another_wish(stacked: Desk) -> None:
    stacked.buy(STACKED)
    before = stacked.snapshot()

    with pytest.raises(ConflictError, match="asked for before, with other contents"):
        buying.buy(stacked.office, wanted("O-1", "V-A-1"), at=AT)

    assert stacked.snapshot() == before


def test_a_wish_made_twice_at_once_is_carried_out_once(stacked: Desk) -> None:
    together = Barrier(4)

    def ask(_: int) -> Answer:
        together.wait(timeout=PATIENCE_S)
        return buying.buy(stacked.office, STACKED, at=AT)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(4)))

    assert answers == [answers[0]] * 4
    assert answers[0].accepted
    assert [stacked.held_fen(PROVINCE), stacked.held_fen(CITY)] == [1_500_000] * 2
    assert stacked.balance(CITY, f"copay_received:{STACKED.applicant}").in_fen == 4_500_000
    assert stacked.problems() == ()


def test_of_two_purchases_at_once_only_as_much_is_bought_as_the_voucher_holds(
    stacked: Desk,
) -> None:
    wishes = [wanted(f"O-{n}", "V-A-1") for n in (1, 2)]
    for wish in wishes:
        with pytest.raises(DiedError):
            buying.buy(stacked.dying(1), wish, at=AT)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda one: buying.buy(stacked.office, one, at=AT), wishes))

    assert sorted(answer.accepted for answer in answers) == [False, True]
    assert stacked.held_fen(PROVINCE) == 1_500_000
    assert stacked.problems() == ()


def test_what_an_answer_refused_is_what_the_books_refused(stacked: Desk) -> None:
    """Not that the rest of its chain failed too."""
    applied = stacked.apply(PROVINCE, "A-3", contract="C-1", contract_fen=7_500_000)

    assert applied.refused is not None
    assert applied.refused.code == "insufficient"
    assert "ceiling_room" in str(applied.refused.detail["account"])


def test_a_second_try_that_was_killed_half_way_is_finished(stacked: Desk) -> None:
    """It had an answer once, so it must be found by something else than lacking one."""
    rival = wanted("O-2", "V-A-1", offer=CARD, quantity=5_760)
    with pytest.raises(DiedError):
        buying.buy(stacked.dying(1), STACKED, at=AT)
    stacked.buy(rival)
    refused = buying.buy(stacked.office, STACKED, at=AT)
    buying.give_up(stacked.office, stacked.purchase("O-2"), at=AT, why="no longer wanted")
    with pytest.raises(DiedError):
        buying.buy(stacked.dying(3), STACKED, at=AT)
    assert stacked.held_fen(PROVINCE) == 1_500_000

    assert intent.recover(stacked.office) == 1

    assert not refused.final
    assert stacked.purchase("O-1").state == "held"
    assert stacked.held_fen(CITY) == 1_500_000
