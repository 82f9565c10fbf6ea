"""Every part of the system is somebody else to the database, and none may do everything."""

import psycopg
import pytest

from tallygrid.database import Server
from tallygrid.database.roles import LOGIN_ROLES, OWNER_OF_BOOKS, missing_roles

PARTS = [
    *("migrator", "web", "worker", "payer", "auditor"),
    *("authority", "provider", "applicant"),
]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_logs_in_as_itself_and_not_as_superuser(fresh_server: Server, part: str) -> None:
    with fresh_server.connect(part) as connection:
        row = connection.execute(
            "SELECT session_user, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls"
            " FROM pg_roles WHERE rolname = session_user"
        ).fetchone()

    assert row == (f"tallygrid_{part}", False, False, False, False)


@pytest.mark.parametrize("part", PARTS[1:])
def test_only_the_migrator_creates_things(fresh_server: Server, part: str) -> None:
    with (
        fresh_server.connect(part) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id int)")


@pytest.mark.parametrize("part", PARTS[1:])
def test_only_the_migrator_acts_for_the_owner_of_the_books(fresh_server: Server, part: str) -> None:
    with (
        fresh_server.connect(part) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SET ROLE tallygrid_books")


def test_nobody_logs_in_as_the_owner_of_the_books(server: Server) -> None:
    with server.administer() as administrator:
        query = "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s"

        assert administrator.execute(query, [OWNER_OF_BOOKS]).fetchone() == (False,)


def test_strangers_may_not_enter_the_database(fresh_server: Server) -> None:
    with fresh_server.administer() as administrator:
        administrator.execute("CREATE ROLE stranger LOGIN")
        query = "SELECT has_database_privilege('stranger', %s, 'CONNECT')"
        row = administrator.execute(query, [fresh_server.database]).fetchone()
        administrator.execute("DROP ROLE stranger")

    assert row == (False,)


def test_a_creation_that_was_interrupted_is_done_again(server: Server) -> None:
    with server.administer() as administrator:
        administrator.execute("CREATE DATABASE half_made_unborn")

    made = server.create_database("half_made")

    try:
        for part in PARTS:
            made.connect(part).close()
        with server.administer() as administrator:
            query = "SELECT datname FROM pg_database WHERE datname LIKE 'half_made%'"
            assert administrator.execute(query).fetchall() == [("half_made",)]
    finally:
        made.drop_database()


def test_starting_twice_changes_nothing(server: Server) -> None:
    server.start()

    with server.administer() as administrator:
        assert missing_roles(administrator) == ()
        found = administrator.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'tallygrid%' AND rolcanlogin"
        ).fetchall()
    assert {name for (name,) in found} == set(LOGIN_ROLES)


def test_a_part_that_does_not_exist_is_a_mistake_of_ours(server: Server) -> None:
    with pytest.raises(AssertionError, match="migrator"):
        server.connect("minister")
