"""A batch is read before the lock is taken; what others write until then it must still see."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from bookkeeping import Books, event
from patience import until

from tallygrid import ledger
from tallygrid.core.books import Event

WAY = "committed:V-1 > payable:P"
FUND = {"appropriation > available": 10}


def answers(
    books: Books, first: Sequence[Event], second: Sequence[Event], *, second_role: str = "web"
) -> list[str]:
    """Post a batch that is committed while another waits for it; return the other's codes."""
    waiting = books.server.connect(second_role, autocommit=True)
    writing = books.connect("web")
    with waiting, ThreadPoolExecutor(1) as pool:
        with writing.transaction():
            ledger.post(writing, programme=books.programme, events=first)
            late = pool.submit(ledger.post, waiting, programme=books.programme, events=second)
            until_it_waits(books, waiting.info.backend_pid)
        return [outcome.code for outcome in late.result()]


def until_it_waits(books: Books, process: int) -> None:
    """Return when a server's process waits for a lock."""
    query = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
    administrator = books.connect("administrator")
    until(lambda: administrator.execute(query, [process]).fetchone() == ("Lock",))


def test_the_same_key_is_posted_once(books: Books) -> None:
    once = event("appropriate", FUND)

    assert answers(books, [once], [once]) == ["exists"]
    assert books.balance("available") == (10, 0)


def test_another_body_under_the_same_key_is_a_conflict(books: Books) -> None:
    first = event("appropriate", FUND)
    second = event("appropriate", {"appropriation > available": 11}, key=first.key)

    assert answers(books, [first], [second]) == ["conflict"]


def test_an_account_is_opened_once_and_its_money_is_there(books: Books) -> None:
    first = [event("appropriate", FUND)]
    second = [event("award", {"available > reserved": 4}) for _ in range(3)]

    assert answers(books, first, second) == ["posted", "posted", "insufficient"]
    assert books.balance("available") == (2, 0)
    assert books.problems() == ()


@pytest.mark.parametrize(("amount_fen", "code"), [(7, "posted"), (8, "exceeds_hold")])
def test_a_hold_is_captured_as_it_stands_then(books: Books, amount_fen: int, code: str) -> None:
    books.fund(100)
    hold = event("hold", {WAY: 7}, ttl_seconds=3600)
    capture = event("capture", {WAY: amount_fen}, hold=hold.key)

    assert answers(books, [hold], [capture], second_role="worker") == [code]
    assert books.problems() == ()
