"""Installing: the database is brought to this version, and the registry opened."""

from importlib.resources import files

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
    return tuple(str(one) for one in applied)
