"""Steering: what the books and reservations say of where work went."""

from datetime import datetime

from psycopg import Connection

from tallygrid.core.placement import Request
from tallygrid.core.steering import Placed, Steering, steering
from tallygrid.service.office import Office
from tallygrid.service.plain import load


def placements(office: Office, *, start: datetime, end: datetime) -> Steering:
    """Return how the work of a period split; what was given up does not count.

    Work is the time for which cards were taken within it, and money what was billed then: of
    what was used, not of what was asked for.
    """
    found = office.transact("web", lambda connection: _placed(connection, start, end))
    return steering(office.catalogue, found, start=start, end=end)


def _placed(connection: Connection, start: datetime, end: datetime) -> list[Placed]:
    """Return every purchase of cards with its part in a period; a bill is of its last instant."""
    rows = connection.execute(
        """
        SELECT
            site,
            coalesce(card_seconds, 0),
            coalesce(gross_fen, 0),
            coalesce(subsidy_fen, 0),
            document #> '{placement,request}'
        FROM service.purchase
        LEFT JOIN (
            SELECT
                purchase AS id,
                cards * extract(
                    epoch FROM least(ends_at, %(end)s) - greatest(starts_at, %(start)s)
                )::bigint AS card_seconds
            FROM service.reservation
            WHERE starts_at < %(end)s AND ends_at > %(start)s
        ) AS work USING (id)
        LEFT JOIN (
            SELECT
                purchase AS id,
                sum((bill ->> 'gross_fen')::bigint)::bigint AS gross_fen,
                sum((
                    SELECT sum((part ->> 'subsidy_fen')::bigint)
                    FROM jsonb_array_elements(bill -> 'subsidies') AS part
                ))::bigint AS subsidy_fen
            FROM service.line
            WHERE used_at > %(start)s AND used_at <= %(end)s
            GROUP BY purchase
        ) AS billed USING (id)
        WHERE document -> 'reserved' <> 'null' AND (card_seconds > 0 OR gross_fen IS NOT NULL)
        """,
        {"start": start, "end": end},
    ).fetchall()
    return [
        Placed(site, card_seconds, gross_fen, subsidy_fen, asked and load(Request, asked))
        for site, card_seconds, gross_fen, subsidy_fen, asked in rows
    ]
