"""The pictures of the report: what each of the shapes is filled with."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tallygrid.core.money import BASIS_POINTS
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.laboratory.names import Names
from tallygrid.report.laboratory.shapes import Course, Courses, Range, Ranges
from tallygrid.report.laboratory.values import plain, with_interval, write_as
from tallygrid.report.shapes import PLAIN_COLOUR, Change, Dumbbells, Panel
from tallygrid.report.svg import Chart
from tallygrid.text import render

_WEST: Final = "#b4460f"
_BEFORE: Final = "#9aa0a8"
_POINTS: Final = 60
_HOUR_S: Final = 3_600
_TEN_THOUSAND_YUAN_FEN: Final = 1_000_000
Draw = Callable[[int], Chart | None]


def _steps(names: Names) -> Ranges:
    writer = names.writer
    rows = [
        Range(
            render(f"lab.figure.step.{step}", writer.language),
            measures["count"],
            with_interval(measures["count"], plain(writer)),
        )
        for (step,), measures in names.found.groups("steps", "step")
    ]
    return Ranges(rows, writer.say("lab.steps.axis"), {"": PLAIN_COLOUR})


def _vouchers(names: Names) -> Ranges:
    writer = names.writer
    days = {
        programme: measures["mean"]
        for (programme,), measures in names.found.groups("vouchers", "programme")
        if "mean" in measures
    }
    rows = [
        Range(names.programme(one["id"]), days[one["id"]],
              with_interval(days[one["id"]], plain(writer)))
        for one in names.found.summary["programmes"]
        if one["id"] in days
    ]  # fmt: skip
    return Ranges(rows, writer.say("lab.vouchers.axis"), {"": PLAIN_COLOUR})


def _sites(names: Names) -> Dumbbells:
    writer = names.writer
    panels = []
    for side, colour in (("east", PLAIN_COLOUR), ("west", _WEST)):
        changes = [
            _change(
                writer.say("lab.whole") if level == "side" else names.site(name),
                measures["utilisation_without"],
                measures["utilisation"],
                names,
            )
            for (level, name, of), measures in names.found.groups("sites", "level", "name", "side")
            if of == side
        ]
        panels.append(Panel(writer.say(f"side.{side}"), colour, changes))
    return Dumbbells(panels, axis=writer.say("utilisation"))


def _change(name: str, before: Figure, after: Figure, names: Names) -> Change:
    from_bp, to_bp = (round(one.mean * BASIS_POINTS / 10) * 10 for one in (before, after))
    text = names.writer.say("sites.change", before=from_bp, after=to_bp)
    return Change(name, from_bp, to_bp, text, names.writer.percent(to_bp))


def _waits(names: Names) -> Ranges:
    writer = names.writer
    words = {True: writer.say("lab.with"), False: writer.say("lab.without")}
    rows = []
    for (kind, has_programmes), measures in names.found.groups("waits", "kind", "with_programmes"):
        hours = measures["p99_wait_s"].over(_HOUR_S)
        told = with_interval(hours, plain(writer))
        rows.append(Range(names.kind(kind), hours, told, words[has_programmes]))
    colours = {words[False]: _BEFORE, words[True]: PLAIN_COLOUR}
    return Ranges(rows, writer.say("lab.waits.axis"), colours, unit=",.1f")


def _budgets(names: Names) -> Courses:
    writer = names.writer
    shown = {"available_fen": "lab.budgets.awarded", "payable_fen": "lab.budgets.paid"}
    whole = {one["id"]: one["budget_fen"] for one in names.found.summary["programmes"]}
    courses: dict[tuple[str, str], Course] = {}
    last = names.found.summary["days"] - 1
    every = max(1, last // _POINTS)  # more points than a line can show only make it slow
    for n, ((programme, day), measures) in enumerate(
        names.found.groups("budgets", "programme", "day")
    ):
        place = n % (last + 1)
        if place % every and place != last:
            continue
        for measure, words in shown.items():
            course = courses.setdefault(
                (programme, measure), Course(names.programme(programme), writer.say(words), [], [])
            )
            fen = measures[measure]
            gone = fen.left_of(whole[programme]) if measure == "available_fen" else fen
            course.days.append(day)
            course.figures.append(gone.over(_TEN_THOUSAND_YUAN_FEN))
    colours = dict(zip(map(writer.say, shown.values()), (PLAIN_COLOUR, _WEST), strict=True))
    return Courses(list(courses.values()), colours, writer.say("lab.months").split())


def _gain(names: Names) -> Dumbbells:
    writer = names.writer
    panels = []
    for way in ("class", "size", "province"):
        changes = [
            _change(name, measures["of_firms"], measures["of_money"], names)
            for name, measures in names.gain(way)
            if "of_money" in measures
        ]
        panels.append(Panel(writer.say(f"lab.gain.{way}"), PLAIN_COLOUR, changes))
    return Dumbbells(panels, axis=writer.say("lab.gain.axis"))


def _revenue(names: Names) -> Ranges:
    writer = names.writer
    shown = {"revenue_without_fen": "lab.without", "revenue_fen": "lab.with"}
    colours = dict(zip(map(writer.say, shown.values()), (_BEFORE, PLAIN_COLOUR), strict=True))
    return Ranges(list(_revenues(names, shown)), writer.say("lab.revenue.axis"), colours)


def _revenues(names: Names, shown: Mapping[str, str]) -> Iterator[Range]:
    """Yield the bills of each side in ten thousand yuan, without the programmes and with."""
    writer = names.writer
    for (level, _, side), measures in names.found.groups("sites", "level", "name", "side"):
        if level != "side":
            continue
        for measure, words in shown.items():
            fen = measures[measure]
            text = with_interval(fen, write_as(measure, writer))
            yield Range(
                writer.say(f"side.{side}"),
                fen.over(_TEN_THOUSAND_YUAN_FEN),
                text,
                writer.say(words),
            )


def _energy(names: Names) -> Ranges:
    writer = names.writer
    rows = [
        Range(
            writer.say(f"side.{side}"),
            measures["more_kwh"],
            with_interval(measures["more_kwh"], plain(writer)),
        )
        for (side,), measures in names.found.groups("energy", "side")
    ]
    return Ranges(rows, writer.say("lab.energy.axis"), {"": PLAIN_COLOUR})


DRAWINGS: Final[Mapping[str, Callable[[Names], Draw]]] = {
    "steps": _steps,
    "vouchers": _vouchers,
    "sites": _sites,
    "waits": _waits,
    "budgets": _budgets,
    "gain": _gain,
    "revenue": _revenue,
    "energy": _energy,
}
