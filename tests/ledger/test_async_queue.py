"""The queue of callers that await: they share a commit, and nothing else."""

import asyncio
import threading
from collections.abc import Sequence

import psycopg
import pytest
from bookkeeping import Books, event
from patience import PATIENCE_S

from tallygrid import ledger
from tallygrid.core.books import Event, Outcome
from tallygrid.ledger import async_queue
from tallygrid.ledger.async_queue import UNDER_WAY, AsyncPostingQueue
from tallygrid.ledger.queue import EVENTS_TOGETHER, OverloadError

MOVE = "appropriation > available"


class Till:
    """Posts as `web`, remembers the sizes of batches, and does not post before it is opened."""

    def __init__(self, books: Books) -> None:
        self.connection = books.connect("web")
        self.batches: list[int] = []
        self.open = threading.Event()

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Post one batch once the till is open."""
        assert role == "web"
        self.batches.append(len(events))
        self.open.wait()
        return ledger.post(self.connection, programme=programme, events=events)


def together(
    books: Books, till: Till, calls: Sequence[Sequence[Event]], **room: int
) -> list[object]:
    """Make calls that all wait behind the first one; return what became of each, in order."""

    async def made() -> list[object]:
        posting = AsyncPostingQueue(till.post, **room)
        tasks = [asyncio.create_task(posting.post("web", books.programme, c)) for c in calls]
        await asyncio.sleep(0.05)  # by now all of them wait
        till.open.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    return asyncio.run(made())


def codes(answer: object) -> list[str]:
    assert isinstance(answer, tuple), answer
    return [outcome.code for outcome in answer]


def test_who_waits_together_is_posted_together_and_gets_its_own_outcomes(books: Books) -> None:
    till = Till(books)
    calls = [[event("appropriate", {MOVE: n + 1})] * (n % 2 + 1) for n in range(EVENTS_TOGETHER)]

    answers = together(books, till, calls)

    assert [codes(answer) for answer in answers] == [
        ["posted", "exists"][: n % 2 + 1] for n in range(EVENTS_TOGETHER)
    ]
    assert max(till.batches) <= EVENTS_TOGETHER
    assert len(till.batches) < EVENTS_TOGETHER // 8
    assert books.balance("available") == (sum(range(1, EVENTS_TOGETHER + 1)), 0)


def test_who_calls_again_at_once_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who has just been answered comes before the queue has gone to rest."""
    monkeypatch.setattr(async_queue, "UNDER_WAY", 1)

    def post(_: str, __: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        return tuple(Outcome(one.key, "posted") for one in events)

    async def calls() -> None:
        posting = AsyncPostingQueue(post)
        for _ in range(3):
            await posting.post("web", "P", [event("appropriate", {MOVE: 1})])

    async def in_time() -> None:
        await asyncio.wait_for(calls(), timeout=PATIENCE_S)

    asyncio.run(in_time())


def test_while_one_batch_is_written_the_next_is_sent_but_no_third() -> None:
    met = threading.Barrier(UNDER_WAY)
    at_work: set[int] = set()
    most: list[int] = []

    def post(_role: str, _programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        at_work.add(threading.get_ident())
        met.wait(PATIENCE_S)  # in vain, if the second is not sent before the first is answered
        most.append(len(at_work))
        met.wait(PATIENCE_S)
        at_work.discard(threading.get_ident())
        return tuple(Outcome(each.key, "posted", 1) for each in events)

    async def made() -> None:
        posting = AsyncPostingQueue(post)
        calls = [[event("appropriate", {MOVE: 1})] * EVENTS_TOGETHER for _ in range(2 * UNDER_WAY)]
        await asyncio.gather(*(posting.post("web", "p", call) for call in calls))

    asyncio.run(made())

    assert most == [UNDER_WAY] * 2 * UNDER_WAY


def test_chains_of_two_callers_do_not_join(books: Books) -> None:
    chained = [
        [event("appropriate", {MOVE: 5}, chain=1)],
        [event("award", {"available > reserved": 99}, chain=1)],
    ]

    answers = together(books, Till(books), [[event("appropriate", {MOVE: 1})], *chained])

    assert [codes(answer) for answer in answers] == [["posted"], ["posted"], ["insufficient"]]


def test_what_the_database_cannot_read_harms_only_who_wrote_it(books: Books) -> None:
    unreadable = event("appropriate", {MOVE: 1}, reason="\x00")
    calls = [[event("appropriate", {MOVE: 1})], [unreadable], [event("appropriate", {MOVE: 1})]]

    first, second, third = together(books, Till(books), [*calls])

    assert isinstance(second, psycopg.DataError)
    assert codes(first) == codes(third) == ["posted"]


def test_more_than_there_is_room_for_is_refused_at_once(books: Books) -> None:
    calls = [[event("appropriate", {MOVE: 1})] * 4 for _ in range(4)]

    answers = together(books, Till(books), calls, room=8)

    refused = [answer for answer in answers if isinstance(answer, OverloadError)]
    assert len(refused) in {1, 2}  # the first call may have left the lane already
    assert all(refusal.retry_after_s >= 1 for refusal in refused)


def test_everyone_learns_what_befell_the_batch(books: Books) -> None:
    async def made() -> list[object]:
        def lost(_role: str, _programme: str, _events: Sequence[Event]) -> tuple[Outcome, ...]:
            raise psycopg.OperationalError

        posting = AsyncPostingQueue(lost)
        one = [event("appropriate", {MOVE: 1})]
        calls = [posting.post("web", books.programme, one) for _ in range(3)]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    assert {type(answer) for answer in asyncio.run(made())} == {psycopg.OperationalError}


def test_nothing_asked_is_nothing_posted(books: Books) -> None:
    till = Till(books)

    assert asyncio.run(AsyncPostingQueue(till.post).post("web", books.programme, [])) == ()
    assert till.batches == []
