"""A desk that has seen every kind of entry: its books are sound, and other programs agree."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import desk as desks
import pytest
from bundles import Story, found
from desk import AT, CITY, FIRM, PROVINCE, Desk, request, scheme, used, wanted
from patience import until
from town import CARDS, settle
from walk import ROOT

from tallygrid import ledger
from tallygrid.core.books import MONEY_TABLE, REGISTRY, Account, Event, Leg
from tallygrid.core.payment import Receipt
from tallygrid.database import Server
from tallygrid.service import (
    applying,
    budgeting,
    buying,
    closing,
    contract,
    correcting,
    ending,
    lowering,
    noticing,
    paying,
    recovering,
    working,
)
from tallygrid.service.budgeting import Tranche
from tallygrid.service.closing import Close
from tallygrid.service.contract import Amendment
from tallygrid.service.evidence import Kind
from tallygrid.service.lowering import Less
from tallygrid.service.recovering import Demand

NEXT: Final = datetime(2027, 1, 5, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
PAGE: Final = (ROOT / "docs" / "algorithms" / "ledger.md").read_text(encoding="utf-8")
COMMANDS: Final = (ROOT / "docs" / "howto" / "command-line.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def desk(furnished: Server) -> Iterator[Desk]:
    copy = furnished.create_database("everything", template=furnished.database)
    with desks.opened(copy) as opened:
        settle(opened)
        _move_budgets(opened)
        _award_and_end(opened)
        _use(opened)
        _pay(opened)
        _close(opened)
        yield opened
    copy.drop_database()


def _move_budgets(desk: Desk) -> None:
    tranche = Tranche(AT.year, "T-1", {"city": 1_001})
    assert budgeting.transfer(desk.office, scheme(CITY), scheme(PROVINCE), tranche, at=AT).accepted
    taken = Tranche(AT.year, "T-2", {"city": 7})
    assert budgeting.reduce(desk.office, scheme(CITY), taken, at=AT).accepted
    desk.appropriate(CITY, 99, name="a slip")
    _reverse(desk, "reason = 'a slip'")


def _award_and_end(desk: Desk) -> None:
    for name in ("N-1", "N-2"):
        asked = request(name, contract_fen=7_500_000)
        applying.apply(desk.office, scheme(CITY), asked, at=AT, way="notice")
    assert noticing.issue(desk.office, "N-1", at=AT).accepted
    assert noticing.withdraw(desk.office, "N-2", at=AT, why="objection 3").accepted
    ending.revoke(desk.office, "V-N-1", at=AT, why="a slip")
    lower = Amendment(FIRM, "N-1", "S-1", 6_000_000)
    assert contract.amend(desk.office, lower, at=AT).accepted
    for name in ("E-1", "E-2"):
        asked = request(name, contract_fen=7_500_000)
        applying.apply(desk.office, scheme(CITY), asked, at=AT, way="ex_post")
    less = Less("E-1", 1_499_999, "")
    assert lowering.lower(desk.office, less, at=AT).accepted


def _use(desk: Desk) -> None:
    """A purchase in stages is corrected, one is given up, one is never begun."""
    vouchers = [desk.voucher(CITY, f"U-{n}", 7_500_000) for n in range(3)]
    staged = desk.buy(
        wanted("U-0", vouchers[0], contract="U-0", first_stage=Fraction(1, 2), quantity=1)
    )
    buying.begin(desk.office, staged, at=AT)
    desk.deliver(staged, 1, Fraction(1, 2))
    buying.extend(desk.office, staged, stage=2, quantity=Fraction(1, 2), at=AT)
    desk.deliver(staged, 2, Fraction(1, 2), final=True)
    correcting.correct(desk.office, staged, used(3, Fraction(-1, 4)))
    given_up = desk.buy(wanted("U-1", vouchers[1], contract="U-1", **CARDS))
    buying.give_up(desk.office, given_up, at=AT, why="the site burnt down")
    desk.buy(wanted("U-2", vouchers[2], contract="U-2", **CARDS))
    offers = desk.office.catalogue.offers.values()
    rebated = next(one for one in offers if one.discount_bp)
    cheaper = desk.buy(wanted("U-3", offer=rebated.id, contract="U-3"))
    desk.deliver(cheaper, 1, Fraction(1), final=True)
    ((key,),) = desk.rows("SELECT key FROM books.event WHERE kind = 'discount'")
    desk.undo(REGISTRY, key)


def _pay(desk: Desk) -> None:
    """One payment comes back at once, one after it was confirmed; part of another is asked back."""
    first, *rest = paying.prepare(desk.office, programme=CITY, batch="B-9", at=AT)
    for paid in (False, True):
        receipt = Receipt(first.id, f"T-{paid}", first.amount_fen, is_paid=paid)
        paying.confirm(desk.office, [receipt], at=AT)
        if not paid:
            paying.again(desk.office, batch="B-9", at=AT)
    back = Receipt(first.id, "T-back", first.amount_fen, is_paid=False)
    paying.confirm(desk.office, [back], at=AT, late=True)
    paying.again(desk.office, batch="B-9", at=AT)
    for one in (first, *rest):
        paying.confirm(desk.office, [Receipt(one.id, "T-end", one.amount_fen)], at=AT)
    for name in ("K-1", "K-2", "K-3"):
        recovering.demand(desk.office, Demand(name, first.id, 1_000, "idle cards"), at=AT)
    recovering.waive(desk.office, "K-1", at=AT)
    recovering.recover(desk.office, "K-2", amount_fen=1_000, receipt="R", year=2027, at=NEXT)
    recovering.write_off(desk.office, "K-3", at=AT)


def _close(desk: Desk) -> None:
    """The holds that nobody began are swept; one programme carries its year, the others let go."""
    _hold_for_a_second(desk)
    until(lambda: working.expire_holds(desk.office) > 0)
    working.give_up_lapsed(desk.office, AT)
    for name, carries in ((CITY, True), (PROVINCE, False)):
        closed = closing.close(desk.office, scheme(name), Close(2026, "Y-1", carries), at=NEXT)
        assert closed.refused == ()


def _hold_for_a_second(desk: Desk) -> None:
    """Hold what nobody begins; the next posting would sweep it, so none comes after this one."""
    lying = Event(
        key=uuid4(),
        kind="hold",
        legs=(
            Leg(
                Account("committed", AT.year, "V-U-1", "city"),
                Account("payable", AT.year, FIRM, "city"),
                1,
            ),
        ),
        occurred_at=AT,
        ttl_seconds=1,
    )
    assert desk.office.post("web", CITY, [lying])[0].accepted


def _reverse(desk: Desk, where: str) -> None:
    ((key,),) = desk.rows(f"SELECT key FROM books.event WHERE {where}")  # noqa: S608  # a test's
    assert correcting.reverse(desk.office, CITY, [key], at=AT, why="a slip").accepted


def _journal(desk: Desk, form: str) -> str:
    write = {"beancount": ledger.beancount, "hledger": ledger.hledger}[form]
    with desk.server.connect("auditor") as auditor:
        return "".join(f"{line}\n" for line in write(ledger.journals(auditor)))


def test_every_kind_of_entry_is_in_the_books_and_all_of_it_is_sound(desk: Desk) -> None:
    kinds = {kind for (kind,) in desk.rows("SELECT DISTINCT kind FROM books.event")}

    assert kinds == MONEY_TABLE.keys()
    assert desk.problems() == ()


def test_every_kind_of_entry_names_the_command_that_posts_it() -> None:
    rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \| .*`tallygrid .*\|$", PAGE, re.MULTILINE)
    named = {kind for row in rows for kind in re.findall(r"`([a-z_]+)`", row)}
    commands = set(re.findall(r"`(tallygrid [a-z -]+?)(?: --[a-z-]+)?`", PAGE))

    assert named == MONEY_TABLE.keys()
    assert {one for one in commands if f"### `{one}`" not in COMMANDS} == set()


def test_beancount_comes_to_the_same_balances(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "books.beancount"
    file.write_text(_journal(desk, "beancount"), encoding="utf-8")

    command = [str(Path(sys.executable).with_name("bean-check")), "--no-cache", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed")
def test_hledger_comes_to_the_same_balances(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "books.journal"
    file.write_text(_journal(desk, "hledger"), encoding="utf-8")

    done = subprocess.run(["hledger", "-f", file, "check", "--strict"],
                          capture_output=True, text=True, check=False)  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_the_evidence_for_every_voucher_and_payment_stands_by_itself(
    desk: Desk, tmp_path: Path
) -> None:
    story = Story(desk, tmp_path)
    kinds: tuple[Kind, ...] = ("voucher", "payment")
    subjects = [
        (kind, name)
        for kind in kinds
        for (name,) in desk.rows(f"SELECT id FROM service.{kind}")  # noqa: S608  # the two
    ]

    wrong = {one: problems for one in subjects if (problems := found(story.bundle(*one)))}

    assert wrong == {}
