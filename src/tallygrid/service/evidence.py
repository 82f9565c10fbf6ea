"""Gathering evidence: all that led to a voucher or a payment, as one bundle.

What the books told the application is taken from the books, not from the rows that followed:
so every part is anchored in the chain.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import Problem, reversal_key, reversed_by
from tallygrid.core.canonical import instant, sha256_of
from tallygrid.core.evidence import AWARDS, application_of
from tallygrid.core.heads import SignedHead
from tallygrid.core.key import key_of
from tallygrid.core.seal import sealed
from tallygrid.core.signature import PublicKey, SigningKey
from tallygrid.service.issuing import Request, answered
from tallygrid.service.plain import facts_of
from tallygrid.settings import Language
from tallygrid.text import render

Kind = Literal["voucher", "payment"]
Plain = dict[str, Any]


class NoSubjectError(Exception):
    """There is no voucher or payment of that name."""

    def __init__(self, kind: Kind, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return what was not found."""
        return render(f"evidence.no_{self.kind}", language, name=self.name)


class HistoryError(Exception):
    """The books contradict a head that was published: nothing is sealed of them."""

    def sentence(self, language: Language) -> str:
        """Return what is wrong, a line each."""
        return "\n".join(render(one.code, language, **one.values) for one in self.problems)

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(", ".join(problem.code for problem in problems))


@dataclass(frozen=True)
class Seal:
    """With what bundles are sealed: the key, the public keys, and where heads are published."""

    key: SigningKey
    keys: Sequence[PublicKey]
    folder: Path


def bundle(connection: Connection[Any], kind: Kind, name: str, seal: Seal, *, at: datetime) -> str:
    """Return the evidence for a voucher or a payment, sealed.

    Where no published head is as late as the last event, one is signed and published now.

    Args:
        connection: Of a role that reads everything, in a transaction that sees one state.
        kind: What it is.
        name: Its id.
        seal: With what to seal.
        at: The instant, for a head that has to be signed.

    Raises:
        NoSubjectError: There is no such voucher or payment.
        HistoryError: The books contradict a published head.
    """
    events = {
        programme: list(ledger.recorded(connection, programme, sorted(seqs)))
        for programme, seqs in sorted(places(connection, kind, name).items())
    }
    heads = _heads(connection, events, seal, at)
    said = [message for _, message in _messages(events)]
    vouchers = _told(said, "voucher_issued")
    awards = [one for of in events.values() for one in of if one["kind"] in AWARDS]
    ex_post = (application_of(one) for one in awards if one["kind"] == "award_ex_post")
    asked = sorted({*(one["application"] for one in vouchers), *ex_post})
    documents = {one["document"] for one in awards}
    applications = [found for one in asked for found in _application(connection, one, documents)]
    purchases = [one["purchase"] for one in _told(said, "bought", by="purchase")]
    parts = {
        "subject": {"kind": kind, "id": name},
        "programmes": _programmes(connection, applications),
        "applications": applications,
        "vouchers": vouchers,
        "purchases": purchases,
        "lines": list(_lines(connection, purchases, events)),
        "payments": _told(said, "payment_sent"),
        "clawbacks": _told(said, "clawback_demanded"),
        "events": events,
        "chain": {
            programme: list(_segments(connection, programme, of, heads))
            for programme, of in events.items()
        },
        "keys": [{**vars(key), "since": instant(key.since)} for key in seal.keys],
    }
    return sealed(parts, seal.key)


def _heads(
    connection: Connection[Any], events: Mapping[str, Sequence[Plain]], seal: Seal, at: datetime
) -> tuple[SignedHead, ...]:
    """Return the published heads, with one for every programme that is late enough."""
    heads = ledger.published(seal.folder)
    last = {programme: of[-1]["batch"] for programme, of in events.items() if of}
    covered = {one.head.programme for one in heads
               if one.head.batch >= last.get(one.head.programme, 0)}  # fmt: skip
    if last.keys() <= covered:
        return heads
    _, problems = ledger.publish(connection, seal.folder, seal.key, at=at)
    if problems:
        raise HistoryError(problems)
    return ledger.published(seal.folder)


def places(connection: Connection[Any], kind: Kind, name: str) -> dict[str, set[int]]:
    """Return the places of all events that belong to a voucher or payment, by programme.

    Raises:
        NoSubjectError: There is no such voucher or payment.
    """
    found: dict[str, set[int]] = {}
    if kind == "voucher":
        vouchers = {name}
        if _one(connection, "SELECT 1 FROM service.voucher WHERE id = %s", name) is None:
            raise NoSubjectError(kind, name)
    else:
        vouchers = _paid_vouchers(connection, name, found)
    for voucher in sorted(vouchers):
        _add(found, connection.execute(_OF_VOUCHER, {"voucher": voucher}))
    purchases = [
        one
        for (one,) in connection.execute(
            """
            SELECT id FROM service.purchase WHERE EXISTS (
              SELECT FROM jsonb_array_elements(document -> 'shares') AS share
              WHERE share ->> 'voucher' = ANY (%s))
            """,
            [list(vouchers)],
        )
    ]
    told = {"purchases": purchases, "vouchers": list(vouchers)}
    _add(found, connection.execute(_TOLD, told))
    if kind == "voucher":
        _add(found, connection.execute(_PAID_AFTER, {"voucher": name}))
    for programme, seqs in found.items():
        values = {"programme": programme, "seqs": list(seqs)}
        seqs.update(seq for (seq,) in connection.execute(_CLAWED_BACK, values))
        seqs.update(_undone(connection, programme, seqs))
    return found


def _undone(connection: Connection[Any], programme: str, seqs: set[int]) -> set[int]:
    """Return the places of what undoes these events, and of what they undo."""
    values = {"programme": programme, "seqs": list(seqs)}
    rows = connection.execute(_KEYS_OF, values).fetchall()
    keys = [reversal_key(key) for key, _ in rows]
    keys += [key for _, reason in rows if (key := reversed_by(reason))]
    found = connection.execute(_OF_KEYS, {"programme": programme, "keys": keys})
    return {seq for (seq,) in found}


def _paid_vouchers(
    connection: Connection[Any], payment: str, found: dict[str, set[int]]
) -> set[str]:
    """Return the vouchers that a payment pays for, and note the events that lead to it.

    A payment empties its account; so what it pays came in after the one before it. If that one
    came back, what it was for is paid now, and the search goes on behind it.
    """
    row = _one(connection, "SELECT programme FROM service.payment WHERE id = %s", payment)
    if row is None:
        raise NoSubjectError("payment", payment)
    values = {
        "programme": row[0],
        "pay": key_of("pay", payment),
        "payment": payment,
    }
    _add(found, connection.execute(_OF_PAYMENT, values))
    seqs = list(found.get(row[0], ()))  # none, if the row is of a payment that was never made
    rows = connection.execute(_VOUCHERS_OF, {"programme": row[0], "seqs": seqs})
    return {voucher for (voucher,) in rows}


def _add(found: dict[str, set[int]], rows: Iterable[tuple[str, int]]) -> None:
    for programme, seq in rows:
        found.setdefault(programme, set()).add(seq)


def _one(connection: Connection[Any], query: str, *values: object) -> tuple[Any, ...] | None:
    return connection.execute(query.encode(), values).fetchone()


def _told(said: Sequence[Plain], does: str, by: str = "") -> list[Plain]:
    """Return messages of one sort without what they do, in the order of their ids."""
    found = [
        {name: value for name, value in one.items() if name != "does"}
        for one in said
        if one["does"] == does
    ]
    return sorted(found, key=lambda one: str((one[by] if by else one)["id"]))


def _application(connection: Connection[Any], name: str, awards: set[str]) -> list[Plain]:
    """Return an application with the answer that the award names: its own, or its batch's.

    Nothing, if its row is gone: whoever checks the bundle is told that it is missing.
    """
    rows = connection.execute(
        """
        SELECT id, programme, applicant, contract, facts, decision FROM service.application
        WHERE id = %(name)s
        UNION ALL
        SELECT application.id, application.programme, applicant, contract, facts,
          allotment.decision
        FROM service.application JOIN service.allotment ON allotment.application = application.id
        WHERE application.id = %(name)s
        """,
        {"name": name},
    ).fetchall()
    found = [
        answered(Request(id_, applicant, contract, facts_of(facts)), programme, decision)
        for id_, programme, applicant, contract, facts, decision in rows
    ]
    return [one for one in found if sha256_of(one) in awards][:1] or found[:1]


def _programmes(connection: Connection[Any], applications: Sequence[Plain]) -> list[Plain]:
    versions = {(one["programme"], one["decision"]["version"]) for one in applications}
    rows = [
        (*version, document)
        for version in sorted(versions)
        for (document,) in connection.execute(
            """
            SELECT document FROM service.programme_version WHERE programme = %s AND hash = %s
            """,
            version,
        )
    ]
    return [
        {
            "programme": programme,
            "version": version,
            "text": yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100),
        }
        for programme, version, document in rows
    ]


def _lines(
    connection: Connection[Any], purchases: Sequence[Plain], events: Mapping[str, Sequence[Plain]]
) -> Iterator[Plain]:
    """Yield every line in the order in which the lines were accepted, as it was told.

    A line that moved no money was never told; its row is all there is, and follows the line
    before it.
    """
    told = {
        (said["line"]["purchase"], said["line"]["n"]): (event["posted_at"], said["line"])
        for event, said in _messages(events)
        if said["does"] == "line_accepted"
    }
    rows = connection.execute(
        "SELECT to_jsonb(line) FROM service.line WHERE purchase = ANY (%s) ORDER BY purchase, n",
        [[one["id"] for one in purchases]],
    )
    found, posted_at = [], ""
    for (row,) in rows:
        posted_at, line = told.get((row["purchase"], row["n"]), (posted_at, row))
        found.append((posted_at, line["purchase"], line["n"], line))
    yield from (line for *_, line in sorted(found, key=lambda one: one[:3]))


def _messages(events: Mapping[str, Sequence[Plain]]) -> Iterator[tuple[Plain, Plain]]:
    """Yield every event that told the application something, and what it told."""
    for found in events.values():
        yield from ((one, json.loads(one["outbox"])) for one in found if one["outbox"])


def _segments(
    connection: Connection[Any],
    programme: str,
    events: Sequence[Plain],
    heads: Sequence[SignedHead],
) -> Iterator[Plain]:
    """Yield the pieces of the chain that lead from the events to the next signed heads."""
    wanted = sorted({event["batch"] for event in events})
    published = sorted(one for one in heads if one.head.programme == programme)
    for head in published:
        batch = head.head.batch
        within = [no for no in wanted if no <= batch]
        if within:
            yield _segment(connection, programme, within[0], head)
            wanted = [no for no in wanted if no > batch]
    assert not wanted, f"{programme}: no head covers batch {wanted}"


def _segment(connection: Connection[Any], programme: str, first: int, head: SignedHead) -> Plain:
    batches = ledger.batches(connection, programme, first, head.head.batch)
    if problems := tuple(ledger.against(connection, head.head)):
        raise HistoryError(problems)
    row = _one(connection, "SELECT currency FROM books.programme WHERE code = %s", programme)
    assert row is not None, programme
    return {
        "first_seq": batches[0].first_seq,
        "previous": batches[0].previous,
        "currency": row[0] if first == 1 else "",
        "batches": [{"no": one.no, "leaves": one.leaves} for one in batches],
        "head": head.as_json(),
    }


_OF_VOUCHER: Final = """
    WITH own AS (
      SELECT leg.programme, leg.seq
      FROM books.account
      JOIN books.leg ON leg.programme = account.programme
        AND account.id IN (leg.source, leg.target)
      JOIN service.voucher ON voucher.id = %(voucher)s
      WHERE (account.kind, account.holder) IN
        (('committed', voucher.id), ('reserved', voucher.application))
    ), held AS (
      SELECT event.programme, event.key FROM own
      JOIN books.event ON (event.programme, event.seq) = (own.programme, own.seq)
    )
    SELECT programme.code, event.seq
    FROM (
      SELECT programme, seq FROM own
      UNION
      SELECT event.programme, event.seq FROM held
      JOIN books.event ON (event.programme, event.hold) = (held.programme, held.key)
    ) AS event
    JOIN books.programme ON programme.id = event.programme
"""
_TOLD: Final = """
    SELECT programme.code, outbox.seq
    FROM books.outbox JOIN books.programme ON programme.id = outbox.programme
    WHERE books.told_of(payload) = ANY (%(vouchers)s) AND payload ->> 'does' = 'voucher_issued'
       OR books.told_of(payload) = ANY (%(purchases)s)
          AND payload ->> 'does' IN ('bought', 'line_accepted')
"""
_PAID_AFTER: Final = """
    WITH captured AS (
      SELECT leg.programme, leg.target, leg.seq
      FROM books.account
      JOIN books.leg ON leg.programme = account.programme AND leg.source = account.id
      JOIN books.event ON (event.programme, event.seq) = (leg.programme, leg.seq)
      JOIN books.account AS target
        ON target.programme = leg.programme AND target.id = leg.target
      WHERE (account.kind, account.holder) = ('committed', %(voucher)s)
        AND event.kind = 'capture' AND target.kind = 'payable'
    ), paid AS (
      SELECT DISTINCT captured.programme,
        coalesce(outbox.payload ->> 'id', outbox.payload ->> 'payment') AS payment
      FROM captured
      CROSS JOIN LATERAL (
        SELECT leg.seq FROM books.leg
        JOIN books.event ON (event.programme, event.seq) = (leg.programme, leg.seq)
        WHERE leg.programme = captured.programme AND leg.source = captured.target
          AND leg.seq > captured.seq AND event.kind = 'pay'
        ORDER BY leg.seq LIMIT 1
      ) AS leg
      JOIN books.outbox ON (outbox.programme, outbox.seq) = (captured.programme, leg.seq)
    )
    SELECT programme.code, outbox.seq
    FROM paid
    JOIN books.programme ON programme.id = paid.programme
    JOIN books.outbox ON outbox.programme = paid.programme
      AND books.told_of(outbox.payload) = paid.payment
"""
_OF_PAYMENT: Final = """
    WITH pay AS (
      SELECT event.programme, event.seq, leg.source AS account
      FROM books.event
      JOIN books.programme ON programme.id = event.programme
      JOIN books.leg ON (leg.programme, leg.seq) = (event.programme, event.seq)
      WHERE programme.code = %(programme)s AND event.key = %(pay)s
    ), moved AS (
      SELECT leg.programme, leg.seq,
        sum(CASE WHEN leg.target = pay.account THEN leg.amount_fen ELSE -leg.amount_fen END)
          AS change_fen
      FROM pay
      JOIN books.leg ON leg.programme = pay.programme AND pay.account IN (leg.source, leg.target)
      JOIN books.event ON (event.programme, event.seq) = (leg.programme, leg.seq)
      JOIN books.event_kind ON event_kind.code = event.kind
      WHERE leg.seq <= pay.seq AND event_kind.phase IN ('direct', 'capture')
      GROUP BY leg.programme, leg.seq
    ), standing AS (
      SELECT seq, sum(change_fen) OVER (ORDER BY seq) AS left_fen FROM moved
    ), came_back AS (
      SELECT back.seq AS back_seq, sent.seq AS sent_seq
      FROM moved
      JOIN books.outbox AS back USING (programme, seq)
      JOIN books.outbox AS sent ON sent.programme = back.programme
        AND books.told_of(sent.payload) = back.payload ->> 'payment'
        AND sent.payload ->> 'does' = 'payment_sent'
      WHERE back.payload ->> 'does' = 'payment_failed'
    ), start AS (
      SELECT coalesce(max(standing.seq), 0) AS seq
      FROM pay
      CROSS JOIN standing
      JOIN books.event ON event.programme = pay.programme AND event.seq = standing.seq
      WHERE standing.seq < pay.seq AND left_fen = 0 AND event.kind = 'pay' AND NOT EXISTS (
        SELECT FROM came_back WHERE sent_seq <= standing.seq AND back_seq > standing.seq)
    )
    SELECT programme.code, wanted.seq
    FROM (
      SELECT moved.programme, moved.seq FROM moved, start WHERE moved.seq >= start.seq
      UNION
      SELECT outbox.programme, outbox.seq FROM books.outbox JOIN pay USING (programme)
      WHERE books.told_of(payload) = %(payment)s
    ) AS wanted
    JOIN books.programme ON programme.id = wanted.programme
"""
_VOUCHERS_OF: Final = """
    SELECT DISTINCT account.holder
    FROM books.leg
    JOIN books.programme ON programme.id = leg.programme
    JOIN books.account ON account.programme = leg.programme
      AND account.id IN (leg.source, leg.target)
    WHERE programme.code = %(programme)s AND leg.seq = ANY (%(seqs)s)
      AND account.kind = 'committed'
"""
_CLAWED_BACK: Final = """
    SELECT moved.seq
    FROM books.programme
    JOIN books.outbox AS demanded ON demanded.programme = programme.id
    JOIN books.outbox AS moved ON moved.programme = programme.id
      AND books.told_of(moved.payload) = demanded.payload ->> 'id'
      AND moved.payload ->> 'does' = 'clawback_moved'
    WHERE programme.code = %(programme)s AND demanded.seq = ANY (%(seqs)s)
      AND demanded.payload ->> 'does' = 'clawback_demanded'
"""
_KEYS_OF: Final = """
    SELECT event.key, event.reason
    FROM books.event JOIN books.programme ON programme.id = event.programme
    WHERE programme.code = %(programme)s AND event.seq = ANY (%(seqs)s)
"""
_OF_KEYS: Final = """
    SELECT event.seq
    FROM books.event JOIN books.programme ON programme.id = event.programme
    WHERE programme.code = %(programme)s AND event.key = ANY (%(keys)s)
"""
