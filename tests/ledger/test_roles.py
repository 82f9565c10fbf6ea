"""Who may do what is decided inside the database, by the login role."""

from typing import Final

import psycopg
import pytest
from bookkeeping import Books, event

from tallygrid.core.books import MONEY_TABLE

LOGINS: Final = ("web", "worker", "payer", "auditor")
ROLES: Final = (*LOGINS, "migrator")
"""The migrator may act as the owner of the books, whom the triggers stop: see test_proof."""
TABLES: Final = (
    "account_kind",
    "event_kind",
    "movement",
    "permission",
    "reversal",
    "programme",
    "account",
    "event",
    "leg",
    "hold",
    "hold_leg",
    "batch",
    "refusal",
    "outbox",
)
MAY: Final = {
    "web": "appropriate reduce award withdraw issue lapse hold limit lower_limit transfer_out"
    " transfer_in close_carry_out close_carry_in close_lapse reverse_budget",
    "worker": "hold extend start capture release expire correct award_ex_post copay discount"
    " reverse_use",
    "payer": "pay confirm fail claw_back waive recover write_off reverse_payment",
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_posts_its_own_kinds_and_no_other(books: Books, role: str) -> None:
    """Whatever else is wrong with such an event, only the role's own kinds get past the door."""
    outcomes = books.post(role, *(event(kind) for kind in MONEY_TABLE))

    admitted = {
        kind
        for kind, outcome in zip(MONEY_TABLE, outcomes, strict=True)
        if outcome.code != "forbidden"
    }
    assert admitted == set(MAY[role].split())


@pytest.mark.parametrize("role", ["auditor", "migrator"])
def test_who_only_reads_or_migrates_posts_nothing(books: Books, role: str) -> None:
    if role == "auditor":
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            books.post(role, event("appropriate", {"appropriation > available": 1}))
    else:
        assert books.codes(role, event("appropriate", {"appropriation > available": 1})) == [
            "forbidden"
        ]


@pytest.mark.parametrize("role", LOGINS)
@pytest.mark.parametrize("table", TABLES)
def test_no_role_writes_a_table_of_the_books(books: Books, role: str, table: str) -> None:
    connection = books.connect(role)
    for statement in (
        f"INSERT INTO books.{table} DEFAULT VALUES",  # our own names
        f"DELETE FROM books.{table}",  # noqa: S608
        f"TRUNCATE books.{table} CASCADE",
        f"ALTER TABLE books.{table} DISABLE TRIGGER ALL",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize("role", LOGINS)
def test_no_role_calls_what_lies_behind_the_posting(books: Books, role: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        books.connect(role).execute(
            "SELECT * FROM books.post_batch('tallygrid_payer', %s, '[]', 100)", [books.programme]
        )


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads_and_verifies(books: Books, role: str) -> None:
    books.fund(5)
    connection = books.connect(role)

    for table in TABLES:
        connection.execute(f"SELECT * FROM books.{table} LIMIT 1".encode())  # noqa: S608  # our own names
    found = connection.execute("SELECT * FROM books.verify(%s)", [books.programme])
    assert found.fetchall() == []


def test_the_books_record_who_posted(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)
    books.codes("worker", event("release", hold=hold))

    found = books.connect("auditor").execute(
        "SELECT kind, posted_by FROM books.event JOIN books.programme"
        " ON programme.id = event.programme WHERE programme.code = %s ORDER BY seq DESC LIMIT 2",
        [books.programme],
    )
    assert found.fetchall() == [("release", "tallygrid_worker"), ("hold", "tallygrid_web")]


def test_a_search_path_of_the_callers_own_changes_nothing(books: Books) -> None:
    """A function that runs with the owner's rights looks names up where it was told to."""
    administrator = books.connect("administrator")
    administrator.execute(
        """
        CREATE SCHEMA decoy;
        CREATE TABLE decoy.programme (id int, code text);
        CREATE TABLE decoy.event_kind (code text, phase text);
        GRANT USAGE ON SCHEMA decoy TO PUBLIC;
        GRANT ALL ON ALL TABLES IN SCHEMA decoy TO PUBLIC;
        """
    )
    connection = books.connect("web")
    connection.execute("SET search_path = decoy, books")
    try:
        assert books.codes("web", event("appropriate", {"appropriation > available": 1})) == [
            "posted"
        ]
    finally:
        administrator.execute("DROP SCHEMA decoy CASCADE")
