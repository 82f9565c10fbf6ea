"""Money appropriated to one class of applicants is drawn by that class, and by nobody else."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from bundles import Story, found
from desk import ASSUMPTIONS, AT, PROGRAMMES, PROVINCE, Desk, request, used, wanted

from tallygrid.core.payment import Receipt
from tallygrid.core.programme import Programme
from tallygrid.service import (
    allocating,
    applying,
    budgeting,
    closing,
    correcting,
    ending,
    noticing,
    paying,
    publishing,
    recovering,
)
from tallygrid.service.allocating import Closing
from tallygrid.service.applying import Applied, Way
from tallygrid.service.budgeting import Tranche
from tallygrid.service.closing import Close
from tallygrid.service.publishing import Scheme
from tallygrid.service.recovering import Demand
from tallygrid.service.told import ToldError

CITED: Final[dict[str, Any]] = {"clause": "x", "sources": ["hn_2025"], "confidence": "low"}
AWARD_FEN: Final = 1_500_000
SMALL, LARGE = 5, 50
"""How many work for an applicant of the class, and for another."""
NEXT: Final = datetime(2027, 1, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def town(desk: Desk) -> Desk:
    """A programme with money for one award of anybody's, and for two of the class's."""
    publishing.publish(desk.office, _scheme(), at=AT)
    _appropriate(desk, AWARD_FEN, "for all")
    _appropriate(desk, 2 * AWARD_FEN, "for the small", group="small")
    return desk


def _scheme(rule: str = "first_come", kept_yuan: int = 9_000_000) -> Scheme:
    plain = PROGRAMMES[PROVINCE].model_dump(mode="json", exclude_defaults=True)
    group = {"id": "small", "when": "employees < 10", "amount_yuan": [{"value": kept_yuan}]}
    plain["budget"]["groups"] = [{**group, **CITED}]
    plain["allocation"] = {"value": rule, **CITED}
    plain["facts"]["employees"] = {"type": "integer", "en": "x", "zh": "x"}
    fills = {**ASSUMPTIONS.fills}
    fills[PROVINCE] = {**fills[PROVINCE], "allocation": rule}
    assumptions = ASSUMPTIONS.model_copy(update={"fills": fills})
    return Scheme(Programme.model_validate_json(json.dumps(plain)), assumptions)


def _appropriate(desk: Desk, fen: int, name: str, *, group: str = "") -> None:
    tranche = Tranche(AT.year, name, budgeting.divided(_scheme(), fen), group)
    assert budgeting.appropriate(desk.office, _scheme(), tranche, at=AT).accepted


def _apply(desk: Desk, name: str, size: int, way: Way = "voucher") -> Applied:
    asked = request(name, contract_fen=7_500_000, employees=size)
    return applying.apply(desk.office, _scheme(), asked, at=AT, way=way)


def _fen(desk: Desk, kind: str, group: str = "small", year: int = 2026) -> int:
    """Return what sits in all accounts of a kind and a group."""
    ((fen,),) = desk.rows(
        "SELECT coalesce(sum(in_fen - out_fen), 0)::bigint FROM books.account"  # noqa: S608  # a test's
        f" WHERE (kind, budget_group, year) = ('{kind}', '{group}', {year})"
    )
    return int(fen)


def test_each_draws_on_its_own_and_waits_when_that_is_used_up(town: Desk) -> None:
    states = [
        _apply(town, f"A-{n}", size).state
        for n, size in enumerate((LARGE, LARGE, SMALL, SMALL, SMALL))
    ]

    assert states == ["awarded", "waiting", "awarded", "awarded", "waiting"]
    assert (_fen(town, "available"), _fen(town, "available", "")) == (0, 0)
    assert (_fen(town, "committed"), _fen(town, "committed", "")) == (2 * AWARD_FEN, AWARD_FEN)
    assert town.problems() == ()


def test_a_voucher_of_it_is_used_corrected_and_gives_back_to_the_class(
    town: Desk, tmp_path: Path
) -> None:
    voucher = _apply(town, "A-1", SMALL).voucher
    assert voucher is not None
    town.deliver(town.buy(wanted("O-1", voucher, contract="A-1")), 1, Fraction(1, 2), final=True)
    correcting.correct(town.office, town.purchase("O-1"), used(2, Fraction(-1, 4)))
    owed_fen = _fen(town, "payable", "")
    ended = ending.revoke(town.office, voucher, at=AT, why="a slip")

    assert ended.back_fen == AWARD_FEN - owed_fen > 0
    assert _fen(town, "available") == 2 * AWARD_FEN - owed_fen
    assert _fen(town, "committed") == 0
    assert found(Story(town, tmp_path).bundle("voucher", voucher)) == []
    assert town.problems() == ()


@pytest.mark.parametrize("year", [AT.year, AT.year + 1])
def test_what_was_paid_and_recovered_is_everybodys_until_it_is_moved_back(
    town: Desk, year: int
) -> None:
    voucher = _apply(town, "A-1", SMALL).voucher
    assert voucher is not None
    town.deliver(town.buy(wanted("O-1", voucher, contract="A-1")), 1, Fraction(1), final=True)
    before_fen = _fen(town, "available", year=year), _fen(town, "available", "", year)
    for one in paying.prepare(town.office, programme=PROVINCE, batch="B-1", at=AT):
        paying.confirm(town.office, [Receipt(one.id, f"T-{one.id}", one.amount_fen)], at=AT)
        recovering.demand(town.office, Demand(one.id, one.id, one.amount_fen, "idle"), at=AT)
        recovering.recover(
            town.office, one.id, amount_fen=one.amount_fen, receipt="R-1", year=year, at=AT
        )
    assert _fen(town, "available", "", year) == before_fen[1] + AWARD_FEN

    back = Tranche(year, "HN-7", budgeting.divided(_scheme(), AWARD_FEN))
    assert budgeting.reduce(town.office, _scheme(), back, at=AT).accepted
    again = replace(back, group="small")
    assert budgeting.appropriate(town.office, _scheme(), again, at=AT).accepted

    assert _fen(town, "available", year=year) == before_fen[0] + AWARD_FEN
    assert _fen(town, "available", "", year) == before_fen[1]
    assert town.problems() == ()


def test_it_is_carried_into_the_next_year_as_the_classs_own(town: Desk) -> None:
    voucher = _apply(town, "A-1", SMALL).voucher
    assert voucher is not None

    closing.close(town.office, _scheme(), Close(2026, "Y-1", carries=True), at=NEXT)

    assert _fen(town, "available", year=2027) == AWARD_FEN
    assert _fen(town, "committed", year=2027) == AWARD_FEN
    town.buy(wanted("O-1", voucher, contract="A-1"), at=NEXT)
    assert town.problems() == ()


def test_it_is_held_in_notice_owed_ex_post_and_taken_back(town: Desk) -> None:
    assert _apply(town, "A-1", SMALL, "notice").state == "in_notice"
    assert _fen(town, "reserved") == AWARD_FEN
    assert noticing.withdraw(town.office, "A-1", at=AT, why="objection 3").accepted
    assert _apply(town, "A-2", SMALL, "notice").state == "in_notice"
    assert noticing.issue(town.office, "A-2", at=AT).accepted
    assert _fen(town, "committed") == AWARD_FEN
    assert _apply(town, "A-3", SMALL, "ex_post").state == "awarded"
    assert _fen(town, "available") == 0

    more = Tranche(AT.year, "back", {"province": 1}, "small")
    assert not budgeting.reduce(town.office, _scheme(), more, at=AT).accepted
    assert town.problems() == ()


def test_a_batch_shares_out_both(desk: Desk) -> None:
    scheme = _scheme("pro_rata")
    publishing.publish(desk.office, scheme, at=AT)
    _appropriate(desk, AWARD_FEN, "for all")
    _appropriate(desk, AWARD_FEN, "for the small", group="small")
    for name, size in (("A-1", LARGE), ("A-2", SMALL)):
        asked = request(name, contract_fen=7_500_000, employees=size)
        applying.apply(desk.office, scheme, asked, at=AT)

    closed = allocating.allocate(desk.office, scheme, Closing("B-1"), at=AT + timedelta(days=1))

    assert {one.application: one.amount_fen for one in closed} == {
        "A-1": AWARD_FEN,
        "A-2": AWARD_FEN,
    }
    assert (_fen(desk, "committed"), _fen(desk, "committed", "")) == (AWARD_FEN, AWARD_FEN)


def test_an_award_that_waited_comes_by_the_way_that_was_asked_for(town: Desk) -> None:
    """In notice it stays in notice, and what is owed ex post is owed."""
    ways: tuple[Way, ...] = ("notice", "notice", "notice", "ex_post")
    asked = [_apply(town, f"A-{n}", LARGE, way).state for n, way in enumerate(ways)]
    _appropriate(town, 3 * AWARD_FEN, "more")

    closed = allocating.allocate(town.office, _scheme(), Closing("B-1"), at=AT + timedelta(days=1))

    assert asked == ["in_notice", "waiting", "waiting", "waiting"]
    assert [one.state for one in closed] == ["in_notice", "in_notice", "awarded"]
    assert (_fen(town, "reserved", ""), _fen(town, "payable", "")) == (3 * AWARD_FEN, AWARD_FEN)
    assert town.rows("SELECT id FROM service.voucher") == []
    assert noticing.issue(town.office, "A-1", at=AT + timedelta(days=8)).accepted
    assert noticing.withdraw(town.office, "A-2", at=AT, why="objection 3").accepted
    assert (_fen(town, "committed", ""), _fen(town, "reserved", "")) == (AWARD_FEN, AWARD_FEN)
    assert town.held_fen("registry") == AWARD_FEN + 1, "the claim of the first, still in notice"
    assert ending.revoke(town.office, "V-A-1", at=AT, why="a slip").back_fen == AWARD_FEN
    assert town.problems() == ()


def test_a_batch_puts_into_notice_what_was_to_be_in_notice(desk: Desk) -> None:
    scheme, week = _scheme("pro_rata", kept_yuan=0), timedelta(days=7)
    publishing.publish(desk.office, scheme, at=AT)
    _appropriate(desk, AWARD_FEN, "for all")
    for name in ("A-1", "A-2"):
        asked = request(name, contract_fen=7_500_000, employees=LARGE)
        assert applying.apply(desk.office, scheme, asked, at=AT, way="notice").state == "approved"

    closed = allocating.allocate(desk.office, scheme, Closing("B-1"), at=AT + timedelta(days=1))

    assert [(one.state, one.voucher) for one in closed] == [("in_notice", None)] * 2
    assert noticing.issue(desk.office, "A-1", at=AT + week).accepted
    ((terms, valid_from),) = desk.rows("SELECT grant_terms, valid_from FROM service.voucher")
    assert (terms["room_fen"], valid_from) == (AWARD_FEN // 2, (AT + week).date())
    assert _fen(desk, "committed", "") == _fen(desk, "reserved", "") == AWARD_FEN // 2
    assert desk.problems() == ()


def test_a_batch_gives_a_class_no_more_than_the_text_keeps_for_it(desk: Desk) -> None:
    scheme = _scheme("pro_rata", kept_yuan=15_000)
    publishing.publish(desk.office, scheme, at=AT)
    _appropriate(desk, AWARD_FEN, "for all")
    _appropriate(desk, 2 * AWARD_FEN, "for the small", group="small")
    for name, size in (("A-1", SMALL), ("A-2", SMALL), ("A-3", LARGE), ("A-4", LARGE)):
        asked = request(name, contract_fen=7_500_000, employees=size)
        applying.apply(desk.office, scheme, asked, at=AT)

    closed = allocating.allocate(desk.office, scheme, Closing("B-1"), at=AT + timedelta(days=1))

    assert {(one.amount_fen, one.state) for one in closed} == {(AWARD_FEN // 2, "awarded")}
    assert (_fen(desk, "committed"), _fen(desk, "committed", "")) == (AWARD_FEN, AWARD_FEN)


@pytest.mark.parametrize(("short", "size"), [("", LARGE), ("small", SMALL)])
def test_a_batch_asks_of_no_funder_what_it_has_not_in_that_purse(
    desk: Desk, short: str, size: int
) -> None:
    """What a funder lacks in one purse is not what it has in the other."""
    scheme = _scheme("pro_rata")
    publishing.publish(desk.office, scheme, at=AT)
    for group in ("", "small"):
        parts = {"province": AWARD_FEN, "city": 100_000 if group == short else AWARD_FEN}
        tranche = Tranche(AT.year, f"for {group}", parts, group)
        assert budgeting.appropriate(desk.office, scheme, tranche, at=AT).accepted
    asked = request("A-1", contract_fen=7_500_000, employees=size)
    applying.apply(desk.office, scheme, asked, at=AT)

    (one,) = allocating.allocate(desk.office, scheme, Closing("B-1"), at=AT + timedelta(days=1))

    assert (one.state, one.result) == ("awarded", "scaled")
    assert one.asked_fen > one.amount_fen == _fen(desk, "committed", short)


def test_a_class_whose_money_was_all_taken_back_draws_on_what_is_for_all(town: Desk) -> None:
    slip = Tranche(AT.year, "a slip", budgeting.divided(_scheme(), 2 * AWARD_FEN), "small")
    assert budgeting.reduce(town.office, _scheme(), slip, at=AT).accepted

    assert _apply(town, "A-1", SMALL).state == "awarded"
    assert (_fen(town, "committed"), _fen(town, "committed", "")) == (0, AWARD_FEN)


def test_a_class_that_the_text_does_not_know_is_told(town: Desk) -> None:
    tranche = Tranche(AT.year, "x", {"province": 7}, "tiny")

    with pytest.raises(ToldError, match=r"no group tiny\. Its groups are: small"):
        budgeting.appropriate(town.office, _scheme(), tranche, at=AT)
