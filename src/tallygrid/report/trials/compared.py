"""The report of a comparison: two scenarios on the same luck, and what differs how surely."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tallygrid.report.laboratory.changed import changed_text
from tallygrid.report.laboratory.content import Content, Section, few_seeds
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.laboratory.names import pool_name
from tallygrid.report.laboratory.shapes import Range, Ranges
from tallygrid.report.laboratory.tables import figure_label
from tallygrid.report.laboratory.values import (
    Write,
    interval,
    is_share,
    plain,
    with_interval,
    write_as,
)
from tallygrid.report.shapes import PLAIN_COLOUR
from tallygrid.report.tables import Column, Table
from tallygrid.report.writer import Writer
from tallygrid.text import catalogue, render
from tallygrid.text.asked import asked_apart

_KEY: Final = (
    *("take_up", "days_to_voucher", "card_hours", "additional_card_hours"),
    *("displaced_card_hours", "public_fen", "unclaimed_fen", "dead_weight_fen"),
    *("dead_weight_share", "fen_per_additional_card_hour", "revenue_fen", "more_kwh"),
    *("more_carbon_kg", "gain.gini", "gain.top_tenth", "utilisation.east", "utilisation.west"),
)
_STEPS: Final = (
    *("step.qualifies", "step.aware", "step.worthwhile", "step.begun", "step.submitted"),
    *("step.answered", "step.awarded", "step.used", "step.claimed"),
)
_OTHER: Final = "#b4460f"
_SIDES: Final = {"one": PLAIN_COLOUR, "other": _OTHER}


@dataclass(frozen=True)
class Compared:
    """Two runs on the same seeds."""

    summaries: Mapping[str, Mapping[str, Any]]
    """By side, `one` and `other`."""
    charts: Mapping[str, pl.DataFrame]
    version: str

    @property
    def seeds(self) -> int:
        """On how many seeds both were played."""
        return self.charts["pairs"]["seed"].n_unique()

    def rows(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return the differences of some figures, in their order, where there are any."""
        by_name = {row["figure"]: row for row in self.charts["differences"].to_dicts()}
        return [by_name[name] for name in names if name in by_name]


def compared_content(found: Compared, writer: Writer) -> Content:
    """Return what the report of a comparison says in one language."""
    names = _names(found, writer)
    is_apart = bool(asked_apart(found.summaries, writer.language))
    code = "trials.compared.subtitle_apart" if is_apart else "trials.compared.subtitle"
    return Content(
        title=writer.say("trials.compared", one=names["one"], other=names["other"]),
        subtitle=writer.say(code, seeds=found.seeds),
        cautions=tuple(_cautions(found, writer)),
        tiles=(),
        sections=(_differences(found, writer), _steps(found, writer)),
        made_by=writer.say("lab.made_by", version=found.version),
    )


def _names(found: Compared, writer: Writer) -> Mapping[str, str]:
    names = {side: writer.pick(one["name"]) for side, one in found.summaries.items()}
    if names["one"] == names["other"]:  # a scenario and its reform often bear one name
        return {side: f"{name} ({found.summaries[side]['scenario']})"
                for side, name in names.items()}  # fmt: skip
    return names


def _cautions(found: Compared, writer: Writer) -> Iterator[str]:
    if apart := asked_apart(found.summaries, writer.language):
        yield render("lab.compare.asked", writer.language, apart=apart)
    names = _names(found, writer)
    yield from dict.fromkeys(
        caution
        for name, side in found.summaries.items()
        for caution in _cautions_of(side, names[name], writer)
    )
    yield from few_seeds(found.seeds, writer)
    yield render("lab.assumed", writer.language)


def _cautions_of(side: Mapping[str, Any], name: str, writer: Writer) -> Iterator[str]:
    for one in side["programmes"]:
        if one["edition"] == "reported":
            yield render("lab.reported", writer.language, programme=writer.pick(one["name"]))
        if not one["is_published"]:
            yield render("lab.own", writer.language, programme=writer.pick(one["name"]))
        if one["changed"]:
            yield changed_text(one, writer.language)
    for when, pools in side["saturated"].items():
        if pools:
            named = (pool_name(pool, side, writer.language) for pool in pools)
            said = writer.say(f"lab.{when}", pools=writer.say("and").join(named))
            yield render("lab.compare.side", writer.language, name=name, said=said)


def _differences(found: Compared, writer: Writer) -> Section:
    return Section(
        name="differences",
        title=writer.say("trials.differences"),
        sentences=[writer.say("trials.differences.lead")],
        draw=Ranges(
            list(_relative(found, writer)), writer.say("trials.differences.axis"),
            {"": PLAIN_COLOUR}, unit=",.1~%",
        ),
        description=writer.say("trials.differences.description"),
        tables=[_table(found, writer)],
    )  # fmt: skip


def _relative(found: Compared, writer: Writer) -> Iterator[Range]:
    """Yield every difference as a part of the first scenario's mean."""
    for row in found.rows(_KEY):
        if row["one"]:
            figure = Figure.of(row).over(abs(row["one"]))
            told = _told(row["figure"], writer, with_interval)(Figure.of(row))
            yield Range(_short(row["figure"], writer), figure, told)


def _short(name: str, writer: Writer) -> str:
    """Call a figure by a name for which a picture has room."""
    own = f"trials.short.{name}"
    return writer.say(own) if f"report.{own}" in catalogue() else figure_label(name, writer)


def _told(
    name: str, writer: Writer, tell: Callable[[Figure, Write], str]
) -> Callable[[Figure], str]:
    """Return how differences of a figure are written: those of shares in percentage points."""
    if not is_share(name):
        return lambda figure: tell(figure, _signed(write_as(name, writer)))
    points = _signed(lambda share: writer.number(round(share * 100, 1)))
    return lambda figure: writer.say("trials.points", told=tell(figure, points))


def _table(found: Compared, writer: Writer) -> Table:
    names = _names(found, writer)
    rows = []
    for row in found.rows(_KEY):
        write, figure = write_as(row["figure"], writer), Figure.of(row)
        label = figure_label(row["figure"], writer)
        mean = _told(row["figure"], writer, lambda one, write: write(one.mean))
        between = _told(row["figure"], writer, interval)
        sure = figure.seeds > 1 and (figure.low > 0 or figure.high < 0)  # one has no interval
        rows.append((
            label, write(row["one"]), write(row["other"]), mean(figure),
            between(figure), writer.say("trials.sure" if sure else "trials.unsure"),
        ))  # fmt: skip
    heads = [writer.say("lab.column.figure"), names["one"], names["other"]]
    heads += [writer.say(f"trials.column.{one}") for one in ("difference", "interval", "luck")]
    columns = tuple(Column(head, is_number=0 < n < 5) for n, head in enumerate(heads))  # noqa: PLR2004  # the figures in the middle
    return Table(writer.say("trials.differences"), columns, tuple(rows))


def _signed(write: Write) -> Write:
    """Return how differences are written: what is more with a plus, a nought without."""

    def written(value: float) -> str:
        told = write(value + 0.0)
        if not any(digit in told for digit in "123456789"):
            return write(0.0)
        return f"+{told}" if value > 0 else told

    return written


def _steps(found: Compared, writer: Writer) -> Section:
    """Show both scenarios step by step, each in its colour."""
    names = _names(found, writer)
    rows = [
        Range(render(f"lab.figure.{step}", writer.language), figure,
              with_interval(figure, plain(writer)), names[side])
        for step in _STEPS
        for side in _SIDES
        if (figure := _figure(found.summaries[side], step)) is not None
    ]  # fmt: skip
    told = [(row.name, row.group, row.text) for row in rows]
    heads = ("step", "scenario", "count")
    columns = [Column(writer.say(f"trials.column.{one}")) for one in heads]
    return Section(
        name="steps",
        title=writer.say("lab.steps"),
        sentences=[writer.say("trials.steps.lead")],
        draw=Ranges(rows, writer.say("lab.steps.axis"),
                    {names[side]: colour for side, colour in _SIDES.items()}),
        description=writer.say("lab.steps.description"),
        tables=[Table(writer.say("lab.steps"), tuple(columns), tuple(told))],
    )  # fmt: skip


def _figure(summary: Mapping[str, Any], name: str) -> Figure | None:
    row = summary["figures"].get(name)
    return Figure.of(row) if row else None
