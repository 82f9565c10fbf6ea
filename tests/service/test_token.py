"""A token counts as it was signed and no other way; and what else a reader with SQL might try."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import desk as desks
import psycopg
import pytest
import town
from desk import FIRM, OTHER_FIRM
from psycopg import Connection, sql
from turning import make_turnable, turn

from tallygrid.database import Server
from tallygrid.service import token
from tallygrid.service.token import Bearer

ME: Final = Bearer("applicant", FIRM)
HOUR: Final = timedelta(hours=1)
# RFC 4231, test cases 1 to 7 (5 is cut off there; its whole value is what HMAC gives).
VECTORS: Final = {
    "short": (b"\x0b" * 20, b"Hi There"),
    "shorter than the hash": (b"Jefe", b"what do ya want for nothing?"),
    "longer text": (b"\xaa" * 20, b"\xdd" * 50),
    "counting": (bytes(range(1, 26)), b"\xcd" * 50),
    "truncated": (b"\x0c" * 20, b"Test With Truncation"),
    "key beyond a block": (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
    ),
    "key and text beyond a block": (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data."
            b" The key needs to be hashed before being used by the HMAC algorithm."
        ),
    ),
}
PRINTED: Final = {
    "short": "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    "shorter than the hash": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "longer text": "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    "counting": "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    "truncated": "a3b6167473100ee06e0c796c2955552b",
    "key beyond a block": "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    "key and text beyond a block": (
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
}
"""What the RFC prints."""


@pytest.fixture(scope="module")
def settled(furnished: Server) -> Iterator[Server]:
    created = furnished.create_database("settled", template=furnished.database)
    with desks.opened(created) as opened:
        town.settle(opened)
    yield created
    created.drop_database()


@pytest.fixture
def reader(settled: Server) -> Iterator[Connection[Any]]:
    with settled.connect("applicant") as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def mine(settled: Server) -> str:
    """A token of the firm's own."""
    with settled.connect("web") as web:
        return token.issue(web, ME, HOUR)


def _show(reader: Connection[Any], shown: str) -> list[str]:
    """Show a token and return whose vouchers are seen."""
    reader.execute("SELECT set_config('tallygrid.token', %s, true)", [shown])
    return _seen(reader)


def _seen(reader: Connection[Any]) -> list[str]:
    return [one for (one,) in reader.execute("SELECT DISTINCT applicant FROM service.voucher")]


def _signed(settled: Server, said: str) -> str:
    """Sign anything at all with the true key, as only the owner could."""
    with settled.administer(settled.database) as administrator:
        row = administrator.execute(
            """
            SELECT %(said)s || '.' || encode(service.hmac_sha256(
                inner_key, outer_key, convert_to(%(said)s, 'UTF8')), 'hex')
            FROM service.signing_key ORDER BY id DESC LIMIT 1
            """,
            {"said": said},
        ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("name", VECTORS)
def test_the_signature_is_the_one_of_the_rfc(settled: Server, name: str) -> None:
    key, message = VECTORS[name]

    with settled.administer(settled.database) as administrator:
        row = administrator.execute(
            """
            SELECT service.hmac_sha256(
                service.hmac_key(%(key)s, 54), service.hmac_key(%(key)s, 92), %(message)s)
            """,
            {"key": key, "message": message},
        ).fetchone()

    assert row is not None
    assert row[0].hex().startswith(PRINTED[name])
    assert row[0] == hmac.new(key, message, hashlib.sha256).digest()


def test_a_token_shows_its_bearers_rows_until_its_transaction_ends(
    reader: Connection[Any], mine: str
) -> None:
    assert _show(reader, mine) == [FIRM]
    reader.commit()
    assert _seen(reader) == []
    assert _show(reader, mine) == [FIRM]
    reader.rollback()
    assert _seen(reader) == []


def _forgeries(mine: str) -> dict[str, str]:
    version, kind, who, until, key, signature = mine.split(".")
    said = mine.removesuffix(f".{signature}")
    return {
        "nothing": "",
        "a word": "applicant",
        "only points": ".....",
        "a name alone": FIRM,
        "no signature": said,
        "an empty signature": f"{said}.",
        "cut by one": mine[:-1],
        "cut in the middle": mine[: len(mine) // 2],
        "cut at the front": mine[1:],
        "a letter more": f"{mine}0",
        "a line more": f"{mine}\n",
        "a space before": f" {mine}",
        "in capitals": mine.upper(),
        "twice": f"{mine}.{mine}",
        "another firm": mine.replace(who, OTHER_FIRM),
        "another kind": mine.replace(kind, "provider"),
        "longer": mine.replace(until, str(int(until) + 1)),
        "another key": f"{version}.{kind}.{who}.{until}.2.{signature}",
        "no key": f"{version}.{kind}.{who}.{until}..{signature}",
        "the key by another name": f"{version}.{kind}.{who}.{until}.0{key}.{signature}",
        "another version": f"2.{kind}.{who}.{until}.{key}.{signature}",
        "a point moved": mine.replace(f"{kind}.{who}", f"{kind}{who}."),
        "signed with nothing": _by_hand(said, b""),
        "signed with zeros": _by_hand(said, bytes(64)),
        "signed with the token": _by_hand(said, mine.encode()),
        "digits of another script": mine.replace("1", "１"),
        "very long": mine * 10_000,
    }


def _by_hand(said: str, key: bytes) -> str:
    said = said.replace(FIRM, OTHER_FIRM)
    return f"{said}.{hmac.new(key, said.encode(), hashlib.sha256).hexdigest()}"


def test_what_was_not_signed_shows_nothing_and_raises_nothing(
    reader: Connection[Any], mine: str
) -> None:
    for name, forged in _forgeries(mine).items():
        assert _show(reader, forged) == [], name
        for kind in token.KINDS:
            row = reader.execute("SELECT service.bearer(%s)", [kind]).fetchone()
            assert row == (None,), name
    assert _show(reader, mine) == [FIRM]


def test_every_letter_of_a_token_counts(reader: Connection[Any], mine: str) -> None:
    for place, letter in enumerate(mine):
        other = "0" if letter != "0" else "1"
        assert _show(reader, mine[:place] + other + mine[place + 1 :]) == [], place


@pytest.mark.parametrize("said", ["0", "1", "1700000000"])
def test_a_token_that_has_ended_shows_nothing(
    settled: Server, reader: Connection[Any], mine: str, said: str
) -> None:
    key = mine.split(".")[4]
    ended = _signed(settled, f"1.applicant.{FIRM}.{said}.{key}")
    lasting = _signed(settled, f"1.applicant.{FIRM}.4000000000.{key}")

    assert _show(reader, ended) == []
    assert _show(reader, lasting) == [FIRM]


def test_a_token_ends_even_within_a_transaction(settled: Server, mine: str) -> None:
    copy = settled.create_database("turned", template=settled.database)
    try:
        with (
            copy.administer(copy.database) as administrator,
            copy.connect("applicant") as reader,
        ):
            make_turnable(administrator)
            assert _show(reader, mine) == [FIRM]
            turn(administrator, "61 minutes")
            assert _seen(reader) == []
    finally:
        copy.drop_database()


def test_a_new_key_ends_what_the_old_one_signed_as_soon_as_one_says(settled: Server) -> None:
    copy = settled.create_database("renewed", template=settled.database)
    try:
        with (
            copy.connect("web", autocommit=True) as web,
            copy.connect("migrator", autocommit=True) as migrator,
            copy.connect("applicant") as reader,
        ):
            first = token.issue(web, ME, HOUR)
            token.renew_key(migrator, overlap=HOUR)
            second = token.issue(web, ME, HOUR)
            assert [_show(reader, one) for one in (first, second)] == [[FIRM], [FIRM]]
            token.renew_key(migrator, overlap=timedelta())
            third = token.issue(web, ME, HOUR)
            assert [_show(reader, one) for one in (first, second, third)] == [[], [], [FIRM]]
            token.renew_key(migrator, overlap=HOUR)
            assert migrator.execute("SELECT count(*) FROM service.signing_key").fetchone() == (2,)
    finally:
        copy.drop_database()


def test_the_token_of_other_books_shows_nothing_here(furnished: Server, settled: Server) -> None:
    elsewhere = furnished.create_database("elsewhere", template=furnished.database)
    try:
        with elsewhere.connect("migrator") as migrator:
            token.renew_key(migrator, overlap=timedelta())
            migrator.execute("UPDATE service.signing_key SET ends_at = 'infinity'")
        with elsewhere.connect("web") as web:
            foreign = token.issue(web, ME, HOUR)
        with settled.connect("applicant") as reader:
            assert _show(reader, foreign) == []
    finally:
        elsewhere.drop_database()


@pytest.mark.parametrize(
    ("kind", "who", "lifetime"),
    [
        ("auditor", FIRM, "1 hour"),
        ("", FIRM, "1 hour"),
        ("applicant", "", "1 hour"),
        ("applicant", "a.b", "1 hour"),
        ("applicant", "a b", "1 hour"),
        ("applicant", "x" * 65, "1 hour"),
        ("applicant", FIRM, "0 seconds"),
        ("applicant", FIRM, "-1 hours"),
        ("applicant", FIRM, "32 days"),
        ("applicant", None, "1 hour"),
        (None, FIRM, "1 hour"),
        ("applicant", FIRM, None),
    ],
)
def test_nonsense_is_not_signed(settled: Server, kind: str, who: str, lifetime: str) -> None:
    with (
        settled.connect("web") as web,
        pytest.raises(psycopg.errors.InvalidParameterValue, match="No token for"),
    ):
        web.execute("SELECT service.sign_token(%s, %s, %s)", (kind, who, lifetime))


@pytest.mark.parametrize("role", ["worker", "payer", "auditor", *token.KINDS])
def test_only_where_people_log_in_tokens_are_signed(settled: Server, role: str) -> None:
    with (
        settled.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT service.sign_token('applicant', %s, '1 hour')", [FIRM])


@pytest.mark.parametrize("role", ["web", "worker", "payer", "auditor", *token.KINDS])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM service.signing_key",
        "SELECT service.renew_signing_key('0')",
        "SELECT service.hmac_key('x', 54)",
        "SELECT service.hmac_sha256('x', 'y', 'z')",
        "UPDATE service.signing_key SET ends_at = 'infinity'",
        "COPY service.signing_key TO STDOUT",
        "LOCK TABLE service.signing_key",
    ],
)
def test_nobody_reaches_the_key(settled: Server, role: str, statement: str) -> None:
    with (
        settled.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE tallygrid_web",
        "SET ROLE tallygrid_auditor",
        "SET ROLE tallygrid_authority",
        "SET ROLE tallygrid_migrator",
        "SET ROLE tallygrid_books",
        "SET SESSION AUTHORIZATION tallygrid_auditor",
        "ALTER ROLE tallygrid_applicant BYPASSRLS",
        "GRANT tallygrid_web TO tallygrid_applicant",
        "ALTER TABLE service.voucher DISABLE ROW LEVEL SECURITY",
        "DROP POLICY for_applicant ON service.voucher",
        "CREATE POLICY mine ON service.voucher USING (true)",
        "CREATE FUNCTION public.peep(text) RETURNS boolean LANGUAGE sql RETURN true",
        "CREATE TEMP TABLE kept AS SELECT * FROM service.voucher",
        "CREATE SCHEMA mine",
        "CREATE VIEW public.all_of_it AS SELECT * FROM service.voucher",
        "CREATE RULE r AS ON SELECT TO service.voucher DO INSTEAD SELECT 1",
        "INSERT INTO service.party VALUES ('x', '{}', '{}')",
        "UPDATE service.voucher SET state = 'issued'",
        "DELETE FROM service.reservation",
        "TRUNCATE service.line",
        "SELECT * FROM service.voucher FOR UPDATE",
        "SELECT * FROM books.post('henan-compute-issued', '[]')",
        "SELECT * FROM books.verify(NULL)",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT * FROM pg_statistic",
        "SELECT * FROM pg_authid",
    ],
)
def test_a_reader_cannot_become_more_than_it_is(
    reader: Connection[Any], mine: str, statement: str
) -> None:
    assert _show(reader, mine) == [FIRM]

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement.encode())


def test_row_security_cannot_be_turned_off_only_refused(reader: Connection[Any], mine: str) -> None:
    """Off means: rather no answer than one that a policy has thinned."""
    reader.execute("SET LOCAL row_security = off")

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        _show(reader, mine)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM service.voucher WHERE 1 / (applicant = %s)::integer > 0",
        "SELECT id FROM service.voucher WHERE applicant <> %s AND applicant::integer > 0",
        "SELECT id FROM service.voucher ORDER BY 1 / (applicant = %s)::integer",
        "SELECT sum(1 / (applicant = %s)::integer) FROM service.voucher",
    ],
)
def test_a_condition_that_fails_on_hidden_rows_never_meets_them(
    reader: Connection[Any], mine: str, query: str
) -> None:
    """An error would tell that there is such a row; the policy comes before the condition."""
    _show(reader, mine)

    assert reader.execute(query.encode(), [FIRM]).fetchall() is not None


@pytest.mark.parametrize(
    "query",
    [
        "COPY service.voucher TO STDOUT",
        "COPY (TABLE service.voucher) TO STDOUT",
        "SELECT array_agg(voucher)::text FROM service.voucher",
        "SELECT string_agg(voucher::text, '') FROM service.voucher TABLESAMPLE SYSTEM (100)",
        "WITH RECURSIVE all_of AS (SELECT * FROM service.voucher) SELECT all_of::text FROM all_of",
        (
            "SELECT to_jsonb(voucher)::text FROM service.application RIGHT JOIN service.voucher"
            " ON voucher.application = application.id"
        ),
    ],
)
def test_no_other_way_of_asking_shows_more(reader: Connection[Any], mine: str, query: str) -> None:
    _show(reader, mine)

    if query.startswith("COPY"):
        with reader.cursor().copy(query.encode()) as copied:
            said = b"".join(bytes(one) for one in copied).decode()
    else:
        said = "".join(one for (one,) in reader.execute(query.encode()))

    assert FIRM in said
    assert OTHER_FIRM not in said


def test_what_the_planner_knows_is_not_told(settled: Server, reader: Connection[Any]) -> None:
    """Statistics hold values of columns; a table with policies keeps them to itself."""
    with settled.administer(settled.database) as administrator:
        administrator.execute("ANALYZE")

    found = reader.execute("SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'service'")

    assert found.fetchall() == []


def test_a_plan_made_for_one_bearer_serves_the_next_one_rightly(
    settled: Server, reader: Connection[Any], mine: str
) -> None:
    with settled.connect("web") as web:
        others = token.issue(web, Bearer("applicant", OTHER_FIRM), HOUR)
    reader.execute("SET plan_cache_mode = force_generic_plan")
    reader.execute("PREPARE vouchers AS SELECT DISTINCT applicant FROM service.voucher")
    reader.commit()

    def executed(shown: str) -> list[Any]:
        reader.execute("SELECT set_config('tallygrid.token', %s, true)", [shown])
        return reader.execute("EXECUTE vouchers").fetchall()

    assert executed(mine) == [(FIRM,)]
    assert executed(others) == [(OTHER_FIRM,)]
    assert executed("") == []


def test_a_token_does_not_stand_in_the_list_of_queries(
    settled: Server, reader: Connection[Any], mine: str
) -> None:
    _show(reader, mine)
    with settled.connect("applicant") as another:
        queries = another.execute("SELECT query FROM pg_stat_activity").fetchall()

    assert any("set_config" in str(one) or "DISTINCT applicant" in str(one) for one in queries)
    assert mine not in str(queries)


def test_a_function_of_the_future_is_closed_to_readers(settled: Server) -> None:
    with settled.connect("migrator") as migrator:
        migrator.execute("CREATE FUNCTION service.later() RETURNS int LANGUAGE sql RETURN 1")
        migrator.execute("SET LOCAL ROLE tallygrid_books")
        migrator.execute("CREATE FUNCTION books.later() RETURNS int LANGUAGE sql RETURN 1")
        migrator.execute("RESET ROLE")
        for schema in ("service", "books"):
            row = migrator.execute(
                sql.SQL(
                    "SELECT has_function_privilege('tallygrid_applicant', {}, 'EXECUTE')"
                ).format(sql.Literal(f"{schema}.later()"))
            ).fetchone()
            assert row == (False,), schema
        migrator.rollback()
