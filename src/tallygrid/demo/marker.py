"""The marker: which demonstration a database holds, so that only such data are thrown away."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.database import Server
from tallygrid.service.install import install, wipe
from tallygrid.service.office import Office
from tallygrid.settings import Language
from tallygrid.text import render


@dataclass(frozen=True)
class Plan:
    """What a run was asked to play."""

    seed: int
    jobs: int
    firms: int
    trace: str


class NotOursError(Exception):
    """The database holds data that no demonstration made."""

    def __init__(self, database: str, language: Language) -> None:
        super().__init__(render("demo.not_ours", language, database=database))


def prepare(server: Server, plan: Plan, report: Callable[[str], None], language: Language) -> None:
    """Make the database ready for a run: as it is if the run was interrupted, else empty.

    Raises:
        NotOursError: The database holds something else; it is left as it is.
    """
    with server.connect("web") as connection:
        found = _found(connection)
        is_empty = _is_empty(connection)
    if found is None and not is_empty:
        raise NotOursError(server.database, language)
    if found == {"plan": asdict(plan), "complete": False}:
        report(render("demo.resumed", language))
        return
    if found is not None:
        report(render("demo.again", language))
        wipe(server)
        install(server)
    with server.connect("web") as connection:
        _mark(connection, {"plan": asdict(plan), "complete": False})


def complete(office: Office) -> None:
    """Mark the run as complete: the next one begins anew."""
    office.transact("web", _complete)


def _found(connection: Connection) -> object:
    row = connection.execute(
        "SELECT value FROM service.setting WHERE name = 'demonstration'"
    ).fetchone()
    return None if row is None else row[0]


def _is_empty(connection: Connection) -> bool:
    row = connection.execute("SELECT NOT EXISTS (SELECT FROM service.intent)").fetchone()
    return row is not None and bool(row[0])


def _mark(connection: Connection, value: object) -> None:
    connection.execute(
        """
        INSERT INTO service.setting VALUES ('demonstration', %s)
        ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value
        """,
        (Jsonb(value),),
    )


def _complete(connection: Connection) -> None:
    connection.execute(
        """
        UPDATE service.setting SET value = jsonb_set(value, '{complete}', 'true')
        WHERE name = 'demonstration'
        """
    )
