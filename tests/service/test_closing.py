"""A year is closed in both ways, with holds that are open and vouchers that are part used."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from desk import AT, CITY, PROVINCE, Desk, DiedError, scheme, wanted

from tallygrid.service import (
    budgeting,
    buying,
    closing,
    correcting,
    ending,
    intent,
    outbox,
    publishing,
    voucher,
)
from tallygrid.service.budgeting import Tranche
from tallygrid.service.closing import Close, Closed
from tallygrid.service.intent import Compose, ConflictError
from tallygrid.service.office import Office
from tallygrid.service.purchase import Purchase
from tallygrid.service.wish import Answer, Wish
from tallygrid.service.year import YearError

CONTRACT_FEN = 60_000_000
FACE_FEN = 12_000_000
PART_FEN = 1_500_000
NEW_YEAR = datetime(AT.year + 1, 1, 2, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
CARRY = Close(AT.year, "Y-1", carries=True)
RELEASE = Close(AT.year, "Y-1", carries=False)


def _close(desk: Desk, how: Close, at: datetime = NEW_YEAR) -> Closed:
    return closing.close(desk.office, scheme(CITY), how, at=at)


@pytest.fixture
def busy(funded: Desk) -> tuple[Desk, str, Purchase]:
    """A voucher part used, part held for work that runs, part for work that has not begun."""
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    funded.deliver(funded.buy(wanted("R-1", name)), 1, Fraction(1), final=True)
    running = funded.buy(wanted("R-2", name, quantity=2))
    buying.begin(funded.office, running, at=AT)
    funded.buy(wanted("R-3", name, quantity=1))
    return funded, name, running


def _committed(desk: Desk, name: str, year: int) -> tuple[int, int]:
    found = desk.balance(CITY, f"committed:{name}:city@{year}")
    return found.free_fen, found.held_fen


def test_a_year_is_not_closed_before_it_is_over(funded: Desk) -> None:
    with pytest.raises(YearError, match="is not over"):
        _close(funded, CARRY, AT)


def test_what_is_carried_forward_can_be_spent_in_the_next_year(
    busy: tuple[Desk, str, Purchase],
) -> None:
    desk, name, _ = busy
    free_fen = desk.balance(CITY, "available::city").free_fen
    _, held_fen = _committed(desk, name, AT.year)
    kept_fen = FACE_FEN - PART_FEN
    running_fen = 2 * PART_FEN  # and the fen that a hold sets aside for rounding

    closed = _close(desk, CARRY)

    assert closed.given_up == 1
    assert closed.budget_fen == free_fen
    assert 0 <= kept_fen - running_fen - closed.on_vouchers_fen <= 1
    assert desk.balance(CITY, f"available::city@{AT.year}").total_fen == 0
    assert desk.balance(CITY, f"available::city@{AT.year + 1}").free_fen == free_fen
    assert _committed(desk, name, AT.year + 1) == (closed.on_vouchers_fen, 0)
    assert desk.purchase("R-3").state == "failed"
    assert held_fen > _committed(desk, name, AT.year)[1] > 0

    bought = desk.buy(wanted("R-4", name), at=NEW_YEAR)
    assert desk.deliver(bought, 1, Fraction(1), final=True).accepted
    owed = f"payable:{bought.provider}:city@{AT.year + 1}"
    assert desk.balance(CITY, owed).free_fen == PART_FEN
    assert desk.problems() == ()


def test_work_that_runs_over_the_new_year_ends_in_the_year_it_began_in(
    busy: tuple[Desk, str, Purchase],
) -> None:
    desk, name, running = busy
    _close(desk, CARRY)

    assert desk.deliver(running, 1, Fraction(1), final=True).accepted

    assert desk.balance(CITY, f"payable:{running.provider}:city").free_fen == 2 * PART_FEN
    rest_fen, _ = _committed(desk, name, AT.year)
    assert rest_fen > 0
    again = _close(desk, replace(CARRY, document="Y-2"))
    assert (again.on_vouchers_fen, again.budget_fen) == (rest_fen, 0)
    assert _committed(desk, name, AT.year) == (0, 0)
    assert desk.rows("SELECT state FROM service.voucher") == [("part_used",)]
    assert desk.problems() == ()


WEEK = Fraction(1, 4)


@pytest.fixture
def staged(funded: Desk) -> tuple[Desk, str, Purchase]:
    """A voucher, and an order in four stages that it helps to pay; the first has come."""
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    order = funded.buy(wanted("R-1", name, first_stage=WEEK))
    buying.begin(funded.office, order, at=AT)
    assert funded.deliver(order, 1, WEEK).accepted
    assert buying.extend(funded.office, order, stage=2, quantity=WEEK, at=AT).accepted
    return funded, name, order


def test_an_order_in_stages_keeps_over_the_new_year_what_it_was_promised(
    staged: tuple[Desk, str, Purchase],
) -> None:
    desk, name, order = staged
    closed = _close(desk, CARRY)
    assert 0 <= FACE_FEN - PART_FEN - closed.on_vouchers_fen <= 1

    for n in (2, 3, 4):
        assert desk.deliver(order, n, WEEK, final=n == 4).accepted
        if n < 4:
            onward = buying.extend(desk.office, order, stage=n + 1, quantity=WEEK, at=NEW_YEAR)
            assert onward.accepted

    assert desk.balance(CITY, f"payable:{order.provider}:city").free_fen == PART_FEN
    _close(desk, replace(CARRY, document="Y-2"))
    assert _committed(desk, name, AT.year) == (0, 0)
    assert _committed(desk, name, AT.year + 1) == (FACE_FEN - PART_FEN, 0)
    assert desk.problems() == ()


def test_what_is_kept_for_stages_goes_back_when_the_voucher_is_taken_back(
    staged: tuple[Desk, str, Purchase],
) -> None:
    desk, name, order = staged
    _close(desk, CARRY)
    _, held_fen = _committed(desk, name, AT.year)

    done = ending.revoke(desk.office, name, at=NEW_YEAR, why="a false statement")

    assert done.back_fen == FACE_FEN - PART_FEN // 4 - held_fen
    assert _committed(desk, name, AT.year) == (0, held_fen)
    assert _committed(desk, name, AT.year + 1) == (0, 0)
    desk.deliver(order, 2, WEEK)
    refused = buying.extend(desk.office, order, stage=3, quantity=WEEK, at=NEW_YEAR).refused
    assert refused is not None
    assert desk.problems() == ()


def test_what_is_released_lapses_and_its_vouchers_end(busy: tuple[Desk, str, Purchase]) -> None:
    desk, name, running = busy
    free_fen = desk.balance(CITY, "available::city").free_fen

    closed = _close(desk, RELEASE)

    assert desk.balance(CITY, "lapsed::city").free_fen == free_fen + closed.on_vouchers_fen
    assert _committed(desk, name, AT.year)[0] == 0
    assert desk.rows("SELECT state FROM service.voucher") == [("expired",)]
    assert desk.deliver(running, 1, Fraction(2), final=True).accepted
    assert desk.balance(CITY, f"payable:{running.provider}:city").free_fen == 3 * PART_FEN
    assert desk.problems() == ()


@pytest.mark.parametrize("how", [CARRY, RELEASE])
def test_closing_twice_under_one_document_is_closing_once(
    busy: tuple[Desk, str, Purchase], how: Close
) -> None:
    desk, _, _ = busy
    closed = _close(desk, how)
    before = desk.snapshot()

    assert closed.given_up and closed.on_vouchers_fen and closed.budget_fen  # noqa: PT018  # all moved
    assert _close(desk, how) == closed

    assert desk.snapshot() == before
    with pytest.raises(ConflictError):
        _close(desk, replace(how, carries=not how.carries))


@pytest.mark.parametrize("how", [CARRY, RELEASE])
def test_a_closing_that_dies_anywhere_is_finished_by_whoever_asks_again(
    busy: tuple[Desk, str, Purchase], how: Close
) -> None:
    """Killed again and again, each time a transaction later, while others drain the outbox."""
    desk, name, _ = busy
    free_fen = desk.balance(CITY, "available::city").free_fen
    kept_fen = sum(_committed(desk, name, AT.year))

    for lifetime in itertools.count(1):
        with suppress(DiedError):
            closed = closing.close(desk.dying(lifetime), scheme(CITY), how, at=NEW_YEAR)
            break
        desk.office.transact("web", outbox.drain)

    assert lifetime > 10, "it died again and again"
    left_fen, held_fen = _committed(desk, name, AT.year)
    assert left_fen == 0
    assert closed == _close(desk, how) == Closed(1, 1, kept_fen - held_fen, free_fen)
    assert desk.office.transact("web", intent.unsettled) == ()
    assert desk.problems() == ()


def test_a_closing_that_was_undone_does_not_claim_to_be_closed(funded: Desk) -> None:
    _close(funded, CARRY)
    keys = _keys(funded, "^close_")
    assert correcting.reverse(funded.office, CITY, keys, at=NEW_YEAR, why="too early").accepted

    with pytest.raises(YearError, match=r"under Y-1 was undone .* another document"):
        _close(funded, CARRY)


def test_a_carried_voucher_keeps_what_its_caps_have_counted(funded: Desk) -> None:
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")

    _close(funded, CARRY)

    row = funded.office.transact("web", lambda connection: voucher.find(connection, name))
    assert row is not None
    assert (row.fiscal_year, row.face_fen, row.state) == (AT.year + 1, FACE_FEN, "issued")
    assert funded.problems() == ()


def _late(office: Office, year: int = AT.year, document: str = "late") -> Answer:
    """Appropriate a late tranche."""
    return budgeting.appropriate(
        office, scheme(CITY), Tranche(year, document, {"city": 7}), at=NEW_YEAR
    )


def _keys(desk: Desk, kinds: str) -> list[UUID]:
    return [key for (key,) in desk.rows(f"SELECT key FROM books.event WHERE kind ~ '{kinds}'")]  # noqa: S608  # ours


@pytest.mark.parametrize("how", [CARRY, RELEASE])
def test_no_new_money_comes_into_a_closed_year(funded: Desk, how: Close) -> None:
    publishing.publish(funded.office, scheme(PROVINCE), at=AT)
    funded.appropriate(PROVINCE, 1_000, name="P-1")
    tranche = Tranche(AT.year, "R-1", {"city": 7})
    assert budgeting.reduce(funded.office, scheme(CITY), tranche, at=AT).accepted
    assert _late(funded.office, document="in time").accepted, "over, but not closed"
    _close(funded, how)
    before = funded.snapshot()

    with pytest.raises(YearError, match=r"closed under Y-1, .* Book it in 2027"):
        _late(funded.office)
    moved = Tranche(AT.year, "T-1", {"city": 7})
    with pytest.raises(YearError, match="closed under Y-1"):
        budgeting.transfer(funded.office, scheme(PROVINCE), scheme(CITY), moved, at=NEW_YEAR)
    with pytest.raises(YearError, match="closed under Y-1"):
        correcting.reverse(funded.office, CITY, _keys(funded, "reduce"), at=NEW_YEAR, why="a slip")

    assert funded.snapshot() == before
    assert _late(funded.office, document="in time").accepted, "what was booked stays answered"
    assert _late(funded.office, AT.year + 1).accepted
    assert funded.problems() == ()


@pytest.mark.parametrize("how", [CARRY, RELEASE])
def test_a_year_whose_closing_is_undone_takes_money_again(funded: Desk, how: Close) -> None:
    free_fen = funded.balance(CITY, "available::city").free_fen
    _close(funded, how)

    keys = _keys(funded, "^close_")
    assert correcting.reverse(funded.office, CITY, keys, at=NEW_YEAR, why="too early").accepted
    assert _late(funded.office).accepted

    assert funded.balance(CITY, "available::city").free_fen == free_fen + 7
    assert _close(funded, replace(how, document="Y-2")).budget_fen == free_fen + 7
    with pytest.raises(YearError, match="closed under Y-2"):
        _late(funded.office, document="later")
    assert funded.problems() == ()


def test_however_late_money_and_the_closing_race_nothing_is_left_in_the_year(funded: Desk) -> None:
    """Each is cut short after so many transactions, and the other one comes."""
    for lifetime in range(1, 7):
        year = AT.year - lifetime
        with suppress(DiedError):
            _late(funded.dying(lifetime), year)
        _close(funded, Close(year, "Y-1", carries=False))
        intent.recover(funded.office)
        assert funded.balance(CITY, f"available::city@{year}").free_fen == 0

    for lifetime in range(1, 12):
        year = AT.year - 10 - lifetime
        assert _late(funded.office, year, "in time").accepted
        with suppress(DiedError):
            closing.close(
                funded.dying(lifetime), scheme(CITY), Close(year, "Y-1", carries=False), at=NEW_YEAR
            )
        with suppress(YearError):
            _late(funded.office, year)
        _close(funded, Close(year, "Y-1", carries=False))
        assert funded.balance(CITY, f"available::city@{year}").free_fen == 0
    assert funded.problems() == ()


def test_who_comes_between_the_asking_and_the_lock_is_settled_first(
    funded: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one writes down what it wants and dies, after this one saw that nothing was."""

    def overtaken(by: Callable[[Office], object], transactions: int) -> Callable[..., Answer]:
        def done(office: Office, wish: Wish, compose: Compose, *, anew: bool) -> Answer:
            monkeypatch.undo()
            with suppress(DiedError):
                by(funded.dying(transactions))
            (pending,) = funded.office.transact("web", intent.unsettled)
            assert pending.wish.key != wish.key
            return intent.carry_out(office, wish, compose, anew=anew)

        return done

    def close(office: Office) -> Closed:
        return closing.close(office, scheme(CITY), last, at=NEW_YEAR)

    last = Close(AT.year - 1, "Y-1", carries=False)
    assert _late(funded.office, last.year, "in time").accepted
    monkeypatch.setattr(intent, "carry_out", overtaken(close, 7))
    with pytest.raises(YearError, match="closed under Y-1"):
        _late(funded.office, last.year)
    monkeypatch.setattr(closing, "carry_out", overtaken(_late, 2))
    _close(funded, RELEASE)

    assert intent.recover(funded.office) == 0
    for year in (last.year, AT.year):
        assert funded.balance(CITY, f"available::city@{year}").free_fen == 0
