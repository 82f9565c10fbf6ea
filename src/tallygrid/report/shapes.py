"""The three shapes of chart: bars in parts, a grid of counts, a line from before to after.

Labels stand above their bar, so that long names need no margin. Names are broken or cut
here and not by the drawing library, which cannot know the reader's font.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt

from tallygrid.report.svg import Chart

PLAIN: Final = ""
"""A part without a name: it has one colour and no place in the legend."""
PLAIN_COLOUR: Final = "#0b5c8e"
WIDTHS: Final[Mapping[str, int]] = {"wide": 860, "narrow": 340}
"""A scaled-down chart has letters nobody can read, so each is drawn for both."""

_LATIN_END: Final = 0x2E80
_PIECES: Final = re.compile(r"[⺀-￿][，。；：、）」”]*|[^\s⺀-￿]+\s*|\s+")
"""What a line may break after: a Chinese character with its punctuation, or a word."""
_LINE: Final = 17
_LINES_MAX: Final = 3
_BAR: Final = 16
_COLUMN_PX_MIN: Final = 70
_HEAD_PX_MAX: Final = 140
_HEAD_LINE: Final = 15
_NONE_AND_MOST: Final = ("#eef4f8", "#123a63")
_LETTERS_TURN_WHITE: Final = 0.66
"""The share of the shade up to which black letters stand out, and from which white ones do."""
_ROW: Final = alt.Y("row:O", axis=None, sort=None)


@dataclass(frozen=True)
class Bar:
    """A bar: the name and the amount written above it, and its parts."""

    name: str
    amount: str
    parts: Mapping[str, int]


@dataclass(frozen=True)
class Bars:
    """Horizontal bars in coloured parts, each under its name and its amount."""

    rows: Sequence[Bar]
    colours: Mapping[str, str]
    """The colour of each part that the legend names; any other part is plain."""
    share_of: str = ""
    """What the whole bar is, where all bars have one length; else bars are as long as counts."""

    def __call__(self, width: int) -> Chart | None:
        """Draw the bars on a page of a width, or nothing if there are none."""
        if not self.rows:
            return None
        is_stacked = bool(self.share_of) and width <= WIDTHS["narrow"]
        amount_px = max(text_px(bar.amount) for bar in self.rows) + 16
        room_px = (width if is_stacked else width - amount_px) * 8 // 10  # names are bold
        names = _level([wrapped(bar.name, room_px) for bar in self.rows])
        lines = len(names[0]) + is_stacked
        top = -(lines * _LINE + _BAR + 4) // 2
        labels = self._labels(names, width, top, is_stacked=is_stacked)
        bars = self._parts(top + lines * _LINE + _BAR // 2 + 2, width)
        step = alt.Step(lines * _LINE + _BAR + 18)
        return alt.LayerChart(layer=[bars, *labels], width=width, height=step)

    def _parts(self, offset: int, width: int) -> alt.Chart:
        values = [
            {"row": row, "part": part, "order": order, "value": value}
            for row, bar in enumerate(self.rows)
            for order, (part, value) in enumerate(bar.parts.items())
        ]
        colours = {**self.colours, PLAIN: PLAIN_COLOUR}
        legend = alt.Legend(
            orient="top",
            columns=3 if width <= WIDTHS["narrow"] else 7,
            values=list(self.colours),
        )
        colour = alt.Color(
            "part:N",
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            legend=legend if self.colours else None,
        )
        bars: alt.Chart = (
            alt.Chart(alt.InlineData(values=values))
            .mark_bar(height=_BAR, stroke="white", strokeWidth=0.75, yOffset=offset)
            .encode(x=self._x(), y=_ROW, order=alt.Order("order:O"), color=colour)
        )
        return bars

    def _x(self) -> alt.X:
        if not self.share_of:
            return alt.X("value:Q", axis=None, scale=alt.Scale(nice=False))
        axis = alt.Axis(format="%", tickCount=5)
        return alt.X("value:Q", stack="normalize", title=self.share_of, axis=axis)

    def _labels(
        self, names: Sequence[Sequence[str]], width: int, top: int, *, is_stacked: bool
    ) -> list[alt.Chart]:
        values = [
            {"row": row, "name": lines, "amount": bar.amount}
            for row, (bar, lines) in enumerate(zip(self.rows, names, strict=True))
        ]
        text = alt.Chart(alt.InlineData(values=values))
        name = text.mark_text(
            x=0, dy=top, align="left", baseline="top", lineHeight=_LINE, fontWeight="bold"
        )
        deep = len(names[0])
        place: dict[str, Any] = {"x": width, "dy": top + (deep - 1) * _LINE, "align": "right"}
        if is_stacked:
            place = {"x": 0, "dy": top + deep * _LINE, "align": "left"}
        amount = text.mark_text(baseline="top", **place)
        return [name.encode(y=_ROW, text="name:N"), amount.encode(y=_ROW, text="amount:N")]


@dataclass(frozen=True)
class Grid:
    """Counts in cells, the darker the more."""

    rows: Sequence[str]
    columns: Sequence[str]
    counts: Sequence[Sequence[int]]

    def __call__(self, width: int) -> Chart | None:
        """Draw the grid on a page of a width, or nothing if every cell is empty."""
        most = max((count for row in self.counts for count in row), default=0)
        if not most:
            return None
        room = width - margin(width, self.rows)
        x = alt.X("column:O", sort=None, title=None, axis=self._heads(room))
        y = alt.Y("row:O", sort=None, title=None, axis=names_axis(self.rows, width))
        cells = alt.Chart(alt.InlineData(values=self._cells()))
        shade = alt.Scale(domain=[0, most], range=list(_NONE_AND_MOST))
        rect = cells.mark_rect(stroke="white", strokeWidth=2).encode(
            x=x, y=y, color=alt.Color("count:Q", scale=shade, legend=None)
        )
        is_dark = f"datum.count > {most} * {_LETTERS_TURN_WHITE}"
        ink = alt.condition(is_dark, alt.value("white"), alt.value("black"))
        text = cells.mark_text().encode(x=x, y=y, text="count:Q", color=ink)
        return alt.LayerChart(layer=[rect, text], width=room, height=alt.Step(26))

    def _heads(self, room: int) -> alt.Axis:
        """Write the columns' names above them, upright where a column is too narrow."""
        column_px = room // len(self.columns) - 8
        if column_px < _COLUMN_PX_MIN:
            heads = [_cut(column, _HEAD_PX_MAX) for column in self.columns]
            height_px = max(map(text_px, heads))
            return alt.Axis(
                orient="top",
                labelAngle=-90,
                labelLimit=0,
                minExtent=height_px,
                labelExpr=_label(heads),
            )
        lines = _level([wrapped(column, column_px) for column in self.columns])
        above_px = (len(lines[0]) - 1) * _HEAD_LINE
        return alt.Axis(
            orient="top",
            labelAngle=0,
            labelLineHeight=_HEAD_LINE,
            labelPadding=above_px + 5,
            labelExpr=_label(lines),
        )

    def _cells(self) -> list[dict[str, object]]:
        return [
            {"row": row, "column": column, "count": count}
            for row, counts in enumerate(self.counts)
            for column, count in enumerate(counts)
        ]


@dataclass(frozen=True)
class Change:
    """A rate before and after, with the text that says both."""

    name: str
    before_bp: int
    after_bp: int
    text: str
    short_text: str
    """What a narrow page has room for."""


@dataclass(frozen=True)
class Panel:
    """Changes of one colour under one heading."""

    title: str
    colour: str
    changes: Sequence[Change]


_BESIDE_PX: Final = 20
"""Between a dot at the very end and what stands right of it."""


@dataclass(frozen=True)
class Dumbbells:
    """A line from an open ring, before, to a filled dot, after; one panel above another."""

    panels: Sequence[Panel]
    axis: str

    def __call__(self, width: int) -> Chart | None:
        """Draw the panels on a page of a width, or nothing if there are none."""
        panels = [self._panel(panel, width) for panel in self.panels if panel.changes]
        return alt.vconcat(*panels, spacing=18) if panels else None

    def _panel(self, panel: Panel, width: int) -> alt.LayerChart:
        is_narrow = width <= WIDTHS["narrow"]
        values = [
            {"row": row, "before": each.before_bp, "after": each.after_bp,
             "text": each.short_text if is_narrow else each.text}
            for row, each in enumerate(panel.changes)
        ]  # fmt: skip
        # The same room in all panels, so that what is alike stands below one another.
        every = [each for one in self.panels for each in one.changes]
        texts = (each.short_text if is_narrow else each.text for each in every)
        words_px = max(map(text_px, texts)) + _BESIDE_PX
        names, all_names = ([each.name for each in some] for some in (panel.changes, every))
        room = width - margin(width, all_names) - words_px
        y = alt.Y("row:O", sort=None, title=None, axis=names_axis(names, width, all_names))
        return alt.LayerChart(
            layer=[mark.encode(y=y) for mark in self._marks(values, panel.colour, room + words_px)],
            width=room,
            height=alt.Step(24),
            title=panel.title,
        )

    def _marks(self, values: list[dict[str, Any]], colour: str, right: int) -> list[alt.Chart]:
        chart = alt.Chart(alt.InlineData(values=values))
        percent = alt.Axis(
            labelExpr="datum.value / 100 + '%'", values=[0, 2500, 5000, 7500, 10_000]
        )
        scale = alt.Scale(domain=[0, 10_000])
        x = alt.X("before:Q", title=self.axis, scale=scale, axis=percent)
        return [
            chart.mark_rule(strokeWidth=3, color=colour, opacity=0.45).encode(x=x, x2="after:Q"),
            chart.mark_point(size=70, color=colour, filled=False, fill="white").encode(x=x),
            chart.mark_point(size=70, color=colour, filled=True, opacity=1).encode(x="after:Q"),
            chart.mark_text(x=right, align="right").encode(text="text:N"),
        ]


def margin(width: int, names: Sequence[str] = ()) -> int:
    """Return the room left of a chart for names: more where they are long."""
    least, most = (136, 165) if width <= WIDTHS["narrow"] else (210, 350)
    return max(least, min(most, max(map(text_px, names), default=0) + 24))


def names_axis(names: Sequence[str], width: int, every: Sequence[str] = ()) -> alt.Axis:
    """Return an axis of names, each cut to one line, that takes exactly their margin.

    Where several axes are to be as wide as one another, `every` holds the names of all.
    """
    room = margin(width, every or names)
    cut = [_cut(name, room - 16) for name in names]
    return alt.Axis(
        minExtent=room,
        maxExtent=room,
        labelExpr=_label(cut),
        labelLimit=room,  # else the library cuts once more
        labelPadding=8,
        grid=False,
    )


def _label(labels: Sequence[str] | Sequence[Sequence[str]]) -> str:
    """Return the expression that finds the label of a row or column by its number."""
    return f"{json.dumps(labels)}[datum.value]"


def _level(labels: Sequence[Sequence[str]]) -> list[list[str]]:
    """Give every label as many lines as the longest; a short one stands at the foot.

    The lines above it hold a space, because a browser skips a line of nothing.
    """
    deep = max(map(len, labels))
    return [["\u00a0"] * (deep - len(lines)) + list(lines) for lines in labels]


def _cut(label: str, room_px: int) -> str:
    """Cut a label to a room, and show that it was cut."""
    if text_px(label) <= room_px:
        return label
    kept = label
    while kept and text_px(kept) > room_px - 8:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def text_px(label: str) -> int:
    """Guess generously the pixels a label takes; a Chinese character is as wide as it is high.

    The reader's font is unknown, so this is the width in a wide one.
    """
    return sum(13 if ord(letter) > _LATIN_END else 7 for letter in label)


def wrapped(label: str, room_px: int) -> list[str]:
    """Break a label into at most three lines that fit a room, between words where there are any."""
    lines = [""]
    for piece in _PIECES.findall(label):
        if lines[-1] and text_px(lines[-1] + piece.rstrip()) > room_px:
            lines.append("")
        lines[-1] += piece
    stripped = [line.strip() for line in lines]
    return [*stripped[:2], stripped[2] + "…"] if len(stripped) > _LINES_MAX else stripped
