"""What became of every application to a programme, day by day; nothing is changed here."""

from collections.abc import Mapping
from datetime import date

from psycopg import Connection

from tallygrid.core.window import day_of

Row = Mapping[str, str | int | date | None]


def history(connection: Connection, programme: str) -> list[Row]:
    """Return a row for each application: the days of its steps, and its whole numbers.

    A day is that of the programme's zone. Who asked is left out, and so is what is text. A
    purchase that was released or failed is no use. That somebody gave up is not recorded here.
    """
    rows = connection.execute(_ROWS, (programme,)).fetchall()
    return [_row(*row) for row in rows]


_ROWS = """
    SELECT application.id, version.document #>> '{place,zone}', application.submitted_at,
      CASE WHEN application.state <> 'submitted' THEN application.decided_at END,
      voucher.valid_from, voucher.valid_until, use.first_used, use.settled,
      application.facts,
      (SELECT (line #>> '{values,low_fen}')::bigint
       FROM jsonb_array_elements(application.decision #> '{readings,0,lines}') AS line
       WHERE line ->> 'code' = 'share' LIMIT 1)
    FROM service.application
    JOIN service.programme_version AS version
      ON (version.programme, version.hash) = (application.programme, application.hash)
    LEFT JOIN service.voucher ON voucher.application = application.id
    LEFT JOIN LATERAL (
        SELECT min(purchase.placed_at) AS first_used,
          min(line.used_at) FILTER (WHERE purchase.state = 'settled') AS settled
        FROM service.purchase
        LEFT JOIN service.line ON line.purchase = purchase.id
        WHERE purchase.applicant = application.applicant
          AND purchase.state NOT IN ('released', 'failed')
          AND purchase.document -> 'shares' @> jsonb_build_array(
                jsonb_build_object('voucher', voucher.id))
    ) AS use ON voucher.id IS NOT NULL
    WHERE application.programme = %s
    ORDER BY application.id
"""


def _row(  # noqa: PLR0913, PLR0917  # the columns of the query
    name: str,
    zone: str,
    submitted: object,
    decided: object,
    issued: date | None,
    valid_until: date | None,
    first_used: object,
    settled: object,
    facts: Mapping[str, object],
    before_caps_fen: int | None,
) -> Row:
    instants = {
        "submitted": submitted,
        "decided": decided,
        "first_used": first_used,
        "settled": settled,
    }
    return {
        "id": name,
        **{step: day_of(at, zone) if isinstance(at, date) else None
           for step, at in instants.items()},
        "issued": issued,
        "valid_until": valid_until,
        "before_caps_fen": before_caps_fen,
        **{fact: value for fact, value in facts.items()
           if isinstance(value, int) and not isinstance(value, bool)},
    }  # fmt: skip
