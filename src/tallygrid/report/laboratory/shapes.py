"""Two shapes of chart for figures over seeds: a mean and its interval, a line and its band."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import altair as alt

from tallygrid.report.laboratory.found import Figure
from tallygrid.report.shapes import WIDTHS, margin, names_axis, text_px, wrapped
from tallygrid.report.svg import Chart

_AMOUNT_PX: Final = 52
"""The room left of a line for amounts."""
_TICK_PX: Final = 30
"""The space beside a number on an axis."""
_LEGEND_PX: Final = {True: 170, False: 400}
"""The room for one entry of a legend, on a narrow page and on a wide one."""


@dataclass(frozen=True)
class Range:
    """A named mean, of one group, with the text that says it."""

    name: str
    figure: Figure
    text: str
    group: str = ""


@dataclass(frozen=True)
class Ranges:
    """A dot where the mean is and a line over its interval, one row each."""

    rows: Sequence[Range]
    axis: str
    colours: Mapping[str, str]
    """By group; more than one of them get a legend."""
    unit: str = ",.0f"
    """How the axis writes its values, as d3 does."""

    def __call__(self, width: int) -> Chart | None:
        """Draw the rows on a page of a width, or nothing if all are nought or there are none."""
        if self.is_nought:
            return None
        is_narrow = width <= WIDTHS["narrow"]
        names = [row.name for row in self.rows]
        room_px = 0 if is_narrow else max(text_px(row.text) for row in self.rows) + 16
        room = width - margin(width, names) - room_px - 8
        chart = alt.Chart(alt.InlineData(values=self._values()))
        y = alt.Y("row:O", sort=None, title=None, axis=names_axis(names, width))
        marks = [mark.encode(y=y) for mark in self._marks(chart, room, is_narrow=is_narrow)]
        if not is_narrow:
            told = chart.mark_text(x=room + room_px, align="right").encode(y=y, text="text:N")
            marks.append(told)
        return alt.LayerChart(layer=marks, width=room, height=alt.Step(24))

    @property
    def is_nought(self) -> bool:
        """Whether there is nothing to be seen."""
        return not any(row.figure.low or row.figure.high for row in self.rows)

    def _values(self) -> list[dict[str, object]]:
        return [
            {"row": n, "mean": row.figure.mean, "low": row.figure.low, "high": row.figure.high,
             "text": row.text, "group": row.group}
            for n, row in enumerate(self.rows)
        ]  # fmt: skip

    def _marks(self, chart: alt.Chart, room: int, *, is_narrow: bool) -> list[alt.Chart]:
        least = min(0.0, *(row.figure.low for row in self.rows))
        most = max(0.0, *(row.figure.high for row in self.rows)) or 1.0
        longest_px = max(text_px(f"{round(end):,}") for end in (least, most))
        axis = alt.Axis(
            format=self.unit,
            tickCount=max(3, min(7, room // (longest_px + _TICK_PX))),
            labelOverlap=True,  # the last label is drawn inward, towards the one before
            labelSeparation=8,
        )
        span = alt.Scale(nice=True, domain=[least, most])
        x = alt.X("low:Q", title=wrapped(self.axis, room), axis=axis, scale=span)
        legend = _legend(is_narrow=is_narrow) if len(self.colours) > 1 else None
        scale = alt.Scale(domain=list(self.colours), range=list(self.colours.values()))
        colour = alt.Color("group:N", scale=scale, legend=legend)
        return [
            chart.mark_rule(strokeWidth=3, opacity=0.45).encode(x=x, x2="high:Q", color=colour),
            chart.mark_point(size=70, filled=True, opacity=1).encode(x="mean:Q", color=colour),
        ]


@dataclass(frozen=True)
class Course:
    """How a figure goes from day to day, in one panel of several."""

    panel: str
    group: str
    days: list[date]
    figures: list[Figure]


@dataclass(frozen=True)
class Courses:
    """Lines with their bands over the days, one panel above another."""

    courses: Sequence[Course]
    colours: Mapping[str, str]
    months: Sequence[str]
    """What the twelve months are called on the axis."""

    def __call__(self, width: int) -> Chart | None:
        """Draw the panels on a page of a width, or nothing if all are nought or there are none."""
        panels = [one for one in self.panels if one not in self.still]
        drawn = [self._panel(one, width, is_first=not n) for n, one in enumerate(panels)]
        return alt.vconcat(*drawn, spacing=10) if drawn else None

    @property
    def panels(self) -> list[str]:
        """What courses there are, in their order."""
        return list(dict.fromkeys(course.panel for course in self.courses))

    @property
    def still(self) -> list[str]:
        """The panels in which nothing ever happens; they are not drawn."""
        moving = {
            course.panel
            for course in self.courses
            if any(one.low or one.high for one in course.figures)
        }
        return [panel for panel in self.panels if panel not in moving]

    def _panel(self, panel: str, width: int, *, is_first: bool) -> alt.LayerChart:
        chart = alt.Chart(alt.InlineData(values=self._values(panel)))
        months = f"[{', '.join(map(repr, self.months))}][utcmonth(datum.value)]"
        axis = alt.Axis(labelExpr=months, tickCount="month", labelOverlap=True, grid=False)
        x = alt.X("day:T", title=None, axis=axis, scale=alt.Scale(type="utc"))
        scale = alt.Scale(domain=list(self.colours), range=list(self.colours.values()))
        legend = _legend(is_narrow=width <= WIDTHS["narrow"]) if is_first else None
        colour = alt.Color("group:N", scale=scale, legend=legend)
        amounts = alt.Axis(tickCount=3, format=",.2~f", minExtent=_AMOUNT_PX, maxExtent=_AMOUNT_PX)
        values = self._values(panel)
        least = min(0.0, *(float(str(one["low"])) for one in values))
        most = max(0.0, *(float(str(one["high"])) for one in values)) or 1.0
        scale = alt.Scale(domain=[least, most])
        y = alt.Y("low:Q", title=None, axis=amounts, scale=scale)
        return alt.LayerChart(
            layer=[
                chart.mark_area(opacity=0.25).encode(x=x, y=y, y2="high:Q", color=colour),
                chart.mark_line(strokeWidth=2).encode(x=x, y="mean:Q", color=colour),
            ],
            width=width - _AMOUNT_PX - 16,
            height=70,
            title=wrapped(panel, width - _AMOUNT_PX),
        )

    def _values(self, panel: str) -> list[dict[str, object]]:
        return [
            {"day": f"{day.isoformat()}T00:00:00Z", "group": course.group,
             "mean": one.mean, "low": one.low, "high": one.high}
            for course in self.courses
            if course.panel == panel
            for day, one in zip(course.days, course.figures, strict=True)
        ]  # fmt: skip


def _legend(*, is_narrow: bool) -> alt.Legend:
    """Return a legend above the chart; on a narrow page its entries stand below one another."""
    return alt.Legend(
        orient="top",
        columns=1 if is_narrow else 7,
        symbolOpacity=1,
        labelLimit=_LEGEND_PX[is_narrow],
    )
