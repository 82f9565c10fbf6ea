"""Migrations go forward, once, and notice what has been changed behind their back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tallygrid.database import DatabaseError, Server, migrate

ONE = "CREATE TABLE thing (id int PRIMARY KEY); INSERT INTO thing VALUES (1);"
TWO = "INSERT INTO thing VALUES (2);"


def test_each_file_is_applied_once_and_in_order(fresh_server: Server, tmp_path: Path) -> None:
    _write(tmp_path, {"0001_one.sql": ONE, "0002_two.sql": TWO})

    first = migrate(fresh_server, [("part", tmp_path)])
    again = migrate(fresh_server, [("part", tmp_path)])

    assert first == ("part/0001_one.sql", "part/0002_two.sql")
    assert again == ()
    assert _things(fresh_server) == [1, 2]


def test_components_do_not_see_each_other_s_numbers(fresh_server: Server, tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    _write(left, {"0001_one.sql": ONE})
    _write(right, {"0001_two.sql": TWO})

    assert len(migrate(fresh_server, [("left", left), ("right", right)])) == 2


def test_a_file_that_fails_leaves_nothing_behind(fresh_server: Server, tmp_path: Path) -> None:
    _write(tmp_path, {"0001_one.sql": ONE, "0002_two.sql": TWO + "SELECT 1/0;"})

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(fresh_server, [("part", tmp_path)])
    assert _things(fresh_server) == [1]

    _write(tmp_path, {"0002_two.sql": TWO})
    assert migrate(fresh_server, [("part", tmp_path)]) == ("part/0002_two.sql",)


def test_a_changed_file_is_refused_by_name(fresh_server: Server, tmp_path: Path) -> None:
    _write(tmp_path, {"0001_one.sql": ONE})
    migrate(fresh_server, [("part", tmp_path)])
    _write(tmp_path, {"0001_one.sql": ONE + "-- harmless"})

    with pytest.raises(DatabaseError, match=r"part/0001_one\.sql was applied and has been changed"):
        migrate(fresh_server, [("part", tmp_path)])


def test_a_database_newer_than_the_code_is_refused(fresh_server: Server, tmp_path: Path) -> None:
    _write(tmp_path, {"0001_one.sql": ONE, "0002_two.sql": TWO})
    migrate(fresh_server, [("part", tmp_path)])
    (tmp_path / "0002_two.sql").unlink()

    with pytest.raises(DatabaseError, match=r"has part/0002_two\.sql, which this version"):
        migrate(fresh_server, [("part", tmp_path)])


def test_a_new_file_cannot_slip_in_before_an_applied_one(
    fresh_server: Server, tmp_path: Path
) -> None:
    _write(tmp_path, {"0003_one.sql": ONE})
    migrate(fresh_server, [("part", tmp_path)])
    _write(tmp_path, {"0002_two.sql": TWO})

    with pytest.raises(DatabaseError, match=r"numbered before"):
        migrate(fresh_server, [("part", tmp_path)])


@pytest.mark.parametrize("names", [["one.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_a_file_without_a_number_of_its_own_is_refused(
    names: list[str], fresh_server: Server, tmp_path: Path
) -> None:
    _write(tmp_path, dict.fromkeys(names, "SELECT 1"))

    with pytest.raises(DatabaseError, match=r"NNNN_name\.sql"):
        migrate(fresh_server, [("part", tmp_path)])


def test_two_migrators_at_once_apply_each_file_once(fresh_server: Server, tmp_path: Path) -> None:
    _write(tmp_path, {"0001_one.sql": ONE + "SELECT pg_sleep(0.2);", "0002_two.sql": TWO})

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: migrate(fresh_server, [("part", tmp_path)]), range(2)))

    assert sorted(done) == [(), ("part/0001_one.sql", "part/0002_two.sql")]


def test_the_migrator_may_give_objects_to_the_owner_of_the_books(
    fresh_server: Server, tmp_path: Path
) -> None:
    _write(
        tmp_path,
        {
            "0001_books.sql": "CREATE SCHEMA books AUTHORIZATION tallygrid_books;"
            "CREATE TABLE books.event (id int);"
            "ALTER TABLE books.event OWNER TO tallygrid_books;"
        },
    )

    migrate(fresh_server, [("ledger", tmp_path)])

    with (
        fresh_server.connect("web") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM books.event")


def _write(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")


def _things(server: Server) -> list[int]:
    with server.connect("migrator") as connection:
        return [number for (number,) in connection.execute("SELECT id FROM thing ORDER BY id")]
