"""Programmes enter here: a version is published, and its books are opened."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid import ledger
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.programme import Programme
from tallygrid.service.office import Office
from tallygrid.service.told import Called, Said, ToldError


@dataclass(frozen=True)
class Scheme:
    """A programme as it is applied: its text, and the readings assumed where it is silent."""

    programme: Programme
    assumptions: Assumptions | None = None

    @property
    def id(self) -> str:
        """The programme's id."""
        return self.programme.id

    def funder(self, name: str) -> Said | str:
        """Return what a funder is called; its id where this version has none of that id."""
        found = [one.name for one in self.programme.budget.funders if one.id == name]
        return Called(found[0]) if found else name

    @property
    def applied(self) -> Programme:
        """The programme with its open items filled, as far as an assumption fills them."""
        if self.assumptions is None:
            return self.programme
        return self.programme.with_readings(self.assumptions.of(self.id))

    @property
    def assumed(self) -> tuple[str, ...]:
        """The names of the assumptions that are relied on."""
        relied = self.assumptions is not None and bool(self.assumptions.of(self.id))
        return (self.assumptions.id,) if self.assumptions is not None and relied else ()


class ReportedError(ToldError):
    """Somebody tried to publish what a brief says instead of what was issued."""


class ReadingsError(ToldError):
    """A version is read in one way; somebody tried to publish it with other readings."""


class SupersededError(ToldError):
    """A version is published that another one, published later, has followed."""


def publish(office: Office, scheme: Scheme, *, at: datetime) -> None:
    """Publish a version of a programme and open its books; the same version twice is once.

    A version that was published with its questions open may be published again with readings.

    Raises:
        ReportedError: The programme is an as-reported edition.
        ReadingsError: The version is published already, read in another way.
        SupersededError: Another version was published later.
    """
    if scheme.programme.edition != "issued":
        issued = scheme.programme.contradicts
        raise ReportedError("as_reported", programme=scheme.id, issued=issued)
    office.transact("web", lambda connection: _published(connection, scheme, at))


def published(office: Office) -> dict[str, Scheme]:
    """Return the programmes that are published here, by id, each in its latest version."""
    return office.transact("web", in_force)


def in_force(connection: Connection) -> dict[str, Scheme]:
    """Return the programmes that are published, by id, each in its latest version."""
    rows = connection.execute(
        """
        SELECT document, assumptions FROM service.programme_version
        ORDER BY published_at, hash
        """
    ).fetchall()
    return {one.id: one for one in (_scheme(*row) for row in rows)}


def versions(connection: Connection, programme: str) -> tuple[Scheme, ...]:
    """Return every version of a programme that was published, the one in force last."""
    rows = connection.execute(
        """
        SELECT document, assumptions FROM service.programme_version
        WHERE programme = %s ORDER BY published_at, hash
        """,
        (programme,),
    ).fetchall()
    return tuple(_scheme(*row) for row in rows)


def latest(connection: Connection, programme: str) -> tuple[str, datetime]:
    """Return the hash of the version in force, and when it was published."""
    row = connection.execute(
        """
        SELECT hash, published_at FROM service.programme_version
        WHERE programme = %s ORDER BY published_at DESC, hash DESC LIMIT 1
        """,
        (programme,),
    ).fetchone()
    assert row is not None, programme
    return row[0], row[1]


def _scheme(document: dict[str, Any], assumptions: dict[str, Any] | None) -> Scheme:
    """Return a version as it was published."""
    return Scheme(
        Programme.model_validate_json(json.dumps(document)),
        Assumptions.model_validate_json(json.dumps(assumptions)) if assumptions else None,
    )


def _published(connection: Connection, scheme: Scheme, at: datetime) -> None:
    ledger.open_programme(connection, scheme.id)
    row = connection.execute(
        """
        INSERT INTO service.programme_version AS known
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (programme, hash) DO UPDATE SET assumptions =
            CASE known.assumptions WHEN 'null' THEN EXCLUDED.assumptions ELSE known.assumptions END
        RETURNING assumptions
        """,
        (
            scheme.id,
            scheme.programme.hash,
            Jsonb(scheme.programme.model_dump(mode="json", exclude_defaults=True)),
            Jsonb(scheme.assumptions.model_dump(mode="json") if scheme.assumptions else None),
            at,
        ),
    ).fetchone()
    assert row is not None, "an upsert returns its row"
    kept = row[0]
    if scheme.assumptions and kept != scheme.assumptions.model_dump(mode="json"):
        raise ReadingsError("other_readings", programme=scheme.id, before=kept["id"])
    found, since = latest(connection, scheme.id)
    if found != scheme.programme.hash:
        raise SupersededError("superseded", programme=scheme.id, since=f"{since:%Y-%m-%d %H:%M}")
