"""Killed anywhere and started again, the demonstration ends as if nothing had happened.

The process, the database or both are killed with SIGKILL at random instants. What is billed
is measured, so amounts of jobs differ from run to run; everything else must be the same.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

import play
import pytest
from play import FIRMS, JOBS

from tallygrid import ledger
from tallygrid.core.rating import Bill
from tallygrid.database import embedded, locate
from tallygrid.database.voice import Voice
from tallygrid.lab.demand import generate, read_table
from tallygrid.service.plain import load
from tallygrid.settings import Settings

PLAYER: Final = (sys.executable, str(Path(play.__file__)))
_PATIENCE_S: Final = 240

Victim = Literal["process", "database", "both"]


def test_a_run_that_was_killed_comes_to_the_end_of_one_that_was_not(
    server_home: Path, own_home: Path
) -> None:
    with _playing(own_home, seed=1) as undisturbed:
        _play_and_kill(server_home, seed=1, victims=("process", "both", "database"))
        _ends_well(own_home, undisturbed)

    _is_whole(server_home, seed=1)
    assert _what_is_not_measured(server_home) == _what_is_not_measured(own_home)


def test_a_run_whose_database_is_killed_again_and_again_is_whole(server_home: Path) -> None:
    _play_and_kill(server_home, seed=2, victims=("database", "process"))

    _is_whole(server_home, seed=2)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 11))
def test_runs_of_many_seeds_survive_many_kills(server_home: Path, seed: int) -> None:
    chance = _chance(seed, "victims")
    victims: tuple[Victim, ...] = ("process", "database", "both")
    undisturbed_home = server_home.with_name("undisturbed")
    try:
        with _playing(undisturbed_home, seed=seed) as undisturbed:
            _play_and_kill(server_home, seed=seed, victims=tuple(chance.choices(victims, k=8)))
            _ends_well(undisturbed_home, undisturbed)

        _is_whole(server_home, seed=seed)
        same = _what_is_not_measured(undisturbed_home)
        assert _what_is_not_measured(server_home) == same
    finally:
        embedded.at_home(undisturbed_home, Voice(print)).stop()


def _play_and_kill(home: Path, *, seed: int, victims: tuple[Victim, ...]) -> None:
    """Start the run, kill so often, and let it come to its end."""
    chance = _chance(seed, "instants")
    for victim in victims:
        with _playing(home, seed=seed) as running:
            with suppress(subprocess.TimeoutExpired):
                running.wait(timeout=chance.uniform(1.0, 4.0))
            if victim != "process":
                _kill_database(home)
            if victim == "database":
                time.sleep(chance.uniform(0.1, 1.0))  # it brings its database up, or tries to
    with _playing(home, seed=seed) as running:
        _ends_well(home, running)


def _ends_well(home: Path, running: subprocess.Popen[bytes]) -> None:
    code = None
    with suppress(subprocess.TimeoutExpired):
        code = running.wait(timeout=_PATIENCE_S)
    assert code == 0, (home / "play.log").read_text(encoding="utf-8")


def _kill_database(home: Path) -> None:
    postmaster = embedded.at_home(home, Voice(print)).postmaster()
    if postmaster is not None:
        with suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGKILL)


@contextmanager
def _playing(home: Path, *, seed: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start the run, or let it go on; whatever happens, kill the process in the end."""
    home.mkdir(mode=0o711, exist_ok=True)
    environment = {**os.environ}
    environment.pop("TALLYGRID_DATABASE_URL", None)
    with (home / "play.log").open("ab") as log:
        running = subprocess.Popen(
            [*PLAYER, str(home), str(seed)], env=environment, stdout=log, stderr=log
        )
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def _is_whole(home: Path, *, seed: int) -> None:
    """Every planned job has one end, every claim was paid, and nothing is left over."""
    demand = generate(read_table(), seed=seed, jobs=JOBS, firms=FIRMS)
    planned = {f"J-{job.number:04d}" for job in demand.jobs}
    with _database(home) as it:
        assert ledger.verify(it) == ()
        jobs = dict(_rows(it, "SELECT id, state FROM service.purchase WHERE id LIKE 'J-%'"))
        unplaced = {one for (one,) in _rows(it, _UNPLACED)}
        assert planned <= jobs.keys() | unplaced
        assert not jobs.keys() & unplaced
        assert set(jobs.values()) == {"settled"}
        for problem in _LEFT_OVERS:
            assert _rows(it, problem) == [], problem
        _money_agrees(it)


_UNPLACED: Final = "SELECT body ->> 'job' FROM service.intent WHERE kind = 'unplaced'"
_SENT: Final = "SELECT programme, sum(amount_fen)::bigint FROM service.payment GROUP BY 1"
_LEFT_OVERS: Final = (
    "SELECT key, kind FROM service.intent WHERE settled_at IS NULL",
    "SELECT key FROM books.hold WHERE state IN ('open', 'started')",
    "SELECT id, state FROM service.purchase WHERE state NOT IN ('settled', 'released', 'failed')",
    """
    SELECT id FROM service.purchase LEFT JOIN service.line ON line.purchase = purchase.id
    WHERE id LIKE 'J-%' GROUP BY id HAVING count(line.n) <> 1
    """,
    """
    SELECT hold FROM books.event WHERE kind = 'capture' AND is_final
    GROUP BY programme, hold HAVING count(*) > 1
    """,
    """
    SELECT evidence ->> 'key' FROM service.line WHERE evidence ? 'key'
    GROUP BY 1 HAVING count(*) > 1
    """,
    """
    SELECT purchase FROM service.reservation
    LEFT JOIN service.purchase ON purchase.id = reservation.purchase WHERE purchase.id IS NULL
    """,
    "SELECT id FROM service.payment WHERE state <> 'confirmed'",
    """
    SELECT code, in_fen, out_fen FROM books.account
    WHERE kind IN ('payable', 'in_payment') AND in_fen <> out_fen
    """,
    "SELECT code FROM books.account WHERE held_fen <> 0",
)
"""Each of these finds something that must not be there at the end."""


def _money_agrees(it: Any) -> None:  # noqa: ANN401  # a connection
    """What lines say is subsidy is what the books have paid, programme by programme."""
    owed: dict[str, int] = {}
    for (bill,) in _rows(it, "SELECT bill FROM service.line"):
        for part in load(Bill, bill).subsidies:
            owed[part.programme] = owed.get(part.programme, 0) + part.subsidy_fen
    paid = dict(
        _rows(
            it,
            """
            SELECT programme.code, sum(in_fen - out_fen)::bigint
            FROM books.account JOIN books.programme ON programme.id = account.programme
            WHERE kind = 'paid' GROUP BY programme.code
            """,
        )
    )
    sent = dict(_rows(it, _SENT))
    assert {code: fen for code, fen in owed.items() if fen} == paid == sent


def _what_is_not_measured(home: Path) -> dict[str, Any]:
    """Return what must be the same in every run of a seed."""
    with _database(home) as it:
        return {name: _rows(it, query) for name, query in _UNMEASURED.items()}


_UNMEASURED: Final = {
    "programmes": "SELECT programme, hash FROM service.programme_version ORDER BY 1, 2",
    "parties": "SELECT id, name, facts FROM service.party ORDER BY 1",
    "applications": "SELECT id, state, decision FROM service.application ORDER BY 1",
    "vouchers": "SELECT id, grant_terms, valid_from, valid_until FROM service.voucher ORDER BY 1",
    "orders": """
        SELECT id, state, document - 'job' FROM service.purchase
        WHERE id NOT LIKE 'J-%' ORDER BY 1
        """,
    "lines": """
        SELECT purchase, n, quantity, bill, document FROM service.line
        WHERE purchase NOT LIKE 'J-%' ORDER BY 1, 2
        """,
    "jobs": "SELECT id FROM service.purchase WHERE id LIKE 'J-%' ORDER BY 1",
    "payments": """
        SELECT id, payee, amount_fen, receipt FROM service.payment
        WHERE programme NOT IN (
            SELECT subsidy ->> 'programme'
            FROM service.line, jsonb_array_elements(bill -> 'subsidies') AS subsidy
            WHERE purchase LIKE 'J-%')
        ORDER BY 1
        """,
}


@contextmanager
def _database(home: Path) -> Iterator[Any]:
    server = locate(Settings(home=home), print)
    server.start()
    with server.administer(server.database) as administrator:
        yield administrator


def _rows(it: Any, query: str) -> list[Any]:  # noqa: ANN401  # a connection
    return list(it.execute(query.encode()).fetchall())


def _chance(seed: int, about: str) -> Random:
    return Random(f"{seed}/{about}")  # noqa: S311  # not for secrets: it must repeat
