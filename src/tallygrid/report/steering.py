"""The steering report as one page: a chart and a table for each way to look at placements."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.steering import UNLISTED, Share, Steering
from tallygrid.report.page import filled
from tallygrid.report.shapes import PLAIN_COLOUR, WIDTHS, Change, Dumbbells, Panel
from tallygrid.report.svg import svg
from tallygrid.report.tables import Column, Table
from tallygrid.report.writer import Writer
from tallygrid.settings import Language
from tallygrid.text import catalogue as sentences


def steering_page(found: Steering, catalogue: Catalogue, language: Language) -> str:
    """Return the page in one language; nothing is loaded from elsewhere."""
    writer = Writer(language)
    sections = [
        {
            "charts": {
                width: Markup(_chart(way, shares, catalogue, writer, width))  # noqa: S704  # drawn by us
                for width in WIDTHS
            },
            "table": _table(way, shares, catalogue, writer),
        }
        for way, shares in found.by.items()
        if shares
    ]
    return filled(
        "steering.html",
        writer,
        title=writer.say("steering.title"),
        subtitle=writer.say("steering.period", start=found.start, end=found.end),
        sections=sections,
    )


def steering_lines(found: Steering, catalogue: Catalogue, language: Language) -> Iterator[str]:
    """Yield what the page tells, line by line for a terminal."""
    writer = Writer(language)
    yield writer.say("steering.period", start=found.start, end=found.end)
    for way, shares in found.by.items():
        yield writer.say(f"way.{way}")
        for one in shares:
            yield "  " + writer.say(
                "steering.class_line" if way == "class" else "steering.line",
                name=name_of(way, one.name, catalogue, writer),
                jobs=one.jobs,
                hours=one.card_hours,
                work=one.work_bp,
                capacity=one.capacity_bp,
                subsidy=one.subsidy_fen,
            )


def name_of(way: str, name: str, catalogue: Catalogue, writer: Writer) -> str:
    """Return what a share is called in a language."""
    if name == UNLISTED:
        return writer.say("steering.unlisted")
    if way == "side":
        return writer.say(f"side.{name}")
    if way == "class":
        return writer.say(f"class.{name}")
    if way == "province":
        return _province(name, catalogue, writer)
    words = (catalogue.sites[name] if way == "site" else catalogue.providers[name]).name
    return words.zh if writer.language == "zh" else words.en


def _province(name: str, catalogue: Catalogue, writer: Writer) -> str:
    """Return what a province is called, by its code (GB/T 2260), which a place in it has."""
    codes = {one.code[:2] for one in catalogue.places.values() if one.province == name}
    said = f"lab.province.{min(codes, default='')}"
    return writer.say(said) if f"report.{said}" in sentences() else name


def _chart(
    way: str, shares: Sequence[Share], catalogue: Catalogue, writer: Writer, width: str
) -> str:
    """Draw how far each one's part of the work is from its part of the cards."""
    changes = [
        Change(
            name_of(way, one.name, catalogue, writer),
            one.capacity_bp if way != "class" else one.work_bp,
            one.work_bp,
            _amount(way, one, writer),
            writer.percent(one.work_bp),
        )
        for one in shares
    ]
    title = writer.say(f"way.{way}")
    panel = Panel("", PLAIN_COLOUR, changes)
    drawn = Dumbbells([panel], axis=writer.say("steering.axis"))(WIDTHS[width])
    assert drawn is not None, "there is a line for each share"
    description = writer.say("steering.description")
    return svg(drawn, key=f"{way}-{width}", title=title, description=description)


def _amount(way: str, one: Share, writer: Writer) -> str:
    if way == "class":
        return writer.percent(one.work_bp)
    return writer.say("steering.amount", work=one.work_bp, capacity=one.capacity_bp)


def _table(way: str, shares: Sequence[Share], catalogue: Catalogue, writer: Writer) -> Table:
    cards = ("steering.capacity", "steering.used") if way != "class" else ()
    titles = (
        *("steering.jobs", "steering.card_hours", "steering.work", *cards),
        *("steering.gross", "steering.subsidy"),
    )
    return Table(
        writer.say(f"way.{way}"),
        (
            Column(writer.say("steering.name")),
            *(Column(writer.say(title), is_number=True) for title in titles),
        ),
        tuple(_row(way, one, catalogue, writer) for one in shares),
    )


def _row(way: str, one: Share, catalogue: Catalogue, writer: Writer) -> tuple[str, ...]:
    return (
        name_of(way, one.name, catalogue, writer),
        writer.number(one.jobs),
        writer.number(one.card_hours),
        writer.percent(one.work_bp),
        *([writer.percent(one.capacity_bp), writer.percent(one.used_bp)] if way != "class" else []),
        writer.money(one.gross_fen),
        writer.money(one.subsidy_fen),
    )
