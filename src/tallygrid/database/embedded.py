"""The embedded server: PostgreSQL under our own supervisor.

It listens on one socket that only its owner can reach, never on TCP. It outlives the
process that started it; the next process finds it by its home. It counts as ready when
it has answered a query, never because a process or a file exists.
"""

import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from tallygrid.database.binaries import Binaries, choose
from tallygrid.database.birth import SUPERUSER, create_data
from tallygrid.database.command import run_as
from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import known_names, name_of_client
from tallygrid.database.place import Place, place_of, try_lock
from tallygrid.database.process import is_alive, is_resident, residents, send
from tallygrid.database.roles import LOGIN_ROLES, create_roles
from tallygrid.database.voice import Voice

_TELL_EVERY_S: Final = 2
_RECOVERY_S_MAX: Final = 3600
_STARTS_MAX: Final = 10
_ORPHAN_TERM_S: Final = 3
_ORPHAN_KILL_S: Final = 20
_EVICTION_S_MAX: Final = 60
_FAST_STOP_S: Final = 60
_STATUS_LINE: Final = 7  # of postmaster.pid, counted from 0
_LOG_BYTES_MAX: Final = 16 * 1024 * 1024

# A crash costs at most what was written since the last checkpoint: hence often, and bounded.
# Recovery first makes the data durable; one call for all files takes seconds on a busy disk
# where a call for each of 1,400 files took 14 to 40 s.
_CONFIGURATION: Final = """\
# Written by tallygrid at every start: edit nothing here.
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 120
shared_buffers = 128MB
fsync = on
full_page_writes = on
synchronous_commit = on
checkpoint_timeout = 90s
min_wal_size = 80MB
max_wal_size = 2GB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
log_min_messages = warning
log_line_prefix = '%m [%p] '
recovery_init_sync_method = syncfs
"""
# Our data fit in memory: processes that read ahead for others would only be three more to die.
_SINCE_18: Final = "io_method = sync\n"
_PASSING_TROUBLE: Final = re.compile("already exists|still in use|LOG: ")


@dataclass(frozen=True)
class Embedded:
    """One embedded server, running or not."""

    place: Place
    voice: Voice

    def start(self) -> None:
        """Make sure the server answers, however it was left."""
        if self.answers():
            return
        self.place.prepare()
        with self.place.locked(self.voice):
            self._bring_up()

    def stop(self) -> None:
        """Stop the server, completing what it has acknowledged."""
        if self.place.data.exists():
            with self.place.locked(self.voice):
                self._shut_down()

    def answers(self) -> bool:
        """Tell whether the server answers a query right now."""
        try:
            self.place.check_socket()
            with psycopg.connect(**self.superuser(), dbname="postgres", connect_timeout=2) as it:
                return it.execute("SELECT 1").fetchone() == (1,)
        except (psycopg.Error, OSError):
            return False

    def superuser(self) -> dict[str, Any]:
        """Return the parameters of a connection that may do anything."""
        return {"host": str(self.place.socket), "port": "5432", "user": SUPERUSER}

    def login(self, role: str) -> dict[str, Any]:
        """Return the parameters of a connection as one of our roles."""
        return {**self.superuser(), "user": role}

    @property
    def entrance(self) -> str:
        """The database through which the server is administered."""
        return "postgres"

    def create_roles(self, administrator: psycopg.Connection[Any]) -> None:
        """Create the missing roles; the socket knows us by our user, without passwords."""
        create_roles(administrator, {})

    def postmaster(self) -> int | None:
        """Return the live postmaster's process id."""
        try:
            lines = (self.place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if is_resident(pid, self.place.data) else None

    def _bring_up(self) -> None:
        binaries = choose(_major_of(self.place.data)).usable_by(
            self.place.identity, base=self.place.base, voice=self.voice
        )
        if not (self.place.data / "PG_VERSION").exists():
            create_data(self.place, binaries, self.voice)
        if self._lost_its_socket():
            self._shut_down()
        for _attempt in range(_STARTS_MAX):
            written = _size(self.place.log)
            pid = self.postmaster() or self._launch(binaries)
            if self._answers_in_time(pid):
                return
            why = _complaint(self.place.log, written)
            if why and not _PASSING_TROUBLE.search(why):
                break
            time.sleep(0.5)
        raise DatabaseError("did_not_start", why=why or "killed", log=self.place.log)

    def _launch(self, binaries: Binaries) -> int:
        """Start the postmaster and return its process id."""
        began = time.monotonic()
        with self.place.alive() as alive:
            while not try_lock(alive):
                if pid := self.postmaster():
                    return pid  # launched by a starter that died before it answered
                self._evict(time.monotonic() - began)
            self._clear_remains()
            self.place.prepare_socket()
            _configure(self.place, binaries.major)
            # The shell ends at once, so that the server is nobody's child and outlives us.
            script = '"$@" </dev/null >>"$0" 2>&1 & echo $!'
            shell = ("/bin/sh", "-c", script, self.place.log)
            server = (binaries.bin / "postgres", "-D", self.place.data)
            return int(run_as(self.place.identity, *shell, *server, kept_open=alive))

    def _answers_in_time(self, pid: int) -> bool:
        """Wait until the server answers; false when it has died instead."""
        began = time.monotonic()
        told = 0
        while not self.answers():
            waited = int(time.monotonic() - began)
            if not is_alive(pid):
                return False
            if waited >= told + _TELL_EVERY_S:
                told = waited
                self.voice.say("recovering", seconds=waited)
            if waited > _RECOVERY_S_MAX:
                raise DatabaseError("silent", seconds=waited, log=self.place.log)
            time.sleep(0.02 if waited < 1 else 0.2)
        return True

    def _evict(self, waited_s: float) -> None:
        """End the backends that a killed postmaster left at work, politely first."""
        orphans = residents(self.place.data)
        if waited_s > _EVICTION_S_MAX:
            raise DatabaseError("occupied", directory=str(self.place.data))
        if waited_s > _ORPHAN_TERM_S:
            self.voice.say("orphans", n=len(orphans), seconds=int(waited_s))
            send(orphans, signal.SIGKILL if waited_s > _ORPHAN_KILL_S else signal.SIGTERM)
        time.sleep(1 if waited_s > _ORPHAN_TERM_S else 0.05)

    def _clear_remains(self) -> None:
        """Clear away the pid file of a killed postmaster.

        PostgreSQL itself would refuse to start while the number in it belongs to a zombie
        or to a stranger; we hold the proof that no process of this server is left.
        """
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        self.place.socket_file.unlink(missing_ok=True)
        self.place.socket_file.with_suffix(".5432.lock").unlink(missing_ok=True)
        if _size(self.place.log) > _LOG_BYTES_MAX:
            self.place.log.replace(self.place.log.with_suffix(".log.1"))

    def _lost_its_socket(self) -> bool:
        """Tell whether a tidy-up of `/tmp` took the socket from under a healthy server."""
        if self.postmaster() is None or self.place.socket_file.exists():
            return False
        lines = (self.place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return lines[_STATUS_LINE:] == ["ready   "]

    def _shut_down(self) -> None:
        began = time.monotonic()
        told = 0
        if pid := self.postmaster():
            send(frozenset({pid}), signal.SIGINT)
        while pid := self.postmaster():
            waited = int(time.monotonic() - began)
            if waited >= told + _TELL_EVERY_S:
                told = waited
                self.voice.say("stopping", seconds=waited)
            if waited > _RECOVERY_S_MAX:
                raise DatabaseError("silent", seconds=waited, log=self.place.log)
            if waited >= _FAST_STOP_S:
                # PostgreSQL 18 waits for itself if it is stopped while it gets over a crash. What
                # it has acknowledged is recovered at the next start.
                send(frozenset({pid}), signal.SIGQUIT)
            time.sleep(0.02)


def at_home(home: Path, voice: Voice) -> Embedded:
    """Return the embedded server of a home, without starting it."""
    return Embedded(place_of(home), voice)


def _configure(place: Place, major: int) -> None:
    clients = sorted({name_of_client(), *known_names(0, place.identity.uid)})
    configuration = _CONFIGURATION.format(socket=place.socket)
    if major >= 18:  # noqa: PLR2004  # before, PostgreSQL does not know the setting
        configuration += _SINCE_18
    _write(place, "postgresql.conf", configuration)
    _write(place, "pg_hba.conf", "local all all peer map=tallygrid\n")
    allowed = (SUPERUSER, *LOGIN_ROLES)
    _write(
        place,
        "pg_ident.conf",
        "".join(f'tallygrid "{client}" {role}\n' for client in clients for role in allowed),
    )


def _write(place: Place, name: str, text: str) -> None:
    path = place.data / name
    path.write_text(text, encoding="utf-8")
    place.identity.owns(path)


def _major_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _complaint(log: Path, written: int) -> str:
    """Return why the server gave up, as far as it said so after a size of its log."""
    text = log.read_bytes()[written:].decode("utf-8", "replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if "the database system is" not in line]
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (fatal or lines[-1:] or [""])[-1]
