"""A table decided and one case decided, in a form in which they can be compared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from tallygrid.core.arithmetic import Used
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Facts, Kind, Node, kind_of
from tallygrid.core.decision import Decision, Plan, decide
from tallygrid.core.expression import dtype_of, expression
from tallygrid.core.facts import derived
from tallygrid.core.programme import FactSpec, Programme
from tallygrid.core.table import USED, decided, facts_asked
from tallygrid.core.trial import Given, fact_column, used_column

Row = Mapping[str, Any]


def single(
    programme: Programme,
    facts: Facts,
    *,
    at: date | datetime,
    used: Used,
    assumptions: Assumptions | None = None,
) -> Row:
    """Decide one case, and say of it what a row of a table says."""
    one = decide(programme, facts, at=at, used=used, assumptions=assumptions)
    lines = [line for reading in one.readings for line in reading.lines]
    return {
        "outcome": one.outcome,
        "at_least_fen": one.at_least_fen,
        "at_most_fen": one.at_most_fen,
        "exceptional_fen": one.exceptional_fen,
        "rate_bp": one.rate_bp,
        "base_fen": one.base_fen,
        "tier": {
            tier
            for line in lines
            if line.code == "rate"
            for tier in str(line.values["tier"] or "").split("|")
            if tier
        },
        "bound_by": {str(line.values["by"]) for line in lines if line.code == "bound"},
        "group": {one.group} - {""},
        "provisional": one.provisional,
        "issuable": one.issuable,
        "reasons": {f.id for f in one.findings if f.status != "passed"},
        "missing": set(one.missing),
        "open": set(one.open),
        "findings": _by_rule(one),
    }


def _by_rule(one: Decision) -> dict[str, str]:
    """Return the status of every rule under the name of its column."""
    found: dict[str, str] = {}
    for finding in one.findings:
        name = f"{finding.id}.{finding.kind}" if finding.id in found else finding.id
        found[name] = finding.status
    return found


def as_row(found: Row) -> Row:
    """Return a row of a decided table in the same form."""
    texts = ("tier", "bound_by", "group", "reasons", "missing", "open")
    row = {name: value for name, value in found.items() if not name.startswith("finding.")}
    return {
        **row,
        **{name: {word for word in row[name].split("|") if word} for name in texts},
        "findings": {
            name.removeprefix("finding."): value
            for name, value in found.items()
            if name.startswith("finding.") and value is not None
        },
    }


def together(
    programme: Programme,
    rows: Sequence[tuple[Facts, Used]],
    specs: Mapping[str, FactSpec],
    *,
    at: date | datetime,
    assumptions: Assumptions | None = None,
) -> list[Row]:
    """Decide all rows at once, without a file."""
    plan = Plan.of(programme, {}, at, assumptions)
    asked = [name for name in sorted(facts_asked([plan])) if name in specs]
    known = [derived(facts, on=plan.day) for facts, _ in rows]
    columns: dict[str, pl.Series] = {
        fact_column(name, plan.day): pl.Series(
            [facts.get(name) for facts in known], dtype=dtype_of(kind_of(specs[name]))
        )
        for name in asked
    }
    for name in USED:
        drawn = [getattr(used, name) for _, used in rows]
        columns[used_column(programme.id, name)] = pl.Series(drawn, dtype=pl.Int64)
    given = Given(frozenset(asked), {programme.id: frozenset(USED)})
    frame = pl.LazyFrame(columns)
    found = decided(frame, [plan], given).collect()
    return [as_row(row) for row in found.iter_rows(named=True)]


def answer_of_a_row(node: Node, facts: Facts) -> bool | None:
    """Answer a condition in the only row of a table."""
    kinds = dict(kinds_of(node))
    row = pl.DataFrame(
        {"row": [0], **{name: [facts.get(name)] for name in kinds}},
        schema_overrides={name: dtype_of(kind) for name, kind in kinds.items()},
    )
    found: bool | None = row.select("row", found=expression(node))["found"].item()
    return found


def kinds_of(node: Node) -> Iterator[tuple[str, Kind]]:
    """Yield the facts of a condition, each with its kind."""
    if node.op == "fact":
        yield str(node.value), node.kind
    for arg in node.args:
        yield from kinds_of(arg)


def differences(one: Row, other: Row) -> Iterable[str]:
    """Say in which columns two answers differ."""
    for name in one.keys() | other.keys():
        if one.get(name) != other.get(name):
            yield f"{name}: {one.get(name)} in one case, {other.get(name)} in the table"
