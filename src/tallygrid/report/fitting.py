"""How close a generated trace comes to the one it was fitted on: one page, clearly synthetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import altair as alt
from markupsafe import Markup

from tallygrid.report.page import filled
from tallygrid.report.shapes import PLAIN_COLOUR
from tallygrid.report.svg import svg
from tallygrid.report.tables import Column, Table
from tallygrid.report.writer import Writer
from tallygrid.settings import Language

Curve = Sequence[tuple[float, float]]
_COLOURS: Final = (PLAIN_COLOUR, "#b4460f")
_WIDTH, _HEIGHT = 760, 220


@dataclass(frozen=True)
class Fit:
    """A generator, and how close its jobs come to what it was fitted on."""

    name: str
    """Of the trace or the aggregates."""
    compared: Literal["trace", "told"]
    """Whether the jobs are held against a trace, or against what was told."""
    distances: Sequence[tuple[str, float]]
    """Kolmogorov-Smirnov distances, figure by figure."""
    curves: Mapping[str, tuple[Curve, Curve]]
    """By chart, a curve of what it was fitted on (empty if it tells none), and one of the jobs."""
    has_users: bool = True


def fitting_page(fit: Fit, language: Language) -> str:
    """Return the page in one language; nothing is loaded from elsewhere."""
    writer = Writer(language)
    charts = [
        {
            "title": writer.say(f"fit.{chart}"),
            "svg": Markup(_chart(chart, pair, fit.compared, writer)),  # noqa: S704  # drawn by us
        }
        for chart, pair in fit.curves.items()
    ]
    return filled(
        "fitting.html",
        writer,
        title=writer.say("fit.title"),
        name=fit.name,
        has_users=fit.has_users,
        charts=charts,
        distances=_table(fit.distances, writer),
    )


def _table(distances: Sequence[tuple[str, float]], writer: Writer) -> Table:
    heads = (Column(writer.say("fit.figure")), Column(writer.say("fit.distance"), is_number=True))
    rows = tuple((_figure(figure, writer), f"{distance:.3f}") for figure, distance in distances)
    return Table(writer.say("fit.distances"), heads, rows)


def _figure(figure: str, writer: Writer) -> str:
    """Return what a distance is of."""
    words = figure.split()
    if words[0] == "duration" and len(words) > 1:
        return writer.say("fit.of.duration_of", cards=int(words[2]))
    return writer.say("fit.of." + figure.replace(" ", "_"))


def _chart(name: str, pair: tuple[Curve, Curve], compared: str, writer: Writer) -> str:
    kinds = [writer.say(f"fit.{compared}"), writer.say("fit.made")]
    values = [
        {"x": x, "y": y, "of": kind}
        for kind, curve in zip(kinds, pair, strict=True)
        for x, y in curve
    ]
    scale = alt.Scale(type="log") if name == "durations" else alt.Scale(zero=False)
    drawn = alt.LayerChart(
        layer=[
            alt.Chart(alt.InlineData(values=values))
            .mark_line(strokeWidth=2)
            .encode(
                x=alt.X("x:Q", title=writer.say(f"fit.{name}.x"), scale=scale),
                y=alt.Y("y:Q", title=writer.say(f"fit.{name}.y")),
                color=alt.Color(
                    "of:N",
                    scale=alt.Scale(domain=kinds, range=list(_COLOURS)),
                    legend=alt.Legend(orient="top"),
                ),
                strokeDash=alt.StrokeDash("of:N", sort=kinds, legend=None),
            )
        ],
        width=_WIDTH,
        height=_HEIGHT,
    )
    title = writer.say(f"fit.{name}")
    return svg(drawn, key=name, title=title, description=writer.say("fit.description"))
