"""`tallygrid lab run` and `compare`: policies tried on a whole network."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tallygrid.cli.common import Desk, json_option, write_json
from tallygrid.cli.reporting import write as write_report
from tallygrid.core.money import BASIS_POINTS
from tallygrid.settings import Language
from tallygrid.text import money, number, percent, render
from tallygrid.text.asked import asked_apart
from tallygrid.text.points import points

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallygrid.lab.scenario import Scenario
    from tallygrid.lab.writing import Tables

Figures = Mapping[str, Mapping[str, float]]

_MONEY: Final = ("_fen", "fen_per_additional_card_hour")
_SHARES: Final = ("take_up", "dead_weight_share", "utilisation", "gain.")
_SECTIONS: Final[Mapping[str, Sequence[str]]] = {
    "use": (
        *("card_hours", "card_hours_without", "additional_card_hours", "displaced_card_hours"),
        *("public_fen", "unclaimed_fen", "dead_weight_fen", "dead_weight_share"),
        "fen_per_additional_card_hour",
    ),
    "steps": (
        *("step.qualifies", "step.aware", "step.worthwhile", "step.begun", "step.submitted"),
        *("step.answered", "step.awarded", "step.used", "step.claimed", "take_up"),
        *("days_to_voucher", "mistaken"),
    ),
    "network": (
        *("utilisation.east", "utilisation_without.east", "utilisation.west"),
        *("utilisation_without.west", "revenue_fen", "revenue_without_fen", "more_kwh"),
        "more_carbon_kg",
    ),
    "gain": ("gain.top_tenth",),
}
"""What the console shows, in order; `summary.json` holds every figure."""
_JOBS_OPTION: Final = click.option(
    "--jobs",
    "workers",
    type=click.IntRange(1, 1_024),
    help="Processes at once; as many as there are cores if left out.",
)
_REPORT_SEEDS: Final = 10
_SEEDS_OPTION: Final = click.option(
    "--seeds",
    type=click.IntRange(1, 1_000),
    help="Play the seeds from 1 to this instead of the scenario's own.",
)


@click.command("run")
@click.argument("scenario")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the tables as Parquet and summary.json there.",
)
@_SEEDS_OPTION
@_JOBS_OPTION
@click.option(
    "--behaviour",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Parameters that `tallygrid lab calibrate` estimated; they stand instead of SCENARIO's.",
)
@click.option(
    "--report",
    "has_report",
    is_flag=True,
    help="Also write the report into DIR/report; at least ten seeds are played unless --seeds.",
)
@json_option
@click.pass_obj
def run(  # one per option
    desk: Desk,
    /,
    *,
    scenario: str,
    has_report: bool,
    as_json: bool,
    **given: Any,  # noqa: ANN401  # one per option
) -> None:
    """Play SCENARIO with its programmes and without, for every seed.

    SCENARIO is a file that ends in .yaml, or one that comes with the package: `tallygrid lab
    scenarios` lists those. docs/algorithms/laboratory.md says what the results may be used for.
    """
    from tallygrid.lab.claiming import refuse_others

    out: Path | None = given["out"]
    if has_report and out is None:
        message = "A report needs the tables. Say with --out DIR where they go."
        raise click.BadOptionUsage("--report", message)
    if out:
        refuse_others(out, "summary.json")
    found, _ = _played(desk, scenario, least=_REPORT_SEEDS if has_report else 1, **given)
    if as_json:
        write_json(found)
    else:
        for line in _report(found, desk.language):
            click.echo(line)
        for line in _warnings(found, desk.language):
            click.echo(line, err=True)
    if has_report and out is not None:
        for path in write_report(out):
            click.echo(path, err=True)


@click.command()
@click.argument("one")
@click.argument("other")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write both runs and what differs there; `tallygrid lab report DIR` draws it.",
)
@_SEEDS_OPTION
@_JOBS_OPTION
@json_option
@click.pass_obj
def compare(  # one per option
    desk: Desk,
    /,
    *,
    one: str,
    other: str,
    out: Path | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401  # one per option
) -> None:
    """Play two scenarios on the same luck, and show their figures and what differs."""
    from tallygrid.lab.claiming import refuse_others
    from tallygrid.lab.comparing import SIDES, differences, pairs_of, write_compared

    if out:
        refuse_others(out, "compare.json")
    _require_same_seeds(one, other, given["seeds"])
    played = {
        side: _played(desk, name, out=out / side if out else None, **given)
        for side, name in zip(SIDES, (one, other), strict=True)
    }
    summaries = {side: summary for side, (summary, _) in played.items()}
    pairs = pairs_of(*(tables for _, tables in played.values()))
    differing = {row["figure"]: row for row in differences(pairs).to_dicts()}
    if out:
        write_compared(out, summaries, pairs)
    if as_json:
        write_json({**summaries, "differences": differing})
        return
    for line in _side_by_side(list(summaries.values()), differing, desk.language):
        click.echo(line)
    if apart := asked_apart(summaries, desk.language):
        click.echo(render("lab.compare.asked", desk.language, apart=apart), err=True)
    heads = _heads(list(summaries.values()), desk.language)
    warned = (_warnings(side, desk.language, head)
              for side, head in zip(summaries.values(), heads, strict=True))  # fmt: skip
    for line in dict.fromkeys(chain.from_iterable(warned)):
        click.echo(line, err=True)


@click.command()
@json_option
@click.pass_obj
def scenarios(desk: Desk, /, *, as_json: bool) -> None:
    """List the scenarios that come with the package."""
    from tallygrid.lab.scenario import open_scenario, packaged

    found = [open_scenario(name) for name in packaged()]
    if as_json:
        told = [{"id": one.id, "name": dict(one.name), "about": dict(one.about)} for one in found]
        write_json(told)
        return
    width = max(len(one.id) for one in found)
    for one in found:
        click.echo(f"{one.id:<{width}}  {one.name[desk.language]}")
        click.echo(f"{'':<{width}}  {one.about[desk.language]}")


def _require_same_seeds(one: str, other: str, given: int | None) -> None:
    """Refuse two scenarios that would not be played on the same luck.

    Raises:
        click.BadParameter: Their seeds differ, and none are given.
    """
    from tallygrid.lab.scenario import open_scenario

    seeds = [open_scenario(name).seeds for name in (one, other)]
    if given is None and {*seeds[0]} != {*seeds[1]}:
        told = " and ".join(", ".join(map(str, some)) for some in seeds)
        message = (
            f"The two have other seeds ({told}), so that nothing could be compared on the same "
            "luck. Write the same `seeds` in both, or give --seeds."
        )
        raise click.BadParameter(message, param_hint="SCENARIO")


def _cores() -> int:
    return os.cpu_count() or 1


def _played(  # noqa: PLR0913  # what `run` and `compare` are given
    desk: Desk,
    name: str,
    *,
    seeds: int | None,
    workers: int | None,
    out: Path | None = None,
    behaviour: Path | None = None,
    least: int = 1,
) -> "tuple[dict[str, Any], Tables]":
    """Play a scenario, write it where that is asked, and return its summary and tables.

    Unless the seeds are given, at least so many are played.
    """
    from dataclasses import replace

    from tallygrid.lab.behaviour import read_parameters
    from tallygrid.lab.network.run import compile_kernel
    from tallygrid.lab.offered import Named
    from tallygrid.lab.scenario import open_scenario
    from tallygrid.lab.writing import run_seeds, summary, together, write_results

    calibrated = read_parameters(behaviour) if behaviour else {}
    named = Named(desk.settings.catalogue, desk.settings.weights)
    set_ = {parameter: one.value for parameter, one in calibrated.items()}
    scenario: Scenario = open_scenario(name, given=set_, named=named)
    if seeds is None and len(scenario.seeds) < least:
        seeds = least
    chosen = tuple(range(1, seeds + 1)) if seeds else scenario.seeds
    scenario = replace(scenario, seeds=chosen, calibrated=calibrated)
    with desk.log.status(render("lab.compiling_network", desk.language)):
        compile_kernel()
    by_seed = {}
    with progress(desk, "lab.playing", len(scenario.seeds)) as advance:
        for seed, tables in run_seeds(scenario, workers=workers or _cores()):
            by_seed[seed] = tables
            advance(1)
    tables = together(by_seed)
    found = write_results(out, scenario, tables) if out else summary(scenario, tables)
    return found, tables


@contextmanager
def progress(desk: Desk, code: str, total: int) -> "Iterator[Callable[[int], None]]":
    """Show how far the work has come, on a terminal; silent in a pipe."""
    if not desk.log.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=desk.log,
    )  # fmt: skip
    with bars:
        task = bars.add_task(render(code, desk.language), total=total)
        yield lambda more: bars.advance(task, more)


def _report(found: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Yield the summary for a reader: every figure with its interval."""
    figures: Figures = found["figures"]
    code = "lab.run.head" if len(found["seeds"]) > 1 else "lab.run.head_one"
    yield render(code, language, name=found["name"][language], seeds=len(found["seeds"]))
    for section, names in _SECTIONS.items():
        present = [name for name in names if name in figures]
        if present:
            yield ""
            yield render(f"lab.section.{section}", language)
        shown = [_with_interval(name, figures[name], language) for name in present]
        width = max((len(one) for one in shown), default=0)
        for name, one in zip(present, shown, strict=True):
            yield f"  {one:>{width}}  {_label(name, language)}"
    if found["programmes"]:
        yield ""
        yield from _money_lines(found, language)


def _money_lines(found: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Yield what each programme pays, and when its money runs out."""
    yield render("lab.section.budgets", language)
    for one in found["programmes"]:
        paid = found["figures"].get(f"paid_fen.{one['id']}", {"mean": 0})
        values = {
            "programme": one["name"][language],
            "paid": money(round(paid["mean"]), language),
            "budget": money(one["budget_fen"], language),
        }
        yield "  " + render("lab.budget.paid", language, **values)
        out = found["runs_out"].get(one["id"], {"seeds": 0})
        if out["seeds"]:
            yield "    " + render(
                "lab.budget.out", language, seeds=out["seeds"], of=len(found["seeds"]),
                first=out["first"], median=out["median"], last=out["last"],
            )  # fmt: skip


def _warnings(found: Mapping[str, Any], language: Language, name: str = "") -> Iterator[str]:
    """Yield what must not be read out of the figures of a run, which has a name beside another."""
    from tallygrid.report.laboratory.names import pool_name

    for one in found["programmes"]:
        yield from _about_programme(one, language)
    if any(_is_beyond(*one) for one in found["figures"].items()):
        yield render("lab.beyond", language)
    if len(found["seeds"]) > 1 and any(_hangs(*one) for one in found["figures"].items()):
        yield render("lab.hangs", language)
    for when, full in found["saturated"].items():
        if full:
            pools = (pool_name(pool, found, language) for pool in full)
            said = render(
                f"lab.pools_{when}", language, pools=render("report.and", language).join(pools)
            )
            yield render("lab.compare.side", language, name=name, said=said) if name else said
    yield render("lab.assumed", language)
    told = ", ".join(name for name, one in found["behaviour"].items() if one["calibrated_on"])
    if told:
        yield render("lab.calibrated", language, names=told)


def _about_programme(one: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Yield that what was played is not a published text, if it is none."""
    from tallygrid.report.laboratory.changed import changed_text

    programme = one["name"][language]
    if one["edition"] == "reported":
        yield render("lab.reported", language, programme=programme)
    if not one["is_published"]:
        yield render("lab.own", language, programme=programme)
    if one["changed"]:
        yield changed_text(one, language)


def _is_shown(name: str) -> bool:
    return any(name in names for names in _SECTIONS.values())


def _hangs(name: str, figure: Mapping[str, float]) -> bool:
    """Tell whether a figure that is shown has no interval."""
    return _is_shown(name) and figure["seeds"] == 1


def _is_beyond(name: str, figure: Mapping[str, float]) -> bool:
    """Tell whether an interval that is shown reaches where no share can be."""
    is_share = _is_shown(name) and figure["seeds"] > 1 and name.startswith(_SHARES)
    return is_share and not 0 <= figure["low"] <= figure["high"] <= 1


def _side_by_side(
    sides: Sequence[Mapping[str, Any]], differing: Figures, language: Language
) -> Iterator[str]:
    """Yield the figures of two runs beside one another, and the second less the first."""
    heads = _heads(sides, language)
    code = "lab.compare.head" if len(sides[0]["seeds"]) > 1 else "lab.compare.head_one"
    yield render(code, language, one=heads[0], other=heads[1])
    for section, names in _SECTIONS.items():
        yield ""
        yield render(f"lab.section.{section}", language)
        present = [n for n in names if any(n in side["figures"] for side in sides)]
        columns = [
            [_with_interval(n, figures.get(n), language, write) for n in present]
            for figures, write in (*((side["figures"], _shown) for side in sides),
                                   (differing, _shown_difference))
        ]  # fmt: skip
        widths = [max((len(one) for one in column), default=0) for column in columns]
        for row, name in enumerate(present):
            cells = (f"{c[row]:>{w}}" for c, w in zip(columns, widths, strict=True))
            yield f"  {'  |  '.join(cells)}  {_label(name, language)}"
    for head, side in zip(heads, sides, strict=True):
        if side["programmes"]:
            yield ""
            yield head
            yield from _money_lines(side, language)


def _heads(sides: Sequence[Mapping[str, Any]], language: Language) -> list[str]:
    heads = [side["name"][language] for side in sides]
    if heads[0] == heads[1]:  # a scenario and its reform often bear one name
        return [f"{side['name'][language]} ({side['scenario']})" for side in sides]
    return heads


def _label(name: str, language: Language) -> str:
    return render(f"lab.figure.{name}", language)


def _with_interval(
    name: str,
    figure: Mapping[str, float] | None,
    language: Language,
    write: "Callable[[str, float, Language], str] | None" = None,
) -> str:
    if figure is None:
        return "–"
    mean, low, high = (
        (write or _shown)(name, figure[part], language) for part in ("mean", "low", "high")
    )
    if figure["seeds"] == 1:  # one seed tells nothing of where the mean lies
        return mean
    return f"{mean} [{low} – {high}]"


def _shown_difference(name: str, value: float, language: Language) -> str:
    """Write a difference; that of shares is in percentage points, and no share of anything."""
    if name.startswith(_SHARES):
        return points(value, language)
    return _shown(name, value, language)


def _shown(name: str, value: float, language: Language) -> str:
    if name.endswith(_MONEY[0]) or name in _MONEY:
        return money(round(value), language)
    if name.startswith(_SHARES):
        return percent(round(value * BASIS_POINTS), language)
    return number(round(value, 1) + 0.0, language)  # no negative nought
