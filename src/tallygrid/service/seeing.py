"""What the bearer of a token sees: the rows that the database gives, and no filter of our own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection

from tallygrid.database.pool import Pool
from tallygrid.service.token import Bearer, Kind, kind_of
from tallygrid.settings import Language
from tallygrid.text import render

ROWS_MAX: Final = 200
"""The most rows of one answer."""

_LISTS: Final[Mapping[str, str]] = {
    "programmes": """
        SELECT programme || '/' || hash AS key, to_jsonb(version) AS row
        FROM service.programme_version AS version
        WHERE (programme, hash) > (split_part(%(after)s, '/', 1), split_part(%(after)s, '/', 2))
        ORDER BY programme, hash LIMIT %(most)s
        """,
    "parties": """
        SELECT id AS key, to_jsonb(party) AS row
        FROM service.party WHERE id > %(after)s ORDER BY id LIMIT %(most)s
        """,
    "applications": """
        SELECT id AS key, to_jsonb(application) AS row
        FROM service.application WHERE id > %(after)s ORDER BY id LIMIT %(most)s
        """,
    "vouchers": """
        SELECT id AS key, to_jsonb(voucher) AS row
        FROM service.voucher WHERE id > %(after)s ORDER BY id LIMIT %(most)s
        """,
    "purchases": """
        SELECT id AS key, to_jsonb(purchase) || jsonb_build_object('lines', (
            SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY n), '[]')
            FROM service.line WHERE line.purchase = purchase.id)) AS row
        FROM service.purchase WHERE id > %(after)s ORDER BY id LIMIT %(most)s
        """,
    "payments": """
        SELECT id AS key, to_jsonb(payment) AS row
        FROM service.payment WHERE id > %(after)s ORDER BY id LIMIT %(most)s
        """,
    "accounts": """
        SELECT account.id::text AS key, jsonb_build_object(
            'programme', programme.code, 'account', account.code, 'in_fen', in_fen,
            'out_fen', out_fen, 'held_fen', held_fen,
            'free_fen', in_fen - out_fen - held_fen) AS row
        FROM books.account JOIN books.programme ON programme.id = account.programme
        WHERE account.id > coalesce(nullif(%(after)s, ''), '0')::bigint
        ORDER BY account.id LIMIT %(most)s
        """,
}
LISTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "authority": tuple(_LISTS),
    "provider": ("programmes", "parties", "purchases", "payments", "accounts"),
    "applicant": tuple(_LISTS),
}
"""What each kind of bearer can ask for."""


@dataclass(frozen=True)
class Page:
    """A part of a list: its rows, and what to ask for to see those after them, if there are."""

    rows: tuple[Mapping[str, Any], ...]
    next: str | None


class TokenError(Exception):
    """A token is forged, incomplete, or out of time: the database does not say which."""

    def __init__(self) -> None:
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return that it does not count, and what to do."""
        return render("reading.no_token", language)


class NoListError(Exception):
    """A list was asked for that a bearer has not, or from a place that cannot be in it."""

    def __init__(self, asked: str, kind: Kind) -> None:
        self.asked = asked
        self.kind = kind
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return what was asked for, and what there is."""
        lists = ", ".join(LISTS[self.kind])
        return render("reading.no_list", language, asked=self.asked, lists=lists)


@dataclass(frozen=True)
class Sight:
    """A transaction in which the bearer of a token reads, and who that is."""

    connection: Connection
    bearer: Bearer

    def page(self, name: str, *, after: str = "") -> Page:
        """Return the rows of a list that the bearer sees, from one place of it on.

        Raises:
            NoListError: There is no such list, or no such place in one.
        """
        if name not in LISTS[self.bearer.kind]:
            raise NoListError(name, self.bearer.kind)
        try:
            rows = self.connection.execute(
                _LISTS[name].encode(), {"after": after, "most": ROWS_MAX + 1}
            ).fetchall()
        except psycopg.DataError as error:
            raise NoListError(f"{name} after {after!r}", self.bearer.kind) from error
        shown = rows[:ROWS_MAX]
        following = shown[-1][0] if len(rows) > ROWS_MAX else None
        return Page(tuple(row for _, row in shown), following)


@contextmanager
def seen_with(pools: Mapping[Kind, Pool], token: str) -> Iterator[Sight]:
    """Open a transaction in which a token's bearer reads; the token ends with it.

    Raises:
        TokenError: Nobody bears this token.
    """
    kind = kind_of(token)
    if kind is None:
        raise TokenError
    with pools[kind].lent() as connection, connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        yield Sight(connection, Bearer(kind, _proved(connection, token, kind)))


def _proved(connection: Connection, token: str, kind: Kind) -> str:
    try:
        connection.execute("SELECT set_config('tallygrid.token', %s, true)", (token,))
    except psycopg.DataError as error:  # a character that no text of the database may hold
        raise TokenError from error
    row = connection.execute("SELECT service.bearer(%s)", (kind,)).fetchone()
    if row is None or row[0] is None:
        raise TokenError
    return str(row[0])
