"""Forward-only migrations: numbered SQL files, each applied once and never changed after.

A component (the ledger, the service) keeps its files `NNNN_name.sql` in its own package.
Each runs in a transaction of its own together with its record, so that an interrupted
migration leaves either both or neither. The component's functions follow (`functions.py`):
they hold no data, and are made anew whenever their text has changed.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from tallygrid.database import functions
from tallygrid.database.error import DatabaseError
from tallygrid.database.server import Server

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_ONE_AT_A_TIME: Final = 0x7461_6C6C_7967_7265  # advisory lock of this database
_RECORDS: Final = """
CREATE SCHEMA IF NOT EXISTS migration;
CREATE TABLE IF NOT EXISTS migration.applied (
    component text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (component, number)
);
"""


@dataclass(frozen=True, order=True)
class Migration:
    """One file of one component."""

    component: str
    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The hash under which the file was applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(server: Server, components: Sequence[tuple[str, Traversable]]) -> tuple[str, ...]:
    """Apply what has not been applied yet and return it, as `component/file`.

    Args:
        server: Where.
        components: Each with the directory of its numbered files, in which a folder
            `functions` may hold its functions.

    Raises:
        DatabaseError: An applied file has changed, or the database is newer than this code.
    """
    done: list[str] = []
    with server.connect("migrator", autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        connection.execute(_RECORDS.encode() + functions.RECORDS.encode())
        for component, directory in components:
            for migration in _pending(connection, component, tuple(_files(component, directory))):
                _apply(connection, migration)
                done.append(f"{component}/{migration.name}")
            applied = functions.apply_functions(connection, component, directory)
            done += [f"{component}/{functions.FOLDER}/{name}" for name in applied]
    return tuple(done)


def _pending(
    connection: Connection[TupleRow], component: str, files: Sequence[Migration]
) -> Sequence[Migration]:
    applied = _applied(connection, component)
    for number, (name, sha256) in applied.items():
        file = next((each for each in files if each.number == number), None)
        if file is None:
            raise DatabaseError("newer", component=component, name=name)
        if file.sha256 != sha256:
            raise DatabaseError("changed", component=component, name=file.name)
    pending = [each for each in files if each.number not in applied]
    if pending and applied and pending[0].number < max(applied):
        raise DatabaseError("late", component=component, name=pending[0].name)
    return pending


def _applied(connection: Connection[TupleRow], component: str) -> Mapping[int, tuple[str, str]]:
    rows = connection.execute(
        "SELECT number, name, sha256 FROM migration.applied WHERE component = %s ORDER BY number",
        [component],
    )
    return {number: (name, sha256) for number, name, sha256 in rows}


def _files(component: str, directory: Traversable) -> Iterator[Migration]:
    seen: set[int] = set()
    for file in sorted(directory.iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".sql"):
            continue
        matched = _NAME.fullmatch(file.name)
        if matched is None or int(matched[1]) in seen:
            raise DatabaseError("misnamed", component=component, name=file.name)
        seen.add(int(matched[1]))
        text = file.read_text(encoding="utf-8")
        yield Migration(component, int(matched[1]), file.name, text)


def _apply(connection: Connection[TupleRow], migration: Migration) -> None:
    with connection.transaction():
        connection.execute(migration.text.encode())
        connection.execute(
            "INSERT INTO migration.applied (component, number, name, sha256)"
            " VALUES (%s, %s, %s, %s)",
            [migration.component, migration.number, migration.name, migration.sha256],
        )
