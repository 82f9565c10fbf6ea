"""An award in public notice holds its money, until its voucher is issued or it is withdrawn."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from desk import AT, CITY, FIRM, REIMBURSED, Desk, DiedError, request, scheme, wanted
from patience import until

from tallygrid.core.books import REGISTRY
from tallygrid.core.programme import Scalar
from tallygrid.service import applying, closing, ending, intent, noticing
from tallygrid.service.applying import Applied, Way
from tallygrid.service.buying import UnknownError
from tallygrid.service.closing import Close
from tallygrid.service.noticing import NoticeError

CONTRACT_FEN = 60_000_000
AWARD_FEN = 12_000_000
LATER = AT + timedelta(days=7)


def _notice(desk: Desk, name: str = "A-1", way: Way = "notice") -> Applied:
    asked = request(name, contract="C-1", contract_fen=CONTRACT_FEN)
    return applying.apply(desk.office, scheme(CITY), asked, at=AT, way=way)


def _reserved_fen(desk: Desk, name: str = "A-1", year: int = 2026) -> int:
    return desk.balance(CITY, f"reserved:{name}:city@{year}").total_fen


def test_what_is_awarded_is_reserved_and_nobody_else_has_it(funded: Desk) -> None:
    free_fen = funded.balance(CITY, "available::city").free_fen

    for _ in range(2):
        applied = _notice(funded)
        assert (applied.state, applied.voucher) == ("in_notice", None)

    assert funded.balance(CITY, "available::city").free_fen == free_fen - AWARD_FEN
    assert _reserved_fen(funded) == AWARD_FEN
    (found,) = funded.office.transact("web", noticing.in_notice)
    assert (found.application, found.applicant, found.amount_fen) == ("A-1", FIRM, AWARD_FEN)
    again = _notice(funded, "A-2", "voucher")
    assert again.refused is not None, "the contract's claim is held"
    assert funded.problems() == ()


def test_after_the_notice_the_voucher_is_issued_and_valid_from_then_on(funded: Desk) -> None:
    _notice(funded)

    for _ in range(2):
        assert noticing.issue(funded.office, "A-1", at=LATER).accepted

    assert _reserved_fen(funded) == 0
    assert funded.balance(CITY, "committed:V-A-1:city").free_fen == AWARD_FEN
    assert funded.rows("SELECT state, valid_from FROM service.voucher") == [
        ("issued", date(2026, 5, 18))
    ]
    assert funded.rows("SELECT state FROM service.application") == [("awarded",)]
    assert funded.balance(REGISTRY, f"ceiling_used:{FIRM}.C-1@9999").total_fen == AWARD_FEN
    funded.buy(wanted("O-1", "V-A-1", contract="C-1"), at=LATER)
    assert funded.problems() == ()
    with pytest.raises(NoticeError, match="is not in notice, it is awarded"):
        noticing.withdraw(funded.office, "A-1", at=LATER, why="too late")


def test_what_was_counted_at_the_award_goes_back_when_the_voucher_ends(funded: Desk) -> None:
    before = _memoranda(funded)
    _notice(funded)
    noticing.issue(funded.office, "A-1", at=LATER)

    ending.revoke(funded.office, "V-A-1", at=LATER, why="a slip")

    assert _memoranda(funded) == before
    assert funded.problems() == ()


def test_a_withdrawn_award_leaves_nothing_behind_and_the_contract_free(funded: Desk) -> None:
    before, free_fen = _memoranda(funded), funded.balance(CITY, "available::city").free_fen
    _notice(funded)

    for _ in range(2):
        assert noticing.withdraw(funded.office, "A-1", at=LATER, why="objection 3").accepted

    assert _reserved_fen(funded) == 0
    assert funded.balance(CITY, "available::city").free_fen == free_fen
    assert _memoranda(funded) == before
    assert funded.held_fen(REGISTRY) == 0
    assert funded.rows("SELECT state FROM service.application") == [("withdrawn",)]
    assert _notice(funded, "A-2", "voucher").state == "awarded"
    assert funded.problems() == ()


def test_over_the_new_year_it_is_carried_and_issued_or_lapses(funded: Desk) -> None:
    january = datetime(2027, 1, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    _notice(funded)
    closing.close(funded.office, scheme(CITY), Close(2026, "Y-1", carries=True), at=january)
    assert _reserved_fen(funded, year=2027) == AWARD_FEN

    assert noticing.issue(funded.office, "A-1", at=january).accepted

    assert funded.balance(CITY, "committed:V-A-1:city@2027").free_fen == AWARD_FEN
    assert funded.problems() == ()


def test_what_lapsed_with_its_year_cannot_be_issued_only_withdrawn(funded: Desk) -> None:
    january = datetime(2027, 1, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    _notice(funded)
    closing.close(funded.office, scheme(CITY), Close(2026, "Y-1", carries=False), at=january)

    with pytest.raises(NoticeError, match="Nothing is reserved"):
        noticing.issue(funded.office, "A-1", at=january)
    assert noticing.withdraw(funded.office, "A-1", at=january, why="closed").accepted
    assert funded.held_fen(REGISTRY) == 0
    assert funded.problems() == ()


def test_withdrawn_after_its_year_the_money_lapses(funded: Desk) -> None:
    january = datetime(2027, 1, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    _notice(funded)

    noticing.withdraw(funded.office, "A-1", at=january, why="objection 3")

    assert funded.balance(CITY, "lapsed::city").total_fen == AWARD_FEN


def test_a_voucher_that_came_between_bars_the_award(funded: Desk) -> None:
    _notice(funded)
    funded.fund(REIMBURSED, 10**9)
    facts: dict[str, Scalar] = {"contract": "C-1", "contract_fen": CONTRACT_FEN}
    assert funded.apply(REIMBURSED, "B-1", registered_in="310115", **facts).state == "awarded"

    with pytest.raises(NoticeError, match=REIMBURSED):
        noticing.issue(funded.office, "A-1", at=LATER)
    assert noticing.withdraw(funded.office, "A-1", at=LATER, why="another voucher").accepted


def test_who_is_not_in_notice_is_told(funded: Desk) -> None:
    with pytest.raises(UnknownError, match="no application 'A-9'"):
        noticing.issue(funded.office, "A-9", at=AT)
    with pytest.raises(UnknownError, match="no application 'A-9'"):
        noticing.withdraw(funded.office, "A-9", at=AT, why="x")


def test_an_award_is_read_only_when_nobody_else_can_change_it(funded: Desk) -> None:
    """Somebody withdraws it while this one waits for the contract's lock."""
    _notice(funded)
    with funded.server.connect("web") as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('contract C-1', 0))")
        issued = threads.submit(noticing.issue, funded.office, "A-1", at=LATER)
        waiting = "SELECT FROM pg_locks WHERE NOT granted"
        until(lambda: bool(other.execute(waiting).fetchall()))
        other.execute("UPDATE service.application SET state = 'withdrawn'")
        other.commit()

        with pytest.raises(NoticeError, match="it is withdrawn"):
            issued.result()
    assert funded.rows("SELECT id FROM service.voucher") == []


def test_interrupted_in_the_middle_it_is_carried_to_its_end(funded: Desk) -> None:
    _notice(funded)
    for lifetime in range(9):
        with suppress(DiedError):
            noticing.issue(funded.dying(lifetime), "A-1", at=LATER)
        intent.recover(funded.office)
    assert noticing.issue(funded.office, "A-1", at=LATER).accepted
    assert funded.problems() == ()


def _memoranda(desk: Desk) -> dict[str, int]:
    """Return what caps and contracts have counted."""
    return dict(
        desk.rows(
            "SELECT code, in_fen - out_fen FROM books.account"
            " WHERE kind IN ('cap_used', 'ceiling_used') AND in_fen <> out_fen"
        )
    )
