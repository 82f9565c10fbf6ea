"""A PostgreSQL server of the user's own, named by `TALLYGRID_DATABASE_URL`."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tallygrid.database.error import DatabaseError
from tallygrid.database.place import locked, make_home
from tallygrid.database.roles import LOGIN_ROLES, create_roles, missing_roles
from tallygrid.database.voice import Voice


@dataclass(frozen=True)
class External:
    """A server that others start and stop; we log in to it with passwords of our own making."""

    url: str
    home: Path
    voice: Voice

    def start(self) -> None:
        """Make sure the server answers; it is not ours to start."""
        try:
            with psycopg.connect(**self.superuser(), dbname=self.entrance, connect_timeout=10):
                pass
        except psycopg.Error as error:
            raise DatabaseError("unreachable", why=_one_line(error)) from error

    def stop(self) -> None:
        """Leave the server alone: it is not ours to stop."""

    @property
    def entrance(self) -> str:
        """The database the URL names, through which we administer."""
        return str(self._parameters().get("dbname") or "postgres")

    def superuser(self) -> dict[str, Any]:
        """Return the parameters of a connection that may create roles and databases."""
        parameters = self._parameters()
        parameters.pop("dbname", None)
        return parameters

    def login(self, role: str) -> dict[str, Any]:
        """Return the parameters of a connection as one of our roles."""
        password = self.passwords().get(role)
        if password is None:
            raise DatabaseError("no_password", role=role, file=str(self._file))
        return {**self.superuser(), "user": role, "password": password}

    def passwords(self) -> Mapping[str, str]:
        """Return the passwords of our roles, as far as this machine knows them."""
        try:
            found: Mapping[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def create_roles(self, administrator: psycopg.Connection[Any]) -> None:
        """Create the missing roles, keeping their passwords before the server knows them."""
        make_home(self.home)
        with locked(self.home / "roles.lock", self.voice):
            missing = [role for role in missing_roles(administrator) if role in LOGIN_ROLES]
            kept = dict(self.passwords())
            kept.update({role: secrets.token_urlsafe(32) for role in missing if role not in kept})
            self._keep(kept)
            create_roles(administrator, kept)

    @property
    def _file(self) -> Path:
        return self.home / "roles.json"

    def _keep(self, passwords: Mapping[str, str]) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(passwords, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._file)

    def _parameters(self) -> dict[str, Any]:
        try:
            return dict(conninfo_to_dict(self.url))
        except psycopg.ProgrammingError:
            # Without the cause, which may quote the password.
            raise DatabaseError("bad_url") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
