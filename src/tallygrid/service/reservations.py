"""Reservations: the cards that purchases have taken, site by site."""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from tallygrid.placement.capacity import Reservation


def between(connection: Connection, start: datetime, end: datetime) -> tuple[Reservation, ...]:
    """Return the cards that are taken at some time of a period."""
    cursor = connection.cursor(row_factory=class_row(Reservation))
    cursor.execute(
        """
        SELECT site, model, cards, starts_at AS start, ends_at AS end
        FROM service.reservation WHERE starts_at < %s AND ends_at > %s
        ORDER BY site, model, starts_at, purchase
        """,
        (end, start),
    )
    return tuple(cursor.fetchall())
