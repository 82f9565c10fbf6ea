"""Functions, views and types in SQL: made anew whenever their text has changed.

A migration can only be added to, so a function that has grown over five migrations stands
in five places. Functions hold no data; they need no history. Those of a component stand once
each, in the folder `functions` beside its migrations, and when a file there differs from what
was applied, all that the folder made is dropped and all its files are applied again, in the
order of their names and in one transaction: nobody ever sees half of them.

What a table, a trigger or a policy depends on cannot be dropped, and belongs in a migration.
So does a change after which older functions would be wrong: its number, if only over an empty
file, is what an older program is refused by.
"""

import hashlib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

FOLDER: Final = "functions"
RECORDS: Final = """
CREATE TABLE IF NOT EXISTS migration.function_file (
    component text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (component, name)
);
CREATE TABLE IF NOT EXISTS migration.made (
    component text NOT NULL,
    id oid NOT NULL,  -- in the order of making
    what text NOT NULL,
    PRIMARY KEY (component, id)
);
"""
_EVERYTHING: Final = """
SELECT found.id, found.sort || ' ' || (pg_identify_object(found.class, found.id, 0)).identity
FROM (
  SELECT 'ROUTINE' AS sort, 'pg_proc'::regclass AS class, oid AS id FROM pg_proc
  UNION ALL
  SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TYPE' END, 'pg_class'::regclass, oid
  FROM pg_class WHERE relkind IN ('v', 'c')
) AS found
"""


def apply_functions(
    connection: Connection[TupleRow], component: str, directory: Traversable
) -> tuple[str, ...]:
    """Bring a component's functions to the text of this program.

    Returns:
        The files that were new or had changed; none, if nothing was done.
    """
    files = _files(directory.joinpath(FOLDER))
    written = {name: _sha256(text) for name, text in files.items()}
    applied = _applied(connection, component)
    if written == applied:
        return ()
    with connection.transaction():
        _drop(connection, component)
        before = {number for number, _ in connection.execute(_EVERYTHING)}
        for text in files.values():
            connection.execute(text.encode())
        _record(connection, component, written, before)
    return tuple(name for name, sha256 in written.items() if applied.get(name) != sha256)


def _files(folder: Traversable) -> Mapping[str, str]:
    if not folder.is_dir():
        return {}
    found = sorted(folder.iterdir(), key=lambda each: each.name)
    return {
        each.name: each.read_text(encoding="utf-8") for each in found if each.name.endswith(".sql")
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _applied(connection: Connection[TupleRow], component: str) -> Mapping[str, str]:
    query = "SELECT name, sha256 FROM migration.function_file WHERE component = %s"
    return dict(connection.execute(query, [component]).fetchall())


def _drop(connection: Connection[TupleRow], component: str) -> None:
    """Drop what was made before, the last first, unless something else depends on it."""
    query = "SELECT what FROM migration.made WHERE component = %s ORDER BY id DESC"
    for (what,) in connection.execute(query, [component]).fetchall():
        sort, _, identity = what.partition(" ")
        connection.execute(f"DROP {sort} IF EXISTS {identity}".encode())
    for table in (b"made", b"function_file"):
        connection.execute(
            b"DELETE FROM migration." + table + b" WHERE component = %s", [component]
        )


def _record(
    connection: Connection[TupleRow], component: str, written: Mapping[str, str], before: set[int]
) -> None:
    made = [
        (component, number, what)
        for number, what in connection.execute(_EVERYTHING)
        if number not in before
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO migration.function_file (component, name, sha256) VALUES (%s, %s, %s)",
            [(component, name, sha256) for name, sha256 in written.items()],
        )
        cursor.executemany(
            "INSERT INTO migration.made (component, id, what) VALUES (%s, %s, %s)", made
        )
