"""Parties: organisations known by their unified social credit code."""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.condition import Facts
from tallygrid.service.office import Office
from tallygrid.service.plain import dump


def register(office: Office, code: str, *, name: Mapping[str, str], facts: Facts) -> None:
    """Enter an organisation, or bring what is known of it up to date."""

    def enter(connection: Connection) -> None:
        connection.execute(
            """
            INSERT INTO service.party (id, name, facts) VALUES (%s, %s, %s)
            ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, facts = EXCLUDED.facts
            """,
            (code, Jsonb(dict(name)), Jsonb(dump(dict(facts)))),
        )

    office.transact("web", enter)
