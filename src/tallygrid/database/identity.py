"""Who the embedded server runs as: ourselves, or for root a user nobody else is.

PostgreSQL refuses to run as root. Root therefore lends it a user id that has no name on
this machine: nobody can log in as it, no other service shares it (as they share `nobody`),
and no account has to be created.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallygrid.database.error import DatabaseError

# Between systemd's dynamic users (up to 65519) and nobody (65534): handed out by no one.
_SPARE_UIDS: Final = range(65533, 65519, -1)


@dataclass(frozen=True)
class Identity:
    """A user and a group of the operating system."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this process runs as this user."""
        return self.uid == os.geteuid()

    def owns(self, path: Path) -> None:
        """Give a path to this user."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def may_enter(self, directory: Path) -> bool:
        """Tell whether this user reaches a directory through all its parents."""
        if self.is_ours:
            return True
        absolute = directory.absolute()
        return all(self._may_pass(each) for each in (absolute, *absolute.parents) if each.exists())

    def _may_pass(self, directory: Path) -> bool:
        status = directory.stat()
        return bool(status.st_mode & 0o001) or (status.st_uid, status.st_mode & 0o100) == (
            self.uid,
            0o100,
        )


def ourselves() -> Identity:
    """Return the user of this process."""
    return Identity(uid=os.geteuid(), gid=os.getegid())


def of_server(data: Path) -> Identity:
    """Return the user a server runs as: the owner of its data, once there are any."""
    if os.geteuid() != 0:
        return ourselves()
    if data.exists() and data.stat().st_uid != 0:
        return Identity(uid=data.stat().st_uid, gid=data.stat().st_gid)
    spare = next(uid for uid in _SPARE_UIDS if not _has_name(uid))
    return Identity(uid=spare, gid=spare)


def of_initdb(server: Identity) -> Identity:
    """Return who creates the data: `initdb`, unlike the server, insists on a user with a name."""
    if _has_name(server.uid):
        return server
    if os.geteuid() != 0:
        raise DatabaseError("nameless_user", uid=server.uid)
    named = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    chosen = max(named, key=lambda entry: (entry.pw_name == "nobody", entry.pw_uid))
    return Identity(uid=chosen.pw_uid, gid=chosen.pw_gid)


def name_of_client() -> str:
    """Return our own name, by which the server knows us at its socket."""
    if not _has_name(os.geteuid()):
        raise DatabaseError("nameless_user", uid=os.geteuid())
    return pwd.getpwuid(os.geteuid()).pw_name


def known_names(*uids: int) -> tuple[str, ...]:
    """Return the names of those users that have one."""
    return tuple(pwd.getpwuid(uid).pw_name for uid in uids if _has_name(uid))


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
