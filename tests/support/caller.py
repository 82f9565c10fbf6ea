"""A process of callers, to be run several at a time and killed.

    caller.py MODE HOME SEED NUMBER PROGRAMME [JOURNAL]

`attack` asks for more than there is room for and prints every answer; `load` posts until it
is killed, and writes what it sends, and then what was acknowledged, to a file of its own.
"""

import itertools
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from bookkeeping import event

from tallygrid import ledger
from tallygrid.core.books import Event, Outcome
from tallygrid.core.key import key_of
from tallygrid.database import Server, Sessions, locate
from tallygrid.ledger.queue import PostingQueue
from tallygrid.settings import Settings

PROGRAMME: Final = "attacked"
AMOUNT_FEN: Final = 7
ORDERS: Final = 160
DELIVERIES: Final = 3
PROCESSES: Final = 4
CALLERS: Final = 16  # in each process
RETRIES: Final = 2
LOADERS: Final = 4
_Post = Callable[[Sequence[Event]], tuple[Outcome, ...]]
NOW: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)


def orders(seed: int) -> list[Event]:
    """Return what all processes together ask for: each order is a hold of the same amount."""
    return [
        event(
            "hold",
            {"committed:V-1 > payable:P": AMOUNT_FEN},
            key=key_of("order", seed, n),
            ttl_seconds=3600,
            occurred_at=NOW,
        )
        for n in range(ORDERS)
    ]


def queue_on(sessions: Sessions) -> PostingQueue:
    """Return a queue that posts as the service does."""
    return PostingQueue(
        lambda role, programme, events: sessions.run(
            role, lambda connection: ledger.post(connection, programme=programme, events=events)
        )
    )


def attack(server: Server, programme: str, seed: int, number: int) -> None:
    """Deliver this process's part of every order's three deliveries, with retries."""
    chance = Random(f"{seed}")  # noqa: S311  # a fixed order, not a secret
    deliveries = orders(seed) * DELIVERIES
    chance.shuffle(deliveries)
    mine = deliveries[number::PROCESSES]
    with Sessions(server, _silent) as sessions, ThreadPoolExecutor(CALLERS) as pool:
        queue = queue_on(sessions)
        chances = [Random(f"{seed}/{number}/{n}") for n in range(CALLERS)]  # noqa: S311  # it repeats
        post = partial(queue.post, "web", programme)
        parts = [(post, mine[n::CALLERS], chance) for n, chance in enumerate(chances)]
        for outcomes in pool.map(_insist, parts):
            for outcome in outcomes:
                sys.stdout.write(json.dumps([str(outcome.key), outcome.code]) + "\n")


def _insist(part: tuple[_Post, Sequence[Event], Random]) -> list[Outcome]:
    """Post one by one; what is refused is asked for again, and some answers are not heeded."""
    post, mine, chance = part
    found = []
    for one in mine:
        for _ in range(1 + RETRIES):
            (outcome,) = post([one])
            found.append(outcome)
            if outcome.accepted and chance.random() < 0.9:
                break
    return found


def load(server: Server, programme: str, seed: int, number: int, journal: Path) -> None:
    """Post until killed; whoever is acknowledged has it in writing."""
    file = os.open(journal, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    with Sessions(server, _silent) as sessions:
        queue = queue_on(sessions)

        def post_for_ever(caller: int) -> None:
            for events in calls(seed, number, caller):
                _note(file, "sent", [one.as_json() for one in events])
                outcomes = queue.post("migrator", programme, events)
                assert all(outcome.accepted for outcome in outcomes), outcomes
                _note(file, "acknowledged", [str(outcome.key) for outcome in outcomes])

        callers = [threading.Thread(target=post_for_ever, args=(n,)) for n in range(LOADERS)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()


def calls(seed: int, number: int, caller: int) -> Iterator[list[Event]]:
    """Yield without end: a tranche, or a hold that is captured whole in the same chain."""
    for n in itertools.count():
        name = (seed, number, caller, n)
        if n % 3 == 0:
            yield [_event("appropriate", "appropriation > available", name)]
        else:
            held = _event("hold", "committed:V-1 > payable:P", name, ttl_seconds=3600, chain=1)
            used = _event(
                "capture", "committed:V-1 > payable:P", name, hold=held.key, final=True, chain=1
            )
            yield [held, used]


def _event(kind: str, way: str, name: tuple[int, ...], **fields: object) -> Event:
    return event(kind, {way: 1}, key=key_of(kind, *name), occurred_at=NOW, **fields)


def _note(file: int, what: str, about: object) -> None:
    """Write one line in one call: a kill tears no more than the last one."""
    os.write(file, (json.dumps([what, about]) + "\n").encode())


def sent_and_acknowledged(journals: Sequence[Path]) -> tuple[list[list[Event]], set[UUID]]:
    """Return what the callers have sent, call by call, and the keys they were promised."""
    sent: list[list[Event]] = []
    promised: set[UUID] = set()
    for journal in journals:
        *whole, _torn = journal.read_text(encoding="utf-8").split("\n")
        for line in whole:
            what, about = json.loads(line)
            if what == "sent":
                sent.append([Event.from_json(one) for one in about])
            else:
                promised |= {UUID(key) for key in about}
    return sent, promised


def _silent(_: str) -> None:
    """Say nothing: several processes would talk at once."""


def main(mode: str, home: str, seed: str, number: str, programme: str, journal: str = "") -> None:
    """Run as one process of several."""
    server = locate(Settings(home=Path(home)), _silent)
    if mode == "attack":
        attack(server, programme, int(seed), int(number))
    else:
        load(server, programme, int(seed), int(number), Path(journal))


if __name__ == "__main__":
    main(*sys.argv[1:])
