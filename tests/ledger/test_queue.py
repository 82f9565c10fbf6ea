"""The posting queue: callers share a commit, and nothing else."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from bookkeeping import Books, event, leg
from patience import PATIENCE_S, until

from tallygrid import ledger
from tallygrid.core.books import Event, Outcome
from tallygrid.database import Server
from tallygrid.ledger import queue as queue_module
from tallygrid.ledger.queue import EVENTS_TOGETHER, OverloadError, PostingQueue

CALLERS = 40
MOVE = "reserved > committed:V-1"


class Till:
    """Posts batches on a connection per caller, remembers their sizes, and can be shut."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.batches: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self._local = threading.local()
        self._connections: list[psycopg.Connection[Any]] = []

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Post one batch once the till is open."""
        self.batches.append(len(events))
        self.open.wait()
        if not hasattr(self._local, role):
            setattr(self._local, role, self.server.connect(role, autocommit=True))
            self._connections.append(getattr(self._local, role))
        return ledger.post(getattr(self._local, role), programme=programme, events=events)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.close()


@pytest.fixture
def till(books: Books) -> Iterator[Till]:
    till = Till(books.server)
    yield till
    till.close()


def behind_a_shut_till(till: Till, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make calls that all wait behind the first one, and return what became of each."""
    till.open.clear()
    with _entered() as entered, ThreadPoolExecutor(len(calls)) as pool:
        first = pool.submit(calls[0])
        until(lambda: bool(till.batches))
        futures = [first, *(pool.submit(call) for call in calls[1:])]
        until(lambda: len(entered) == len(calls))
        till.open.set()
        return [future.exception() or future.result() for future in futures]


@contextmanager
def _entered() -> Iterator[list[None]]:
    """Note who has joined a lane, or was refused."""
    noted: list[None] = []
    enter = queue_module._Lane._enter  # noqa: SLF001  # from outside nobody sees who waits

    def entering(lane: Any, ask: Any) -> bool:  # noqa: ANN401  # both private
        try:
            return enter(lane, ask)
        finally:
            noted.append(None)

    with pytest.MonkeyPatch.context() as here:
        here.setattr(queue_module._Lane, "_enter", entering)  # noqa: SLF001  # likewise
        yield noted


def codes(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.code for outcome in outcomes]


def test_callers_that_come_together_are_posted_together(books: Books, till: Till) -> None:
    books.fund(1)
    queue = PostingQueue(till.post)
    asked = [event("appropriate", {"appropriation > available": n}) for n in range(1, CALLERS + 1)]

    answers = behind_a_shut_till(
        till, [partial(queue.post, "web", books.programme, [one]) for one in asked]
    )

    assert [codes(answer) for answer in answers] == [["posted"]] * CALLERS
    assert [answer[0].key for answer in answers] == [one.key for one in asked]
    assert sum(till.batches) == CALLERS
    assert len(till.batches) < CALLERS
    assert books.problems() == ()


def test_an_overspend_by_many_callers_is_refused_to_exactly_those_beyond_the_room(
    books: Books, till: Till
) -> None:
    room = 11
    books.codes("web", event("appropriate", {"appropriation > available": room}))
    books.codes("web", event("award", {"available > reserved": room}))
    queue = PostingQueue(till.post)

    answers = behind_a_shut_till(
        till,
        [
            partial(queue.post, "web", books.programme, [event("issue", {f"{MOVE}{n}": 1})])
            for n in range(CALLERS)
        ],
    )

    found = Counter(outcome.code for answer in answers for outcome in answer)
    assert found == {"posted": room, "insufficient": CALLERS - room}


def test_chains_of_two_callers_never_join(books: Books, till: Till) -> None:
    """Both number theirs 1; a refusal in one leaves the other whole."""
    queue = PostingQueue(till.post)
    good = [event("appropriate", {"appropriation > available": 5}, chain=1) for _ in range(2)]
    bad = [
        event("appropriate", {"appropriation > available": 7}, chain=1),
        event("award", {"available > reserved": 10**9}, chain=1),
    ]
    first = event("appropriate", {"appropriation > available": 1})

    _, one, other, again = behind_a_shut_till(
        till,
        [
            lambda: queue.post("web", books.programme, [first]),
            lambda: queue.post("web", books.programme, good),
            lambda: queue.post("web", books.programme, bad),
            lambda: queue.post("web", books.programme, good),
        ],
    )

    assert codes(other) == ["chain_failed", "insufficient"]
    assert sorted(codes(one) + codes(again)) == ["exists", "exists", "posted", "posted"]
    assert books.balance("available") == (11, 0)


def test_the_same_key_twice_is_once_also_in_one_batch(books: Books, till: Till) -> None:
    queue = PostingQueue(till.post)
    once = event("appropriate", {"appropriation > available": 5})
    other = Event(once.key, once.kind, (leg("appropriation > available", 6),), once.occurred_at)

    answers = behind_a_shut_till(
        till,
        [lambda: queue.post("web", books.programme, [once])] * 5
        + [lambda: queue.post("web", books.programme, [other])],
    )

    found = Counter(outcome.code for answer in answers for outcome in answer)
    assert found == {"posted": 1, "exists": 4, "conflict": 1}
    assert books.balance("available") == (5, 0)


def test_what_one_caller_wrote_that_cannot_be_read_harms_no_other(books: Books, till: Till) -> None:
    queue = PostingQueue(till.post)
    fine = [event("appropriate", {"appropriation > available": 1}) for _ in range(6)]
    unreadable = event("appropriate", {"appropriation > available": 1}, reason="nul \0 in it")

    answers = behind_a_shut_till(
        till,
        [partial(queue.post, "web", books.programme, [one]) for one in (*fine, unreadable)],
    )

    assert [codes(answer) for answer in answers[:-1]] == [["posted"]] * 6
    assert isinstance(answers[-1], psycopg.DataError)


def test_a_full_lane_refuses_at_once_and_says_when_to_come_back(books: Books, till: Till) -> None:
    queue = PostingQueue(till.post, room=8)
    calls = [
        lambda: queue.post(
            "web", books.programme, [event("appropriate", {"appropriation > available": 1})] * 4
        )
        for _ in range(8)
    ]

    answers = behind_a_shut_till(till, calls)

    refused = [answer for answer in answers if isinstance(answer, OverloadError)]
    assert refused
    assert all(1 <= error.retry_after_s <= 30 for error in refused)
    assert "nothing was posted" in str(refused[0])
    assert len(refused) + sum(isinstance(answer, tuple) for answer in answers) == 8
    one_more = event("appropriate", {"appropriation > available": 1})
    assert codes(queue.post("web", books.programme, [one_more])) == ["posted"]


def test_roles_do_not_share_a_lane(books: Books, till: Till) -> None:
    """The payer may not award; posting at the same time does not lend it another role."""
    queue = PostingQueue(till.post)
    books.codes("web", event("appropriate", {"appropriation > available": 5}))
    roles = ("web", "payer", "web", "payer")

    answers = behind_a_shut_till(
        till,
        [
            partial(
                queue.post, role, books.programme, [event("award", {"available > reserved": 1})]
            )
            for role in roles
        ],
    )

    assert [codes(answer)[0] for answer in answers] == ["posted", "forbidden"] * 2


def test_a_batch_is_never_larger_than_the_books_take(books: Books, till: Till) -> None:
    queue = PostingQueue(till.post)
    calls = [
        lambda: queue.post(
            "web",
            books.programme,
            [event("appropriate", {"appropriation > available": 1}) for _ in range(60)],
        )
        for _ in range(10)
    ]

    answers = behind_a_shut_till(till, calls)

    assert all(codes(answer) == ["posted"] * 60 for answer in answers)
    assert max(till.batches) <= EVENTS_TOGETHER
    assert sum(till.batches) == 600


def test_whatever_stops_the_leader_every_caller_is_answered(books: Books, till: Till) -> None:
    queue = PostingQueue(till.post)
    unknown = f"unknown-{uuid4()}"
    calls = [
        lambda: queue.post("web", unknown, [event("appropriate", {"appropriation > available": 1})])
        for _ in range(5)
    ]

    answers = behind_a_shut_till(till, calls)

    assert all(isinstance(answer, psycopg.errors.NoDataFound) for answer in answers)
    assert queue.post("web", books.programme, []) == ()


def test_a_caller_that_is_interrupted_leaves_nobody_waiting(books: Books, till: Till) -> None:
    """An interrupt reaches a caller that waits in the lane, and the next one is still served."""
    queue = PostingQueue(till.post)
    one = partial(event, "appropriate", {"appropriation > available": 1})
    till.open.clear()
    with _entered() as entered, ThreadPoolExecutor(2) as pool:
        first = pool.submit(queue.post, "web", books.programme, [one()])
        until(lambda: bool(till.batches))
        lane = queue._lane("web", books.programme)  # noqa: SLF001  # where the interrupt strikes
        ask = queue_module._Ask((one(),))  # noqa: SLF001  # likewise
        leads = lane._enter(ask)  # noqa: SLF001  # likewise
        last = pool.submit(queue.post, "web", books.programme, [one()])
        until(lambda: len(entered) == 3)
        lane._leave(ask, leads=leads)  # noqa: SLF001  # likewise
        till.open.set()

        assert codes(first.result(PATIENCE_S)) == codes(last.result(PATIENCE_S)) == ["posted"]
    assert codes(queue.post("web", books.programme, [one()])) == ["posted"]
    assert books.balance("available") == (3, 0)
