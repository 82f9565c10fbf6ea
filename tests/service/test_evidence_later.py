"""Evidence of what came after: another year, money asked back, entries undone, transfers."""

import json
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bundles import KEY, Story, found
from desk import AT, CITY, PROVINCE, Desk, request, scheme, used, wanted

from tallygrid.core.payment import Receipt
from tallygrid.core.seal import sealed
from tallygrid.service import (
    applying,
    budgeting,
    closing,
    correcting,
    ending,
    lines,
    paying,
    recovering,
)
from tallygrid.service.budgeting import Tranche
from tallygrid.service.closing import Close
from tallygrid.service.recovering import Demand

NEXT = datetime(2027, 1, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def story(funded: Desk, tmp_path: Path) -> Story:
    return Story(funded, tmp_path)


def _parts(story: Story, kind: str, name: str) -> dict[str, Any]:
    """Return the parts of a bundle that is sound."""
    text = story.bundle(kind, name)  # type: ignore[arg-type]  # both are kinds
    assert found(text) == [], (kind, name)
    parts: dict[str, Any] = json.loads(text)["parts"]
    return parts


def _paid(desk: Desk, batch: str, *, at: datetime = AT) -> list[str]:
    """Pay all that the city owes, and return the payments' ids."""
    sent = paying.prepare(desk.office, programme=CITY, batch=batch, at=at)
    for one in sent:
        receipt = Receipt(one.id, f"T-{one.id}", one.amount_fen)
        paying.confirm(desk.office, [receipt], at=at)
    return [one.id for one in sent]


def test_a_voucher_carried_over_a_year_and_used_in_both(story: Story) -> None:
    desk = story.desk
    voucher = desk.voucher(CITY, "A-1", 15_000_000)
    bought = desk.buy(wanted("O-1", voucher, contract="A-1"))
    desk.deliver(bought, 1, Fraction(1, 3), final=True)
    _paid(desk, "B-1")
    closed = closing.close(desk.office, scheme(CITY), Close(2026, "Y-1", carries=True), at=NEXT)
    assert closed.vouchers == 1
    later = desk.buy(wanted("O-2", voucher, contract="A-1"), at=NEXT)
    less = replace(used(1, Fraction(1, 3), final=True), used_at=NEXT)
    assert lines.capture(desk.office, later, less).accepted
    (payment,) = _paid(desk, "B-2", at=NEXT)

    parts = _parts(story, "voucher", voucher)
    kinds = [one["kind"] for one in parts["events"][CITY]]
    assert {"close_carry_out", "close_carry_in"} <= set(kinds)
    assert [one["fiscal_year"] for one in parts["payments"]] == [2026, 2027]
    assert [one["id"] for one in _parts(story, "payment", payment)["payments"]] == [payment]
    assert desk.problems() == ()


def test_a_voucher_that_was_corrected_and_taken_back(story: Story) -> None:
    desk = story.desk
    voucher = desk.voucher(CITY, "A-1", 15_000_000)
    desk.deliver(desk.buy(wanted("O-1", voucher, contract="A-1")), 1, Fraction(1), final=True)
    assert correcting.correct(desk.office, desk.purchase("O-1"), used(2, Fraction(-1, 3))).accepted
    ending.revoke(desk.office, voucher, at=AT, why="a slip")
    (payment,) = _paid(desk, "B-1")

    kinds = [one["kind"] for one in _parts(story, "voucher", voucher)["events"][CITY]]
    assert [one for one in kinds if one in {"capture", "correct", "lapse"}] == [
        *("capture", "correct", "lapse")
    ]
    _parts(story, "payment", payment)


def test_money_that_was_asked_back_and_what_became_of_it(story: Story) -> None:
    desk = story.desk
    voucher = desk.voucher(CITY, "A-1", 15_000_000)
    desk.deliver(desk.buy(wanted("O-1", voucher, contract="A-1")), 1, Fraction(1), final=True)
    (payment,) = _paid(desk, "B-1")
    for name in ("K-1", "K-2", "K-3"):
        recovering.demand(desk.office, Demand(name, payment, 1_000, "idle cards"), at=AT)
    recovering.contest(desk.office, "K-1", at=AT)
    recovering.waive(desk.office, "K-1", at=AT)
    recovering.recover(desk.office, "K-2", amount_fen=400, receipt="R-1", year=2026, at=AT)
    recovering.recover(desk.office, "K-2", amount_fen=600, receipt="R-2", year=2027, at=NEXT)
    recovering.write_off(desk.office, "K-3", at=AT)
    recovering.reopen(desk.office, "K-3", at=AT)
    recovering.recover(desk.office, "K-3", amount_fen=300, receipt="R-3", year=2026, at=AT)
    recovering.write_off(desk.office, "K-3", at=AT)

    for kind, name in (("payment", payment), ("voucher", voucher)):
        parts = _parts(story, kind, name)
        kinds = [one["kind"] for one in parts["events"][CITY]]
        after = {"claw_back", "waive", "recover", "write_off", "reverse_payment"}
        assert [one for one in kinds if one in after] == [
            *("claw_back", "claw_back", "claw_back", "waive", "recover", "recover", "write_off"),
            *("reverse_payment", "recover", "write_off"),
        ]
        assert [(one["id"], one["amount_fen"]) for one in parts["clawbacks"]] == [
            *(("K-1", 1_000), ("K-2", 1_000), ("K-3", 1_000))
        ]
        events = [one for one in parts["events"][CITY] if one["kind"] != "claw_back"]
        short = {**parts, "events": {**parts["events"], CITY: events}}
        assert ("clawback_differs", "clawbacks") in found(sealed(short, KEY))
        changed = [{**one, "amount_fen": 999} for one in parts["clawbacks"]]
        assert ("clawback_differs", "clawbacks") in found(
            sealed({**parts, "clawbacks": changed}, KEY)
        )


def test_an_award_that_was_undone_is_not_paid_and_the_undoing_is_explained(story: Story) -> None:
    """The second award pays what the first one, undone after it, would have; both are shown."""
    desk = story.desk
    for name in ("A-1", "A-2"):
        _ex_post(desk, name)
    key = _key(desk, "application A-1")
    desk.undo(CITY, key)
    (payment,) = _paid(desk, "B-1")

    parts = _parts(story, "payment", payment)
    assert [one["id"] for one in parts["applications"]] == ["A-1", "A-2"]
    events = parts["events"][CITY]
    (undone,) = (one for one in events if one["kind"] == "reverse_use")
    other = {**undone, "legs": [[*leg[:2], leg[2] - 1] for leg in undone["legs"]]}
    changed = [other if one is undone else one for one in events]
    forged = {**parts, "events": {**parts["events"], CITY: changed}}
    assert ("no_mirror", "events") in found(sealed(forged, KEY))


def test_an_award_undone_after_it_was_paid_names_what_it_undoes(story: Story) -> None:
    """What is undone stands before the payment before: it is in the bundle all the same."""
    desk = story.desk
    _ex_post(desk, "A-1")
    _paid(desk, "B-1")
    _ex_post(desk, "A-2", contract_fen=10_000_000)
    desk.undo(CITY, _key(desk, "application A-1"))
    _ex_post(desk, "A-3")
    (payment,) = _paid(desk, "B-2")

    parts = _parts(story, "payment", payment)

    assert [one["id"] for one in parts["applications"]] == ["A-1", "A-2", "A-3"]


def test_a_voucher_used_in_two_months_and_corrected_when_the_first_was_paid(story: Story) -> None:
    """What a payment pays is what came since the one before; a correction reaches back."""
    desk = story.desk
    first, second = (desk.voucher(CITY, name, 15_000_000) for name in ("A-1", "A-2"))
    used_twice = desk.buy(wanted("O-1", first, contract="A-1", quantity=2))
    desk.deliver(used_twice, 1, Fraction(1, 3))
    _paid(desk, "B-1")
    desk.deliver(used_twice, 2, Fraction(1, 3), final=True)
    (payment,) = _paid(desk, "B-2")
    desk.deliver(desk.buy(wanted("O-2", second, contract="A-2")), 1, Fraction(1), final=True)
    less = used(3, Fraction(-1, 6))
    assert correcting.correct(desk.office, desk.purchase("O-1"), less).accepted
    (third,) = _paid(desk, "B-3")

    assert [one["id"] for one in _parts(story, "payment", payment)["vouchers"]] == [first]
    parts = _parts(story, "payment", third)
    assert [one["id"] for one in parts["vouchers"]] == [first, second]
    for n, event in enumerate(parts["events"][CITY]):
        if event["kind"] in {"capture", "correct", "pay"}:
            events = [one for m, one in enumerate(parts["events"][CITY]) if m != n]
            assert found(sealed({**parts, "events": {**parts["events"], CITY: events}}, KEY))


def test_a_programme_whose_money_was_moved_in(story: Story) -> None:
    desk = story.desk
    tranche = Tranche(AT.year, "T-1", {"city": 1_001})
    budgeting.transfer(desk.office, scheme(CITY), scheme(PROVINCE), tranche, at=AT)
    voucher = desk.voucher(PROVINCE, "A-1", 15_000_000)
    desk.deliver(desk.buy(wanted("O-1", voucher, contract="A-1")), 1, Fraction(1), final=True)

    _parts(story, "voucher", voucher)


def _ex_post(desk: Desk, name: str, *, contract_fen: int = 7_500_000) -> None:
    asked = request(name, contract_fen=contract_fen)
    applied = applying.apply(desk.office, scheme(CITY), asked, at=AT, way="ex_post")
    assert applied.state == "awarded"


def _key(desk: Desk, reason: str) -> Any:  # noqa: ANN401  # a row
    ((key,),) = desk.rows(
        f"SELECT key FROM books.event WHERE kind = 'award_ex_post' AND reason = '{reason}'"  # noqa: S608  # a test's
    )
    return key
