"""`tallygrid allocate`: a budget that does not suffice for all, shared out by the text's rule."""

import csv
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import click

from tallygrid.cli.common import (
    REFUSED,
    Desk,
    assumptions,
    at_option,
    instant,
    json_option,
    programme_of,
    write_json,
)
from tallygrid.core.allocation import Award, KeptError, Money, OverspentError
from tallygrid.core.allocation import allocate as shared
from tallygrid.core.amount import UNITS_FEN
from tallygrid.core.arithmetic import on_day
from tallygrid.core.money import FEN_PER_YUAN, yuan
from tallygrid.core.programme import Programme
from tallygrid.core.window import day_of
from tallygrid.files.claims import Reading, read_claims
from tallygrid.files.receipts import fen_of
from tallygrid.text import render
from tallygrid.text.allocation import allocation_lines
from tallygrid.text.facts import said

_COLUMNS = ("id", "group", "asked_yuan", "awarded_yuan", "result", "place", "factor")


@click.command()
@click.option("--programme", "name", required=True, metavar="ID_OR_FILE")
@click.option(
    "--claims",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    metavar="CLAIMS.csv",
    help="The approved claims: id, amount_yuan, submitted_at, score, group.",
)
@click.option("--budget-yuan", required=True, metavar="N", help="What is left to award, in all.")
@click.option(
    "--group-yuan",
    multiple=True,
    nargs=2,
    metavar="GROUP N",
    help="What is left of what is kept for a group; the programme's amount if left out.",
)
@click.option("--seed", default="", metavar="TEXT", help="What a lottery is drawn with.")
@click.option(
    "--assume",
    metavar="NAME_OR_FILE",
    help="Assumptions for what the text leaves open, such as `demonstration`.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="AWARDS.csv",
    help="Where the awards go, as CSV.",
)
@at_option
@json_option
@click.pass_obj
def allocate(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    *,
    name: str,
    file: Path,
    budget_yuan: str,
    group_yuan: tuple[tuple[str, str], ...],
    seed: str,
    assume: str | None,
    out: Path | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Share a budget out among approved claims, by the rule of the text."""
    programme = _ruled(desk, name, assume, seed)
    zone = programme.place.zone
    left = left_of(desk, programme, group_yuan, day_of(instant(at), zone))
    money = _money(desk, _fen(desk, budget_yuan, "--budget-yuan"), left)
    is_ranked = programme.allocation.value == "ranked"
    claims = read_claims(file, Reading(ZoneInfo(zone), tuple(left), is_ranked))
    if out is not None and not os.access(out.parent, os.W_OK | os.X_OK):
        message = f"{out} cannot be written: check the folder {out.parent}."
        raise click.BadParameter(message, param_hint="--out")
    unit_fen = UNITS_FEN[programme.rounding.unit]
    try:
        awards = shared(claims, programme.allocation, money, seed=seed, unit_fen=unit_fen)
    except OverspentError as error:
        refuse_overspent(desk, error)
    if out is not None:
        _write(out, awards)
    if as_json:
        write_json(_plain(programme, awards, money, seed))
        return
    for line in allocation_lines(programme, awards, money, desk.language, seed=seed):
        desk.out.print(line, markup=False, soft_wrap=True)
    if out is not None:
        click.echo(render("allocation.written", desk.language, file=out))


def refuse_overspent(desk: Desk, error: OverspentError) -> NoReturn:
    """Tell that amounts do not fit, and that no rule says who would wait."""
    words = render(
        "allocation.overspent", desk.language, asked=error.asked_fen, left=error.left_fen
    )
    click.echo(words, err=True)
    sys.exit(REFUSED)


def refuse_kept(desk: Desk, error: KeptError) -> NoReturn:
    """Refuse that more is kept for groups than there is."""
    _refuse(desk, "--group-yuan", "kept", kept=error.kept_fen, whole=error.whole_fen)


def _ruled(desk: Desk, name: str, assume: str | None, seed: str) -> Programme:
    """Return the programme, about whose rule nothing may be open."""
    programme = programme_of(name)
    chosen = assumptions(assume, programme)
    if chosen is not None:
        programme = programme.with_readings(chosen.of(programme.id))
    rule = programme.allocation
    if rule.value is None or (rule.last is not None and rule.last.value is None):
        _refuse(desk, "--programme", "open", programme=programme.id)
    require_seed(desk, programme, seed)
    return programme


def require_seed(desk: Desk, programme: Programme, seed: str) -> None:
    """Refuse a lottery without a seed, a seed without a lottery, and what nobody could print."""
    rule = programme.allocation
    if rule.value == "lottery" and not seed:
        published = said(rule.seed_from, desk.language) if rule.seed_from else ""
        _refuse(desk, "--seed", "no_seed", published=published)
    if not seed.isprintable():
        _refuse(desk, "--seed", "bad_seed", seed=seed)
    if rule.value != "lottery" and seed:
        _refuse(desk, "--seed", "no_lottery", programme=programme.id)


def left_of(
    desk: Desk, programme: Programme, given: Sequence[tuple[str, str]], day: date
) -> dict[str, int]:
    """Return what each group has left: what is given, else the amount of the programme."""
    groups = programme.budget.groups
    left = {group.id: (on_day(group.amount_yuan, day) or 0) * FEN_PER_YUAN for group in groups}
    for group, written in given:
        if group not in left:
            known = ", ".join(left) or "–"
            _refuse(
                desk, "--group-yuan", "unknown_group",
                programme=programme.id, group=group, known=known,
            )  # fmt: skip
        left[group] = _fen(desk, written, "--group-yuan")
    return left


def _money(desk: Desk, whole_fen: int, left: Mapping[str, int]) -> Money:
    try:
        return Money(whole_fen, left)
    except KeptError as error:
        refuse_kept(desk, error)


def _fen(desk: Desk, written: str, option: str) -> int:
    try:
        return fen_of(written)
    except ValueError:
        _refuse(desk, option, "not_yuan", written=written)


def _refuse(desk: Desk, option: str, code: str, **values: object) -> NoReturn:
    message = render(f"allocation.{code}", desk.language, **values)
    raise click.BadParameter(message, param_hint=option)


def _write(file: Path, awards: Sequence[Award]) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(_COLUMNS)
        for award in awards:
            claim = award.claim
            table.writerow(
                (
                    claim.id, claim.group, yuan(claim.asked_fen), yuan(award.amount_fen),
                    award.result, award.place or "", award.factor or "",
                )
            )  # fmt: skip


def _plain(
    programme: Programme, awards: Sequence[Award], money: Money, seed: str
) -> dict[str, Any]:
    return {
        "programme": programme.id,
        "version": programme.hash,
        "rule": programme.allocation.value,
        "seed": seed or None,
        "budget_fen": money.whole_fen,
        "groups_fen": dict(money.groups),
        "awarded_fen": sum(award.amount_fen for award in awards),
        "awards": [
            {
                "id": award.claim.id,
                "group": award.claim.group,
                "asked_fen": award.claim.asked_fen,
                "awarded_fen": award.amount_fen,
                "result": award.result,
                "place": award.place or None,
                "factor": str(award.factor) if award.factor is not None else None,
            }
            for award in awards
        ],
    }
