"""Killed after any step, a wish is carried out to the same end as if nothing had happened."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Final

import desk as desks
import pytest
from desk import AT, CARD, CITY, PROVINCE, Desk, DiedError, delivery, request, scheme, wanted

from tallygrid.database import Server
from tallygrid.service import applying, buying, delivering, intent, paying
from tallygrid.service.purchase import Cards
from tallygrid.service.office import Office
from tallygrid.service.paying import Receipt

HALF: Final = Fraction(1, 2)
CONTRACT_FEN: Final = 10_000_000
STACKED: Final = wanted(
    "O-1", "V-A-1", "V-A-2", first_stage=HALF, cards=Cards("H100", 8, 30 * 24 * 3600)
)
UNAIDED: Final = wanted("O-3", contract="C-3", offer=CARD, quantity=3)
GIVEN_UP: Final = wanted("O-2", "V-A-1", "V-A-2", offer=CARD, quantity=3)


def _apply(programme: str, name: str) -> Callable[[Office], object]:
    asked = request(name, contract="C-1", contract_fen=CONTRACT_FEN)
    return lambda office: applying.apply(office, scheme(programme), asked, at=AT)


def _capture(name: str, n: int, quantity: Fraction, *, final: bool) -> Callable[[Office], object]:
    return lambda office: delivering.accept(
        office, buying.found(office, name), delivery(n, quantity, final=final)
    )


def _extend(office: Office) -> object:
    purchase = buying.found(office, "O-1")
    return buying.extend(office, purchase, stage=2, quantity=HALF, at=AT)


def _prepare(programme: str) -> Callable[[Office], object]:
    return lambda office: paying.prepare(office, programme=programme, batch=programme, at=AT)


def _confirm(office: Office) -> object:
    sent = paying.payments(office, batch=PROVINCE)
    receipts = [Receipt(one.id, f"T-{one.id}", one.amount_fen) for one in sent]
    return paying.confirm(office, receipts, at=AT)


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
    "prepare the province's payments": _prepare(PROVINCE),
    "prepare the city's payments": _prepare(CITY),
    "confirm payments": _confirm,
    "learn that a payment failed": _fail,
}


@pytest.fixture(scope="module")
def stages(furnished: Server) -> Iterator[Mapping[str, Server]]:
    """The database before each step of the story."""
    made = {}
    current = furnished.create_database("story", template=furnished.database)
    with desks.opened(current) as desk:
        desk.fund(PROVINCE, 10**9)
        desk.fund(CITY, 10**9)
    for n, (name, act) in enumerate(STORY.items()):
        made[name] = current.create_database(f"story_{n}", template=current.database)
        with desks.opened(current) as desk:
            act(desk.office)
            assert desk.problems() == ()
    yield made
    for one in (current, *made.values()):
        one.drop_database()


@pytest.mark.parametrize("step", STORY)
def test_killed_after_any_transaction_a_wish_still_comes_to_its_end_once(
    stages: Mapping[str, Server], step: str
) -> None:
    act = STORY[step]
    with _copy(stages[step]) as desk:
        before = desk.snapshot()
        needed = _transactions(desk, act)
        after = desk.snapshot()
    assert before != after

    for transactions in range(needed):
        with _copy(stages[step]) as desk:
            with pytest.raises(DiedError):
                act(desk.dying(transactions))
            recovered = intent.recover(desk.office)
            assert desk.snapshot() in ((after,) if recovered else (before, after))

            act(desk.office)
            act(desk.office)

            assert desk.snapshot() == after
            assert desk.problems() == ()
            assert intent.recover(desk.office) == 0


def _transactions(desk: Desk, act: Callable[[Office], object]) -> int:
    """Do something undisturbed, and return in how many transactions."""
    office = desk.dying(1_000)
    act(office)
    return 1_000 - office.lifetime[0]


@contextmanager
def _copy(stage: Server) -> Iterator[Desk]:
    copy = stage.create_database(f"{stage.database}_copy", template=stage.database)
    with desks.opened(copy) as desk:
        yield desk
    copy.drop_database()
