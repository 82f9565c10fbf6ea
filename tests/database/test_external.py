"""A server of the user's own is used as it is, through an ordinary administrator's account."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tallygrid.database import DatabaseError, examine, migrate, resolve
from tallygrid.database.binaries import Binaries, candidates
from tallygrid.database.birth import create_data
from tallygrid.database.durability import require_version
from tallygrid.database.embedded import Embedded, at_home
from tallygrid.database.roles import DATABASE, LOGIN_ROLES, OWNER_OF_BOOKS
from tallygrid.database.voice import Voice
from tallygrid.settings import Settings

# Of another's server we know a password, and nothing else lets us in.
RULES = "local all postgres peer map=tallygrid\nlocal all all scram-sha-256\n"
VERSIONS = [pytest.param(each, id=each.version) for each in candidates()]


@pytest.fixture(scope="module", params=VERSIONS)
def theirs(request: pytest.FixtureRequest, own_home: Path) -> Iterator[Embedded]:
    """A server with an administrator who is no superuser, of every version on this machine."""
    binaries: Binaries = request.param
    embedded = at_home(own_home / str(binaries.major), Voice(print))
    embedded.place.prepare()
    create_data(embedded.place, binaries, embedded.voice)
    embedded.start()
    (embedded.place.data / "pg_hba.conf").write_text(RULES, encoding="utf-8")
    with _superuser(embedded) as superuser:
        superuser.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD 'secret'")
        superuser.execute("CREATE ROLE clerk LOGIN PASSWORD 'secret'")
        superuser.execute("SELECT pg_reload_conf()")
    yield embedded
    embedded.stop()


@pytest.fixture
def clean(theirs: Embedded) -> Iterator[Embedded]:
    """The server without anything of ours on it."""
    yield theirs
    with _superuser(theirs) as superuser:
        superuser.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
        for role in (*LOGIN_ROLES, OWNER_OF_BOOKS):
            superuser.execute(f"DROP ROLE IF EXISTS {role}".encode())


def test_roles_database_and_migrations_come_from_an_ordinary_administrator(
    clean: Embedded, tmp_path: Path
) -> None:
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "0001_books.sql").write_text(
        "CREATE SCHEMA books AUTHORIZATION tallygrid_books;"
        "GRANT USAGE ON SCHEMA books TO tallygrid_web;"
    )

    server = resolve(_settings(clean, tmp_path), print)
    migrate(server, [("ledger", migrations)])

    with server.connect("web") as connection:
        row = connection.execute("SELECT session_user, current_database()").fetchone()
    assert row == ("tallygrid_web", "tallygrid")


def test_the_passwords_of_the_roles_are_for_their_owner_alone(
    clean: Embedded, tmp_path: Path
) -> None:
    resolve(_settings(clean, tmp_path), print)
    resolve(_settings(clean, tmp_path), print)

    file = tmp_path / "roles.json"
    passwords = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(passwords) == set(LOGIN_ROLES)
    assert len(set(passwords.values())) == len(LOGIN_ROLES)
    assert all(len(each) > 30 for each in passwords.values())


def test_a_machine_without_the_passwords_is_told_where_to_get_them(
    clean: Embedded, tmp_path: Path
) -> None:
    resolve(_settings(clean, tmp_path / "first"), print)
    second = resolve(_settings(clean, tmp_path / "second"), print)

    with pytest.raises(DatabaseError, match=r"second/roles\.json.*Copy that file"):
        second.connect("web")


def test_a_user_who_may_not_create_roles_is_refused(clean: Embedded, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"clerk .* may not create roles"):
        resolve(_settings(clean, tmp_path, user="clerk"), print)


def test_stopping_leaves_the_server_of_others_running(clean: Embedded, tmp_path: Path) -> None:
    server = resolve(_settings(clean, tmp_path), print)

    server.stop()

    assert clean.answers()


def test_the_doctor_names_the_server_and_changes_nothing(clean: Embedded, tmp_path: Path) -> None:
    findings = examine(_settings(clean, tmp_path), print)

    found = next(each for each in findings if each.subject == "external_server")
    assert found.state == "ok"
    assert not (tmp_path / "roles.json").exists()


def test_a_server_that_does_not_answer_is_reported_in_a_sentence(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=f"postgresql:///postgres?host={tmp_path}")

    with pytest.raises(DatabaseError, match="does not answer"):
        resolve(settings, print)


def test_a_url_that_cannot_be_read_is_reported_in_a_sentence(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql//boss:secret@host/x")

    with pytest.raises(DatabaseError, match="TALLYGRID_DATABASE_URL cannot be read") as raised:
        resolve(settings, print)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("version", [140012, 190000])
def test_a_version_nobody_has_tested_is_refused(version: int) -> None:
    with pytest.raises(DatabaseError, match="versions 15 to 18 are supported"):
        require_version(version)


@pytest.mark.parametrize("version", [150000, 150018, 160004, 170001, 180006])
def test_the_tested_versions_are_accepted(version: int) -> None:
    require_version(version)


def _settings(embedded: Embedded, home: Path, *, user: str = "boss") -> Settings:
    home.mkdir(exist_ok=True)
    url = f"postgresql://{user}:secret@/postgres?host={embedded.place.socket}"
    return Settings(home=home, database_url=url)


def _superuser(embedded: Embedded) -> psycopg.Connection[tuple[object, ...]]:
    parameters = embedded.superuser()
    return psycopg.connect(**parameters, dbname="postgres", autocommit=True)
