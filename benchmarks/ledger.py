"""How fast the books post on one hot programme, beside two peers on the same server.

    python benchmarks/ledger.py [SECONDS]
    python benchmarks/ledger.py --growth 10000 100000 1000000 10000000   # half an hour, 10 GB

`pgbench` is PostgreSQL's own TPC-B, 8 clients, scale 10. Naive is what most systems do: a
transaction per transfer, which locks the budget's row, then the voucher's, checks, updates
both and inserts the transfer, over five round trips. The books do more per event (key, hold,
chain of hashes, role); posting together makes up for it.

As the books grow (`--growth`), a ratio by the server's processor time says what grew, one by rate
also who else was at work.

Three things are posted: single legs; pairs of a hold and its capture; and complete redemptions,
which hold and capture on a voucher of two funders, the applicant's cap of the year and the
budget of a class, with evidence and a message for the application. A pair and a redemption
count as one each. Callers await in one event loop; single legs are posted once more by as many
threads, as the service's own use cases post. Everything is measured in turn, several rounds of
it, and the ratio is the median of the rounds' ratios to pgbench; only ratios mean anything,
absolute figures are the machine's. What one of each costs (CPU of the server's processes and of
ours, bytes of WAL, fsyncs) depends less on who else uses the machine; so does the second ratio,
of processor time: on a busy machine the scheduler favours whoever has more processes.
"""

import argparse
import asyncio
import queue
import random
import re
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from psycopg import Connection

from tallygrid import database, ledger
from tallygrid.core.books import Account, Event, Leg, Outcome
from tallygrid.database import Server
from tallygrid.database.binaries import choose
from tallygrid.ledger.async_queue import UNDER_WAY, AsyncPostingQueue
from tallygrid.ledger.queue import Post, PostingQueue
from tallygrid.settings import Settings

SECONDS: Final = 3.0
"""How long each way is measured in a round."""
ROUNDS: Final = 3

PROGRAMME: Final = "hot"
VOUCHERS: Final = 2_000
APPLICANTS: Final = 500
CLIENTS: Final = 8
CALLERS: Final = 256
CONNECTIONS: Final = 32
"""What the naive way's callers share; a server does not take a connection from each."""
SIZES: Final = (2, 32, 64, 128, 256, 512, 1000)
"""Batches measured on one connection, from which the size of a shared one is chosen."""
AT: Final = datetime(2026, 3, 1, tzinfo=UTC)
FUNDERS: Final = ("city", "province")
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


@dataclass(frozen=True)
class Way:
    """Something that is posted: by whom, and how so many of it are made."""

    name: str
    role: str
    make: Callable[[int], list[Event]]
    events_each: int


Crowd = Callable[[Post, float, Way], tuple[list[float], float]]
"""Callers who post for some seconds: how long each call took, and so many per second."""


@dataclass(frozen=True)
class Found:
    """What a measurement found, per one of what was posted."""

    per_s: float
    p99_ms: float
    server_us: float
    client_us: float
    wal_bytes: float
    fsyncs: float

    @property
    def cpu_us(self) -> float:
        """The processor time of both sides."""
        return self.server_us + self.client_us

    def __str__(self) -> str:
        return (
            f"p99 {self.p99_ms:,.0f} ms, CPU {self.server_us:,.0f} + {self.client_us:,.0f} us,"
            f" WAL {self.wal_bytes:,.0f} B, fsync {self.fsyncs:.3f}"
        )


def main() -> None:
    """Measure each way for some seconds and print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=SECONDS)
    parser.add_argument("--growth", nargs="+", type=int, metavar="TRANSFERS")
    asked = parser.parse_args()
    rows = growth(asked.growth) if asked.growth else measure(asked.seconds)
    print(f"{'way':<100} {'per second':>10} {'ratio':>6}")
    for name, per_s, ratio in rows:
        print(f"{name:<100} {per_s:>10,.0f} {ratio:>6.1f}")


def measure(seconds: float = SECONDS) -> list[tuple[str, float, float]]:
    """Return each way, how many per second, and the ratio to pgbench of the same round."""
    with prepared_server() as server:
        subprocess.run(
            [*pgbench_reach(server), "-i", "-s", "10", "-q"], check=True, capture_output=True
        )
        rounds = [one_round(server, seconds) for _ in range(ROUNDS)]
        baseline = statistics.median(found["pgbench"].per_s for found in rounds)
        rows = []
        for name in rounds[0]:
            middle = sorted(rounds, key=lambda found: found[name].per_s)[ROUNDS // 2][name]
            ratio = statistics.median(
                found[name].per_s / found["pgbench"].per_s for found in rounds
            )
            rows.append((f"{name}: {middle}", middle.per_s, ratio))
            spared = statistics.median(
                found["pgbench"].cpu_us / found[name].cpu_us for found in rounds
            )
            rows.append((f"{name}, ratio by processor time", 1e6 / middle.cpu_us, spared))
        for way in WAYS:
            for size in SIZES:
                per_s, _ = batches(server, seconds / 3, way, size)
                rows.append(
                    (f"one connection, {way.name}, batches of {size}", per_s, per_s / baseline)
                )
        per_s = verification(server)
        rows.append(("verify, in legs", per_s, per_s / baseline))
    return rows


def one_round(server: Server, seconds: float) -> dict[str, Found]:
    """Measure pgbench, naive and every way once, one after the other."""
    return {
        "pgbench": pgbench(server, seconds),
        "naive": naive(server, seconds),
        **{way.name: queued(server, seconds, way, in_an_event_loop) for way in WAYS},
        f"{WAYS[0].name}, a thread for each caller": queued(server, seconds, WAYS[0], in_threads),
    }


def growth(sizes: Sequence[int]) -> list[tuple[str, float, float]]:
    """Return the rates of posting and of verifying as the books grow; ratios are to the first.

    Posting is measured while each size's second half is posted, checkpoints and all: a few
    seconds hit one or miss it.
    """
    found: list[tuple[str, float, float]] = []
    first: dict[str, float] = {}
    with prepared_server() as server:
        for size in sorted(sizes):
            per_s, server_us = grown(server, size)
            for what, figure in (
                ("single legs, batches of 256", per_s),
                ("single legs, batches of 256, by server CPU", 1e6 / server_us),
                ("verify", verification(server)),
            ):
                ratio = figure / first.setdefault(what, figure)
                found.append((f"{what}, {size:,} transfers", figure, ratio))
                print(found[-1], flush=True)
    return found


def grown(server: Server, size: int) -> tuple[float, float]:
    """Let the books grow to so many events; return the rate of the second half, and its CPU.

    Returns:
        So many per second, and the microseconds of the server's process for one.
    """
    single_legs = WAYS[0]
    with server.connect(single_legs.role, autocommit=True) as connection:
        seq = ledger.heads(connection)[0].seq
        for reached in (size // 2, size):
            first, before, start = seq, processor_us(connection), time.perf_counter()
            while seq < reached:
                seq += post(connection, single_legs.make(256))
        spent = time.perf_counter() - start
        return (seq - first) / spent, (processor_us(connection) - before) / (seq - first)


def pgbench_reach(server: Server) -> list[str]:
    """Return the command that reaches a server with PostgreSQL's own benchmark."""
    parameters: Any = server.source.superuser()
    reach = ("-h", parameters["host"], "-p", parameters["port"], "-U", parameters["user"])
    return [str(choose(None).bin / "pgbench"), *map(str, reach), "-n", "postgres"]


def pgbench(server: Server, seconds: float) -> Found:
    """Run PostgreSQL's own benchmark; return its transactions per second and what one costs."""
    with (
        tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as log,
        server.administer(server.database) as administrator,
    ):
        load = ("-c", str(CLIENTS), "-j", "2", "-T", str(max(1, round(seconds))))
        reach = [*pgbench_reach(server), *load, "-l", "--log-prefix", f"{log}/each"]
        before = children_us(), *logged(administrator)
        with subprocess.Popen(reach, stdout=subprocess.PIPE, text=True) as running:
            server_us = backends_us(administrator, running)
            said, _ = running.communicate()
        if running.returncode:
            raise subprocess.CalledProcessError(running.returncode, reach, said)
        after = children_us(), *logged(administrator)
        spent_s = [
            int(line.split()[2]) / 1e6  # its third column: the latency in us
            for file in Path(log).iterdir()
            for line in file.read_text(encoding="ascii").splitlines()
        ]
    tps = float(re.search(r"tps = ([0-9.]+)", said)[1])  # type: ignore[index]  # it always says so
    costs = ((b - a) / len(spent_s) for a, b in zip(before, after, strict=True))
    return Found(tps, p99_ms(spent_s), server_us / len(spent_s), *costs)


def backends_us(administrator: Connection[Any], running: "subprocess.Popen[str]") -> float:
    """Wait until pgbench ends; return the CPU of the server's processes that served it, in us.

    Looked at until they are gone: what the server has waited for in all would count autovacuum
    too, which now and then takes as much. They tell of their fsyncs as they go.
    """
    spent: dict[int, float] = {}
    serving: set[int] = set()
    while serving or running.poll() is None:
        found = administrator.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench'"
        )
        serving = {pid for (pid,) in found}
        for pid in serving:
            with suppress(FileNotFoundError, ProcessLookupError):
                spent[pid] = schedule_us(pid)
        time.sleep(0.01)
    return sum(spent.values())


def children_us() -> float:
    """Return the CPU of the children that we have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e6


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
    """Give the programme money of two funders, and every voucher, cap and class some of it."""
    limits = [(room(f"A-{n}"), 10**9) for n in range(APPLICANTS)]
    post(
        connection, [event("limit", Leg(LIMITS, *room)) for room in (*limits, (CLASS, PLENTY_FEN))]
    )
    for funder in FUNDERS:
        source, available, reserved = (
            Account(kind, 2026, funder=funder)
            for kind in ("appropriation", "available", "reserved")
        )
        post(
            connection,
            [
                event("appropriate", Leg(source, available, PLENTY_FEN)),
                event("award", Leg(available, reserved, PLENTY_FEN)),
            ],
        )
        for first in range(0, VOUCHERS, 500):
            legs = [Leg(reserved, voucher(n, funder), 10**8) for n in range(first, first + 500)]
            post(connection, [event("issue", leg) for leg in legs])


def batches(server: Server, seconds: float, way: Way, size: int) -> tuple[float, float]:
    """Post batches of so many events from one connection; return how many of it, and their CPU.

    Returns:
        So many per second, and the microseconds of the server's process for one.
    """
    with server.connect(way.role, autocommit=True) as connection:
        number = max(1, size // way.events_each)
        for _ in range(8):
            post(connection, way.make(number))  # plans are made, files are warm
        before, done, start = processor_us(connection), 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds:
            done += post(connection, way.make(number)) // way.events_each
        return done / spent, (processor_us(connection) - before) / done


def queued(server: Server, seconds: float, way: Way, crowd: Crowd) -> Found:
    """Let many callers post through a queue, each one of it at a time."""
    with ExitStack() as stack:
        administrator = stack.enter_context(server.administer(server.database))
        connections = [
            stack.enter_context(server.connect(way.role, autocommit=True)) for _ in range(UNDER_WAY)
        ]
        for connection in connections:
            for _ in range(8):
                post(connection, way.make(CALLERS // 2))
        free: queue.SimpleQueue[Connection[Any]] = queue.SimpleQueue()
        for connection in connections:
            free.put(connection)

        def lent(_: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
            connection = free.get()
            try:
                return ledger.post(connection, programme=programme, events=events)
            finally:
                free.put(connection)

        before = cost(connections, administrator)
        spent_s, per_s = crowd(lent, seconds, way)
        after = cost(connections, administrator)
    return found_by(spent_s, per_s, before, after)


def found_by(
    spent_s: Sequence[float], per_s: float, before: Sequence[float], after: Sequence[float]
) -> Found:
    """Return what a crowd found, from how long each call took and what all had cost so far."""
    each = ((b - a) / len(spent_s) for a, b in zip(before, after, strict=True))
    return Found(per_s, p99_ms(spent_s), *each)


def in_an_event_loop(lent: Post, seconds: float, way: Way) -> tuple[list[float], float]:
    """Let many callers await for some seconds; return how long each call took, and the rate."""
    posting = AsyncPostingQueue(lent)
    spent_s: list[float] = []

    async def caller() -> None:
        while (start := time.perf_counter()) - began < seconds:
            outcomes = await posting.post(way.role, PROGRAMME, way.make(1))
            assert all(outcome.accepted for outcome in outcomes)
            spent_s.append(time.perf_counter() - start)

    async def all_callers() -> None:
        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    began = time.perf_counter()
    asyncio.run(all_callers())
    return spent_s, len(spent_s) / (time.perf_counter() - began)


def in_threads(lent: Post, seconds: float, way: Way) -> tuple[list[float], float]:
    """Let a thread for each caller post, as the service's own use cases do; return the same."""
    posting = PostingQueue(lent)

    def call() -> None:
        outcomes = posting.post(way.role, PROGRAMME, way.make(1))
        assert all(outcome.accepted for outcome in outcomes)

    return threads(call, seconds)


def threads(call: Callable[[], object], seconds: float) -> tuple[list[float], float]:
    """Call in many threads for some seconds; return how long each call took, and the rate."""
    spent_s: list[float] = []

    def caller(_: int) -> None:
        while (start := time.perf_counter()) - began < seconds:
            call()
            spent_s.append(time.perf_counter() - start)

    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(caller, range(CALLERS)))
    return spent_s, len(spent_s) / (time.perf_counter() - began)


def cost(
    connections: Sequence[Connection[Any]], administrator: Connection[Any]
) -> tuple[float, float, float, float]:
    """Return CPU so far, of the server's processes and ours, in us; WAL bytes; and fsyncs."""
    server_us = 0.0
    for connection in connections:
        server_us += processor_us(connection)
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
    return server_us, time.process_time() * 1e6, *logged(administrator)


def logged(administrator: Connection[Any]) -> tuple[float, float]:
    """Return the bytes of WAL so far, and the fsyncs of it."""
    is_18 = administrator.info.server_version >= 180_000  # noqa: PLR2004  # where it moved
    fsyncs = (
        "(SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')"
        if is_18
        else "(SELECT wal_sync FROM pg_stat_wal)"
    )
    found = administrator.execute(
        f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), {fsyncs}"
    ).fetchone()
    assert found is not None
    wal_bytes, fsyncs_done = map(float, found)
    return wal_bytes, fsyncs_done


def processor_us(connection: Connection[Any]) -> float:
    """Return the CPU so far of the server's process of a connection, in us."""
    return schedule_us(connection.info.backend_pid)


def schedule_us(pid: int) -> float:
    """Return the CPU so far of a process, in us."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e3


def p99_ms(spent_s: Sequence[float]) -> float:
    """Return what 99 of a hundred calls stayed within."""
    return 1000 * sorted(spent_s)[len(spent_s) * 99 // 100]


def single_legs(number: int) -> list[Event]:
    """Issue small amounts from the one hot account to many vouchers."""
    reserved = Account("reserved", 2026, funder="city")
    return [event("issue", Leg(reserved, voucher(any_voucher()), 1)) for _ in range(number)]


def pairs(number: int) -> list[Event]:
    """Hold on some voucher and capture at once."""
    events: list[Event] = []
    for _ in range(number):
        events += held_and_captured(Leg(voucher(any_voucher()), payable("city"), 5))
    return events


def redemptions(number: int) -> list[Event]:
    """Redeem vouchers of two funders within a cap and a class, with evidence, and tell of it."""
    events: list[Event] = []
    for _ in range(number):
        n = any_voucher()
        cap = f"A-{n % APPLICANTS}"
        events += held_and_captured(
            Leg(voucher(n, "city"), payable("city"), 4),
            Leg(voucher(n, "province"), payable("province"), 2),
            Leg(room(cap), used(cap), 6),
            Leg(CLASS, used("class"), 6),
            document="ab" * 32,
            outbox={"purchase": f"B-{n}", "subsidy_fen": 6},
        )
    return events


def held_and_captured(*legs: Leg, **said: Any) -> list[Event]:  # noqa: ANN401  # Event's own fields
    """Return a hold and its final capture."""
    hold = Event(uuid4(), "hold", legs, AT, ttl_seconds=3600)
    return [hold, Event(uuid4(), "capture", legs, AT, hold=hold.key, final=True, **said)]


def naive(server: Server, seconds: float) -> Found:
    """Let many callers transfer the naive way, over the connections that a server can take."""
    free: queue.SimpleQueue[Connection[Any]] = queue.SimpleQueue()

    def call() -> None:
        connection = free.get()
        try:
            transfer(connection)
        finally:
            free.put(connection)

    with ExitStack() as stack:
        administrator = stack.enter_context(server.administer(server.database))
        connections = [
            stack.enter_context(server.connect("web", autocommit=True)) for _ in range(CONNECTIONS)
        ]
        for connection in connections:
            free.put(connection)
        before = cost(connections, administrator)
        spent_s, per_s = threads(call, seconds)
        after = cost(connections, administrator)
    return found_by(spent_s, per_s, before, after)


def transfer(connection: Connection[Any]) -> None:
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


def verification(server: Server) -> float:
    """Verify the programme; return legs per second."""
    with server.connect("auditor", autocommit=True) as connection:
        start = time.perf_counter()
        problems = ledger.verify(connection, PROGRAMME)
        spent = time.perf_counter() - start
        assert problems == ()
        found = connection.execute("SELECT count(*) FROM books.leg").fetchone()
        assert found is not None
        (legs,) = found
    return float(legs / spent)


def post(connection: Connection[Any], events: list[Event]) -> int:
    """Post a batch, every event of which must be accepted; return how many those were."""
    outcomes = ledger.post(connection, programme=PROGRAMME, events=events)
    assert all(outcome.accepted for outcome in outcomes)
    return len(outcomes)


def event(kind: str, leg: Leg) -> Event:
    """Return an event of one leg."""
    return Event(uuid4(), kind, (leg,), AT)


def any_voucher() -> int:
    """Return the number of a voucher, any."""
    return random.randrange(VOUCHERS)  # noqa: S311  # not a secret


def voucher(number: int, funder: str = "city") -> Account:
    """Return the account of a voucher."""
    return Account("committed", 2026, holder=f"V-{number}", funder=funder)


def payable(funder: str) -> Account:
    """Return what a funder owes the provider."""
    return Account("payable", 2026, holder="P", funder=funder)


def room(cap: str) -> Account:
    """Return what may still be used of a cap."""
    return Account("cap_room", 2026, holder=cap)


def used(cap: str) -> Account:
    """Return what was used of a cap."""
    return Account("cap_used", 2026, holder=cap)


LIMITS: Final = Account("cap_source", 2026)
CLASS: Final = room("class")
WAYS: Final = (
    Way("single legs", "web", single_legs, 1),
    Way("hold + capture", "worker", pairs, 2),
    Way("redemptions", "worker", redemptions, 2),
)

if __name__ == "__main__":
    main()
