"""Every bearer against every table: it sees its own rows, all of them, and no other.

The rule of each table is written here once more, in Python, over all rows as the auditor reads
them; what the database shows to a bearer must be the same rows. A table without a rule fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import desk as desks
import psycopg
import pytest
import town
from desk import PROVINCE
from psycopg import Connection
from town import BEARERS, BOTH, KNOWN, PLACES

from tallygrid.database import Server
from tallygrid.service import token
from tallygrid.service.token import KINDS, Bearer

Row = dict[str, Any]
HOUSE: Final = ("web", "worker", "payer", "auditor")


@dataclass(frozen=True)
class World:
    """All rows of all tables, and how to read as somebody."""

    server: Server
    rows: dict[str, list[Row]]

    def seen(self, table: str, bearer: Bearer) -> list[str]:
        """Return the rows of a table that a bearer sees."""
        with self.server.connect(bearer.kind) as reader:
            bear(reader, issued(self.server, bearer))
            return sorted(str(row) for row in _read(reader, table))


@dataclass(frozen=True)
class Eyes:
    """A bearer who looks at the rows of a world, as these tests think it may."""

    kind: str
    id: str
    rows: dict[str, list[Row]]

    def runs(self, programme: str) -> bool:
        """Tell whether a programme is its own."""
        return self.kind == "authority" and PLACES.get(self.id) == programme

    def runs_books(self, book: int) -> bool:
        """Tell whether books, by their number, are of its programmes."""
        return any(
            row["id"] == book and self.runs(row["code"]) for row in self.rows["books.programme"]
        )

    def is_applicant(self, party: str) -> bool:
        """Tell whether it is this party, and asks as an applicant."""
        return (self.kind, self.id) == ("applicant", party)

    def is_provider(self, party: str) -> bool:
        """Tell whether it is this party, and asks as a provider."""
        return (self.kind, self.id) == ("provider", party)

    def is_party(self, party: str) -> bool:
        """Tell whether it is this party, as either."""
        return self.is_applicant(party) or self.is_provider(party)

    def sees(self, table: str, **values: str) -> bool:
        """Tell whether any row with these values is seen."""
        return any(
            SEEN[table](self, row) for row in self.rows[table] if values.items() <= row.items()
        )


def _account(eyes: Eyes, row: Row) -> bool:
    if eyes.runs_books(row["programme"]):
        return True
    if row["kind"] == "committed":
        return eyes.kind == "applicant" and eyes.sees("service.voucher", id=row["holder"])
    not_its = {"provider": {"copay"}, "applicant": {"discount"}, "authority": set[str]()}[eyes.kind]
    family = row["kind"].split("_")[0]
    return eyes.is_party(row["holder"]) and family not in {"cap", "ceiling", *not_its}


def _party(eyes: Eyes, row: Row) -> bool:
    return eyes.is_party(row["id"]) or (
        eyes.kind == "authority"
        and (
            eyes.sees("service.application", applicant=row["id"])
            or eyes.sees("service.purchase", provider=row["id"])
        )
    )


def _purchase(eyes: Eyes, row: Row) -> bool:
    return (
        eyes.is_applicant(row["applicant"])
        or eyes.is_provider(row["provider"])
        or any(eyes.runs(share["programme"]) for share in row["document"]["shares"])
    )


def _granted(eyes: Eyes, row: Row) -> bool:
    return eyes.is_applicant(row["applicant"]) or eyes.runs(row["programme"])


def _in_books(eyes: Eyes, row: Row) -> bool:
    return eyes.runs_books(row["programme"])


SEEN: Final[dict[str, Callable[[Eyes, Row], bool]]] = {
    "service.programme_version": lambda _, __: True,
    "service.party": _party,
    "service.application": _granted,
    "service.voucher": _granted,
    "service.purchase": _purchase,
    "service.reservation": lambda eyes, row: eyes.sees("service.purchase", id=row["purchase"]),
    "service.line": lambda eyes, row: eyes.sees("service.purchase", id=row["purchase"]),
    "service.payment": lambda eyes, row: eyes.is_party(row["payee"]) or eyes.runs(row["programme"]),
    "service.clawback": lambda eyes, row: eyes.sees("service.payment", id=row["payment"]),
    "service.batch": lambda eyes, row: eyes.runs(row["programme"]),
    "service.allotment": lambda eyes, row: eyes.sees("service.application", id=row["application"]),
    "books.programme": lambda _, __: True,
    "books.account": _account,
    "books.event": _in_books,
    "books.leg": _in_books,
    "books.hold": _in_books,
    "books.hold_leg": _in_books,
    "books.batch": _in_books,
    "books.refusal": _in_books,
}
"""Whether a bearer sees a row, for every table that is open at all."""

CLOSED: Final = frozenset(
    {
        "books.account_kind",
        "books.event_kind",
        "books.movement",
        "books.outbox",
        "books.permission",
        "books.reversal",
        "migration.applied",
        "migration.function_file",
        "migration.made",
        "service.intent",
        "service.lease",
        "service.price",
        "service.price_solution",
        "service.site_report",
        "service.progress",
        "service.setting",
        "service.signing_key",
        "service.unplaced",
    }
)
"""The tables that no reader from outside may even name in a query."""

CALLED: Final = {
    "authority": {"service.bearer", "service.programmes", "service.books"},
    "provider": {"service.bearer"},
    "applicant": {"service.bearer"},
}
"""The functions that a reader may call: what its policies ask."""

NOT_FOR: Final = {
    "provider": {
        *("service.application", "service.voucher", "service.allotment"),
        *("service.batch", "books.event", "books.leg", "books.hold", "books.hold_leg"),
        *("books.batch", "books.refusal"),
    },
    "applicant": {
        *("service.batch", "books.event", "books.leg", "books.hold", "books.hold_leg"),
        *("books.batch", "books.refusal"),
    },
    "authority": set[str](),
}
"""The tables that a kind of bearer may not name either."""


@pytest.fixture(scope="module")
def world(furnished: Server) -> Iterator[World]:
    created = furnished.create_database("town", template=furnished.database)
    with desks.opened(created) as opened:
        town.settle(opened)
    with created.connect("worker") as worker:  # a refusal in the books of the province
        worker.execute(
            'SELECT * FROM books.post(%s, \'[{"key": "00000000-0000-0000-0000-000000000001",'
            ' "kind": "pay", "occurred_at": "2026-01-01Z", "legs": []}]\')',
            [PROVINCE],
        )
    with created.connect("auditor") as auditor:
        yield World(created, {table: _read(auditor, table) for table in SEEN})
    created.drop_database()


def issued(server: Server, bearer: Bearer) -> str:
    """Return a token of an hour for anybody, known or not."""
    with server.connect("web") as web:
        row = web.execute(
            "SELECT service.sign_token(%s, %s, '1 hour')", (bearer.kind, bearer.id)
        ).fetchone()
    assert row is not None
    return str(row[0])


def bear(reader: Connection[Any], shown: str) -> None:
    """Show a token for the rest of a transaction."""
    reader.execute("SELECT set_config('tallygrid.token', %s, true)", [shown])


def _read(connection: Connection[Any], table: str) -> list[Row]:
    found = connection.execute(f"SELECT to_jsonb(it) FROM {table} AS it".encode())  # noqa: S608  # our own names
    return [row for (row,) in found.fetchall()]


@pytest.mark.parametrize("table", SEEN)
@pytest.mark.parametrize("bearer", BEARERS, ids=lambda one: f"{one.kind}-{one.id}")
def test_a_bearer_sees_its_own_rows_and_no_other(world: World, bearer: Bearer, table: str) -> None:
    eyes = Eyes(bearer.kind, bearer.id, world.rows)
    expected = sorted(str(row) for row in world.rows[table] if SEEN[table](eyes, row))

    if table in NOT_FOR[bearer.kind]:
        assert expected == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.seen(table, bearer)
    else:
        assert world.seen(table, bearer) == expected


@pytest.mark.parametrize("table", SEEN)
@pytest.mark.parametrize("kind", KINDS)
def test_the_town_has_rows_that_each_kind_sees_and_rows_that_it_does_not(
    world: World, kind: str, table: str
) -> None:
    """Else the matrix would prove nothing."""
    rows = world.rows[table]
    seen = [
        sum(SEEN[table](Eyes(one.kind, one.id, world.rows), row) for row in rows)
        for one in KNOWN
        if one.kind == kind
    ]

    assert rows
    assert bool(max(seen)) == (table not in NOT_FOR[kind])
    if table not in {"service.programme_version", "books.programme"}:
        assert min(seen) < len(rows)


@pytest.mark.parametrize(
    ("kind", "table"), [(k, table) for k in KINDS for table in SEEN if table not in NOT_FOR[k]]
)
def test_without_a_token_of_its_own_kind_no_reader_sees_anything(
    world: World, kind: str, table: str
) -> None:
    with world.server.connect(kind) as reader:
        assert _read(reader, table) == []
        for bearer in KNOWN:
            if bearer.kind != kind:
                bear(reader, issued(world.server, bearer))
                assert _read(reader, table) == []


@pytest.mark.parametrize("table", SEEN)
@pytest.mark.parametrize("role", HOUSE)
def test_the_house_sees_everything(world: World, role: str, table: str) -> None:
    with world.server.administer(world.server.database) as administrator:
        everything = _read(administrator, table)
    with world.server.connect(role) as connection:
        assert len(_read(connection, table)) == len(everything) > 0


def test_who_is_provider_and_applicant_sees_each_with_a_token_of_its_own(world: World) -> None:
    as_provider = world.seen("service.purchase", Bearer("provider", BOTH))
    as_applicant = world.seen("service.purchase", Bearer("applicant", BOTH))

    assert as_provider
    assert as_applicant
    assert not set(as_provider) & set(as_applicant)


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_has_been_decided_upon(world: World, kind: str) -> None:
    """Whoever adds a table says here who sees it; until then it is closed, and this fails."""
    with world.server.administer(world.server.database) as administrator:
        found = administrator.execute(
            """
            SELECT format('%%I.%%I', nspname, relname), relkind, relrowsecurity,
                has_any_column_privilege(%(role)s, pg_class.oid, 'SELECT'),
                EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid
                        AND %(role)s::regrole = ANY (polroles))
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema'
                AND relkind IN ('r', 'p', 'v', 'm', 'f')
            """,
            {"role": f"tallygrid_{kind}"},
        ).fetchall()
    tables = {name: tuple(more) for name, *more in found}

    assert set(tables) == SEEN.keys() | CLOSED
    for name in SEEN.keys() - NOT_FOR[kind]:
        assert tables[name] == ("r", True, True, True), name
    for name in CLOSED | NOT_FOR[kind]:
        assert not tables[name][2], f"{name} is open to readers"


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_changes_nothing(world: World, kind: str) -> None:
    with world.server.administer(world.server.database) as administrator:
        found = administrator.execute(
            """
            SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname IN ('books', 'service', 'migration', 'public') AND relkind <> 'i'
                AND has_table_privilege(
                    %s, pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            """,
            [f"tallygrid_{kind}"],
        ).fetchall()

    assert found == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_calls_no_function_but_those_its_policies_ask(world: World, kind: str) -> None:
    with world.server.administer(world.server.database) as administrator:
        found = administrator.execute(
            """
            SELECT format('%%I.%%I', nspname, proname)
            FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
            WHERE nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema'
                AND has_schema_privilege(%(role)s, nspname, 'USAGE')
                AND has_function_privilege(%(role)s, pg_proc.oid, 'EXECUTE')
            """,
            {"role": f"tallygrid_{kind}"},
        ).fetchall()

    assert {name for (name,) in found} == CALLED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_is_nobody_elses_and_owns_nothing(world: World, kind: str) -> None:
    with world.server.administer(world.server.database) as administrator:
        row = administrator.execute(
            """
            SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
                EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid),
                EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid),
                EXISTS (SELECT FROM pg_proc WHERE proowner = pg_roles.oid)
            FROM pg_roles WHERE rolname = %s
            """,
            [f"tallygrid_{kind}"],
        ).fetchone()

    assert row == (False,) * 8


def test_a_token_is_given_out_only_for_who_is_known(world: World) -> None:
    with world.server.connect("web") as web:
        for bearer in KNOWN:
            assert token.issue(web, bearer, token.LONGEST).startswith(f"1.{bearer.kind}.")
        for stranger in (Bearer("authority", "990000"), Bearer("provider", "410000")):
            with pytest.raises(token.StrangerError, match=stranger.id):
                token.issue(web, stranger, token.LONGEST)
