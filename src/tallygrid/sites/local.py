"""The local site: this machine, running each job as real processes, a few at a time.

What is promised here is kept by files and locks alone (see `wrapper`), so any number of
processes may hold a `LocalSite` on one directory, and any of them may be killed.

A card of this site is a slot's worth of processor, not an accelerator: a job that asks for
eight cards takes one slot and is billed eight card-seconds per measured second.
"""

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any
from uuid import UUID, uuid4

from tallygrid.core.job import JobOrder, JobState, Status, Usage
from tallygrid.sites import wrapper
from tallygrid.sites.port import OrderConflictError, Output, SiteUnreachableError


class LocalSite:
    """A queue, first come, first served, and as many jobs at once as there are slots."""

    def __init__(self, directory: Path, *, slots: int, grace_s: float = 5) -> None:
        """Open the site in a directory, or found it.

        Args:
            directory: Where the site keeps its queue, and for ever what its jobs wrote.
            slots: How many jobs run at once; more than the machine's cores makes each
                slower, and a slower job is billed for longer.
            grace_s: How long a job that must stop may take to save its state.
        """
        assert slots > 0, slots
        self._directory = directory.resolve()  # one spelling: a job's processes carry it
        self._slots = slots
        self._grace_s = grace_s
        for name in ("incoming", "queued", "jobs", "slots"):
            (self._directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def identity(self) -> str:
        """What stands in the directory since the site was first asked; see `SitePort`."""
        file = self._directory / "identity.json"
        with wrapper.locked(self._directory):
            if not file.exists():
                wrapper.write_json(file, {"identity": str(uuid4())})
            found: str = _read(file)["identity"]
        return found

    def submit(self, order: JobOrder) -> Status:
        """Put an order into the queue, unless its key is known; see `SitePort`."""
        with wrapper.locked(self._directory):
            folder = self._folder(order.key)
            if folder is None:
                self._enqueue(order)
            elif _stored_order(folder) != order:
                raise OrderConflictError(order.key)
            self._start_wrappers()
        return self.find(order.key)

    def find(self, key: UUID) -> Status:
        """Report how a job stands, and see to it that the queue moves; see `SitePort`."""
        folder = self._folder(key)
        if folder is None:
            return Status(JobState.UNKNOWN)
        if folder.parent.name == "queued":
            with wrapper.locked(self._directory):
                self._start_wrappers()
            return Status(JobState.QUEUED)
        if _is_held(folder / "lock"):
            return Status(JobState.RUNNING)
        return _outcome(folder) or _lost(folder)

    def cancel(self, key: UUID) -> Status:
        """Take a job out of the queue, or ask its wrapper to stop it; see `SitePort`."""
        with wrapper.locked(self._directory):
            folder = self._folder(key)
            if folder is None:
                return Status(JobState.UNKNOWN)
            if folder.parent.name == "queued":
                wrapper.write_json(folder / "outcome.json", {"state": "cancelled", "usage": None})
                folder.rename(self._directory / "jobs" / str(key))
            elif _is_held(folder / "lock"):
                (folder / "cancel").touch()
        return self.find(key)

    def output(self, key: UUID) -> Output | None:
        """Return the files of a job that ran; see `SitePort`."""
        folder = self._directory / "jobs" / str(key)
        if not (folder / "output").exists():
            return None
        return Output(folder=folder / "output", stdout=folder / "stdout", stderr=folder / "stderr")

    def usage(self, key: UUID) -> Usage | None:
        """Return the wrapper's record of a job that ran and ended; see `SitePort`."""
        return self.find(key).usage

    def _folder(self, key: UUID) -> Path | None:
        # A job only ever moves from the queue to the jobs, so look in this order.
        for name in wrapper.queued(self._directory):
            if name.endswith(f"-{key}"):
                return self._directory / "queued" / name
        folder = self._directory / "jobs" / str(key)
        return folder if folder.exists() else None

    def _enqueue(self, order: JobOrder) -> None:
        """Add an order to the end of the queue, whole or not at all."""
        incoming = self._directory / "incoming" / str(order.key)
        incoming.mkdir(exist_ok=True)  # it is there if the last attempt was killed half-way
        data = {"order": order.as_json(), "grace_s": self._grace_s}
        (incoming / "order.json").write_text(json.dumps(data, indent=1), encoding="utf-8")
        waiting = wrapper.queued(self._directory)
        number = int(waiting[-1].partition("-")[0]) + 1 if waiting else 1
        incoming.rename(self._directory / "queued" / f"{number:012d}-{order.key}")

    def _start_wrappers(self) -> None:
        """Give every free slot a wrapper, as far as there are jobs waiting."""
        waiting = len(wrapper.queued(self._directory))
        for number in range(self._slots):
            if waiting and self._start_wrapper(self._directory / "slots" / str(number)):
                waiting -= 1

    def _start_wrapper(self, slot: Path) -> bool:
        descriptor = os.open(slot, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            self._launch(descriptor)
            return True
        finally:
            os.close(descriptor)  # the wrapper has its own copy, and with it the lock

    def _launch(self, slot: int) -> None:
        """Start the wrapper program; it leaves this process at once, so nothing is left to reap."""
        program = [sys.executable, "-I", "-S", wrapper.__file__, str(self._directory), str(slot)]
        with (
            (self._directory / "wrapper.log").open("ab") as log,
            Popen(  # noqa: S603  # our own program, by its full path
                program,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={name: os.environ[name] for name in wrapper.INHERITED & os.environ.keys()},
                pass_fds=(slot,),
                start_new_session=True,
            ) as process,
        ):
            if process.wait() != 0:
                raise SiteUnreachableError("local", log.name)


def _stored_order(folder: Path) -> JobOrder:
    return JobOrder.from_json(_read(folder / "order.json")["order"])


def _outcome(folder: Path) -> Status | None:
    if not (folder / "outcome.json").exists():
        return None
    outcome = _read(folder / "outcome.json")
    usage = Usage.from_json(outcome["usage"]) if outcome["usage"] else None
    return Status(JobState(outcome["state"]), usage)


def _lost(folder: Path) -> Status:
    """Report a job whose wrapper was killed, having ended what may be left of it."""
    if not (folder / "swept").exists():
        wrapper.stop_leftovers(folder.parent.parent, folder.name)
        (folder / "swept").touch()
    return Status(JobState.LOST)


def _is_held(lock: Path) -> bool:
    """Tell whether a wrapper lives that holds the job."""
    with suppress(FileNotFoundError):
        descriptor = os.open(lock, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def _read(path: Path) -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data
