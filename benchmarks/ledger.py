"""How fast the books post on one hot programme, beside two peers on the same server.

    python benchmarks/ledger.py [SECONDS]

`pgbench` is PostgreSQL's own TPC-B, 8 clients, scale 10. Naive is what most systems do: a
transaction per transfer, which locks the budget's row, then the voucher's, checks, updates
both and inserts the transfer, over five round trips. The books do more per event (key, hold,
chain of hashes, role); posting together makes up for it. Ratios are to pgbench; only they
mean anything, absolute figures are the machine's.
"""

import queue
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from psycopg import Connection

from tallygrid import database, ledger
from tallygrid.core.books import Account, Event, Leg
from tallygrid.database import Server
from tallygrid.database.binaries import choose
from tallygrid.ledger.queue import PostingQueue
from tallygrid.settings import Settings

SECONDS: Final = 3.0
"""How long each way is measured."""

PROGRAMME: Final = "hot"
VOUCHERS: Final = 2_000
CLIENTS: Final = 8
CALLERS: Final = 256
CONNECTIONS: Final = 32
"""What the naive way's callers share; a server does not take a connection from each."""
AT: Final = datetime(2026, 3, 1, tzinfo=UTC)
RESERVED: Final = Account("reserved", 2026, funder="city")
PAYABLE: Final = Account("payable", 2026, holder="P", funder="city")
PLENTY_FEN: Final = 10**13

NAIVE: Final = f"""
CREATE SCHEMA naive;
CREATE TABLE naive.account (id int PRIMARY KEY, balance_fen bigint CHECK (balance_fen >= 0));
CREATE TABLE naive.transfer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key uuid UNIQUE NOT NULL,
  source int REFERENCES naive.account, target int REFERENCES naive.account,
  amount_fen bigint, at timestamptz DEFAULT now());
INSERT INTO naive.account VALUES (0, {PLENTY_FEN});
INSERT INTO naive.account SELECT n, 0 FROM generate_series(1, {VOUCHERS}) AS n;
GRANT USAGE ON SCHEMA naive TO tallygrid_web;
GRANT ALL ON ALL TABLES IN SCHEMA naive TO tallygrid_web;
"""  # noqa: S608  # our own numbers


def main() -> None:
    """Measure each way for some seconds and print one table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print(f"{'way':<58} {'events/s':>9} {'ratio':>6}")
    for name, per_s, ratio in measure(seconds):
        print(f"{name:<58} {per_s:>9,.0f} {ratio:>6.1f}")


def measure(seconds: float = SECONDS) -> list[tuple[str, float, float]]:
    """Return each way, its events per second, and its ratio to pgbench."""
    with prepared_server() as server:
        baseline = pgbench(server, seconds)
        rates = [
            (f"pgbench, {CLIENTS} clients", baseline),
            (f"naive, {CLIENTS} clients", naive(server, seconds, clients=CLIENTS)),
            naive_callers(server, seconds),
            *(queued(server, seconds, name, make) for name, make in WAYS),
            *(
                (f"books, batches of {size}: {name}", books(server, seconds, make, size))
                for name, make in WAYS
                for size in (2, 32, 256)
            ),
            ("verify", verification(server)),
        ]
    return [(name, per_s, per_s / baseline) for name, per_s in rates]


def pgbench(server: Server, seconds: float) -> float:
    """Return the transactions per second of PostgreSQL's own benchmark."""
    program = choose(None).bin / "pgbench"
    parameters: Any = server.source.superuser()
    reach = ("-h", parameters["host"], "-p", parameters["port"], "-U", parameters["user"])
    fixed = [program, *reach, "-n", "postgres"]
    subprocess.run([*fixed, "-i", "-s", "10", "-q"], check=True, capture_output=True)
    load = ("-c", str(CLIENTS), "-j", "2", "-T", str(max(1, round(seconds))))
    said = subprocess.run([*fixed, *load], check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


@contextmanager
def prepared_server() -> Iterator[Server]:
    """Start a server of its own with the books of one programme and its vouchers."""
    with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as directory:
        Path(directory).chmod(0o711)
        server = database.resolve(Settings(home=Path(directory) / "home"), print)
        try:
            database.migrate(server, [("ledger", ledger.MIGRATIONS)])
            with server.administer(server.database) as administrator:
                administrator.execute(NAIVE.encode())
            with server.connect("web", autocommit=True) as connection:
                ledger.open_programme(connection, PROGRAMME)
                open_vouchers(connection)
            yield server
        finally:
            server.stop()


def open_vouchers(connection: Connection[Any]) -> None:
    """Give the programme money, and every voucher some of it."""
    source = Account("appropriation", 2026, funder="city")
    available = Account("available", 2026, funder="city")
    post(
        connection,
        [
            event("appropriate", Leg(source, available, PLENTY_FEN)),
            event("award", Leg(available, RESERVED, PLENTY_FEN)),
        ],
    )
    for first in range(0, VOUCHERS, 500):
        legs = [Leg(RESERVED, voucher(n), 10**8) for n in range(first, first + 500)]
        post(connection, [event("issue", leg) for leg in legs])


def books(server: Server, seconds: float, make: Callable[[int], list[Event]], size: int) -> float:
    """Post batches from one connection; return events per second."""
    role = "web" if make is single_legs else "worker"
    with server.connect(role, autocommit=True) as connection:
        for _ in range(8):
            post(connection, make(size))  # plans are made, files are warm
        return rate(seconds, lambda: post(connection, make(size)))


def queued(
    server: Server, seconds: float, name: str, make: Callable[[int], list[Event]]
) -> tuple[str, float]:
    """Let many callers post through the queue, each a posting of its own."""
    role = "web" if make is single_legs else "worker"
    with server.connect(role, autocommit=True) as connection:
        posting = PostingQueue(
            lambda _, programme, events: ledger.post(connection, programme=programme, events=events)
        )

        def call() -> int:
            outcomes = posting.post(role, PROGRAMME, make(SMALLEST[name]))
            assert all(outcome.accepted for outcome in outcomes)
            return len(outcomes)

        return crowd(f"queue: {name}", seconds, call)


def crowd(name: str, seconds: float, call: Callable[[], int]) -> tuple[str, float]:
    """Let many callers call for some seconds; return the rate, and how long calls took."""
    began = time.perf_counter()
    spent_s: list[float] = []

    def caller(_: int) -> int:
        done = 0
        while (start := time.perf_counter()) - began < seconds:
            done += call()
            spent_s.append(time.perf_counter() - start)
        return done

    with ThreadPoolExecutor(CALLERS) as pool:
        done = sum(pool.map(caller, range(CALLERS)))
    per_s = done / (time.perf_counter() - began)
    p99_ms = 1000 * sorted(spent_s)[len(spent_s) * 99 // 100]
    return f"{name}, {CALLERS} callers, p99 {p99_ms:,.0f} ms", per_s


def single_legs(size: int) -> list[Event]:
    """Issue small amounts from the one hot account to many vouchers."""
    return [event("issue", Leg(RESERVED, some_voucher(), 1)) for _ in range(size)]


def pairs(size: int) -> list[Event]:
    """Hold on some voucher and capture at once; a batch holds half as many pairs."""
    events: list[Event] = []
    for _ in range(size // 2):
        leg = Leg(some_voucher(), PAYABLE, 5)
        hold = Event(uuid4(), "hold", (leg,), AT, ttl_seconds=3600)
        events += [hold, Event(uuid4(), "capture", (leg,), AT, hold=hold.key, final=True)]
    return events


def naive(server: Server, seconds: float, *, clients: int) -> float:
    """Transfer one by one from the hot row; return transfers per second of all clients."""

    def client(_: int) -> float:
        with server.connect("web") as connection:
            return rate(seconds, lambda: transfer(connection))

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(client, range(clients)))


def naive_callers(server: Server, seconds: float) -> tuple[str, float]:
    """Let many callers transfer the naive way, over the connections that a server can take."""
    free: queue.SimpleQueue[Connection[Any]] = queue.SimpleQueue()
    for _ in range(CONNECTIONS):
        free.put(server.connect("web"))

    def call() -> int:
        connection = free.get()
        try:
            return transfer(connection)
        finally:
            free.put(connection)

    found = crowd("naive", seconds, call)
    for _ in range(CONNECTIONS):
        free.get().close()
    return found


def transfer(connection: Connection[Any]) -> int:
    """Move one fen the naive way."""
    target = random.randint(1, VOUCHERS)  # noqa: S311  # not a secret
    lock = "SELECT balance_fen FROM naive.account WHERE id = %s FOR UPDATE"
    with connection.transaction():
        found = connection.execute(lock, [0]).fetchone()
        assert found is not None
        assert found[0] >= 1
        connection.execute(lock, [target])
        change = "UPDATE naive.account SET balance_fen = balance_fen + %s WHERE id = %s"
        connection.execute(change, [-1, 0])
        connection.execute(change, [1, target])
        connection.execute(
            "INSERT INTO naive.transfer (key, source, target, amount_fen) VALUES (%s, 0, %s, 1)",
            [uuid4(), target],
        )
    return 1


def verification(server: Server) -> float:
    """Verify the programme; return events per second."""
    with server.connect("auditor", autocommit=True) as connection:
        start = time.perf_counter()
        problems = ledger.verify(connection, PROGRAMME)
        spent = time.perf_counter() - start
        assert problems == ()
        return ledger.heads(connection)[0].seq / spent


def rate(seconds: float, work: Callable[[], int]) -> float:
    """Repeat a piece of work for some seconds; return how much of it was done per second."""
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        done += work()
    return done / spent


def post(connection: Connection[Any], events: list[Event]) -> int:
    """Post a batch, every event of which must be accepted; return how many those were."""
    outcomes = ledger.post(connection, programme=PROGRAMME, events=events)
    assert all(outcome.accepted for outcome in outcomes)
    return len(outcomes)


def event(kind: str, leg: Leg) -> Event:
    """Return an event of one leg."""
    return Event(uuid4(), kind, (leg,), AT)


def some_voucher() -> Account:
    """Return a voucher's account, any."""
    return voucher(random.randrange(VOUCHERS))  # noqa: S311  # not a secret


def voucher(number: int) -> Account:
    """Return the account of a voucher."""
    return Account("committed", 2026, holder=f"V-{number}", funder="city")


WAYS: Final = (("single legs", single_legs), ("hold + capture", pairs))
SMALLEST: Final = {"single legs": 1, "hold + capture": 2}
"""The events of one call."""

if __name__ == "__main__":
    main()
