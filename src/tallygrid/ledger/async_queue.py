"""The posting queue for callers that await: many callers, one commit, no thread for each.

The same bounded lanes as in `queue`, for a server that answers its requests in one event loop.
Waiting costs a caller there a tenth of what it costs a thread, which at hundreds of callers is
more than the books themselves cost.

The books decide and write one batch at a time, under the programme's lock, but they read what is
asked before they take it. So two batches are under way, on two connections: neither core waits
for the other, nor for the disk.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import psycopg

from tallygrid.core.books import Event, Outcome
from tallygrid.ledger.queue import EVENTS_TOGETHER, ROOM, OverloadError, Post, apart, patience_s

UNDER_WAY: Final = 2
"""So many batches of a lane at a time: while the books write one, the next is sent and read."""
_SMALLEST: Final = 64
"""A batch of fewer events is not worth a commit while more of them wait."""
_Outcomes = tuple[Outcome, ...]
_Call = tuple[tuple[Event, ...], "asyncio.Future[_Outcomes]"]
_Batch = list[_Call]


class AsyncPostingQueue:
    """Everything one event loop posts, a bounded lane per programme and role."""

    def __init__(self, post: Post, *, room: int = ROOM) -> None:
        """Open a queue.

        Args:
            post: Posts one batch, in a thread; at most twice at a time for one lane, so it
                needs two connections.
            room: How many events may wait in a lane; at least one call always may.
        """
        self._post = post
        self._room = room
        self._lanes: dict[tuple[str, str], _Lane] = {}

    async def post(self, role: str, programme: str, events: Sequence[Event]) -> _Outcomes:
        """Post events together with those of whoever asks at the same time.

        Returns:
            An outcome per event, in the order given, once they are committed. Chains hold
            among the events of one call only.

        Raises:
            OverloadError: Too many wait already; the same keys may be tried again.
        """
        if not events:
            return ()
        lane = self._lanes.get((role, programme))
        if lane is None:
            loop = asyncio.get_running_loop()
            lane = _Lane(role, programme, self._post, self._room, loop)
            self._lanes[role, programme] = lane
        return await lane.enter(tuple(events))


@dataclass
class _Lane:
    """The callers of one programme and role, in the order in which they came."""

    role: str
    programme: str
    post: Post
    room: int
    loop: asyncio.AbstractEventLoop
    """Asking for it at every call is a call of the operating system each."""
    waiting: deque[_Call] = field(default_factory=deque)
    events_waiting: int = 0
    events_per_s: float = float(EVENTS_TOGETHER)
    events_under_way: int = 0
    runners: set["asyncio.Task[None]"] = field(default_factory=set)

    def enter(self, events: tuple[Event, ...]) -> "asyncio.Future[_Outcomes]":
        if self.waiting and self.events_waiting + len(events) > self.room:
            wait_s = patience_s(self.events_waiting, self.events_per_s)
            raise OverloadError(self.programme, self.events_waiting, wait_s)
        outcomes: asyncio.Future[_Outcomes] = self.loop.create_future()
        self.waiting.append((events, outcomes))
        self.events_waiting += len(events)
        if len(self.runners) < UNDER_WAY:
            runner = self.loop.create_task(self._run())
            self.runners.add(runner)
        return outcomes

    async def _run(self) -> None:
        while self.waiting:
            batch = self._batch()
            began = time.monotonic()
            await self._settle(batch)
            posted = sum(len(events) for events, _ in batch)
            self.events_under_way -= posted
            pace = posted / max(time.monotonic() - began, 1e-6)
            self.events_per_s += (pace - self.events_per_s) / 8
        # At once: a callback would come later, and who enters until then would wait for nobody.
        self.runners.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    def _batch(self) -> _Batch:
        """Take a share of what is about, so that the next batch forms while this is under way.

        Half of it with two under way: smaller shares, measured, cost more than they overlap.
        """
        about = self.events_waiting + self.events_under_way
        most = min(EVENTS_TOGETHER, max(_SMALLEST, about // UNDER_WAY))
        batch = [self.waiting.popleft()]
        size = len(batch[0][0])
        while self.waiting and size + len(self.waiting[0][0]) <= most:
            batch.append(self.waiting.popleft())
            size += len(batch[-1][0])
        self.events_waiting -= size
        self.events_under_way += size
        return batch

    async def _settle(self, batch: _Batch) -> None:
        events = tuple(apart(events for events, _ in batch))
        try:
            posted = await asyncio.to_thread(self.post, self.role, self.programme, events)
        except psycopg.DataError as error:
            if len(batch) == 1:
                _fail(batch, error)
            else:  # nobody suffers for what another wrote that the database cannot read
                for one in batch:
                    await self._settle([one])
        except Exception as error:  # noqa: BLE001  # every caller learns what befell the batch
            _fail(batch, error)
        else:
            _answer(batch, posted)


def _answer(batch: _Batch, posted: _Outcomes) -> None:
    outcomes = iter(posted)
    for asked, waiting in batch:
        answer = tuple(itertools.islice(outcomes, len(asked)))
        if not waiting.done():  # whoever was cancelled does not wait any more
            waiting.set_result(answer)


def _fail(batch: _Batch, error: Exception) -> None:
    for _, waiting in batch:
        if not waiting.done():
            waiting.set_exception(error)
