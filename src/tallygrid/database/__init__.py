"""PostgreSQL, the only database: found or started, with its roles, migrated forward."""

from tallygrid.database.error import DatabaseError
from tallygrid.database.migrations import migrate
from tallygrid.database.server import Server, resolve

__all__ = ["DatabaseError", "Server", "migrate", "resolve"]
