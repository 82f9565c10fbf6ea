"""Two shapes of chart for trials: how a figure answers to a lever, and the front of two aims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import altair as alt

from tallygrid.report.laboratory.found import Figure
from tallygrid.report.shapes import PLAIN_COLOUR, WIDTHS, wrapped
from tallygrid.report.svg import Chart

_ROOM_PX: Final = 70
"""The room left of a chart for amounts."""


_TICK_PX: Final = 90
"""What an amount or a day on an axis takes, with the space beside it."""


@dataclass(frozen=True)
class Panel:
    """One lever: where it stood, and what came of it."""

    lever: str
    is_day: bool
    points: Sequence[tuple[float, Figure]]
    """Where the lever stands, as it is shown; days as their ordinal."""


@dataclass(frozen=True)
class Responses:
    """A mean and its interval against each lever, in panels, two beside one another if wide."""

    panels: Sequence[Panel]
    unit: str

    def __call__(self, width: int) -> Chart | None:
        """Draw the panels on a page of a width, or nothing if there are none."""
        if not self.panels:
            return None
        figures = [figure for panel in self.panels for _, figure in panel.points]
        span = [min(one.low for one in figures), max(one.high for one in figures)]
        columns = 1 if width <= WIDTHS["narrow"] else min(2, len(self.panels))
        drawn = [self._panel(panel, width // columns, span) for panel in self.panels]
        return alt.concat(*drawn, columns=columns, spacing=14)

    def _panel(self, panel: Panel, width: int, span: list[float]) -> alt.LayerChart:
        chart = alt.Chart(alt.InlineData(values=_values(panel)))
        room = width - _ROOM_PX - 24
        count = max(2, min(6, room // _TICK_PX))
        ticks = alt.Axis(tickCount=count, labelOverlap=True, labelSeparation=8)
        title = wrapped(panel.lever, room)
        if panel.is_day:
            ticks.format, ticks.values = "%Y-%m-%d", _spread(panel, count)
            x = alt.X("at:T", title=title, axis=ticks, scale=alt.Scale(type="utc"))
        else:
            x = alt.X("at:Q", title=title, axis=ticks,
                      scale=alt.Scale(zero=False, nice=True, padding=8))  # fmt: skip
        axis = alt.Axis(tickCount=4, format=self.unit, minExtent=_ROOM_PX, maxExtent=_ROOM_PX)
        scale = alt.Scale(domain=span, nice=True, zero=False)
        y = alt.Y("low:Q", title=None, axis=axis, scale=scale)
        marks = [
            chart.mark_rule(strokeWidth=2, opacity=0.35, color=PLAIN_COLOUR)
            .encode(x=x, y=y, y2="high:Q"),
            chart.mark_point(size=45, filled=True, opacity=0.9, color=PLAIN_COLOUR)
            .encode(x=x, y=alt.Y("mean:Q", title=None, axis=axis, scale=scale)),
        ]  # fmt: skip
        if len(self.panels) == 1 or 2 * len({at for at, _ in panel.points}) <= len(panel.points):
            # Where every point has a place of its own, a line would tell of the other levers.
            line = chart.mark_line(strokeWidth=1.5, opacity=0.6, color=PLAIN_COLOUR)
            marks.append(line.encode(x=x, y=alt.Y("mean(mean):Q", title=None, scale=scale)))
        return alt.LayerChart(layer=marks, width=room, height=130)


def _spread(panel: Panel, count: int) -> list[str]:
    """Return so many days, evenly spread from the first of a panel to the last, each once."""
    first, last = (int(end(at for at, _ in panel.points)) for end in (min, max))
    days = (first + (last - first) * n // (count - 1) for n in range(count))
    return [_instant(day) for day in dict.fromkeys(days)]


def _instant(day: float) -> str:
    return f"{date.fromordinal(int(day)).isoformat()}T00:00:00Z"


def _values(panel: Panel) -> list[dict[str, object]]:
    return [
        {
            "at": _instant(at) if panel.is_day else at,
            "mean": figure.mean, "low": figure.low, "high": figure.high,
        }
        for at, figure in panel.points
    ]  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """One candidate by its two aims, with its rank to be written beside it."""

    rank: int
    across: Figure
    up: Figure
    group: str


@dataclass(frozen=True)
class Front:
    """Candidates by two aims, and a line along those that no other beats in both."""

    spots: Sequence[Spot]
    axes: tuple[str, str]
    units: tuple[str, str]
    colours: Mapping[str, str]
    """By group; the first is the front's."""

    def __call__(self, width: int) -> Chart | None:
        """Draw them on a page of a width, or nothing if there are none."""
        if not self.spots:
            return None
        chart = alt.Chart(alt.InlineData(values=self._values()))
        present = {spot.group for spot in self.spots}
        colours = {group: one for group, one in self.colours.items() if group in present}
        scale = alt.Scale(domain=list(colours), range=list(colours.values()))
        legend = alt.Legend(orient="top", columns=1, symbolOpacity=1, labelLimit=width - _ROOM_PX)
        colour = alt.Color("group:N", scale=scale, legend=legend)
        x, y = (self._axis(n, "low") for n in (0, 1))
        across, up = (self._axis(n, "mean") for n in (0, 1))
        front = f"datum.group == {next(iter(self.colours))!r}"
        marks = [
            chart.transform_filter(front).mark_line(strokeWidth=1.5, opacity=0.6)
            .encode(x=across, y=up, color=colour, order="across_mean:Q"),
            chart.mark_rule(strokeWidth=2, opacity=0.3).encode(x=x, x2="across_high:Q", y=up,
                                                               color=colour),
            chart.mark_rule(strokeWidth=2, opacity=0.3).encode(y=y, y2="up_high:Q", x=across,
                                                               color=colour),
            chart.mark_point(size=80, filled=True, opacity=1).encode(x=across, y=up, color=colour),
            chart.mark_text(dx=9, dy=-9, fontSize=12).encode(x=across, y=up, text="rank:N"),
        ]  # fmt: skip
        return alt.LayerChart(layer=marks, width=width - _ROOM_PX - 24, height=320)

    def _axis(self, n: int, part: str) -> "alt.X | alt.Y":
        kind, name = ((alt.X, "across"), (alt.Y, "up"))[n]
        axis = alt.Axis(tickCount=5, format=self.units[n], titlePadding=(8, 30)[n])
        scale = alt.Scale(zero=False, nice=True)
        return kind(f"{name}_{part}:Q", title=self.axes[n], axis=axis, scale=scale)

    def _values(self) -> list[dict[str, object]]:
        return [
            {
                "rank": str(one.rank), "group": one.group,
                "across_mean": one.across.mean, "across_low": one.across.low,
                "across_high": one.across.high,
                "up_mean": one.up.mean, "up_low": one.up.low, "up_high": one.up.high,
            }
            for one in self.spots
        ]  # fmt: skip
