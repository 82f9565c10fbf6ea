"""The roles of the database and what each may reach: identity is the boundary.

Every part of the system logs in as itself, none as superuser. `tallygrid_books` owns the
ledger and nobody can log in as it; the migrator alone may act in its name.
"""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

DATABASE: Final = "tallygrid"
OWNER_OF_BOOKS: Final = "tallygrid_books"
MIGRATOR: Final = "tallygrid_migrator"
LOGIN_ROLES: Final = (
    MIGRATOR,
    "tallygrid_web",
    "tallygrid_worker",
    "tallygrid_payer",
    "tallygrid_auditor",
    "tallygrid_authority",
    "tallygrid_provider",
    "tallygrid_applicant",
)
_TOGETHER: Final = 0x7461_6C6C_7967_7264  # advisory lock: one process creates at a time


def login_role(role: str) -> str:
    """Return the login role of a part of the system, such as `worker`.

    >>> login_role("worker")
    'tallygrid_worker'
    """
    name = f"tallygrid_{role}"
    assert name in LOGIN_ROLES, f"{role} is no role; use one of {', '.join(LOGIN_ROLES)}"
    return name


def missing_roles(administrator: Connection[Any]) -> tuple[str, ...]:
    """Return which of our roles a server does not have."""
    found = administrator.execute("SELECT rolname FROM pg_roles").fetchall()
    present = {name for (name,) in found}
    return tuple(role for role in (OWNER_OF_BOOKS, *LOGIN_ROLES) if role not in present)


def create_roles(administrator: Connection[Any], passwords: Mapping[str, str]) -> None:
    """Create the roles that are missing, with their passwords if the server asks for any."""
    with administrator.transaction():
        administrator.execute("SELECT pg_advisory_xact_lock(%s)", [_TOGETHER])
        for role in missing_roles(administrator):
            administrator.execute(_creation(role, passwords.get(role)))
        administrator.execute(
            SQL("GRANT {} TO {}").format(Identifier(OWNER_OF_BOOKS), Identifier(MIGRATOR))
        )


def has_database(administrator: Connection[Any], name: str) -> bool:
    """Tell whether a server has a database."""
    query = "SELECT 1 FROM pg_database WHERE datname = %s"
    return administrator.execute(query, [name]).fetchone() is not None


def create_database(
    administrator: Connection[Any], name: str, *, template: str = "template0"
) -> None:
    """Create a database that the migrator owns and only our roles may enter.

    It gets its name last: a creation that is interrupted leaves none that nobody may enter.
    """
    assert administrator.autocommit, "a database cannot be created inside a transaction"
    administrator.execute("SELECT pg_advisory_lock(%s)", [_TOGETHER])
    try:
        if not has_database(administrator, name):
            _become_able_to_give_to_the_migrator(administrator)
            _create(administrator, f"{name}_unborn", template)
            administrator.execute(
                SQL("ALTER DATABASE {} RENAME TO {}").format(
                    Identifier(f"{name}_unborn"), Identifier(name)
                )
            )
    finally:
        administrator.execute("SELECT pg_advisory_unlock(%s)", [_TOGETHER])


def drop_database(administrator: Connection[Any], name: str) -> None:
    """Drop a database and everyone's connections to it."""
    administrator.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _create(administrator: Connection[Any], name: str, template: str) -> None:
    drop_database(administrator, name)  # what an interrupted creation has left
    administrator.execute(
        SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} ENCODING 'UTF8'").format(
            Identifier(name), Identifier(MIGRATOR), Identifier(template)
        )
    )
    _close_to_others(administrator, name)


def _creation(role: str, password: str | None) -> Any:  # noqa: ANN401  # Composed of either shape
    if role == OWNER_OF_BOOKS:
        return SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role))
    if password is None:
        return SQL("CREATE ROLE {} LOGIN").format(Identifier(role))
    return SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(password))


def _become_able_to_give_to_the_migrator(administrator: Connection[Any]) -> None:
    query = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    if administrator.execute(query).fetchone() != (True,):
        administrator.execute(SQL("GRANT {} TO CURRENT_USER").format(Identifier(MIGRATOR)))


def _close_to_others(administrator: Connection[Any], name: str) -> None:
    database = Identifier(name)
    administrator.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    for role in LOGIN_ROLES:
        administrator.execute(
            SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, Identifier(role))
        )
    administrator.execute(
        SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, Identifier(OWNER_OF_BOOKS))
    )
