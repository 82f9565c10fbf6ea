"""Reading balances and refusals from the books."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from tallygrid.core.books import Account, Balance


def balances(connection: Connection[Any], programme: str) -> Mapping[Account, Balance]:
    """Return the balance of every account of a programme, sorted by account."""
    found = connection.execute(
        """
        SELECT account.code, account.in_fen, account.out_fen, account.held_fen
        FROM books.account JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s
        """,
        [programme],
    )
    return dict(sorted((Account.of(code), Balance(*amounts)) for code, *amounts in found))


def balance(connection: Connection[Any], programme: str, account: Account) -> Balance:
    """Return the balance of one account; nothing, if it was never used."""
    found = connection.execute(
        """
        SELECT account.in_fen, account.out_fen, account.held_fen
        FROM books.account JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s AND account.code = %s
        """,
        [programme, account.code],
    ).fetchone()
    return Balance() if found is None else Balance(*found)
