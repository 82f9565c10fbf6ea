"""Many callers at once, against room for only some of them."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from bookkeeping import Books, event

from tallygrid import ledger
from tallygrid.core.books import Event, Outcome

CALLERS = 16
AMOUNT_FEN = 7


def deliver(books: Books, orders: list[list[Event]]) -> list[Outcome]:
    """Let each caller post its events one by one, all callers at once."""

    def call(events: list[Event]) -> list[Outcome]:
        with books.server.connect("web", autocommit=True) as connection:
            return [
                outcome
                for each in events
                for outcome in ledger.post(connection, programme=books.programme, events=[each])
            ]

    with ThreadPoolExecutor(len(orders)) as pool:
        return [outcome for outcomes in pool.map(call, orders) for outcome in outcomes]


@pytest.mark.parametrize("room", [7, 13])
def test_callers_at_once_get_exactly_what_there_is_room_for(books: Books, room: int) -> None:
    """Fifty holds against room for a few: exactly so many, and every refusal says why."""
    books.fund(room * AMOUNT_FEN + AMOUNT_FEN - 1)
    holds = [
        event("hold", {"committed:V-1 > payable:P": AMOUNT_FEN}, ttl_seconds=60) for _ in range(50)
    ]

    outcomes = deliver(books, [holds[n::CALLERS] for n in range(CALLERS)])

    codes = [outcome.code for outcome in outcomes]
    assert (codes.count("posted"), codes.count("insufficient")) == (room, 50 - room)
    assert all(
        outcome.detail["asked_fen"] == AMOUNT_FEN and outcome.detail["available_fen"] is not None
        for outcome in outcomes
        if not outcome.accepted
    )
    assert books.balance("committed:V-1") == (AMOUNT_FEN - 1, room * AMOUNT_FEN)
    assert books.problems() == ()


def test_what_is_delivered_three_times_is_posted_once(books: Books) -> None:
    room = 9
    books.fund(room * AMOUNT_FEN)
    holds = [
        event("hold", {"committed:V-1 > payable:P": AMOUNT_FEN}, ttl_seconds=60) for _ in range(20)
    ]
    deliveries = holds * 3
    random.Random(1).shuffle(deliveries)  # noqa: S311  # a fixed order, not a secret

    outcomes = deliver(books, [deliveries[n::8] for n in range(8)])

    posted = [outcome.key for outcome in outcomes if outcome.code == "posted"]
    assert len(posted) == len(set(posted)) == room
    assert books.balance("committed:V-1") == (0, room * AMOUNT_FEN)
    assert books.problems() == ()


def test_one_approval_clicked_by_two_officers_is_one_award(books: Books) -> None:
    books.post("web", event("appropriate", {"appropriation > available": 1_000}))
    award = event("award", {"available > reserved": 300})

    outcomes = deliver(books, [[award]] * 8)

    assert sorted(outcome.code for outcome in outcomes) == ["exists"] * 7 + ["posted"]
    assert books.balance("reserved") == (300, 0)
