"""PostgreSQL's programs, run as the user they belong to."""

import subprocess
from pathlib import Path
from typing import Final

from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import Identity

_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}


def run_as(identity: Identity, *command: str | Path, kept_open: int | None = None) -> str:
    """Run a command as a user; one that inherits an open file lives on in its own session."""
    try:
        done = subprocess.run(  # noqa: S603  # our own programs, no shell expands anything
            command,
            env=_ENVIRONMENT,
            cwd="/",
            check=True,
            capture_output=True,
            text=True,
            umask=0o077,
            start_new_session=kept_open is not None,
            pass_fds=() if kept_open is None else (kept_open,),
            user=None if identity.is_ours else identity.uid,
            group=None if identity.is_ours else identity.gid,
            extra_groups=None if identity.is_ours else [],
        )
    except subprocess.CalledProcessError as error:
        why = " ".join(str(error.stderr).split())
        raise DatabaseError("command_failed", command=str(command[0]), why=why) from error
    except OSError as error:
        why = str(error.strerror)
        raise DatabaseError("command_failed", command=str(command[0]), why=why) from error
    return done.stdout
