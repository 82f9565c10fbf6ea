"""The report of a sweep: what each aim answers to each lever."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tallygrid.report.laboratory.content import Content, Section
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.laboratory.values import NONE
from tallygrid.report.tables import Column, Table
from tallygrid.report.trials.aims import (
    Levers,
    aim_name,
    aim_unit,
    changed_cautions,
    headed,
    in_axis_unit,
    or_none,
    write_aim,
)
from tallygrid.report.trials.shapes import Panel, Responses
from tallygrid.report.writer import Writer
from tallygrid.text import render


@dataclass(frozen=True)
class Swept:
    """A finished sweep."""

    described: Mapping[str, Any]
    charts: Mapping[str, pl.DataFrame]
    levers: Levers
    version: str


def swept_content(found: Swept, writer: Writer) -> Content:
    """Return what the report of a sweep says in one language."""
    aims = found.charts["responses"]["aim"].unique(maintain_order=True).to_list()
    seeds, points = found.described["seeds"], len(found.described["points"])
    played = found.charts["responses"]["point"].n_unique()
    cautions = [*changed_cautions(found.levers, writer), render("lab.assumed", writer.language)]
    if full := len(found.charts["saturated"]):
        said = render("lab.points_saturated", writer.language, count=full, of=played)
        cautions.insert(0, said)
    if played < points:
        cautions.insert(0, writer.say("trials.left_out", count=points - played, of=points))
    return Content(
        title=writer.say("trials.swept", name=writer.pick(found.described["name"])),
        subtitle=writer.say("trials.swept.subtitle", points=played, seeds=seeds),
        cautions=cautions,
        tiles=(),
        sections=tuple(_section(found, aim, writer) for aim in aims),
        made_by=writer.say("lab.made_by", version=found.version),
    )


def _section(found: Swept, aim: str, writer: Writer) -> Section:
    return Section(
        name=aim,
        title=headed(aim_name(aim, writer)),
        sentences=[writer.say("trials.response.lead"), *_some_seeds(found, aim, writer)],
        draw=Responses(list(_panels(found, aim, writer)), aim_unit(aim)),
        description=writer.say("trials.response.description"),
        tables=[_sway(found, aim, writer)],
        is_folded=False,
    )


def _some_seeds(found: Swept, aim: str, writer: Writer) -> Iterator[str]:
    """Yield at how many settings not every seed has such a figure, if there are any."""
    responses, seeds = found.charts["responses"], found.described["seeds"]
    whole = responses.filter(pl.col("aim") == aim, pl.col("seeds") == seeds)["point"].n_unique()
    played = responses["point"].n_unique()
    if whole < played:
        yield writer.say("trials.some_seeds", count=played - whole, of=played)


def _panels(found: Swept, aim: str, writer: Writer) -> Iterator[Panel]:
    rows = found.charts["responses"].filter(pl.col("aim") == aim)
    for (lever,), some in rows.group_by("lever", maintain_order=True):
        name = str(lever)
        points = [
            (found.levers.shown(name, row["value"]), in_axis_unit(aim, Figure.of(row)))
            for row in some.iter_rows(named=True)
        ]
        is_day = found.levers.units[name] == "day"
        yield Panel(found.levers.called(name, writer), is_day, points)


def _sway(found: Swept, aim: str, writer: Writer) -> Table:
    """Return how much each lever sways an aim, the one that does most first."""
    write = write_aim(aim, writer)
    rows = found.charts["sway"].filter(pl.col("aim") == aim)
    ordered = rows.sort(pl.col("rank_correlation").abs(), descending=True, nulls_last=True)
    cells = [
        (
            found.levers.called(row["lever"], writer),
            NONE if row["rank_correlation"] is None
            else writer.number(round(row["rank_correlation"], 2)),
            or_none(row["least_third"], write),
            or_none(row["most_third"], write),
        )
        for row in ordered.iter_rows(named=True)
    ]  # fmt: skip
    heads = ("lever", "rank_correlation", "least_third", "most_third")
    columns = tuple(
        Column(writer.say(f"trials.column.{head}"), is_number=n > 0) for n, head in enumerate(heads)
    )
    return Table(writer.say("trials.sway"), columns, tuple(cells))
