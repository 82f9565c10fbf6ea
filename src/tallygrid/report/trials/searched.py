"""The report of a search: the candidates, and the front of two aims."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tallygrid.report.laboratory.changed import short_hash
from tallygrid.report.laboratory.content import Content, Draw, Section
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.laboratory.shapes import Range, Ranges
from tallygrid.report.laboratory.values import money, with_interval
from tallygrid.report.shapes import PLAIN_COLOUR
from tallygrid.report.tables import Column, Table
from tallygrid.report.trials.aims import (
    Levers,
    aim_name,
    aim_unit,
    changed_cautions,
    in_axis_unit,
    write_aim,
)
from tallygrid.report.trials.shapes import Front, Spot
from tallygrid.report.writer import Writer
from tallygrid.text import render

_GROUPS: Final = {"front": "#b4460f", "beaten": PLAIN_COLOUR, "over": "#9aa0a8"}


@dataclass(frozen=True)
class Searched:
    """A finished search."""

    described: Mapping[str, Any]
    charts: Mapping[str, pl.DataFrame]
    levers: Levers
    version: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The candidates, the best first."""
        return self.charts["candidates"].to_dicts()


def searched_content(found: Searched, writer: Writer) -> Content:
    """Return what the report of a search says in one language."""
    described = found.described
    limit = described["spend_at_most_fen"]
    code = "trials.searched.subtitle" if limit is None else "trials.searched.subtitle_limit"
    return Content(
        title=writer.say("trials.searched", name=writer.pick(described["name"])),
        subtitle=writer.say(
            code, aim=aim_name(described["aim"], writer), points=described["points"],
            seeds=described["held_out"], limit=limit or 0,
        ),
        cautions=list(_cautions(found, writer)),
        tiles=(),
        sections=(_front(found, writer),),
        made_by=writer.say("lab.made_by", version=found.version),
    )  # fmt: skip


def _cautions(found: Searched, writer: Writer) -> Iterator[str]:
    if full := sum(row["is_saturated"] for row in found.rows):
        of = len(found.rows)
        yield render("lab.points_saturated", writer.language, count=full, of=of)
    yield from changed_cautions(found.levers, writer)
    yield render("lab.assumed", writer.language)


def _front(found: Searched, writer: Writer) -> Section:
    against = found.described["against"]
    kind = "front" if against else "best"
    return Section(
        name=kind,
        title=writer.say(f"trials.{kind}"),
        sentences=[writer.say(f"trials.{_lead(found)}.lead")],
        draw=_picture(found, writer) if against else _ranking(found, writer),
        description=writer.say(f"trials.{kind}.description"),
        tables=[
            one
            for one in (_candidates(found, writer), _settings(found, writer), _texts(found, writer))
            if one.rows
        ],
        is_folded=False,
    )


def _lead(found: Searched) -> str:
    """Return what there is to say: of the best, or of how many stand on the front."""
    if not found.described["against"]:
        return "best"
    on_front = sum(row["on_front"] for row in found.rows)
    return {0: "front.none", 1: "front.one"}.get(on_front, "front")


def _picture(found: Searched, writer: Writer) -> Draw:
    aims = (found.described["aim"], found.described["against"])
    names = {group: writer.say(f"trials.group.{group}") for group in _GROUPS}
    spots = [
        Spot(rank, *figures, names[_group(row)])
        for rank, row in enumerate(found.rows, start=1)
        if (figures := _figures(row, aims)) is not None
    ]
    return Front(
        spots,
        (aim_name(aims[0], writer), aim_name(aims[1], writer)),
        (aim_unit(aims[0]), aim_unit(aims[1])),
        {names[group]: colour for group, colour in _GROUPS.items()},
    )


def _ranking(found: Searched, writer: Writer) -> Draw:
    aim = found.described["aim"]
    rows = []
    for rank, row in enumerate(found.rows, start=1):
        if figure := _figure(row, "aim"):
            told = with_interval(figure, write_aim(aim, writer))
            name = writer.say("trials.candidate", rank=rank)
            rows.append(Range(name, in_axis_unit(aim, figure), told))
    return Ranges(rows, aim_name(aim, writer), {"": PLAIN_COLOUR}, unit=aim_unit(aim))


def _group(row: Mapping[str, Any], *, has_front: bool = True) -> str:
    if not row["is_within"]:
        return "over"
    if not has_front:
        return "within"
    return "front" if row["on_front"] else "beaten"


def _figures(row: Mapping[str, Any], aims: tuple[str, str]) -> tuple[Figure, Figure] | None:
    aim, against = _figure(row, "aim"), _figure(row, "against")
    if aim is None or against is None:
        return None
    return in_axis_unit(aims[0], aim), in_axis_unit(aims[1], against)


def _figure(row: Mapping[str, Any], name: str) -> Figure | None:
    if row[f"{name}_mean"] is None:
        return None
    mean, low, high = (row[f"{name}_{part}"] for part in ("mean", "low", "high"))
    return Figure(mean, low, high, row["seeds"])


def _candidates(found: Searched, writer: Writer) -> Table:
    """Return what each candidate reaches and costs."""
    aims = {"aim": found.described["aim"], "against": found.described["against"]}
    told = {name: aim for name, aim in aims.items() if aim}
    rows = []
    for rank, row in enumerate(found.rows, start=1):
        reached = (
            with_interval(_figure(row, n), write_aim(aim, writer)) for n, aim in told.items()
        )
        spent = with_interval(_figure(row, "spent_fen"), money(writer))
        standing = [_group(row, has_front=bool(aims["against"]))]
        standing += ["saturated"] * row["is_saturated"]
        told_ = writer.say("lab.between").join(
            writer.say(f"trials.group.{one}") for one in standing
        )
        rows.append((str(rank), *reached, spent, writer.number(row["seeds"]), told_))
    heads = [
        Column(writer.say("trials.column.rank")),
        *(Column(aim_name(aim, writer), is_number=True) for aim in told.values()),
        Column(writer.say("trials.column.spent"), is_number=True),
        Column(writer.say("lab.column.seeds"), is_number=True),
        Column(writer.say("trials.column.standing")),
    ]
    return Table(writer.say("trials.candidates"), tuple(heads), tuple(rows))


def _settings(found: Searched, writer: Writer) -> Table:
    """Return where the levers of each candidate stand."""
    levers = found.levers
    rows = [
        (str(rank), levers.called(lever, writer), levers.written(lever, row[lever], writer))
        for rank, row in enumerate(found.rows, start=1)
        for lever in levers.names
    ]
    heads = [Column(writer.say(f"trials.column.{one}")) for one in ("rank", "lever")]
    heads.append(Column(writer.say("trials.column.value"), is_number=True))
    return Table(writer.say("trials.settings"), tuple(heads), tuple(rows))


def _texts(found: Searched, writer: Writer) -> Table:
    """Return the hashes of the texts that candidates change; no rows if none does."""
    rows = [
        (str(rank), found.levers.programme(programme, writer), short_hash(text))
        for rank, row in enumerate(found.rows, 1)
        for programme, text in _changed(row)
    ]
    heads = [Column(writer.say(f"trials.column.{head}")) for head in ("rank", "programme", "hash")]
    return Table(writer.say("trials.texts"), tuple(heads), tuple(rows))


def _changed(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if name.startswith("text.") and value is not None:
            yield name.removeprefix("text."), str(value)
