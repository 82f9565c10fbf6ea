"""The wrapper of the local site: a small program that runs queued jobs and measures them.

It is started by path, with nothing but the standard library, and holds one slot of the site.
It takes the first job of the queue, runs it in a session of its own, writes the outcome, and
goes on to the next; with an empty queue it ends. It needs nobody: whoever submitted a job may
die, the job is still run and its usage is still on the disk::

    <site>/lock                      held, for an instant, by whoever changes the queue
    <site>/slots/<n>                 held by the wrapper of that slot, for its life
    <site>/queued/<number>-<key>/    order.json
    <site>/jobs/<key>/               order.json, output/, stdout, stderr, cancel, outcome.json
    <site>/jobs/<key>/lock           held by the wrapper while the job runs

A lock belongs to an open file, so the kernel drops it when its holder dies, however it dies,
and no process id is ever trusted. A job whose lock is free and that has no outcome is lost.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

KEY_VARIABLE: Final = "TALLYGRID_JOB"
SITE_VARIABLE: Final = "TALLYGRID_SITE"
"""Both are set for every process of a job, so that those a killed wrapper leaves behind can be
told; a key alone would also name the same job of another site on this machine."""
INHERITED: Final = frozenset({"LD_LIBRARY_PATH"})
"""All that the environment of a submitter gives: some machines start no program without it."""
NICENESS: Final = 10
_POLL_S: Final = 0.1
_NOT_STARTED: Final = 127
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def main(site: Path, slot: int) -> None:
    """Run the queue of a site until it is empty, as a process that belongs to nobody.

    The slot is its open and locked file, handed down by whoever started this program.
    """
    if os.fork():
        os._exit(0)
    os.set_inheritable(slot, False)  # noqa: FBT003  # the name says it
    _adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _stop_what_the_last_wrapper_left(site, slot)
    while (job := _claim(site, slot)) is not None:
        folder, lock = job
        _run(folder)
        os.close(lock)


@contextmanager
def locked(site: Path) -> Iterator[None]:
    """Hold the site's lock: nobody else submits, cancels or claims meanwhile."""
    descriptor = os.open(site / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def queued(site: Path) -> list[str]:
    """List the names of the waiting jobs, the first to run first."""
    return sorted(folder.name for folder in (site / "queued").iterdir())


def write_json(path: Path, data: Mapping[str, object]) -> None:
    """Write a file whole or not at all, and return once it would survive a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    for folder in (path.parent, path.parent.parent):
        _sync_folder(folder)


def folder_sha256(folder: Path) -> str:
    """Name a folder's content by one hash that anyone can check from a shell.

    Inside it: ``find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum``.
    """
    paths = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    regular = (path for path in paths if path.is_file() and not path.is_symlink())
    manifest = hashlib.sha256()
    for name, path in sorted((os.fsencode(path.relative_to(folder)), path) for path in regular):
        manifest.update(_file_sha256(path).encode() + b"  ./" + name + b"\n")
    return manifest.hexdigest()


def stop_leftovers(site: Path, key: str) -> None:
    """Kill every process that carries a job's key: its wrapper died and cannot."""
    marks = {f"{KEY_VARIABLE}={key}".encode(), os.fsencode(f"{SITE_VARIABLE}={site}")}
    for process in _process_ids():
        with suppress(OSError):
            environment = Path(f"/proc/{process}/environ").read_bytes()
            if marks <= set(environment.split(b"\0")):
                os.kill(process, signal.SIGKILL)


def _claim(site: Path, slot: int) -> tuple[Path, int] | None:
    """Take the first waiting job and its lock; with none, give the slot back.

    Both happen under the site's lock, so a submitter either sees this slot free or knows
    that its job will be found.
    """
    with locked(site):
        waiting = queued(site)
        if not waiting:
            os.close(slot)
            return None
        name = waiting[0]
        key = name.partition("-")[2]
        _lay_out(site / "queued" / name)
        os.ftruncate(slot, 0)
        os.pwrite(slot, key.encode(), 0)
        lock = os.open(site / "queued" / name / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (site / "queued" / name).rename(site / "jobs" / key)
    return site / "jobs" / key, lock


def _lay_out(folder: Path) -> None:
    """Make what a running job has, before anyone can see it run; again, if a kill came between."""
    (folder / "output").mkdir(exist_ok=True)
    (folder / "stdout").touch()
    (folder / "stderr").touch()


def _stop_what_the_last_wrapper_left(site: Path, slot: int) -> None:
    key = os.pread(slot, 64, 0).decode()
    if key and not (site / "jobs" / key / "outcome.json").exists():
        stop_leftovers(site, key)


def _run(folder: Path) -> None:
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    started_at_ms = time.time_ns() // 1_000_000  # the one reading of the calendar's clock
    started_ns = time.monotonic_ns()
    leader = _start(folder, order["order"])
    job = _Job(leader)
    state = job.wait(folder, deadline_ns=started_ns + order["order"]["time_limit_s"] * 10**9)
    job.stop(grace_s=0 if state == "ended" else order["grace_s"])
    wall_ms = (time.monotonic_ns() - started_ns) // 1_000_000
    _record(folder, order["order"], state, job, started_at_ms=started_at_ms, wall_ms=wall_ms)


def _record(
    folder: Path,
    order: Mapping[str, Any],
    state: str,
    job: "_Job",
    *,
    started_at_ms: int,
    wall_ms: int,
) -> None:
    if state == "ended":
        state = "done" if job.exit_code == 0 else "failed"
    usage = {
        "key": order["key"],
        "site": order["site"],
        "cards": order["cards"],
        "started_at": _written(started_at_ms),
        "ended_at": _written(started_at_ms + wall_ms),
        "wall_ms": wall_ms,
        "card_ms": order["cards"] * wall_ms,
        "cpu_ms": job.cpu_ms,
        "exit_code": job.exit_code,
        "output_sha256": folder_sha256(folder / "output"),
        "attempt": order["attempt"],
    }
    write_json(folder / "outcome.json", {"state": state, "usage": usage})


class _Job:
    """The processes of one job, all of which end as children of this one."""

    def __init__(self, leader: int) -> None:
        self.leader = leader
        self.exit_code: int = -signal.SIGKILL
        self.cpu_ms = 0
        self._leader_ended = False
        self._any_left = True

    def wait(self, folder: Path, *, deadline_ns: int) -> str:
        """Wait for the job's first process and return `ended`, `cancelled` or `timed_out`."""
        while True:
            self._reap()
            if self._leader_ended:
                return "ended"
            if (folder / "cancel").exists():
                return "cancelled"
            left_s = (deadline_ns - time.monotonic_ns()) / 1e9
            if left_s <= 0:
                return "timed_out"
            signal.sigtimedwait([signal.SIGCHLD], min(_POLL_S, left_s))

    def stop(self, *, grace_s: float) -> None:
        """End every process of the job: first with a request, then, after the grace, by force."""
        if grace_s:
            self._signal_group(signal.SIGTERM)
        forced_at = time.monotonic() + grace_s
        while True:
            self._reap()
            if not self._any_left:
                return
            if time.monotonic() >= forced_at:
                self._signal_group(signal.SIGKILL)
                for process in _children():
                    _kill(process, signal.SIGKILL)
            signal.sigtimedwait([signal.SIGCHLD], 0.02)

    def _reap(self) -> None:
        while True:
            try:
                process, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._any_left = False
                return
            if not process:
                return
            # A process counts those it waited for itself, so orphans are added once.
            self.cpu_ms += int((used.ru_utime + used.ru_stime) * 1000)
            if process == self.leader:
                self._leader_ended = True
                self.exit_code = os.waitstatus_to_exitcode(status)

    def _signal_group(self, number: signal.Signals) -> None:
        # While one process of the group lives, the kernel gives its number to no other.
        with suppress(ProcessLookupError):
            os.killpg(self.leader, number)


def _start(folder: Path, order: Mapping[str, Any]) -> int:
    """Start a job's first process in its own session, seeing nothing of ours."""
    parent = os.getpid()
    process = os.fork()
    if process:
        return process
    try:
        _become(folder, order, parent)
    except BaseException as error:  # noqa: BLE001  # a forked child must never return
        os.write(2, f"The job could not be started: {error}\n".encode())
    os._exit(_NOT_STARTED)


def _become(folder: Path, order: Mapping[str, Any], parent: int) -> NoReturn:
    os.setsid()
    _redirect(folder)
    os.chdir(folder / "output")
    os.nice(NICENESS)
    _die_with_parent(parent)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    command = order["command"]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "output"),
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in INHERITED & os.environ.keys()},
        **order["environment"],
        "TALLYGRID_CARDS": str(order["cards"]),
        KEY_VARIABLE: order["key"],
        SITE_VARIABLE: str(folder.parent.parent),
    }
    os.execvpe(command[0], command, environment)  # noqa: S606  # no shell, by intent


def _redirect(folder: Path) -> None:
    for descriptor, path, flags in (
        (0, Path(os.devnull), os.O_RDONLY),
        (1, folder / "stdout", os.O_WRONLY | os.O_APPEND),
        (2, folder / "stderr", os.O_WRONLY | os.O_APPEND),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(_NOT_STARTED)


def _adopt_orphans() -> None:
    # What a job starts and abandons becomes our child, even in a session of its own.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> Iterator[int]:
    for process in _process_ids():
        with suppress(OSError):
            status = Path(f"/proc/{process}/stat").read_text(encoding="latin-1")
            if int(status.rpartition(")")[2].split()[1]) == os.getpid():
                yield process


def _process_ids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _kill(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(epoch_ms: int) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch_ms // 1000))
    return f"{whole}.{epoch_ms % 1000:03d}+00:00"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
