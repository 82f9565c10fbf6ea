"""The law of the books is the same in Python and in the database."""

import pytest
from bookkeeping import Books

from tallygrid.core.books import ACCOUNT_KINDS, MONEY_TABLE, PERMITTED, REVERSED_BY, Account


def test_the_database_knows_the_same_kinds_of_account(books: Books) -> None:
    found = books.connect("auditor").execute(
        "SELECT code, family, is_source, holder_of, holder_required, has_group"
        " FROM books.account_kind"
    )

    assert {row[0]: row[1:] for row in found} == {
        code: (kind.family, kind.is_source, kind.holder_of, kind.holder_required, kind.has_group)
        for code, kind in ACCOUNT_KINDS.items()
    }


def test_the_database_permits_the_same_moves(books: Books) -> None:
    connection = books.connect("auditor")

    phases = dict(connection.execute("SELECT code, phase FROM books.event_kind").fetchall())
    moves = set(connection.execute("SELECT * FROM books.movement").fetchall())

    assert phases == {kind: row.phase for kind, row in MONEY_TABLE.items()}
    assert moves == {
        (kind, source, target) for kind, row in MONEY_TABLE.items() for source, target in row.moves
    }


def test_the_database_undoes_the_same_kinds_by_the_same_reversals(books: Books) -> None:
    found = books.connect("auditor").execute("SELECT event_kind, reversed_by FROM books.reversal")

    assert dict(found.fetchall()) == REVERSED_BY


def test_the_database_lets_the_same_roles_post_the_same(books: Books) -> None:
    found = books.connect("auditor").execute("SELECT role, event_kind FROM books.permission")

    assert set(found.fetchall()) == PERMITTED


def test_no_move_leaves_its_family() -> None:
    """Public money never becomes a memorandum, nor the other way round."""
    for row in MONEY_TABLE.values():
        for source, target in row.moves:
            assert ACCOUNT_KINDS[source].family == ACCOUNT_KINDS[target].family


def test_an_event_posts_only_through_one_pair_of_hands(books: Books) -> None:
    """Who issues does not verify, who verifies does not pay; only opening a hold is shared."""
    found = books.connect("auditor").execute("SELECT role, event_kind FROM books.permission")
    roles: dict[str, set[str]] = {}
    for role, kind in found:
        roles.setdefault(kind, set()).add(role)

    assert roles.keys() == MONEY_TABLE.keys()
    assert {kind for kind, held_by in roles.items() if len(held_by) > 1} == {"hold"}


def test_every_account_can_be_read_back_from_its_code() -> None:
    for account in (
        Account("available", 2026, funder="city"),
        Account("available", 2026, funder="city", group="start-up"),
        Account("cap_source", 2027),
        Account("cap_room", 2026, holder="91440300MA5F/2026"),
        Account("committed", 2026, holder="券-1", funder="province", group="x"),
    ):
        assert Account.of(account.code) == account


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("cap_source@2026", ("cap_source", "", "", "", 2026)),
        ("available::city@2026", ("available", "", "city", "", 2026)),
        ("committed:券-1:city:x@2026", ("committed", "券-1", "city", "x", 2026)),
        ("committed:券-1:city:@2026", None),
        ("committed:券-1:city:x:y@2026", None),
        ("committed::city@2026", None),
        ("committed:a b:city@2026", None),
        ("committed:a@b:city@2026", None),
        ("available::city@0999", None),
        ("available::city@20266", None),
        ("available::city@2026\n", None),
        ("available::city@year", None),
        ("nothing::city@2026", None),
        ("Available::city@2026", None),
        ("@2026", None),
        ("", None),
    ],
)
def test_a_code_is_read_into_its_parts_or_is_none(
    books: Books, code: str, parts: tuple[object, ...] | None
) -> None:
    with books.server.administer(books.server.database) as administrator:
        found = administrator.execute("SELECT * FROM books.account_parts(%s)", [code])

        assert found.fetchall() == ([parts] if parts else [])
