"""The one database server: yours if you name it, else the embedded one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from tallygrid.database import embedded, roles
from tallygrid.database.durability import require_durable, require_version
from tallygrid.database.error import DatabaseError
from tallygrid.database.external import External
from tallygrid.database.voice import Voice
from tallygrid.settings import Settings

_OPTIONS: Final = "-c TimeZone=UTC -c statement_timeout=0 -c client_min_messages=warning"
_IMPATIENT: Final = " -c idle_in_transaction_session_timeout=60s"
"""A process that hangs in the middle of a transaction does not hold its locks for ever."""
_WRITERS: Final = frozenset({"web", "worker", "payer"})
"""Those whose locks others wait for. Whoever reads an export in a pager takes its time."""
_CONNECT_TIMEOUT_S: Final = 10


def resolve(settings: Settings, report: Callable[[str], None]) -> "Server":
    """Return the server of these settings, answering, with its roles and its database."""
    server = locate(settings, report)
    server.start()
    return server


def locate(settings: Settings, report: Callable[[str], None]) -> "Server":
    """Return the server of these settings as it is, without starting or changing it."""
    voice = Voice(report, settings.language)
    if settings.database_url:
        return Server(External(settings.database_url, settings.home, voice))
    return Server(embedded.at_home(settings.home, voice))


class Source(Protocol):
    """Where a server comes from, and how to log in to it."""

    @property
    def voice(self) -> Voice:
        """Whom to tell when it takes long."""
        ...

    @property
    def entrance(self) -> str:
        """The database through which the server is administered."""
        ...

    def start(self) -> None:
        """Make sure the server answers."""
        ...

    def stop(self) -> None:
        """Stop the server if it is ours."""
        ...

    def superuser(self) -> dict[str, Any]:
        """Return the parameters of an administrator's connection."""
        ...

    def login(self, role: str) -> dict[str, Any]:
        """Return the parameters of a connection as a login role."""
        ...

    def create_roles(self, administrator: Connection[Any]) -> None:
        """Create the roles that are missing."""
        ...


@dataclass(frozen=True)
class Server:
    """A database on a server."""

    source: Source
    database: str = roles.DATABASE

    def connect(self, role: str, *, autocommit: bool = False) -> Connection[TupleRow]:
        """Connect as a part of the system, such as `web`, or as one of its readers."""
        login = roles.login_role(role)
        parameters = self.source.login(login)
        options = _OPTIONS + _IMPATIENT if role in _WRITERS else _OPTIONS
        return self._connect(parameters, self.database, autocommit=autocommit, options=options)

    def administer(self, database: str | None = None) -> Connection[TupleRow]:
        """Connect as the server's administrator, outside every transaction."""
        where = database or self.source.entrance
        return self._connect(self.source.superuser(), where, autocommit=True)

    def start(self) -> None:
        """Make sure the server answers and has our roles and this database."""
        self.source.start()
        with self.administer() as administrator:
            self._furnish(administrator)

    def stop(self) -> None:
        """Stop the server if it is ours; one named by a URL stays as it is."""
        self.source.stop()

    def with_database(self, name: str) -> "Server":
        """Return another database on the same server."""
        return replace(self, database=name)

    def create_database(self, name: str, *, template: str = "template0") -> "Server":
        """Create another database on the same server and return it."""
        with self.administer() as administrator:
            roles.create_database(administrator, name, template=template)
        return self.with_database(name)

    def drop_database(self) -> None:
        """Drop this database with everything in it."""
        with self.administer() as administrator:
            roles.drop_database(administrator, self.database)

    def _furnish(self, administrator: Connection[TupleRow]) -> None:
        try:
            if roles.missing_roles(administrator):
                self.source.create_roles(administrator)
            if not roles.has_database(administrator, self.database):
                roles.create_database(administrator, self.database)
        except psycopg.errors.InsufficientPrivilege as error:
            user = administrator.info.user
            raise DatabaseError("not_administrator", user=user, why=str(error)) from error

    def _connect(
        self,
        parameters: dict[str, Any],
        database: str,
        *,
        autocommit: bool,
        options: str = _OPTIONS,
    ) -> Connection[TupleRow]:
        wanted: dict[str, Any] = {
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "application_name": "tallygrid",
            **parameters,
            "dbname": database,
            "options": options,
        }
        connection = psycopg.connect(**wanted, autocommit=True)
        try:
            require_version(connection.info.server_version)
            require_durable(connection)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection
