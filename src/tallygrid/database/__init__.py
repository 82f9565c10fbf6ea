"""PostgreSQL, the only database: found or started, with its roles, migrated forward."""

from tallygrid.database.again import Sessions, persistently, retrying
from tallygrid.database.doctor import Finding, examine
from tallygrid.database.error import DatabaseError
from tallygrid.database.migrations import migrate
from tallygrid.database.server import Server, locate, resolve

__all__ = [
    "DatabaseError",
    "Finding",
    "Server",
    "Sessions",
    "examine",
    "locate",
    "migrate",
    "persistently",
    "resolve",
    "retrying",
]
