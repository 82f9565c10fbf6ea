"""Killed after any step, a wish is carried out to the same end as if nothing had happened."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import desk as desks
import pytest
from desk import AT, CARD, CITY, PROVINCE, Desk, DiedError, request, scheme, used, wanted

from tallygrid.core.payment import Receipt
from tallygrid.database import Server
from tallygrid.service import (
    applying,
    budgeting,
    buying,
    correcting,
    ending,
    intent,
    lines,
    paying,
    recovering,
)
from tallygrid.service.budgeting import Tranche
from tallygrid.service.office import Office
from tallygrid.service.purchase import Cards
from tallygrid.service.recovering import Demand

HALF: Final = Fraction(1, 2)
CONTRACT_FEN: Final = 10_000_000
STACKED: Final = wanted(
    "O-1", "V-A-1", "V-A-2", first_stage=HALF, cards=Cards("H100", 8, 30 * 24 * 3600)
)
UNAIDED: Final = wanted("O-3", contract="C-3", offer=CARD, quantity=3)
GIVEN_UP: Final = wanted("O-2", "V-A-1", "V-A-2", offer=CARD, quantity=3)


@dataclass(frozen=True)
class Page:
    """What is known after a step of the story, and in how many transactions it got there."""

    known: dict[str, Any]
    transactions: int


def _apply(programme: str, name: str) -> Callable[[Office], object]:
    asked = request(name, contract="C-1", contract_fen=CONTRACT_FEN)
    return lambda office: applying.apply(office, scheme(programme), asked, at=AT)


def _capture(name: str, n: int, quantity: Fraction, *, final: bool) -> Callable[[Office], object]:
    return lambda office: lines.capture(
        office, buying.found(office, name), used(n, quantity, final=final)
    )


def _extend(office: Office) -> object:
    purchase = buying.found(office, "O-1")
    return buying.extend(office, purchase, stage=2, quantity=HALF, at=AT)


def _prepare(programme: str) -> Callable[[Office], object]:
    return lambda office: paying.prepare(office, programme=programme, batch=programme, at=AT)


def _confirm(office: Office) -> object:
    sent, *_ = paying.payments(office, batch=PROVINCE)
    return paying.confirm(office, [Receipt(sent.id, "T-1", sent.amount_fen)], at=AT)


def _correct(office: Office) -> object:
    return correcting.correct(office, buying.found(office, "O-1"), used(3, -HALF))


def _again(office: Office) -> object:
    return paying.again(office, batch=CITY, at=AT)


def _transfer(office: Office) -> object:
    tranche = Tranche(AT.year, "T-1", {"city": 1_001})
    return budgeting.transfer(office, scheme(CITY), scheme(PROVINCE), tranche, at=AT)


def _demand(office: Office) -> object:
    sent, *_ = paying.payments(office, batch=PROVINCE)
    asked = Demand("K-1", sent.id, 1_000, "idle cards")
    return recovering.demand(office, asked, at=AT)


def _recover(office: Office) -> object:
    return recovering.recover(
        office, "K-1", amount_fen=1_000, receipt="R-1", year=AT.year + 1, at=AT
    )


def _fail(office: Office) -> object:
    (sent,) = paying.payments(office, batch=CITY)
    return paying.confirm(office, [Receipt(sent.id, "T-F", sent.amount_fen, is_paid=False)], at=AT)


STORY: Final[Mapping[str, Callable[[Office], object]]] = {
    "apply to the province": _apply(PROVINCE, "A-1"),
    "apply to the city": _apply(CITY, "A-2"),
    "buy with two vouchers": lambda office: buying.buy(office, STACKED, at=AT),
    "buy what is given up": lambda office: buying.buy(office, GIVEN_UP, at=AT),
    "buy without a voucher": lambda office: buying.buy(office, UNAIDED, at=AT),
    "begin": lambda office: buying.begin(office, buying.found(office, "O-1"), at=AT),
    "begin without a voucher": lambda office: buying.begin(
        office, buying.found(office, "O-3"), at=AT
    ),
    "capture the first part": _capture("O-1", 1, HALF, final=False),
    "extend for the second": _extend,
    "capture the last part": _capture("O-1", 2, HALF, final=True),
    "capture without a voucher": _capture("O-3", 1, Fraction(2), final=True),
    "give up": lambda office: buying.give_up(
        office, buying.found(office, "O-2"), at=AT, why="the site burnt down"
    ),
    "correct what was captured": _correct,
    "prepare the province's payments": _prepare(PROVINCE),
    "prepare the city's payments": _prepare(CITY),
    "confirm a payment": _confirm,
    "learn that a payment failed": _fail,
    "send it again": _again,
    "ask paid money back": _demand,
    "recover it in the next year": _recover,
    "move money between programmes": _transfer,
    "take a voucher back": lambda office: ending.revoke(office, "V-A-2", at=AT, why="a slip"),
}


LONGEST: Final = 13
"""No step takes more transactions; another test sees to it that this stays true."""


@pytest.fixture(scope="module")
def undisturbed(with_money: Server) -> Mapping[str, Page]:
    """What is known after every step of a story in which nobody dies."""
    pages = {}
    with _copy(with_money) as desk:
        for step, act in STORY.items():
            office = desk.dying(1_000)
            act(office)
            pages[step] = Page(desk.snapshot(), transactions=1_000 - office.lifetime[0])
        assert desk.problems() == ()
    return pages


def test_no_step_takes_more_transactions_than_are_tried(undisturbed: Mapping[str, Page]) -> None:
    assert max(page.transactions for page in undisturbed.values()) == LONGEST


def test_every_step_leaves_something_to_lose(undisturbed: Mapping[str, Page]) -> None:
    pages = list(undisturbed.values())

    assert all(after.known != before.known for before, after in pairwise(pages))


@pytest.mark.parametrize("transactions", range(LONGEST))
def test_killed_in_any_step_the_story_goes_on_to_the_same_end(
    with_money: Server, undisturbed: Mapping[str, Page], transactions: int
) -> None:
    """Every step is killed after so many transactions, made good, and asked for once more."""
    with _copy(with_money) as desk:
        for step, act in STORY.items():
            before = desk.snapshot()
            with suppress(DiedError):
                act(desk.dying(transactions))
            after = undisturbed[step].known

            recovered = intent.recover(desk.office)
            assert desk.snapshot() in ((after,) if recovered else (before, after)), step

            act(desk.office)
            assert desk.snapshot() == after, step
            assert intent.recover(desk.office) == 0
        assert desk.problems() == ()


@contextmanager
def _copy(opening: Server) -> Iterator[Desk]:
    copy = opening.create_database("story", template=opening.database)
    with desks.opened(copy) as desk:
        yield desk
    copy.drop_database()
