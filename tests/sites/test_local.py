"""The local site under faults of its own: its wrapper killed, its submitter killed anywhere."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest
from patience import until

from tallygrid.core.job import JobOrder, JobState, Status
from tallygrid.sites.local import LocalSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    site = LocalSite(tmp_path / "site", slots=2, grace_s=0.3)
    yield site
    for key in keys_of(tmp_path / "site"):
        site.cancel(key)
    until(lambda: all(site.find(key).state.ended for key in keys_of(tmp_path / "site")))


def keys_of(directory: Path) -> list[UUID]:
    names = [path.name for kind in ("queued", "jobs") for path in (directory / kind).iterdir()]
    return [UUID(name[-36:]) for name in names]


def a_job(script: str) -> JobOrder:
    return JobOrder(uuid4(), "somewhere", 1, ("/bin/sh", "-c", script), time_limit_s=60)


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def gone(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_job_whose_wrapper_is_killed_is_lost_and_bills_nothing(
    site: LocalSite, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    order = a_job(f"setsid sleep 60 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait")
    site.submit(order)
    until(pids.exists)
    leader, grandchild = (int(word) for word in pids.read_text().split())

    os.kill(parent_of(leader), signal.SIGKILL)

    until(lambda: site.find(order.key) == Status(JobState.LOST))
    until(lambda: gone(leader) and gone(grandchild))
    assert site.usage(order.key) is None
    assert site.submit(order) == Status(JobState.LOST)


def test_what_a_killed_wrapper_left_is_ended_at_its_own_site_alone(
    site: LocalSite, tmp_path: Path
) -> None:
    """Two homes that play the same demonstration on one machine have jobs of the same keys."""
    elsewhere = LocalSite(tmp_path / "elsewhere", slots=1, grace_s=0.3)
    order = a_job("echo $$ > pid.new; mv pid.new pid; sleep 60")
    for one in (site, elsewhere):
        one.submit(order)
    leaders = [tmp_path / name / f"jobs/{order.key}/output/pid" for name in ("site", "elsewhere")]
    until(lambda: all(leader.exists() for leader in leaders))

    os.kill(parent_of(int(written(leaders[0]))), signal.SIGKILL)

    until(lambda: site.find(order.key).state is JobState.LOST)
    assert elsewhere.find(order.key).state is JobState.RUNNING
    elsewhere.cancel(order.key)
    until(lambda: elsewhere.find(order.key).state is JobState.CANCELLED)


def test_a_killed_wrapper_leaves_its_slot_to_the_next(site: LocalSite, tmp_path: Path) -> None:
    victims = [a_job(f"echo $$ > {tmp_path}/{n}; sleep 60") for n in range(2)]
    waiting = a_job("true")
    for order in (*victims, waiting):
        site.submit(order)
    until(lambda: all(written(tmp_path / str(n)).strip() for n in range(2)))
    assert site.find(waiting.key).state is JobState.QUEUED

    os.kill(parent_of(int(written(tmp_path / "0"))), signal.SIGKILL)

    until(lambda: site.find(waiting.key).state is JobState.DONE)
    assert site.find(victims[0].key).state is JobState.LOST
    assert site.find(victims[1].key).state is JobState.RUNNING


def test_a_record_that_a_job_forges_about_itself_is_not_believed(
    site: LocalSite, tmp_path: Path
) -> None:
    forge = """echo '{"state": "done", "usage": null}' > ../outcome.json; touch done"""
    order = a_job(f"{forge}; until test -e go; do sleep 0.02; done; sleep 0.3")
    site.submit(order)
    output = tmp_path / "site" / "jobs" / str(order.key) / "output"
    until((output / "done").exists)

    assert site.find(order.key) == Status(JobState.RUNNING)

    (output / "go").touch()
    until(lambda: site.find(order.key).state.ended)
    usage = site.usage(order.key)
    assert usage is not None
    assert usage.wall_ms >= 300


def test_as_many_jobs_run_at_once_as_there_are_slots(site: LocalSite, tmp_path: Path) -> None:
    orders = [a_job(f"echo x >> {tmp_path}/log; sleep 60") for _ in range(3)]
    for order in orders:
        site.submit(order)

    until(lambda: written(tmp_path / "log") == "x\nx\n")

    states = [site.find(order.key).state for order in orders]
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.QUEUED]


def test_the_queue_moves_on_although_nobody_looks(site: LocalSite, tmp_path: Path) -> None:
    for n in range(6):
        site.submit(a_job(f"sleep 0.05; echo {n} >> {tmp_path}/log"))

    until(lambda: sorted(written(tmp_path / "log").split()) == list("012345"))


def test_the_record_on_disk_is_what_the_site_reports(site: LocalSite, tmp_path: Path) -> None:
    order = a_job("true")
    site.submit(order)
    until(lambda: site.find(order.key).state.ended)

    on_disk = json.loads((tmp_path / "site/jobs" / str(order.key) / "outcome.json").read_text())

    usage = site.usage(order.key)
    assert usage is not None
    assert on_disk == {"state": "done", "usage": usage.as_json()}


def kill_the_submitter_somewhere(tmp_path: Path, seed: int) -> None:
    """Submit jobs from a process that is killed after a random while, and once more from here."""
    chance = Random(seed)  # noqa: S311  # nothing is kept secret by it
    directory, log = tmp_path / str(seed), tmp_path / f"{seed}.log"
    orders = [a_job(f"echo {n} >> {log}") for n in range(12)]
    (tmp_path / "orders.json").write_text(json.dumps([order.as_json() for order in orders]))
    program = (
        "import json, sys; from pathlib import Path\n"
        "from tallygrid.core.job import JobOrder\n"
        "from tallygrid.sites.local import LocalSite\n"
        "site = LocalSite(Path(sys.argv[1]), slots=2)\n"
        "orders = [JobOrder.from_json(o) for o in json.loads(Path(sys.argv[2]).read_text())]\n"
        "print(flush=True)\n"
        "for order in orders: site.submit(order)\n"
    )
    arguments = [sys.executable, "-c", program, str(directory), str(tmp_path / "orders.json")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as submitter:
        assert submitter.stdout is not None
        submitter.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        submitter.kill()

    site = LocalSite(directory, slots=2)
    for order in orders:
        site.submit(order)
    until(lambda: all(site.find(order.key).state.ended for order in orders))

    assert {site.find(order.key).state for order in orders} == {JobState.DONE}
    assert sorted(int(line) for line in log.read_text().split()) == list(range(12))


@pytest.mark.parametrize("seed", range(4))
def test_a_submitter_killed_anywhere_begins_again_and_every_job_runs_once(
    tmp_path: Path, seed: int
) -> None:
    kill_the_submitter_somewhere(tmp_path, seed)


@pytest.mark.soak
def test_a_submitter_killed_a_hundred_times_loses_and_repeats_no_job(tmp_path: Path) -> None:
    for seed in range(100, 200):
        kill_the_submitter_somewhere(tmp_path, seed)


def wrappers_of(directory: Path) -> list[int]:
    """List the wrappers of a site, which are started with its directory as an argument."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and str(directory).encode() in arguments_of(entry)[-2:-1]
    ]


def arguments_of(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill_wrappers_somewhere(tmp_path: Path, seed: int) -> None:
    """Submit jobs and, at random moments, kill whatever wrappers there are."""
    chance = Random(seed)  # noqa: S311  # nothing is kept secret by it
    directory, log = tmp_path / str(seed), tmp_path / f"{seed}.log"
    site = LocalSite(directory, slots=2)
    orders = [a_job(f"echo {n} >> {log}") for n in range(12)]
    for order in orders:
        site.submit(order)
    for _ in range(3):
        time.sleep(chance.uniform(0, 0.06))
        for wrapper in wrappers_of(directory):
            with suppress(ProcessLookupError):  # it may just have ended
                os.kill(wrapper, signal.SIGKILL)
    until(lambda: all(site.find(order.key).state.ended for order in orders))

    states = [site.find(order.key).state for order in orders]
    ran = [int(line) for line in written(log).split()]
    assert set(states) <= {JobState.DONE, JobState.LOST}
    assert len(ran) == len(set(ran))
    assert {n for n, state in enumerate(states) if state is JobState.DONE} <= set(ran)
    assert states.count(JobState.LOST) <= 6


@pytest.mark.parametrize("seed", range(4))
def test_wrappers_killed_anywhere_cost_at_most_the_jobs_they_held(
    tmp_path: Path, seed: int
) -> None:
    kill_wrappers_somewhere(tmp_path, seed)


@pytest.mark.soak
def test_wrappers_killed_hundreds_of_times_run_no_job_twice(tmp_path: Path) -> None:
    for seed in range(100, 200):
        kill_wrappers_somewhere(tmp_path, seed)
