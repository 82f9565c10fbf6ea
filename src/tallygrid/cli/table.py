"""`tallygrid decide --table`: every row of a table decided, and what came of it in all."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tallygrid.cli.common import Desk, programmes, write_json
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.decision import Plan
from tallygrid.core.programme import Programme
from tallygrid.core.table import OUTCOMES, decided
from tallygrid.files.programme import known_facts
from tallygrid.files.table import Watch, Wish, read_table, row_count, write_table
from tallygrid.text import render

_FORM: Final = ".parquet"


@dataclass(frozen=True)
class Order:
    """What is asked: the table, the programmes, and where the answers go."""

    table: Path
    out: Path | None
    programmes: Sequence[Programme]
    keep: Sequence[str]
    at: datetime
    assumptions: Assumptions | None


def decide_table(desk: Desk, order: Order, *, as_json: bool) -> None:
    """Decide every row of a table under every programme, and say what came of it."""
    out = _writable(order.out)
    _require_apart(order.programmes)
    plans = [Plan.of(one, {}, order.at, order.assumptions) for one in order.programmes]
    wish = Wish(plans, known_facts([*programmes(), *order.programmes]), order.keep)
    table = read_table(order.table, wish)
    with _progress(desk, lambda: row_count(table)) as table.watch:
        found = decided(table.frame, plans, table.given, table.kept)
        write_table(table, found, out, _about(order))
    tallies = [_tally(out, plan, alone=len(plans) == 1) for plan in plans]
    if as_json:
        write_json({"out": str(out), "rows": _rows(out), "programmes": tallies})
        return
    say = [render("cli.table.done", desk.language, count=_rows(out), file=str(out))]
    say += [render("cli.table.tally", desk.language, **tally) for tally in tallies]
    for line in say:
        desk.out.print(line, markup=False, soft_wrap=True)


def _writable(out: Path | None) -> Path:
    """Return where to write; a folder that is not there is said before any work."""
    if out is None:
        raise click.UsageError("A decided table is written with --out OUT.parquet.")
    if out.suffix != _FORM or out.is_dir():
        message = f"{str(out)!r} is not a file that ends in {_FORM}."
        raise click.BadParameter(message, param_hint="--out")
    if not out.parent.is_dir():
        message = f"There is no folder {str(out.parent)!r}. Make it first."
        raise click.BadParameter(message, param_hint="--out")
    return out


def _require_apart(programmes: Sequence[Programme]) -> None:
    """Refuse a programme named twice, and two that mean different things by one fact."""
    names = [programme.id for programme in programmes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{', '.join(twice)} is named twice. Name it once."
        raise click.BadParameter(message, param_hint="--programme")
    kinds: dict[str, tuple[str, object]] = {}
    for programme in programmes:
        for name, spec in programme.facts.items():
            other, kind = kinds.setdefault(name, (programme.id, (spec.type, spec.unit)))
            if kind != (spec.type, spec.unit):
                message = (
                    f"`{name}` is one thing for {other} and another for {programme.id}. "
                    "Decide the table under each by itself."
                )
                raise click.BadParameter(message, param_hint="--programme")


@contextmanager
def _progress(desk: Desk, count: Callable[[], int]) -> Iterator[Watch]:
    """Show how many rows are read, on a terminal; silent in a pipe."""
    if not desk.log.is_terminal:
        yield lambda _: None
        return
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=desk.log,
    )  # fmt: skip
    with bars:
        rows = bars.add_task(render("cli.table.progress", desk.language), total=count())
        yield lambda read: bars.advance(rows, read)


def _about(order: Order) -> Mapping[str, str]:
    """Return what the file says of itself: versions, the time, and what was assumed."""
    about = {
        "tallygrid.programmes": json.dumps({one.id: one.hash for one in order.programmes}),
        "tallygrid.at": order.at.isoformat(),
    }
    if order.assumptions is not None:
        fills = {one.id: dict(order.assumptions.of(one.id)) for one in order.programmes}
        about["tallygrid.assumptions"] = order.assumptions.id
        about["tallygrid.assumed"] = json.dumps(fills, ensure_ascii=False, default=str)
    return about


def _rows(out: Path) -> int:
    return int(pl.scan_parquet(out, glob=False).select(pl.len()).collect().item())


def _tally(out: Path, plan: Plan, *, alone: bool) -> dict[str, Any]:
    """Count the outcomes under one programme, and sum what is certain."""
    prefix = "" if alone else f"{plan.programme.id}."
    outcome = pl.col(f"{prefix}outcome")
    counted = pl.scan_parquet(out, glob=False).select(
        *((outcome == word).sum().alias(word) for word in OUTCOMES),
        pl.col(f"{prefix}at_least_fen").cast(pl.Int128).sum(),
    )
    *counts, at_least_fen = counted.collect(engine="streaming").row(0)
    return {
        "programme": plan.programme.id,
        "version": plan.programme.hash,
        **dict(zip(OUTCOMES, counts, strict=True)),
        "at_least_fen": at_least_fen,
    }
