"""What row-level security costs: readers with a token, and posting beside its policies.

    python benchmarks/visibility.py

Readers are compared with the same question asked as the auditor with the condition written
out by hand, over 100,000 vouchers of 1,000 applicants. Posting is compared with itself while
the tables have no row-level security, by turns in one run, in processor time of the server.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Any, Final

from ledger import (  # type: ignore[import-not-found]  # the file beside this one
    VOUCHERS,
    event,
    post,
    prepared_server,
    voucher,
)
from psycopg import Connection

from tallygrid.core.books import Account, Leg
from tallygrid.database import Server
from tallygrid.database.pool import Pool
from tallygrid.service.install import install
from tallygrid.service.seeing import seen_with
from tallygrid.service.token import Bearer, issue

APPLICANTS: Final = 1_000
EACH: Final = 100
ME: Final = Bearer("applicant", "91000500")
BATCH: Final = 256
TURNS: Final = 10
BATCHES_PER_TURN: Final = 16
TABLES: Final = ("programme", "account", "event", "leg", "hold", "hold_leg", "batch", "refusal")
ROWS: Final = """
SET session_replication_role = replica;  -- rows whose papers nobody looks at here
INSERT INTO service.party
SELECT (91000000 + n)::text, '{}', '{}' FROM generate_series(1, %(applicants)s) AS n;
INSERT INTO service.voucher
SELECT 'V-' || n, 'p', 'compute', 'A-' || n, (91000001 + n %% %(applicants)s)::text, 'C', 2026,
    '{}', '', 'provider', '[]', 'UTC', '2026-01-01', '2027-01-01', 'issued'
FROM generate_series(1, %(vouchers)s) AS n;
INSERT INTO service.purchase
SELECT 'P-' || n, 'compute', (91000001 + n %% %(applicants)s)::text, 'C', gen_random_uuid(), 'o',
    's', 'x', '{"shares": [{"programme": "p"}]}', 'settled', now()
FROM generate_series(1, %(vouchers)s) AS n;
INSERT INTO service.line
SELECT 'P-' || n, 1, gen_random_uuid(), '1', '{}', '{}', '', now()
FROM generate_series(1, %(vouchers)s) AS n;
RESET session_replication_role;
ANALYZE;
"""
QUESTIONS: Final = {
    "one voucher": ("SELECT * FROM service.voucher WHERE id = 'V-499'", "applicant = %s"),
    "the vouchers of one": ("SELECT * FROM service.voucher WHERE true", "applicant = %s"),
    "the lines of one purchase": (
        "SELECT * FROM service.line WHERE purchase = 'P-499'",
        "EXISTS (SELECT FROM service.purchase WHERE id = line.purchase AND applicant = %s)",
    ),
    "the lines of one": (
        "SELECT * FROM service.line WHERE true",
        "purchase IN (SELECT id FROM service.purchase WHERE applicant = %s)",
    ),
}


def main() -> None:
    """Measure, and print one table."""
    for name, per_s, ratio in measure():
        print(f"{name:<58} {per_s:>9,.0f} {ratio:>6.2f}")


def measure() -> list[tuple[str, float, float]]:
    """Return each way, how often it runs in a second, and its ratio to its peer."""
    with prepared_server() as server:
        install(server)
        return [*_reading(server), *_posting(server)]


def _reading(server: Server) -> Iterator[tuple[str, float, float]]:
    with server.administer(server.database) as administrator:
        numbers = {"applicants": APPLICANTS, "vouchers": APPLICANTS * EACH}
        for statement in ROWS.split(";"):
            administrator.execute((statement % numbers).encode())
    with server.connect("web") as web:
        token = issue(web, ME, timedelta(hours=1))
    pool = Pool(server, "applicant", size=1)
    with server.connect("auditor") as auditor, pool.lent() as bare:
        bare.execute("SELECT set_config('tallygrid.token', %s, true)", [token])
        for name, (question, by_hand) in QUESTIONS.items():
            hand = _rate(_asking(auditor, f"{question} AND {by_hand}", ME.id))
            yield f"{name}, condition by hand", hand, 1.0
            seen = _rate(_asking(bare, question))
            yield f"{name}, with a token", seen, seen / hand
        (question, by_hand) = QUESTIONS["one voucher"]
        hand = _rate(_asking(auditor, f"{question} AND {by_hand}", ME.id))
    whole = _rate(lambda: _through_the_pool(pool, token))
    yield "one voucher, with a pool and a transaction around it", whole, whole / hand
    pool.close()


def _asking(connection: Connection[Any], question: str, *values: str) -> Callable[[], object]:
    return lambda: connection.execute(question.encode(), values or None).fetchall()


def _through_the_pool(pool: Pool, token: str) -> None:
    with seen_with({"applicant": pool}, token) as sight:
        sight.connection.execute(QUESTIONS["one voucher"][0].encode()).fetchall()


def _rate(ask: Callable[[], object]) -> float:
    """Return how often a question is answered in a second, by the median of many times."""
    times = []
    for _ in range(300):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return 1 / median(times)


def _posting(server: Server) -> Iterator[tuple[str, float, float]]:
    """Post by turns with and without policies; the slowest turn of each is left out."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    with server.connect("web", autocommit=True) as web:
        for turn in range(2 * TURNS):
            is_on = turn % 2 == 0
            _switch(server, is_on=is_on)
            _post_some(web)  # plans are made anew after a switch
            spent[is_on].append(_cpu_s_of(web))
    events = BATCH * BATCHES_PER_TURN
    with_, without = (
        events * (TURNS - 1) / sum(sorted(spent[is_on])[:-1]) for is_on in (True, False)
    )
    yield "events per CPU second of posting, without policies", without, 1.0
    yield "events per CPU second of posting, with policies", with_, with_ / without


def _switch(server: Server, *, is_on: bool) -> None:
    word = "ENABLE" if is_on else "DISABLE"
    with server.administer(server.database) as administrator:
        for table in TABLES:
            administrator.execute(f"ALTER TABLE books.{table} {word} ROW LEVEL SECURITY".encode())


def _cpu_s_of(web: Connection[Any]) -> float:
    with _cpu_s(web.info.backend_pid) as spent:
        for _ in range(BATCHES_PER_TURN):
            _post_some(web)
    return spent[0]


def _post_some(web: Connection[Any]) -> None:
    reserved = Account("reserved", 2026, funder="city")
    post(web, [event("issue", Leg(reserved, voucher(n % VOUCHERS), 1)) for n in range(BATCH)])


@contextmanager
def _cpu_s(pid: int) -> Iterator[list[float]]:
    """Return, once done, the seconds of processor time that a process has spent."""
    spent = [0.0]
    before = _ticks(pid)
    yield spent
    spent[0] = (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123  # not a file to keep
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main()
