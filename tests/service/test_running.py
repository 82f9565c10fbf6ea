"""A purchase's job is run, billed once by what was measured, or everything is given back."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from desk import AT, CARD, CATALOGUE, CITY, FIRM, PROVINCE, Desk, wanted
from patience import PATIENCE_S

from tallygrid.core.job import JobState
from tallygrid.core.rating import rated
from tallygrid.service import running
from tallygrid.service.purchase import Cards, Purchase
from tallygrid.service.running import Followed, job_key
from tallygrid.sites.payload import expected, training_step

PROVIDER: Final = CATALOGUE.providers[CATALOGUE.offers[CARD].provider].credit_code


def _job(desk: Desk, name: str = "J-1", **workload: Any) -> Purchase:  # noqa: ANN401  # JSON
    """Buy a job of eight cards for an hour, with two vouchers."""
    vouchers = [
        desk.voucher(programme, f"A-{name}-{n}", 7_500_000, contract=f"C-{name}")
        for n, programme in enumerate((PROVINCE, CITY))
    ]
    work = {"cards": 8, "command": list(training_step(1)), "time_limit_s": 60, **workload}
    return desk.buy(
        wanted(
            name,
            *vouchers,
            offer=CARD,
            quantity=8,
            contract=f"C-{name}",
            cards=Cards("H100", 8, 3600),
            workload=work,
        )
    )


def _until(desk: Desk, purchase: Purchase, *states: JobState) -> Followed:
    """Follow a job until it stands so, or is settled."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        followed = running.follow(desk.office, purchase)
        if followed.ended or followed.state in states:
            return followed
        time.sleep(0.02)
    raise AssertionError(f"{purchase.id} neither ended nor became {states}")


def _nothing_is_left(desk: Desk) -> None:
    assert desk.held_fen(PROVINCE) == desk.held_fen(CITY) == 0
    assert desk.balance(CITY, f"copay_received:{FIRM}").total_fen == 0
    assert desk.balance(CITY, f"payable:{PROVIDER}:city").in_fen == 0
    assert desk.rows("SELECT * FROM service.line") == []
    assert desk.rows("SELECT * FROM service.reservation") == []
    assert desk.purchase("J-1").state == "failed"
    assert desk.problems() == ()


def test_a_job_is_billed_by_what_its_wrapper_measured(funded: Desk) -> None:
    purchase = _job(funded, expected_sha256=expected()[1].output_sha256, clock=600)

    running.start(funded.office, purchase, at=AT)
    ended = _until(funded, purchase)
    again = running.follow(funded.office, purchase)

    assert ended.usage is not None
    assert (ended.state, again.answer) == (JobState.DONE, ended.answer)
    seconds = Fraction(ended.usage.card_ms * 600, 1000)
    bill = rated(purchase.terms, seconds / 3600)
    assert funded.rows("SELECT (bill ->> 'gross_fen')::int FROM service.line") == [
        (bill.gross_fen,)
    ]
    owed = funded.balance(CITY, f"payable:{PROVIDER}:city").total_fen
    assert owed == bill.subsidies[1].subsidy_fen
    assert funded.purchase("J-1").state == "settled"
    assert funded.problems() == ()


def test_a_job_with_another_output_than_expected_is_not_paid_for(funded: Desk) -> None:
    purchase = _job(funded, expected_sha256="0" * 64)

    running.start(funded.office, purchase, at=AT)
    ended = _until(funded, purchase)

    assert ended.state is JobState.DONE
    _nothing_is_left(funded)


def test_a_job_whose_wrapper_was_killed_is_run_again_and_billed_once(funded: Desk) -> None:
    """The first attempt waits for a file that only the second one finds."""
    command = f"test -e {funded.directory}/go || sleep 60"
    purchase = _job(funded, command=["/bin/sh", "-c", command])
    running.start(funded.office, purchase, at=AT)
    _until(funded, purchase, JobState.RUNNING)

    _kill_wrapper(funded.directory)
    (funded.directory / "go").touch()
    ended = _until(funded, purchase)

    assert (ended.state, ended.attempt) == (JobState.DONE, 2)
    assert funded.office.site.find(job_key(purchase, 1)).state is JobState.LOST
    assert len(funded.rows("SELECT * FROM service.line")) == 1
    assert funded.purchase("J-1").state == "settled"
    assert funded.problems() == ()


def test_a_job_that_is_lost_every_time_is_given_up(funded: Desk) -> None:
    purchase = _job(funded, command=["/bin/sleep", "60"])
    running.start(funded.office, purchase, at=AT)
    for attempt in range(1, running.ATTEMPTS_MAX + 1):
        while _until(funded, purchase, JobState.RUNNING).attempt < attempt:
            time.sleep(0.02)  # the one before is not quite dead
        _kill_wrapper(funded.directory)

    ended = _until(funded, purchase)

    assert (ended.state, ended.attempt) == (JobState.LOST, running.ATTEMPTS_MAX)
    assert running.follow(funded.office, purchase).ended
    _nothing_is_left(funded)


_EXPIRE: Final = """
UPDATE books.hold SET deadline = posted_at
FROM books.programme, books.event
WHERE programme.id = hold.programme AND programme.code LIKE 'henan-%'
  AND (event.programme, event.key) = (hold.programme, hold.key)
"""
"""Let a week pass for the province's hold."""


def test_no_job_is_submitted_once_its_hold_has_expired(funded: Desk) -> None:
    """One of two holds: the other, and what was paid in, go back."""
    purchase = _job(funded)
    funded.administer(_EXPIRE)

    begun = running.start(funded.office, purchase, at=AT)
    followed = running.follow(funded.office, purchase)

    assert begun.refused is not None
    assert begun.refused.code == "hold_expired"
    assert followed.ended
    assert funded.office.site.find(job_key(purchase)).state is JobState.UNKNOWN
    assert funded.held_fen(PROVINCE) == funded.held_fen(CITY) == 0
    assert funded.balance(CITY, f"copay_received:{FIRM}").total_fen == 0
    assert funded.purchase("J-1").state == "failed"


_SUBMITTER: Final = """
import os, signal, sys
sys.path.insert(0, {support!r})
from pathlib import Path
import desk as desks
from tallygrid.database.again import Sessions
from tallygrid.database import resolve
from tallygrid.settings import Settings
from tallygrid.service import buying, running
from tallygrid.service.office import Office
from tallygrid.sites.local import LocalSite

class Deaf(LocalSite):
    def submit(self, order):
        os.kill(os.getpid(), signal.SIGKILL)

server = resolve(Settings(home=Path({home!r})), print).with_database({database!r})
with Sessions(server, print) as sessions:
    office = Office(sessions, desks.CATALOGUE, Deaf(Path({site!r}), slots=2))
    running.start(office, buying.found(office, "J-1"), at=desks.AT)
"""


def test_a_submitter_killed_between_begin_and_submit_is_taken_over(funded: Desk) -> None:
    purchase = _job(funded)
    source: Any = funded.server.source
    program = _SUBMITTER.format(
        support=str(Path(__file__).parents[1] / "support"),
        home=str(source.place.base),
        database=funded.server.database,
        site=str(funded.directory),
    )

    done = subprocess.run([sys.executable, "-c", program], timeout=PATIENCE_S, check=False)

    assert done.returncode == -signal.SIGKILL
    assert funded.purchase("J-1").state == "running"
    assert funded.office.site.find(job_key(purchase)).state is JobState.UNKNOWN
    assert _until(funded, purchase).state is JobState.DONE
    assert funded.purchase("J-1").state == "settled"
    assert len(funded.rows("SELECT * FROM service.line")) == 1


def _kill_wrapper(site: Path) -> None:
    """Kill whoever holds a slot of this site, as the kernel tells it."""
    killed = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(site) in words and any(word.endswith(b"wrapper.py") for word in words):
            os.kill(int(entry.name), signal.SIGKILL)
            killed.append(entry.name)
    assert killed, "no wrapper of this site is alive"
