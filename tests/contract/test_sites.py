"""What every site promises, whatever scheduler stands behind it."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from patience import PATIENCE_S, until

from tallygrid import clock
from tallygrid.core.job import JobOrder, JobState, Status
from tallygrid.sites.local import LocalSite
from tallygrid.sites.payload import SEEDS, expected, training_step
from tallygrid.sites.port import OrderConflictError, SitePort

MILLISECOND = timedelta(milliseconds=1)
Opens = Callable[[Path, float], tuple[SitePort, str]]
"""Opens a site in a folder, with a grace in seconds."""


@dataclass(frozen=True)
class Rig:
    """A site under test, and the words with which another process opens the same site."""

    site: SitePort
    opening: str
    keys: list[UUID]

    def submit(self, script: str, *, time_limit_s: int = 60, cards: int = 1) -> JobOrder:
        """Submit a shell script as a job."""
        order = an_order(script, time_limit_s=time_limit_s, cards=cards)
        self.keys.append(order.key)
        self.site.submit(order)
        return order

    def run(self, script: str, *, time_limit_s: int = 60, cards: int = 1) -> Status:
        """Submit a shell script as a job and wait for its end."""
        return self.ended(self.submit(script, time_limit_s=time_limit_s, cards=cards).key)

    def ended(self, key: UUID) -> Status:
        """Wait until a job has ended; on the way, no report may go backwards."""
        before = self.site.find(key)
        until(lambda: self.site.find(key).state.ended)
        after = self.site.find(key)
        assert before.state.may_become(after.state)
        return after

    def stdout(self, key: UUID) -> str:
        """Return what a job printed."""
        output = self.site.output(key)
        assert output is not None
        return output.stdout.read_text()

    def elsewhere(self, statements: str) -> "subprocess.Popen[bytes]":
        """Run statements on the same site in another process."""
        imports = "import sys, time, json, uuid; from tallygrid.core.job import JobOrder"
        program = f"{imports}\n{self.opening}\n{statements}"
        return subprocess.Popen([sys.executable, "-c", program])


def local(directory: Path, grace_s: float) -> tuple[SitePort, str]:
    """Open the local site for one job at a time."""
    words = f"LocalSite(Path({str(directory)!r}), slots=1, grace_s={grace_s})"
    imports = "from pathlib import Path; from tallygrid.sites.local import LocalSite"
    return LocalSite(directory, slots=1, grace_s=grace_s), f"{imports}; site = {words}"


@pytest.fixture(params=[local], ids=["local"])
def opens(request: pytest.FixtureRequest) -> Opens:
    found: Opens = request.param
    return found


@pytest.fixture
def rig(opens: Opens, tmp_path: Path) -> Iterator[Rig]:
    """A site whose grace is short, since its jobs have nothing to save."""
    with rigged(*opens(tmp_path / "site", 0.3)) as found:
        yield found


@contextmanager
def rigged(site: SitePort, opening: str) -> Iterator[Rig]:
    rig = Rig(site, opening, [])
    yield rig
    for key in rig.keys:
        site.cancel(key)
    until(lambda: all(site.find(key).state.ended for key in rig.keys))


def an_order(script: str, *, time_limit_s: int = 60, cards: int = 1) -> JobOrder:
    return JobOrder(
        uuid4(),
        site="somewhere",
        cards=cards,
        command=("/bin/sh", "-c", script),
        time_limit_s=time_limit_s,
    )


def lives(process: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet fetched does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def living_of(key: UUID) -> list[str]:
    """Return the processes that carry a job's key, whoever started them."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if f"TALLYGRID_JOB={key}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(process.name)
    return found


def test_a_job_runs_and_is_billed_for_every_card_it_held_by_measured_time(rig: Rig) -> None:
    before = clock.now()

    status = rig.run("sleep 0.3", cards=8)

    after = clock.now()
    assert status.state is JobState.DONE
    assert status.usage is not None
    assert 300 <= status.usage.wall_ms <= (after - before) / MILLISECOND
    assert status.usage.card_ms == 8 * status.usage.wall_ms
    assert before - MILLISECOND <= status.usage.started_at <= after
    assert status.usage.site == "somewhere"


def test_waiting_in_the_queue_is_not_billed(rig: Rig) -> None:
    first = rig.submit("sleep 0.3")

    second = rig.run("true").usage

    before = rig.site.usage(first.key)
    assert before is not None
    assert second is not None
    assert second.started_at >= before.ended_at


def test_what_a_job_writes_is_kept_and_named_by_a_hash(rig: Rig) -> None:
    order = rig.submit("echo said; echo wrong >&2; mkdir a; echo kept > a/b; ln -s /etc/passwd c")
    status = rig.ended(order.key)

    output = rig.site.output(order.key)

    assert output is not None
    assert output.stdout.read_text() == "said\n"
    assert output.stderr.read_text() == "wrong\n"
    by_hand = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum"
    said = subprocess.check_output(["/bin/sh", "-c", by_hand], cwd=output.folder, text=True)
    assert status.usage is not None
    assert status.usage.output_sha256 == said.split()[0]


def test_a_key_that_was_never_submitted_is_unknown(rig: Rig) -> None:
    key = uuid4()

    assert rig.site.find(key) == Status(JobState.UNKNOWN)
    assert rig.site.cancel(key) == Status(JobState.UNKNOWN)
    assert rig.site.output(key) is None
    assert rig.site.usage(key) is None


def test_the_same_order_twice_runs_once(rig: Rig, tmp_path: Path) -> None:
    order = rig.submit(f"echo ran >> {tmp_path}/log")
    rig.site.submit(order)
    rig.ended(order.key)

    again = rig.site.submit(order)

    assert again.state is JobState.DONE
    assert again.usage == rig.site.usage(order.key)
    assert (tmp_path / "log").read_text() == "ran\n"


def test_a_key_cannot_be_reused_for_something_else(rig: Rig) -> None:
    order = rig.submit("true")
    other = JobOrder(order.key, "somewhere", cards=64, command=("true",), time_limit_s=60)

    with pytest.raises(OrderConflictError, match=str(order.key)):
        rig.site.submit(other)

    assert rig.ended(order.key).state is JobState.DONE


def test_processes_that_race_to_submit_one_order_run_it_once(rig: Rig, tmp_path: Path) -> None:
    order = an_order(f"echo ran >> {tmp_path}/log")
    rig.keys.append(order.key)
    rivals = [
        rig.elsewhere(
            f"order = JobOrder.from_json({order.as_json()!r})\n"
            f"Path({str(tmp_path / f'ready-{n}')!r}).touch()\n"
            f"while not Path({str(tmp_path / 'go')!r}).exists(): time.sleep(0.001)\n"
            f"site.submit(order)"
        )
        for n in range(4)
    ]
    until(lambda: len(list(tmp_path.glob("ready-*"))) == len(rivals))
    (tmp_path / "go").touch()

    assert [rival.wait(PATIENCE_S) for rival in rivals] == [0] * 4
    assert rig.ended(order.key).state is JobState.DONE
    assert (tmp_path / "log").read_text() == "ran\n"


@pytest.mark.parametrize(
    ("script", "exit_code"), [("exit 7", 7), ("kill -9 $$", -9), ("exec /no/such/program", 127)]
)
def test_a_job_that_fails_says_how_and_is_measured_all_the_same(
    rig: Rig, script: str, exit_code: int
) -> None:
    status = rig.run(script)

    assert status.state is JobState.FAILED
    assert status.usage is not None
    assert status.usage.exit_code == exit_code


def test_a_program_that_does_not_exist_fails_with_a_reason(rig: Rig) -> None:
    order = JobOrder(uuid4(), "somewhere", cards=1, command=("/no/such",), time_limit_s=60)
    rig.site.submit(order)

    status = rig.ended(order.key)

    output = rig.site.output(order.key)
    assert status.state is JobState.FAILED
    assert output is not None
    assert "No such file" in output.stderr.read_text()


def test_the_time_limit_stops_grandchildren_that_ignore_the_request(rig: Rig) -> None:
    stubborn = "trap '' TERM; while :; do sleep 0.1; done"
    before = clock.now()
    order = rig.submit(f"/bin/sh -c {shlex.quote(stubborn)} & wait", time_limit_s=1)

    status = rig.ended(order.key)

    assert status.state is JobState.TIMED_OUT
    assert status.usage is not None
    assert 1_000 <= status.usage.wall_ms <= (clock.now() - before) / MILLISECOND
    assert not living_of(order.key)


def test_a_job_that_is_asked_to_stop_may_save_its_state(opens: Opens, tmp_path: Path) -> None:
    patient = "trap 'echo saved > state; exit 0' TERM; echo $$; while :; do sleep 0.02; done"
    with rigged(*opens(tmp_path / "site", PATIENCE_S)) as rig:
        order = rig.submit(patient)
        until(lambda: rig.site.find(order.key).state is JobState.RUNNING)
        until(lambda: rig.stdout(order.key) != "")

        rig.site.cancel(order.key)

        status = rig.ended(order.key)
        output = rig.site.output(order.key)
    assert status.state is JobState.CANCELLED
    assert status.usage is not None
    assert output is not None
    assert (output.folder / "state").read_text() == "saved\n"


def test_nothing_a_job_starts_outlives_it(rig: Rig) -> None:
    order = rig.submit("setsid sleep 60 & echo $!; env -i setsid sleep 60 & echo $!; sleep 0.1")

    status = rig.ended(order.key)

    assert status.state is JobState.DONE
    assert [lives(int(line)) for line in rig.stdout(order.key).split()] == [False, False]


def test_a_queued_job_that_is_cancelled_never_runs_and_bills_nothing(
    rig: Rig, tmp_path: Path
) -> None:
    rig.submit(f"until test -e {tmp_path}/go; do sleep 0.02; done")
    queued = rig.submit(f"echo ran >> {tmp_path}/log")
    last = rig.submit("true")
    assert rig.site.find(queued.key).state is JobState.QUEUED

    status = rig.site.cancel(queued.key)
    (tmp_path / "go").touch()

    assert status == Status(JobState.CANCELLED)
    assert rig.ended(last.key).state is JobState.DONE
    assert rig.site.submit(queued) == Status(JobState.CANCELLED)
    assert not (tmp_path / "log").exists()


def test_cancelling_what_has_ended_changes_nothing(rig: Rig) -> None:
    order = rig.submit("true")
    before = rig.ended(order.key)

    assert rig.site.cancel(order.key) == before


def test_jobs_wait_their_turn_and_run_in_the_order_they_came(rig: Rig, tmp_path: Path) -> None:
    script = f"echo begin {{0}} >> {tmp_path}/log; sleep 0.02; echo end {{0}} >> {tmp_path}/log"
    orders = [rig.submit(script.format(n)) for n in range(5)]

    for order in orders:
        rig.ended(order.key)

    assert (tmp_path / "log").read_text().splitlines() == [
        f"{what} {n}" for n in range(5) for what in ("begin", "end")
    ]


def test_a_job_sees_nothing_of_its_submitter(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGRID_DATABASE_URL", "postgresql://secret")
    order = JobOrder(
        uuid4(),
        "somewhere",
        cards=3,
        command=("/bin/sh", "-c", "cat; env"),  # `cat` would wait for ever on a terminal
        time_limit_s=60,
        environment={"EPOCHS": "7"},
    )
    rig.site.submit(order)

    rig.ended(order.key)

    seen = dict(line.split("=", 1) for line in rig.stdout(order.key).splitlines())
    assert seen["EPOCHS"] == "7"
    assert seen["TALLYGRID_CARDS"] == "3"
    assert seen.keys() <= {
        *("PATH", "HOME", "LANG", "PWD", "LD_LIBRARY_PATH"),
        *("EPOCHS", "TALLYGRID_CARDS", "TALLYGRID_JOB", "TALLYGRID_SITE"),
    }


def test_a_job_outlives_the_killed_process_that_submitted_it(rig: Rig, tmp_path: Path) -> None:
    order = an_order(f"until test -e {tmp_path}/go; do sleep 0.02; done; echo finished")
    rig.keys.append(order.key)
    submitter = rig.elsewhere(
        f"site.submit(JobOrder.from_json({order.as_json()!r}))\ntime.sleep(60)"
    )
    until(lambda: rig.site.find(order.key).state is JobState.RUNNING)

    os.kill(submitter.pid, signal.SIGKILL)
    submitter.wait()
    (tmp_path / "go").touch()

    assert rig.ended(order.key).state is JobState.DONE
    assert rig.stdout(order.key) == "finished\n"


@pytest.mark.parametrize("seed", [0, SEEDS - 1])
def test_the_training_step_comes_to_the_result_in_the_table_and_to_no_other(
    rig: Rig, seed: int
) -> None:
    order = JobOrder(uuid4(), "somewhere", 8, training_step(seed), time_limit_s=60)
    rig.site.submit(order)

    usage = rig.ended(order.key).usage

    assert usage is not None
    assert usage.exit_code == 0
    assert usage.output_sha256 == expected()[seed].output_sha256
    assert usage.output_sha256 != expected()[1].output_sha256
