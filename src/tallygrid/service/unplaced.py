"""Unplaced: work that found no place, kept with every reason.

It is expected again, like work that was placed, where a voucher stands behind it. Any other
wish costs nothing: with a hundred of them a provider could make another's cards dear.
"""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.placement import Placement
from tallygrid.placement.forecast import Came
from tallygrid.service.office import Office
from tallygrid.service.plain import dump, load


def keep(
    office: Office, name: str, placement: Placement, wish: Came | None, *, at: datetime
) -> None:
    """Keep why a workload found no place; asked again under its name, the first time stands.

    Args:
        office: Where it was asked.
        name: What its purchase would have been called.
        placement: The reasons.
        wish: What came, where a voucher of its contract would have paid.
        at: When.
    """
    document = {"placement": dump(placement), "wish": wish and dump(wish)}

    def insert(connection: Connection) -> None:
        connection.execute(
            "INSERT INTO service.unplaced VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (name, at, Jsonb(document)),
        )

    office.transact("web", insert)


def wishes(connection: Connection, start: datetime, end: datetime) -> Iterator[Came]:
    """Yield what came in a period, found no place, and was not bought since."""
    rows = connection.execute(
        """
        SELECT document -> 'wish' FROM service.unplaced
        WHERE asked_at >= %s AND asked_at < %s AND document -> 'wish' <> 'null'
          AND NOT EXISTS (SELECT FROM service.purchase WHERE purchase.id = unplaced.id)
        ORDER BY asked_at, id
        """,
        (start, end),
    ).fetchall()
    return (load(Came, wish) for (wish,) in rows)
