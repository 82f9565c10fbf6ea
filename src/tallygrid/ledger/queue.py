"""The posting queue: many callers, one commit.

A batch costs the books little more than a single event does (`benchmarks/ledger.py`), and a
programme's books are written by one batch at a time anyway. So callers who ask while a batch
is under way wait, and the first of them posts for all::

    caller ──┐                       ┌─► its own outcomes
    caller ──┼─► one lane ─► batch ──┼─► its own outcomes
    caller ──┘  (bounded)            └─► its own outcomes

There is a lane per programme and role, since the role that is logged in decides what may be
posted. No thread belongs to the queue: whoever leads posts on its own connection.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final

import psycopg

from tallygrid.core.books import Event, Outcome
from tallygrid.text.error import SentenceError

Post = Callable[[str, str, Sequence[Event]], tuple[Outcome, ...]]
"""Posts a role's events to a programme as one batch, in a transaction of its own."""

EVENTS_TOGETHER: Final = 256
"""Callers are put together up to so many events: the fastest size measured."""
ROOM: Final = 4096
"""So many events may wait in a lane, which is some seconds of work."""
_PATIENCE_S: Final = 30
"""Longer than this a caller is not asked to wait before it tries again."""


class OverloadError(SentenceError):
    """More events wait than will be posted soon; nothing of this call was posted."""

    def __init__(self, programme: str, waiting: int, retry_after_s: int) -> None:
        self.waiting = waiting
        self.retry_after_s = retry_after_s
        values = {"programme": programme, "waiting": waiting, "retry_after_s": retry_after_s}
        super().__init__("ledger.outcome.overload", **values)


class PostingQueue:
    """Everything one process posts, a bounded lane per programme and role."""

    def __init__(self, post: Post, *, room: int = ROOM) -> None:
        """Open a queue.

        Args:
            post: Posts one batch; it is called by one caller of a lane at a time.
            room: How many events may wait in a lane; at least one call always may.
        """
        self._post = post
        self._room = room
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._lock = threading.Lock()

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Post events together with those of whoever asks at the same time.

        Returns:
            An outcome per event, in the order given, once they are committed. Chains hold
            among the events of one call only.

        Raises:
            OverloadError: Too many wait already; the same keys may be tried again.
        """
        return self._lane(role, programme).post(tuple(events)) if events else ()

    def _lane(self, role: str, programme: str) -> "_Lane":
        with self._lock:
            lane = self._lanes.get((role, programme))
            if lane is None:
                lane = _Lane(
                    programme, lambda batch: self._post(role, programme, batch), self._room
                )
                self._lanes[role, programme] = lane
            return lane


def _closed_lock() -> threading.Lock:
    """Return a lock that opens once: a tenth of the cost of an event, which a caller pays twice."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class _Ask:
    """One call that waits: for its outcomes, or for its turn to post for everyone."""

    events: tuple[Event, ...]
    outcomes: tuple[Outcome, ...] | None = None
    error: BaseException | None = None
    is_called: bool = False
    _closed: threading.Lock = field(default_factory=_closed_lock)

    def wait(self) -> None:
        """Wait until this call is settled or has to lead."""
        self._closed.acquire()

    def call(self) -> None:
        """Let the caller go on; calling twice is calling once."""
        if not self.is_called:
            self.is_called = True
            self._closed.release()

    @property
    def is_settled(self) -> bool:
        return self.outcomes is not None or self.error is not None

    def answer(self) -> tuple[Outcome, ...]:
        if self.error is not None:
            raise self.error
        assert self.outcomes is not None, "a caller is called when it is settled, or to lead"
        return self.outcomes


class _Lane:
    """The callers of one programme and role, of whom one leads."""

    def __init__(
        self,
        programme: str,
        post: Callable[[Sequence[Event]], tuple[Outcome, ...]],
        room: int,
    ) -> None:
        self._programme = programme
        self._post = post
        self._room = room
        self._waiting: deque[_Ask] = deque()
        self._events_waiting = 0
        self._is_led = False
        self._events_per_s = float(EVENTS_TOGETHER)
        self._lock = threading.Lock()

    def post(self, events: tuple[Event, ...]) -> tuple[Outcome, ...]:
        ask = _Ask(events)
        leads = self._enter(ask)
        try:
            if not leads:
                ask.wait()
            if not ask.is_settled:
                self._lead()
        except BaseException:
            self._leave(ask, leads=leads)
            raise
        return ask.answer()

    def _enter(self, ask: _Ask) -> bool:
        """Join the lane; tell whether nobody leads it, so that this caller must."""
        with self._lock:
            if self._waiting and self._events_waiting + len(ask.events) > self._room:
                raise OverloadError(self._programme, self._events_waiting, self._wait_s())
            self._waiting.append(ask)
            self._events_waiting += len(ask.events)
            leads, self._is_led = not self._is_led, True
            return leads

    def _leave(self, ask: _Ask, *, leads: bool) -> None:
        """Take back a call that was interrupted while it waited; nobody may wait for it."""
        with self._lock:
            if ask not in self._waiting:
                return
            is_called = leads or ask.is_called
            self._waiting.remove(ask)
            self._events_waiting -= len(ask.events)
        if is_called:
            self._hand_over()

    def _lead(self) -> None:
        """Post one batch, in which the leader's own events are the first; then hand over."""
        batch = self._batch()
        try:
            began = time.monotonic()
            self._settle(batch)
            self._note_pace(batch, time.monotonic() - began)
        finally:
            self._hand_over()
            for ask in batch:
                if not ask.is_settled:  # what stopped the leader says nothing about the others
                    ask.error = InterruptedError("Whoever posted this batch was interrupted.")
                ask.call()

    def _batch(self) -> list[_Ask]:
        with self._lock:
            batch = [self._waiting.popleft()]
            size = len(batch[0].events)
            while self._waiting and size + len(self._waiting[0].events) <= EVENTS_TOGETHER:
                batch.append(self._waiting.popleft())
                size += len(batch[-1].events)
            self._events_waiting -= size
            return batch

    def _hand_over(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting[0].call()
            else:
                self._is_led = False

    def _settle(self, batch: Sequence[_Ask]) -> None:
        try:
            outcomes = iter(self._post(tuple(apart(ask.events for ask in batch))))
        except psycopg.DataError as error:
            self._settle_singly(batch, error)
        except Exception as error:  # noqa: BLE001  # every caller learns what befell the batch
            for ask in batch:
                ask.error = error
        else:
            for ask in batch:
                ask.outcomes = tuple(itertools.islice(outcomes, len(ask.events)))

    def _settle_singly(self, batch: Sequence[_Ask], error: psycopg.DataError) -> None:
        """Let nobody suffer for what another caller wrote that the database cannot read."""
        if len(batch) == 1:
            batch[0].error = error
            return
        for ask in batch:
            self._settle([ask])

    def _note_pace(self, batch: Sequence[_Ask], spent_s: float) -> None:
        events = sum(len(ask.events) for ask in batch)
        with self._lock:
            self._events_per_s += (events / max(spent_s, 1e-6) - self._events_per_s) / 8

    def _wait_s(self) -> int:
        return patience_s(self._events_waiting, self._events_per_s)


def patience_s(events_waiting: int, events_per_s: float) -> int:
    """Return after how many seconds it is worth asking again."""
    return min(_PATIENCE_S, max(1, ceil(events_waiting / max(events_per_s, 1))))


def apart(calls: Iterable[Sequence[Event]]) -> Iterator[Event]:
    """Yield the events of all calls, with chains numbered anew, so that two calls' never join."""
    numbers = itertools.count(1)
    for events in calls:
        if any(event.chain for event in events):
            yield from _renumbered(events, numbers)
        else:
            yield from events


def _renumbered(events: Sequence[Event], numbers: Iterator[int]) -> Iterator[Event]:
    for chain, linked in itertools.groupby(events, key=lambda event: event.chain):
        number = next(numbers) if chain > 0 else chain
        yield from (replace(event, chain=number) if chain else event for event in linked)
