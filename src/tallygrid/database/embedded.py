"""The embedded server: PostgreSQL under our own supervisor.

It listens on one socket that only its owner can reach, never on TCP. It outlives the
process that started it; the next process finds it by its home. It counts as ready when
it has answered a query, never because a process or a file exists.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg

from tallygrid.database.binaries import Binaries, choose
from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import Identity, name_of_client, of_initdb
from tallygrid.database.place import Place, place_of
from tallygrid.database.process import is_alive, is_resident, residents, send
from tallygrid.database.roles import LOGIN_ROLES, create_roles
from tallygrid.database.voice import Voice

SUPERUSER: Final = "postgres"
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}
_TELL_EVERY_S: Final = 5
_RECOVERY_S_MAX: Final = 3600
_RETRY_S_MAX: Final = 60
_ORPHAN_TERM_S: Final = 3
_ORPHAN_KILL_S: Final = 20
_LOG_BYTES_MAX: Final = 16 * 1024 * 1024

# A crash costs at most what was written since the last checkpoint: hence often, and bounded.
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
max_wal_size = 512MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
log_min_messages = warning
log_line_prefix = '%m [%p] '
"""
_PASSING_TROUBLE: Final = (
    'lock file "postmaster.pid" already exists',
    "pre-existing shared memory block",
    "lock file",
)


@dataclass(frozen=True)
class Embedded:
    """One embedded server, running or not."""

    place: Place
    voice: Voice

    def start(self) -> None:
        """Make sure the server answers, however it was left."""
        if self.answers():
            return
        with self.place.locked(self.voice):
            if not self.answers():
                self._bring_up()

    def stop(self) -> None:
        """Stop the server, completing what it has acknowledged."""
        with self.place.locked(self.voice):
            self._shut_down()

    def answers(self) -> bool:
        """Tell whether the server answers a query right now."""
        if not self.place.socket_file.exists():
            return False
        self.place.check_socket()
        try:
            with psycopg.connect(**self.superuser(), dbname="postgres", connect_timeout=2) as it:
                return it.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
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
            lines = (self.place.data / "postmaster.pid").read_text(encoding="ascii").splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if is_resident(pid, self.place.data) else None

    def _bring_up(self) -> None:
        binaries = choose(_major_of(self.place.data)).usable_by(
            self.place.identity, base=self.place.base, voice=self.voice
        )
        if not (self.place.data / "PG_VERSION").exists():
            _Birth(self.place, binaries, self.voice).create()
        began = time.monotonic()
        while True:
            pid = self.postmaster() or self._launch(binaries)
            if self._answers_in_time(pid):
                return
            if time.monotonic() - began > _RETRY_S_MAX or not self._is_passing_trouble():
                raise DatabaseError("did_not_start", why=self._last_words(), log=self.place.log)
            time.sleep(0.2)

    def _launch(self, binaries: Binaries) -> int:
        self._clear_remains()
        self.place.prepare_socket()
        _configure(self.place)
        if self.place.log.exists() and self.place.log.stat().st_size > _LOG_BYTES_MAX:
            self.place.log.replace(self.place.log.with_suffix(".log.1"))
        # The shell ends at once, so that the server is nobody's child and outlives us.
        script = '"$@" </dev/null >>"$0" 2>&1 & echo $!'
        shell = ("/bin/sh", "-c", script, self.place.log)
        server = (binaries.bin / "postgres", "-D", self.place.data)
        told = _run_as(self.place.identity, *shell, *server)
        return int(told)

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
            if waited > _TELL_EVERY_S and self._lost_its_socket():
                self._shut_down()
            time.sleep(0.02 if waited < 1 else 0.2)
        return True

    def _lost_its_socket(self) -> bool:
        """Tell whether a tidy-up of `/tmp` took the socket from under a healthy server."""
        lines = (self.place.data / "postmaster.pid").read_text(encoding="ascii").splitlines()
        return lines[-1].strip() == "ready" and not self.place.socket_file.exists()

    def _clear_remains(self) -> None:
        """Clear away what a killed postmaster left: backends still at work, and its pid file.

        PostgreSQL itself would refuse to start while the number in that file belongs to
        a zombie or to a stranger; we know from /proc that nobody works in the data.
        """
        began = time.monotonic()
        while orphans := residents(self.place.data):
            waited = time.monotonic() - began
            if waited > _ORPHAN_KILL_S:
                send(orphans, signal.SIGKILL)
            elif waited > _ORPHAN_TERM_S:
                self.voice.say("orphans", n=len(orphans), seconds=int(waited))
                send(orphans, signal.SIGTERM)
            time.sleep(0.05 if waited < _ORPHAN_TERM_S else 1)
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        self.place.socket_file.unlink(missing_ok=True)
        self.place.socket_file.with_name(f"{self.place.socket_file.name}.lock").unlink(
            missing_ok=True
        )

    def _shut_down(self) -> None:
        began = time.monotonic()
        told = 0
        while pid := self.postmaster():
            waited = int(time.monotonic() - began)
            if waited == 0 or waited >= told + _TELL_EVERY_S:
                send(frozenset({pid}), signal.SIGINT)
            if waited >= told + _TELL_EVERY_S:
                told = waited
                self.voice.say("stopping", seconds=waited)
            time.sleep(0.02)

    def _last_words(self) -> str:
        lines = _tail(self.place.log)
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line]
        return (fatal or lines or ["-"])[-1]

    def _is_passing_trouble(self) -> bool:
        return any(phrase in self._last_words() for phrase in _PASSING_TROUBLE)


@dataclass(frozen=True)
class _Birth:
    """The creation of the data, which is complete or has not happened."""

    place: Place
    binaries: Binaries
    voice: Voice

    def create(self) -> None:
        """Create the data beside their place and move them there in one step."""
        self._refuse_strangers()
        self.voice.say("creating", directory=str(self.place.data), version=self.binaries.version)
        for interrupted in self.place.base.glob("unborn-*"):
            shutil.rmtree(interrupted)
        unborn = self.place.base / f"unborn-{uuid4().hex}"
        unborn.mkdir(mode=0o700)
        self._initdb(unborn)
        unborn.rename(self.place.data)
        _sync(self.place.base)

    def _refuse_strangers(self) -> None:
        if self.place.data.exists():
            raise DatabaseError("not_our_data", directory=str(self.place.data))

    def _initdb(self, unborn: Path) -> None:
        creator = of_initdb(self.place.identity)
        creator.owns(unborn)
        arguments = "--encoding=UTF8 --locale=C --auth=reject --data-checksums --no-instructions"
        _run_as(
            creator,
            self.binaries.bin / "initdb",
            *("-D", unborn, "-U", SUPERUSER),
            *arguments.split(),
        )
        for path in (unborn, *unborn.rglob("*")):
            self.place.identity.owns(path)


def at_home(home: Path, voice: Voice) -> Embedded:
    """Return the embedded server of a home, without starting it."""
    return Embedded(place_of(home), voice)


def _configure(place: Place) -> None:
    client = name_of_client()
    _write(place, "postgresql.conf", _CONFIGURATION.format(socket=place.socket))
    _write(place, "pg_hba.conf", "local all all peer map=tallygrid\n")
    allowed = (SUPERUSER, *LOGIN_ROLES)
    _write(place, "pg_ident.conf", "".join(f'tallygrid "{client}" {role}\n' for role in allowed))


def _write(place: Place, name: str, text: str) -> None:
    path = place.data / name
    path.write_text(text, encoding="utf-8")
    place.identity.owns(path)


def _major_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def _run_as(identity: Identity, *command: str | Path) -> str:
    try:
        if identity.is_ours:
            return _output(command)
        return _output(command, identity)
    except subprocess.CalledProcessError as error:
        why = re.sub(r"\s+", " ", str(error.stderr).strip())
        raise DatabaseError("command_failed", command=str(command[0]), why=why) from error
    except OSError as error:
        raise DatabaseError(
            "command_failed", command=str(command[0]), why=error.strerror
        ) from error


def _output(command: tuple[str | Path, ...], identity: Identity | None = None) -> str:
    done = subprocess.run(  # noqa: S603  # our own programs, no shell expands anything
        command,
        env=_ENVIRONMENT,
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
        umask=0o077,
        start_new_session=True,
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=[] if identity else None,
    )
    return done.stdout


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tail(path: Path, size: int = 4000) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
