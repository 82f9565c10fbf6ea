"""What the report says, section by section, before it becomes a page or a sheet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tallygrid.report.laboratory import drawings, tables
from tallygrid.report.laboratory.changed import changed_text
from tallygrid.report.laboratory.found import SEEDS_MIN, Figure, Found
from tallygrid.report.laboratory.names import Names
from tallygrid.report.laboratory.shapes import Courses, Ranges
from tallygrid.report.laboratory.values import Write, interval, write_as
from tallygrid.report.prose import Tile
from tallygrid.report.svg import Chart, drawn_as_svg
from tallygrid.report.tables import Table
from tallygrid.report.writer import Writer
from tallygrid.text import render

Draw = Callable[[int], Chart | None]
_TILES: Final = (
    *("take_up", "days_to_voucher", "public_fen"),
    *("fen_per_additional_card_hour", "dead_weight_share", "additional_card_hours"),
)
_SECTIONS: Final = (
    *("figures", "steps", "vouchers", "sites", "waits", "budgets", "gain", "revenue", "energy"),
    *("settings", "programmes", "assumptions", "sources"),
)


@dataclass(frozen=True)
class Section:
    """A heading, sentences, a picture with the same data as a table, and other tables."""

    name: str
    title: str
    sentences: Sequence[str]
    draw: Draw | None
    """Draws the picture for a width; none where there is nothing to draw."""
    description: str
    """The picture for those who do not see it."""
    tables: Sequence[Table]
    is_folded: bool = True
    """Whether the tables hold what the picture shows, and so stand folded behind it."""
    _drawn: dict[int, str | None] = field(default_factory=dict, repr=False, compare=False)

    def picture(self, width: int) -> str | None:
        """Draw the picture for a width, as SVG, once for page and sheet; none if there is none."""
        if width not in self._drawn:
            chart = self.draw(width) if self.draw else None
            self._drawn[width] = None if chart is None else drawn_as_svg(chart)
        return self._drawn[width]


@dataclass(frozen=True)
class Content:
    """All that a report says in one language."""

    title: str
    subtitle: str
    cautions: Sequence[str]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    made_by: str
    about: str = ""
    """What was played, in the words of its file; empty if that has none."""


def content(found: Found, writer: Writer) -> Content:
    """Return what the report says in one language."""
    names = Names(found, writer)
    first = found.summary["first_day"]
    return Content(
        title=writer.pick(found.summary["name"]),
        subtitle=writer.say(
            "lab.subtitle" if found.seeds > 1 else "lab.subtitle_one", seeds=found.seeds,
            first=tables.day_of(first), days=found.summary["days"],
        ),
        about=found.summary["about"].get(writer.language, ""),
        cautions=tuple(_cautions(found, names)),
        tiles=tuple(_tiles(found, writer)),
        sections=tuple(_section(name, names) for name in _SECTIONS),
        made_by=writer.say("lab.made_by", version=found.version),
    )  # fmt: skip


def _section(name: str, names: Names) -> Section:
    writer, found = names.writer, names.found
    sentences = [writer.say(f"lab.{name}.lead")]
    if name == "waits" and found.is_saturated:
        sentences.append(writer.say("lab.waits.saturated"))
    drawing = drawings.DRAWINGS.get(name)
    draw = drawing(names) if drawing else None
    if name == "waits":
        sentences.append(writer.say("lab.waits.picture" if found.waits else "lab.waits.none"))
    else:
        sentences += _undrawn(draw, names)
    made = tables.TABLES[name](names)
    return Section(
        name=name,
        title=writer.say(f"lab.{name}"),
        sentences=sentences,
        draw=draw,
        description=writer.say(f"lab.{name}.description") if draw else "",
        tables=[one for one in made if one.rows],
    )


def _undrawn(draw: Draw | None, names: Names) -> Iterator[str]:
    """Yield what a picture leaves out, because it would be nought throughout."""
    writer = names.writer
    if isinstance(draw, Courses) and draw.still:
        yield writer.say("lab.budgets.still", programmes=names.joined(draw.still))
    elif isinstance(draw, Ranges) and draw.rows and draw.is_nought:
        yield writer.say("lab.nought")


def _cautions(found: Found, names: Names) -> Iterator[str]:
    """Yield what must not be read out of the figures, the gravest first."""
    writer = names.writer
    for when in ("saturated", "saturated_without"):
        if pools := found.summary["saturated"][when]:
            named = writer.say("and").join(map(names.pool, pools))
            yield writer.say(f"lab.{when}", pools=named)
    for one in found.summary["programmes"]:
        if one["edition"] == "reported":
            yield render("lab.reported", writer.language, programme=writer.pick(one["name"]))
        if not one["is_published"]:
            yield render("lab.own", writer.language, programme=writer.pick(one["name"]))
        if one.get("changed"):
            yield changed_text(one, writer.language)
    yield from few_seeds(found.seeds, writer)
    yield render("lab.assumed", writer.language)
    parameters = found.summary["behaviour"].items()
    if told := names.joined(name for name, one in parameters if one["calibrated_on"]):
        yield render("lab.calibrated", writer.language, names=told)


def few_seeds(seeds: int, writer: Writer) -> Iterator[str]:
    """Yield that a report rests on few seeds, or on one, if it does."""
    if seeds < SEEDS_MIN:
        code = "lab.few_seeds" if seeds > 1 else "lab.one_seed"
        yield writer.say(code, seeds=seeds, least=SEEDS_MIN)


def _tiles(found: Found, writer: Writer) -> Iterator[Tile]:
    for name in _TILES:
        figure, write = found.figure(name), write_as(name, writer)
        value = write(figure.mean) if figure else writer.say("lab.unknown")
        detail = _interval_told(figure, found, write, writer)
        yield Tile(value, tables.figure_label(name, writer), detail)


def _interval_told(figure: Figure | None, found: Found, write: Write, writer: Writer) -> str:
    if figure is not None and figure.seeds == 1:
        return writer.say("lab.hangs")
    within = interval(figure, write)
    if figure is None or figure.seeds == found.seeds:
        return writer.say("lab.interval", interval=within)
    return writer.say("lab.of_some", interval=within, all=found.seeds, some=figure.seeds)
