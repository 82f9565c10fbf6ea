"""Where the embedded server keeps its files, its socket and its lock."""

import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import Identity, of_server
from tallygrid.database.voice import Voice

_SOCKET_PATH_BYTES_MAX: Final = 107
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_ROOTS_OWN: Final = Path("/var/lib/tallygrid")
_TELL_EVERY_S: Final = 5


@dataclass(frozen=True)
class Place:
    """The directories of one embedded server, and the user it runs as."""

    base: Path
    identity: Identity

    @property
    def data(self) -> Path:
        """The data directory; it exists only once it is complete."""
        return self.base / "postgres"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.data / "server.log"

    @property
    def socket(self) -> Path:
        """The directory of the socket, which only root and the server's user can enter.

        A socket's path is limited to 107 bytes, so that a long home puts it under `/tmp`;
        the name depends on the home alone, for every process has to find it again.
        """
        beside = self.base / "socket"
        if len(os.fsencode(beside / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES_MAX:
            return beside
        return Path(f"/tmp/tallygrid-{self.identity.uid}-{_digest(self.base)}")  # noqa: S108  # ownership is checked

    @property
    def socket_file(self) -> Path:
        """The socket itself, present while the server listens."""
        return self.socket / _SOCKET_NAME

    def prepare_socket(self) -> None:
        """Create the socket's directory, or make sure that nobody else did."""
        try:
            self.socket.mkdir(mode=0o700)
        except FileExistsError:
            self.check_socket()
        self.identity.owns(self.socket)

    def check_socket(self) -> None:
        """Refuse a socket directory that others own or may enter."""
        found = self.socket.lstat()
        ours = found.st_uid in {self.identity.uid, os.geteuid()}
        if not (stat.S_ISDIR(found.st_mode) and ours and not found.st_mode & 0o077):
            raise DatabaseError("foreign_socket", path=str(self.socket), uid=self.identity.uid)

    def prepare(self) -> None:
        """Create the base, so that the server's user can walk through it."""
        make_home(self.base)

    def locked(self, voice: Voice) -> AbstractContextManager[None]:
        """Let one process at a time create, start or stop the server."""
        return locked(self.base / "lock", voice)

    def alive(self) -> AbstractContextManager[int]:
        """Open the file whose lock tells that a server process is alive.

        The postmaster inherits it open and locked, and its backends inherit it from there.
        So the kernel itself releases the lock with the last of them, however they die; a
        process id may be a zombie's, a stranger's, or of another container.
        """
        return _opened(self.base / "alive")


def place_of(home: Path) -> Place:
    """Return the place that belongs to a home.

    Root's server runs as another user, who must be able to walk to its data. Where a
    parent of the home is closed to others, the files go below `/var/lib/tallygrid`
    instead, in a directory that depends on the home alone.
    """
    home = home.resolve()
    server = of_server(home / "postgres")
    if server.may_enter(home.parent):
        return Place(home, server)
    base = _ROOTS_OWN / f"home-{_digest(home)}"
    return Place(base, of_server(base / "postgres"))


def make_home(home: Path) -> None:
    """Create a directory of ours, which root lets others walk through but not read."""
    is_root = os.geteuid() == 0
    try:
        _make_parents(home.parent)
        home.mkdir(mode=0o711 if is_root else 0o700, exist_ok=True)
        if is_root and home.stat().st_uid == 0:
            home.chmod(home.stat().st_mode | 0o111)
    except OSError as error:
        raise DatabaseError("home_not_writable", home=str(home), why=error.strerror) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise DatabaseError("home_not_writable", home=str(home), why="Permission denied")


@contextmanager
def locked(path: Path, voice: Voice) -> Iterator[None]:
    """Hold a lock file, telling how long another process keeps it."""
    with _opened(path) as descriptor:
        began = time.monotonic()
        told = 0
        while not try_lock(descriptor):
            waited = int(time.monotonic() - began)
            if waited >= told + _TELL_EVERY_S:
                told = waited
                voice.say("waiting_for_starter", seconds=waited)
            time.sleep(0.02)
        yield


def try_lock(descriptor: int) -> bool:
    """Lock an open file against everyone else, if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with path.open("a") as file:
        if os.geteuid() == 0:  # perhaps on a visit to another user's home
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        yield file.fileno()


def _make_parents(directory: Path) -> None:
    """Create the missing parents of a home, open to be walked through whatever the umask."""
    if not directory.exists():
        _make_parents(directory.parent)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
