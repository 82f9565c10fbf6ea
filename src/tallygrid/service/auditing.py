"""Auditing: the rows beside the books say what the books told the application, and no more.

The outbox is hashed with the events, so whoever edits a row is found by what it was told to
be. Only rows that have caught up with the books are looked at. What never moved public money
was never told, and has nothing to be held against.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from psycopg import Connection

from tallygrid.core.books import ACCOUNT_KINDS, MONEY_TABLE, PERMITTED, REVERSED_BY, Problem
from tallygrid.core.canonical import sha256_of
from tallygrid.core.evidence import AWARDS, application_of
from tallygrid.service.issuing import Request, answered
from tallygrid.service.plain import facts_of


def verify(connection: Connection[Any], programme: str | None = None) -> tuple[Problem, ...]:
    """Return what is wrong with the rows of a programme, or of all; nothing, if they are sound."""
    return (
        *(problem for table in _TABLES for problem in _differing(connection, table, programme)),
        *(problem for query in _STATES for problem in _found(connection, query, programme)),
        *_other_answers(connection, programme),
        *_other_texts(connection, programme),
        *_other_law(connection),
    )


def unsettled(connection: Connection[Any], programme: str | None = None) -> tuple[str, ...]:
    """Return the vouchers whose use is not held against their balance: it is under way."""
    found = connection.execute(_UNSETTLED.encode(), {"programme": programme})
    return tuple(name for (name,) in found)


def behind(connection: Connection[Any], programme: str | None = None) -> tuple[Problem, ...]:
    """Return how far the rows follow the books where not to the end: the rest was not looked at."""
    found = connection.execute(_BEHIND.encode(), {"programme": programme})
    return tuple(
        Problem("auditing.behind", {"programme": code, "seq": seq, "last": last})
        for code, seq, last in found
    )


@dataclass(frozen=True)
class _Table:
    """A table whose rows come from messages of one sort."""

    name: str
    does: str
    record: str
    """Where in the message the row is."""
    free: tuple[str, ...] = ()
    """Columns that later messages change."""
    key: tuple[str, ...] = ("id",)
    founded: str = "true"
    """Which rows must have had a message."""
    may_go: bool = False
    """Whether a row may be gone again."""


_TABLES: Final = (
    _Table(
        "voucher",
        "voucher_issued",
        """'{"budget_group": ""}' || payload""",
        ("state", "fiscal_year"),
    ),
    _Table(
        "purchase",
        "bought",
        "payload -> 'purchase' || jsonb_build_object('document', payload -> 'purchase')",
        ("state", "served_by"),
        founded="kept.document -> 'shares' <> '[]'",
    ),
    _Table(
        "line",
        "line_accepted",
        "payload -> 'line'",
        key=("purchase", "n"),
        founded="jsonb_path_exists(kept.bill, '$.subsidies[*] ? (@.subsidy_fen != 0)')",
    ),
    _Table(
        "reservation",
        "bought",
        "CASE jsonb_typeof(payload -> 'reservation')"
        " WHEN 'object' THEN payload -> 'reservation' END",
        ("ends_at",),
        key=("purchase",),
        founded="false",
        may_go=True,
    ),
    _Table(
        "payment",
        "payment_sent",
        "payload",
        ("state", "receipt", "sent_at", "confirmed_at", "attempt"),
    ),
    _Table(
        "clawback",
        "clawback_demanded",
        "payload",
        ("state", "recovered_fen", "since", "acted_at"),
    ),
)

_TOLD_BY_ANY: Final = """
    told AS (
      SELECT programme.code AS programme, outbox.seq, outbox.payload
      FROM books.outbox
      JOIN books.programme ON programme.id = outbox.programme
      JOIN service.progress
        ON progress.programme = programme.code AND progress.seq >= outbox.seq
    )
"""
_TOLD: Final = f"""
    told AS (
      WITH {_TOLD_BY_ANY}
      SELECT * FROM told WHERE programme = %(programme)s OR %(programme)s::text IS NULL
    )
"""  # noqa: S608  # constants
_PENDING: Final = """
    pending AS (
      SELECT concat(body, postings) AS words FROM service.intent WHERE settled_at IS NULL
    )
"""
"""What is under way: the postings of an intent name the account of every voucher they touch."""
_ROWS: Final = """
    WITH {told}, due AS (
      SELECT told.programme, {due_key} AS id, to_jsonb(due) - %(free)s::text[] AS row
      FROM told
      CROSS JOIN LATERAL jsonb_populate_record(NULL::service.{table}, {record}) AS due
      WHERE told.payload ->> 'does' = %(does)s AND {record} IS NOT NULL
    ), found AS (
      SELECT {kept_key} AS id, to_jsonb(kept) - %(free)s::text[] AS row, {founded} AS is_founded
      FROM service.{table} AS kept
    )
    SELECT CASE WHEN found.id IS NULL THEN 'row_missing' WHEN due.id IS NULL THEN 'row_untold'
        ELSE 'row_differs' END,
      coalesce(due.programme, ''), %(name)s, id,
      -- of the columns, those that differ
      (SELECT jsonb_object_agg(key, value) FROM jsonb_each(found.row)
       WHERE value IS DISTINCT FROM due.row -> key)::text,
      (SELECT jsonb_object_agg(key, value) FROM jsonb_each(due.row)
       WHERE value IS DISTINCT FROM found.row -> key)::text
    FROM due FULL JOIN found USING (id)
    WHERE due.row IS DISTINCT FROM found.row
      AND (due.id IS NOT NULL OR found.is_founded AND %(programme)s::text IS NULL)
      AND (found.id IS NOT NULL OR NOT %(may_go)s)
    ORDER BY id
"""

_STATES: Final = (
    """
    WITH {told}, moved AS (
      SELECT programme, seq, books.told_of(payload) AS id, payload, payload ->> 'does' AS does
      FROM told
      WHERE payload ->> 'does' IN
        ('payment_sent', 'payment_again', 'payment_confirmed', 'payment_failed')
    ), last AS (
      SELECT programme, id,
        (array_agg(CASE does WHEN 'payment_confirmed' THEN 'confirmed'
          WHEN 'payment_failed' THEN 'failed' ELSE 'sent' END ORDER BY seq DESC))[1] AS state,
        (array_agg(coalesce(payload ->> 'receipt', '') ORDER BY seq DESC))[1] AS receipt,
        max((payload ->> 'attempt')::integer) AS attempt,
        (array_agg((payload ->> 'sent_at')::timestamptz ORDER BY seq DESC)
          FILTER (WHERE does IN ('payment_sent', 'payment_again')))[1] AS sent_at,
        (array_agg((payload ->> 'confirmed_at')::timestamptz ORDER BY seq DESC)
          FILTER (WHERE does = 'payment_confirmed'))[1] AS confirmed_at
      FROM moved GROUP BY programme, id
    )
    SELECT 'row_differs', last.programme, 'payment', id,
      concat_ws(' ', payment.state, payment.receipt, payment.attempt, payment.sent_at,
                payment.confirmed_at),
      concat_ws(' ', last.state, last.receipt, last.attempt, last.sent_at, last.confirmed_at)
    FROM last JOIN service.payment USING (id)
    WHERE (payment.state, payment.receipt, payment.attempt, payment.sent_at, payment.confirmed_at)
      IS DISTINCT FROM
        (last.state, last.receipt, last.attempt, last.sent_at, last.confirmed_at)
    """,
    """
    WITH {told}, moved AS (
      SELECT programme, coalesce(books.told_of(payload), payload ->> 'purchase') AS id,
        CASE payload ->> 'does' WHEN 'bought' THEN payload #>> '{{purchase,state}}'
          WHEN 'started' THEN 'running' ELSE payload ->> 'state' END AS state,
        array_position(ARRAY['bought', 'started', 'given_back', 'line_accepted'],
                       payload ->> 'does') AS how_far,
        coalesce((payload #>> '{{line,n}}')::integer, 0) AS n
      FROM told
      WHERE payload ->> 'does' IN ('bought', 'started', 'given_back', 'line_accepted')
    ), last AS (
      SELECT DISTINCT ON (id) * FROM moved ORDER BY id, how_far DESC, n DESC
    )
    SELECT 'row_differs', last.programme, 'purchase', id, purchase.state, last.state
    FROM last JOIN service.purchase USING (id)
    WHERE purchase.state <> last.state
      AND purchase.document -> 'shares' <> '[]'  -- else only its beginning was told
      AND NOT EXISTS (  -- a line that moved no public money was never told
        SELECT FROM service.line WHERE line.purchase = purchase.id AND line.n > last.n)
    """,
    """
    WITH {told}, last AS (
      SELECT DISTINCT ON (payload ->> 'clawback') programme, payload ->> 'clawback' AS id,
        (payload ->> 'recovered_fen')::bigint AS recovered_fen, payload ->> 'state' AS state
      FROM told WHERE payload ->> 'does' = 'clawback_moved'
      ORDER BY payload ->> 'clawback', seq DESC
    )
    SELECT 'row_differs', payment.programme, 'clawback', clawback.id,
      concat_ws(' ', clawback.state, clawback.recovered_fen),
      concat_ws(' ', coalesce(last.state, 'demanded'), coalesce(last.recovered_fen, 0))
    FROM service.clawback
    JOIN service.payment ON payment.id = clawback.payment
    JOIN told ON told.payload ->> 'does' = 'clawback_demanded'
      AND told.payload ->> 'id' = clawback.id
    LEFT JOIN last ON last.id = clawback.id
    WHERE clawback.recovered_fen <> coalesce(last.recovered_fen, 0)
      OR clawback.state NOT IN ('demanded', 'contested')
        AND clawback.state IS DISTINCT FROM last.state
      OR last.state NOT IN ('demanded', 'contested') AND clawback.state <> last.state
    """,
    """
    WITH {told}, last AS (
      SELECT DISTINCT ON (payload ->> 'voucher') programme, payload ->> 'voucher' AS id,
        (payload ->> 'fiscal_year')::integer AS fiscal_year
      FROM told WHERE payload ->> 'does' = 'voucher_carried'
      ORDER BY payload ->> 'voucher', seq DESC
    )
    SELECT 'row_differs', told.programme, 'voucher', voucher.id, voucher.fiscal_year::text,
      coalesce(last.fiscal_year, (told.payload ->> 'fiscal_year')::integer)::text
    FROM told
    JOIN service.voucher ON voucher.id = told.payload ->> 'id'
    LEFT JOIN last ON last.id = voucher.id
    WHERE told.payload ->> 'does' = 'voucher_issued' AND voucher.fiscal_year
      <> coalesce(last.fiscal_year, (told.payload ->> 'fiscal_year')::integer)
    """,
    """
    WITH {told_by_any}, ended AS (
      SELECT payload ->> 'voucher' AS id, payload ->> 'state' AS state
      FROM told WHERE payload ->> 'does' = 'voucher_ended'
      UNION
      SELECT body ->> 'voucher', state  -- nothing was left to give back, nor to tell
      FROM service.intent, unnest(ARRAY[body ->> 'state', 'used_up']) AS state
      WHERE kind = 'end' AND settled_at IS NOT NULL AND postings = '[]'
        AND outcome ->> 'refused' IS NULL
    ), due AS (
      SELECT id, array_agg(state) AS states FROM ended GROUP BY id
    )
    SELECT 'row_differs', voucher.programme, 'voucher', voucher.id, voucher.state,
      coalesce(array_to_string(due.states, ', '), 'issued, part_used, used_up')
    FROM service.voucher LEFT JOIN due USING (id)
    WHERE (voucher.programme = %(programme)s OR %(programme)s::text IS NULL)
      AND voucher.state <> ALL (coalesce(due.states, ARRAY['issued', 'part_used', 'used_up']))
    """,
    """
    WITH {told_by_any}, moved AS (
      SELECT payload ->> 'application' AS id,
        max(CASE payload ->> 'does' WHEN 'award_withdrawn' THEN 3 WHEN 'award_reserved' THEN 1
              ELSE 2 END) AS how_far
      FROM told
      WHERE payload ->> 'does' IN
        ('award_reserved', 'voucher_issued', 'awarded_ex_post', 'award_withdrawn')
      GROUP BY payload ->> 'application'
    ), due AS (
      SELECT id, ARRAY[(ARRAY['in_notice', 'awarded', 'withdrawn'])[how_far]] AS states FROM moved
    )
    SELECT 'row_differs', application.programme, 'application', application.id, application.state,
      coalesce(due.states[1], 'submitted, approved, refused, waiting')
    FROM service.application LEFT JOIN due USING (id)
    WHERE (application.programme = %(programme)s OR %(programme)s::text IS NULL)
      AND application.state <> ALL (coalesce(
        due.states, ARRAY['submitted', 'approved', 'refused', 'waiting']))
    """,
    """
    SELECT 'row_differs', code, 'progress', code, progress.seq::text, programme.last_seq::text
    FROM service.progress JOIN books.programme ON programme.code = progress.programme
    WHERE progress.seq > programme.last_seq  -- what is posted next would be passed over
      AND (code = %(programme)s OR %(programme)s::text IS NULL)
    """,
    """
    WITH {pending}, used AS (
      SELECT voucher.id, voucher.programme, voucher.state,
        CASE sum(account.in_fen - account.out_fen)
          WHEN (voucher.grant_terms ->> 'room_fen')::bigint THEN 'issued'
          WHEN 0 THEN 'used_up' ELSE 'part_used' END AS due
      FROM service.voucher
      JOIN books.programme ON programme.code = voucher.programme
      JOIN books.account ON account.programme = programme.id
        AND (account.kind, account.holder) = ('committed', voucher.id)
      WHERE voucher.state IN ('issued', 'part_used', 'used_up')
        AND (voucher.programme = %(programme)s OR %(programme)s::text IS NULL)
      GROUP BY voucher.id
    )
    SELECT 'row_differs', programme, 'voucher', id, state, due
    FROM used
    WHERE state <> due
      AND NOT EXISTS (SELECT FROM pending WHERE position(used.id IN words) > 0)
    """,
)
"""What later messages, and the balances, say of the columns that they change.

A voucher that is used is as much used as its balance says, once nothing of it is under way.
"""

_BEHIND: Final = """
    SELECT programme.code, coalesce(progress.seq, 0), programme.last_seq
    FROM books.programme LEFT JOIN service.progress ON progress.programme = programme.code
    WHERE coalesce(progress.seq, 0) < programme.last_seq
      AND (programme.code = %(programme)s OR %(programme)s::text IS NULL)
    ORDER BY programme.code
"""
_UNSETTLED: Final = f"""
    WITH {_PENDING}
    SELECT id FROM service.voucher
    WHERE (programme = %(programme)s OR %(programme)s::text IS NULL)
      AND EXISTS (SELECT FROM pending WHERE position(voucher.id IN words) > 0)
    ORDER BY id
"""  # noqa: S608  # constants

_AWARDED: Final = """
    SELECT programme.code, event.reason, event.document, application.id, application.programme,
      application.applicant, application.contract, application.facts,
      array_prepend(application.decision, ARRAY(
        SELECT allotment.decision FROM service.allotment
        WHERE allotment.application = application.id))
    FROM books.event
    JOIN books.programme ON programme.id = event.programme
    LEFT JOIN service.application ON event.reason = 'application ' || application.id
    WHERE event.kind = ANY (%(kinds)s)
      AND (programme.code = %(programme)s OR %(programme)s::text IS NULL)
    ORDER BY programme.code, event.seq
"""

_VERSIONS: Final = """
    SELECT programme, hash, document FROM service.programme_version
    WHERE programme = %(programme)s OR %(programme)s::text IS NULL
    ORDER BY programme, hash
"""


def _differing(
    connection: Connection[Any], table: _Table, programme: str | None
) -> Iterator[Problem]:
    query = _ROWS.format(
        told=_TOLD,
        table=table.name,
        record=table.record,
        founded=table.founded,
        due_key=_name(table, "due"),
        kept_key=_name(table, "kept"),
    )
    values = {"does": table.does, "free": list(table.free), "name": table.name,
              "may_go": table.may_go, "programme": programme}  # fmt: skip
    yield from map(_problem, connection.execute(query.encode(), values))


def _name(table: _Table, alias: str) -> str:
    """Return what a row is called, in SQL."""
    return f"concat_ws(' / ', {', '.join(f'{alias}.{column}' for column in table.key)})"


def _found(connection: Connection[Any], query: str, programme: str | None) -> Iterator[Problem]:
    asked = query.format(told=_TOLD, told_by_any=_TOLD_BY_ANY, pending=_PENDING)
    yield from map(_problem, connection.execute(asked.encode(), {"programme": programme}))


def _problem(row: tuple[Any, ...]) -> Problem:
    code, programme, table, what, found, expected = row
    values = {"table": table, "what": what, "found": found or "", "expected": expected or ""}
    return Problem(f"auditing.problem.{code}", {"programme": programme, **values})


def _other_law(connection: Connection[Any]) -> Iterator[Problem]:
    """Yield the tables that posting obeys and that are not what this program says."""
    law: dict[str, Collection[tuple[object, ...]]] = {
        "account_kind": [(code, *astuple(kind)) for code, kind in ACCOUNT_KINDS.items()],
        "event_kind": [(code, row.phase) for code, row in MONEY_TABLE.items()],
        "movement": [(code, *move) for code, row in MONEY_TABLE.items() for move in row.moves],
        "permission": PERMITTED,
        "reversal": list(REVERSED_BY.items()),
    }
    for table, due in law.items():
        rows = connection.execute(f"TABLE books.{table}".encode()).fetchall()
        for row in sorted(set(rows) ^ set(due), key=str):
            what = " ".join(map(str, row))
            code = "law_added" if row in rows else "law_taken"
            yield Problem(f"auditing.problem.{code}", {"table": table, "what": what})


def _other_texts(connection: Connection[Any], programme: str | None) -> Iterator[Problem]:
    """Yield published versions of programmes whose text has another hash."""
    rows = connection.execute(_VERSIONS.encode(), {"programme": programme})
    for code, version, document in rows:
        if f"sha256:{sha256_of(document)}" != version:
            values = {"programme": code, "what": version}
            yield Problem("auditing.problem.text_differs", values)


def _other_answers(connection: Connection[Any], programme: str | None) -> Iterator[Problem]:
    """Yield applications whose facts and decisions are not those that their award names."""
    asked = {"programme": programme, "kinds": sorted(AWARDS)}
    with connection.cursor(name="awarded") as awards:  # one portion after the other
        for code, reason, document, *row, decisions in awards.execute(_AWARDED, asked):
            if document not in _hashes(row, decisions):
                what = application_of({"reason": reason})
                values = {"programme": code, "what": what, "expected": document}
                yield Problem("auditing.problem.answer_differs", values)


def _hashes(row: Sequence[Any], decisions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the hashes of an application with each answer that it was given."""
    name, programme, applicant, contract, facts = row
    if name is not None:
        request = Request(name, applicant, contract, facts_of(facts))
        yield from (sha256_of(answered(request, programme, one)) for one in decisions)
