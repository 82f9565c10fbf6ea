"""Reservations: the cards that purchases have taken, and those leased while one is made."""

from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from tallygrid.placement.nodes import Reservation

LEASE: Final = timedelta(minutes=10)
"""How long cards are kept for a purchase that is not made."""


def between(
    connection: Connection, start: datetime, end: datetime, *, purchase: str = ""
) -> tuple[Reservation, ...]:
    """Return the cards that are taken at some time of a period, by others than a purchase.

    A lease counts until it expires, or until its purchase has the cards themselves.
    """
    cursor = connection.cursor(row_factory=class_row(_Row))
    cursor.execute(
        """
        SELECT site, model, cards, starts_at AS start, ends_at AS end, nodes, purchase
        FROM service.reservation
        WHERE starts_at < %(end)s AND ends_at > %(start)s AND purchase <> %(purchase)s
        UNION ALL
        SELECT site, model, cards, starts_at, ends_at, nodes, purchase
        FROM service.lease
        WHERE starts_at < %(end)s AND ends_at > %(start)s AND purchase <> %(purchase)s
          AND expires_at > clock_timestamp()
          AND NOT EXISTS (SELECT FROM service.purchase WHERE purchase.id = lease.purchase)
        ORDER BY site, model, start, purchase
        """,
        {"start": start, "end": end, "purchase": purchase},
    )
    return tuple(row.reservation for row in cursor.fetchall())


def leased(connection: Connection, purchase: str) -> Reservation | None:
    """Return the cards that are kept for a purchase."""
    cursor = connection.cursor(row_factory=class_row(_Row))
    cursor.execute(
        """
        SELECT site, model, cards, starts_at AS start, ends_at AS end, nodes, purchase
        FROM service.lease WHERE purchase = %s AND expires_at > clock_timestamp()
        """,
        (purchase,),
    )
    row = cursor.fetchone()
    return None if row is None else row.reservation


def keep(connection: Connection, purchase: str, cards: Reservation) -> None:
    """Keep cards for a purchase, instead of others that it had; forget what has expired."""
    connection.execute(
        "DELETE FROM service.lease WHERE purchase = %s OR expires_at <= clock_timestamp()",
        (purchase,),
    )
    connection.execute(
        """
        INSERT INTO service.lease
        VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp() + %s)
        """,
        (
            *(purchase, cards.site, cards.model, cards.cards, list(cards.nodes)),
            *(cards.start, cards.end, LEASE),
        ),
    )


def let_go(connection: Connection, purchase: str) -> None:
    """Give the cards back that were kept for a purchase."""
    connection.execute("DELETE FROM service.lease WHERE purchase = %s", (purchase,))


class _Row:
    """A row of either table; its purchase only orders it."""

    def __init__(  # noqa: PLR0913  # one argument per column
        self,
        *,
        site: str,
        model: str,
        cards: int,
        start: datetime,
        end: datetime,
        nodes: list[int],
        purchase: str,
    ) -> None:
        self.purchase = purchase
        self.reservation = Reservation(site, model, cards, start, end, tuple(nodes))
