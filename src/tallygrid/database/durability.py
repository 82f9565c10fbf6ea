"""A server that forgets what it has acknowledged is no place for money."""

from typing import Any, Final

from psycopg import Connection

from tallygrid.database.binaries import NEWEST_MAJOR, OLDEST_MAJOR
from tallygrid.database.error import DatabaseError

DURABLE_SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit")
_SETTINGS: Final = "SELECT " + ", ".join(f"current_setting('{it}')" for it in DURABLE_SETTINGS)


def require_durable(connection: Connection[Any]) -> None:
    """Refuse a connection on which an acknowledged commit could be lost."""
    row = connection.execute(_SETTINGS.encode()).fetchone()
    assert row is not None
    for name, value in zip(DURABLE_SETTINGS, row, strict=True):
        if value == "off":
            raise DatabaseError("not_durable", setting=name, value=value)


def require_version(version: int) -> None:
    """Refuse a server whose version nobody has tested, written as in 180006 for 18.6."""
    if not OLDEST_MAJOR <= version // 10000 <= NEWEST_MAJOR:
        raise DatabaseError(
            "other_version",
            found=f"{version // 10000}.{version % 10000}",
            oldest=OLDEST_MAJOR,
            newest=NEWEST_MAJOR,
        )
