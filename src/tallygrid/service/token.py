"""Tokens: who may read which rows, signed by the database and proved by it in every query.

A token is a text: a version, the bearer, when it ends, which key signed it, and the signature::

    1.applicant.91410105MA0000001X.1795349528.1.652e017d…90d16e

Whoever has it reads as its bearer until it ends (docs/adr/0021-signed-scope.md).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, get_args

from psycopg import Connection

from tallygrid.settings import Language
from tallygrid.text import render

Kind = Literal["authority", "provider", "applicant"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LONGEST: Final = timedelta(days=31)
"""The longest that a token counts; the database refuses to sign for longer."""


@dataclass(frozen=True)
class Bearer:
    """Who reads: an authority by the code of its place, a party by its credit code."""

    kind: Kind
    id: str


class StrangerError(Exception):
    """A token was asked for somebody who is not known here."""

    def __init__(self, bearer: Bearer) -> None:
        self.bearer = bearer
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return who is not known, and whom to name instead."""
        group = "authority" if self.bearer.kind == "authority" else "party"
        return render(f"reading.no_{group}", language, id=self.bearer.id)


def issue(connection: Connection, bearer: Bearer, lifetime: timedelta) -> str:
    """Return a token for somebody who is known here; it takes the role `web`.

    Raises:
        StrangerError: Nobody of that name is.
    """
    if not _is_known(connection, bearer):
        raise StrangerError(bearer)
    row = connection.execute(
        "SELECT service.sign_token(%s, %s, %s)", (bearer.kind, bearer.id, lifetime)
    ).fetchone()
    assert row is not None, "a function returns a row"
    return str(row[0])


def kind_of(token: str) -> Kind | None:
    """Return the kind of bearer that a token claims, which says as whom to log in; no more.

    >>> kind_of("1.provider.91110108MA00000011.1795349528.1.65"), kind_of("x")
    ('provider', None)
    """
    parts = token.split(".")
    return next((kind for kind in KINDS if parts[1:2] == [kind]), None)


def renew_key(connection: Connection, *, overlap: timedelta) -> None:
    """Sign with a new key from now on; earlier tokens count for so much longer at most.

    It takes the role `migrator`.
    """
    connection.execute("SELECT service.renew_signing_key(%s)", (overlap,))


def _is_known(connection: Connection, bearer: Bearer) -> bool:
    query = (
        "SELECT FROM service.programme_version WHERE document -> 'place' ->> 'code' = %s"
        if bearer.kind == "authority"
        else "SELECT FROM service.party WHERE id = %s"
    )
    return connection.execute(query, (bearer.id,)).fetchone() is not None
