"""Installing: the database is brought to this version, and the registry opened."""

from importlib.resources import files

from psycopg import sql

from tallygrid import database, ledger
from tallygrid.core.books import REGISTRY
from tallygrid.database import Server


def install(server: Server) -> tuple[str, ...]:
    """Migrate a database forward; return what was applied.

    Raises:
        DatabaseError: The database is newer than this program, or an old migration was edited.
    """
    applied = database.migrate(
        server,
        [
            ("ledger", ledger.MIGRATIONS),
            ("service", files("tallygrid.service").joinpath("migrations")),
        ],
    )
    with server.connect("web") as connection:
        ledger.open_programme(connection, REGISTRY)
    return applied


def wipe(server: Server) -> None:
    """Throw everything in a database away, for a demonstration to begin anew.

    The schemas go in one transaction, so that a kill leaves all of it or nothing.
    """
    with server.connect("migrator") as connection:
        for schema in ("service", "books", "migration"):
            connection.execute(
                sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
            )
