"""Functions follow the program: made anew when their text changes, all together or not at all."""

from pathlib import Path

import psycopg
import pytest

from tallygrid.database import Server, migrate

TABLES = "CREATE SCHEMA part; CREATE TABLE part.thing (id int PRIMARY KEY);"
TYPES = "CREATE TYPE part.pair AS (one int, two int);"
SUM = "CREATE FUNCTION part.total(p part.pair) RETURNS int LANGUAGE sql RETURN p.one + p.two;"
VIEW = "CREATE VIEW part.seven AS SELECT part.total((3, 4)) AS n;"


def test_functions_are_applied_after_the_tables_and_then_left_alone(
    fresh_server: Server, tmp_path: Path
) -> None:
    write(tmp_path, {"1_types.sql": TYPES, "2_sum.sql": SUM, "3_view.sql": VIEW})

    applied = migrate(fresh_server, [("part", tmp_path)])

    assert applied == (
        "part/0001_tables.sql",
        *(f"part/functions/{name}" for name in ("1_types.sql", "2_sum.sql", "3_view.sql")),
    )
    assert ask(fresh_server, "SELECT n FROM part.seven") == 7
    assert migrate(fresh_server, [("part", tmp_path)]) == ()


def test_another_text_replaces_everything_the_folder_made(
    fresh_server: Server, tmp_path: Path
) -> None:
    """Other types, another signature, a function less: nothing of the old ones stays behind."""
    write(tmp_path, {"1_types.sql": TYPES, "2_sum.sql": SUM, "3_view.sql": VIEW})
    migrate(fresh_server, [("part", tmp_path)])
    three = TYPES.replace("two int", "two bigint, three bigint")
    longer = SUM.replace("RETURNS int", "RETURNS bigint").replace("p.two", "p.two + p.three")
    (tmp_path / "functions" / "3_view.sql").unlink()
    write(tmp_path, {"1_types.sql": three, "2_sum.sql": longer})

    applied = migrate(fresh_server, [("part", tmp_path)])

    assert applied == ("part/functions/1_types.sql", "part/functions/2_sum.sql")
    assert ask(fresh_server, "SELECT part.total((1, 2, 3))") == 6
    assert ask(fresh_server, "SELECT to_regclass('part.seven')") is None
    assert ask(fresh_server, "SELECT count(*) FROM pg_proc WHERE proname = 'total'") == 1
    assert migrate(fresh_server, [("part", tmp_path)]) == ()


def test_a_file_that_fails_leaves_the_old_functions(fresh_server: Server, tmp_path: Path) -> None:
    write(tmp_path, {"1_types.sql": TYPES, "2_sum.sql": SUM})
    migrate(fresh_server, [("part", tmp_path)])
    write(tmp_path, {"2_sum.sql": SUM + "SELECT 1/0;"})

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(fresh_server, [("part", tmp_path)])

    assert ask(fresh_server, "SELECT part.total((3, 4))") == 7


def test_what_the_rows_depend_on_is_not_dropped_from_under_them(
    fresh_server: Server, tmp_path: Path
) -> None:
    write(tmp_path, {"1_types.sql": TYPES, "2_sum.sql": SUM})
    migrate(fresh_server, [("part", tmp_path)])
    (tmp_path / "0002_check.sql").write_text(
        "ALTER TABLE part.thing ADD CHECK (part.total((id, 0)) > 0);", encoding="utf-8"
    )
    write(tmp_path, {"2_sum.sql": SUM + "-- harmless"})

    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        migrate(fresh_server, [("part", tmp_path)])


def test_functions_of_one_component_do_not_touch_another_s(
    fresh_server: Server, tmp_path: Path
) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    write(left, {"1_types.sql": TYPES})
    write(right, {"1_more.sql": "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;"})
    (right / "0001_tables.sql").unlink()
    both = [("left", left), ("right", right)]
    migrate(fresh_server, both)
    write(left, {"1_types.sql": TYPES + "-- again"})

    assert migrate(fresh_server, both) == ("left/functions/1_types.sql",)
    assert ask(fresh_server, "SELECT one()") == 1


def write(directory: Path, files: dict[str, str]) -> None:
    """Write the tables and some files of functions into a component's directory."""
    folder = directory / "functions"
    folder.mkdir(parents=True, exist_ok=True)
    (directory / "0001_tables.sql").write_text(TABLES, encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def ask(server: Server, query: str) -> object:
    with server.connect("migrator") as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]
