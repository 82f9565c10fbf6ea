"""Gathering: everything a run has left in the books and rows, read at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import Account, Balance
from tallygrid.core.decision import Decision, from_json
from tallygrid.demo.stage import Stage
from tallygrid.report.figures import Words
from tallygrid.service import purchase as purchases
from tallygrid.service.purchase import Purchase
from tallygrid.text import render

_ALL: Final = ("held", "running", "part_delivered", "settled", "released", "failed")


@dataclass(frozen=True)
class Gathered:
    """Everything of a run that the report's parts are made of."""

    stage: Stage
    balances: Mapping[str, Mapping[Account, Balance]]
    purchases: tuple[Purchase, ...]
    lines: Mapping[str, tuple[Mapping[str, Any], ...]]
    """The lines of each purchase, in order."""
    decisions: tuple[Decision, ...]
    """Of every application."""
    vouchers: int
    used_vouchers: int
    unplaced: tuple[Mapping[str, Any], ...]
    """The jobs that no site could run."""
    refused: tuple[tuple[str, Mapping[str, Any]], ...]
    """What the books refused: the programme, and the refusal."""
    events: int
    batches: int
    heads: Mapping[str, str]


def both(code: str, **values: object) -> Words:
    """Return a sentence of the catalogue in both languages."""
    return {"en": render(code, "en", **values), "zh": render(code, "zh", **values)}


def gather(stage: Stage) -> Gathered:
    """Read everything in one transaction, so that all of it is of the same instant."""
    return stage.office.transact("auditor", lambda connection: _gathered(connection, stage))


def _gathered(connection: Connection, stage: Stage) -> Gathered:
    totals = _one(
        connection,
        """
        SELECT coalesce(sum(last_seq), 0)::bigint, coalesce(sum(last_batch), 0)::bigint
        FROM books.programme
        """,
    )
    vouchers = _one(
        connection,
        """
        SELECT count(*),
          count(*) FILTER (WHERE used.holder IS NOT NULL)
        FROM service.voucher
        LEFT JOIN (
            SELECT DISTINCT holder FROM books.account
            WHERE kind = 'committed' AND (out_fen > 0 OR held_fen > 0)
        ) AS used ON used.holder = voucher.id
        """,
    )
    return Gathered(
        stage=stage,
        balances={name: ledger.balances(connection, name) for name in stage.schemes},
        purchases=purchases.of_state(connection, *_ALL),
        lines=_lines(connection),
        decisions=_decisions(connection),
        vouchers=vouchers[0],
        used_vouchers=vouchers[1],
        unplaced=_bodies(connection, "unplaced"),
        refused=_refused(connection),
        events=totals[0],
        batches=totals[1],
        heads={one.programme: f"{one.algorithm}:{one.hash}" for one in ledger.heads(connection)},
    )


def _lines(connection: Connection) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for purchase, bill, evidence in connection.execute(
        "SELECT purchase, bill, evidence FROM service.line ORDER BY purchase, n"
    ):
        found.setdefault(purchase, []).append({"bill": bill, "evidence": evidence})
    return {purchase: tuple(lines) for purchase, lines in found.items()}


def _decisions(connection: Connection) -> tuple[Decision, ...]:
    rows = connection.execute("SELECT decision FROM service.application ORDER BY id")
    return tuple(from_json(decision) for (decision,) in rows)


def _bodies(connection: Connection, kind: str) -> tuple[Mapping[str, Any], ...]:
    rows = connection.execute(
        "SELECT body FROM service.intent WHERE kind = %s ORDER BY asked_at, key", (kind,)
    )
    return tuple(body for (body,) in rows)


def _refused(connection: Connection) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    rows = connection.execute(
        """
        SELECT outcome -> 'refused' ->> 'programme', outcome -> 'refused' FROM service.intent
        WHERE jsonb_typeof(outcome -> 'refused') = 'object' ORDER BY asked_at, key
        """
    )
    return tuple((programme, refused) for programme, refused in rows)


def _one(connection: Connection, query: LiteralString) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None, "an aggregate has one row"
    return row
