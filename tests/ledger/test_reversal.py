"""Reversals: an entry is undone by its exact mirror, once, by whoever may post it."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from bookkeeping import AT, Books, event

from tallygrid.core.books import MONEY_TABLE, REVERSED_BY, Event, reversal_of


def undo(entry: Event) -> Event:
    return reversal_of(entry.key, entry.kind, entry.legs, at=AT, reason="a slip")


def appropriated(books: Books, amount_fen: int) -> Event:
    entry = event("appropriate", {"appropriation > available": amount_fen})
    assert books.codes("web", entry) == ["posted"]
    return entry


def test_what_was_posted_is_undone_once(books: Books) -> None:
    undone = undo(appropriated(books, 500))

    assert books.codes("web", undone, undone) == ["posted", "exists"]
    assert books.balance("available") == (0, 0)
    assert books.problems() == ()


def test_an_entry_whose_money_has_gone_on_cannot_be_undone_first(books: Books) -> None:
    entry = appropriated(books, 500)
    books.codes("web", event("award", {"available > reserved": 1}))

    (outcome,) = books.post("web", undo(entry))

    assert outcome.code == "insufficient"
    assert (outcome.detail["available_fen"], outcome.detail["asked_fen"]) == (499, 500)


def test_a_capture_is_undone_back_to_the_voucher(books: Books) -> None:
    books.fund(100)
    hold = books.hold(60)
    entry = event("capture", {"committed:V-1 > payable:P": 60}, hold=hold, final=True)
    books.codes("worker", entry)

    assert books.codes("worker", undo(entry)) == ["posted"]
    assert (books.balance("committed:V-1"), books.balance("payable:P")) == ((100, 0), (0, 0))
    assert books.problems() == ()


@pytest.mark.parametrize("role", ["worker", "payer"])
def test_only_who_may_post_an_entry_may_undo_it(books: Books, role: str) -> None:
    entry = appropriated(books, 500)

    assert books.codes(role, undo(entry)) == ["forbidden"]


def _other_amount(one: Event) -> Event:
    (leg,) = one.legs
    return replace(one, legs=(replace(leg, amount_fen=leg.amount_fen - 1),))


@pytest.mark.parametrize(
    "spoil",
    [
        _other_amount,
        lambda one: replace(one, key=uuid4()),
        lambda one: replace(one, reason="put right"),
        lambda one: replace(one, reason=f"reverses {uuid4()}: a slip"),
    ],
)
def test_what_is_no_mirror_of_an_entry_is_refused(
    books: Books, spoil: Callable[[Event], Event]
) -> None:
    undone = undo(appropriated(books, 500))
    before = books.balances()

    with pytest.raises(psycopg.DataError, match="does not mirror"):
        books.post("web", spoil(undone))

    assert books.balances() == before
    assert books.problems() == ()


def test_every_move_of_a_reversal_mirrors_a_move_it_undoes() -> None:
    for reversal in set(REVERSED_BY.values()):
        undone = [kind for kind, by in REVERSED_BY.items() if by == reversal]
        moves = {move for kind in undone for move in MONEY_TABLE[kind].moves}
        assert MONEY_TABLE[reversal].moves == {(target, source) for source, target in moves}
