"""Parties: organisations known by their unified social credit code."""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.condition import Facts
from tallygrid.service.office import Office
from tallygrid.service.plain import dump


def register(office: Office, code: str, *, name: Mapping[str, str], facts: Facts) -> None:
    """Enter an organisation, or bring what is known of it up to date.

    Whoever knows it by its code alone, or none of its facts, takes nothing away from what others
    know: a firm may both sell and apply.
    """

    def enter(connection: Connection) -> None:
        connection.execute(
            """
            INSERT INTO service.party AS known (id, name, facts) VALUES (%s, %s, %s)
            ON CONFLICT (id) DO UPDATE SET
              name = CASE EXCLUDED.name WHEN jsonb_build_object('en', known.id) THEN known.name
                ELSE EXCLUDED.name END,
              facts = CASE EXCLUDED.facts WHEN '{}' THEN known.facts ELSE EXCLUDED.facts END
            """,
            (code, Jsonb(dict(name)), Jsonb(dump(dict(facts)))),
        )

    office.transact("web", enter)
