"""A chart as SVG inside a page: text stays text, and a screen reader hears what it shows."""

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import as_file, files
from typing import Any, Final

import altair as alt
import vl_convert

_PACKAGED: Final = "Noto Sans CJK SC"
"""The family of the packaged font, which knows Chinese on every machine."""
_PLAIN: Final = {"₂": "2"}
"""What the packaged font has instead of a letter that it lacks."""
_STRAIGHT: Final = {"“": "&quot;", "”": "&quot;", "‘": "'", "’": "'"}
"""Its curved quotes are as wide as a Chinese character, so other texts get these."""
_CHINESE: Final = re.compile("[\u2e80-\uffff]")
_INK: Final = "#1c2430"
_FAINT: Final = "#5b6675"
_CONFIG: Final[Mapping[str, Any]] = {
    "aria": False,  # one title and one description for the whole, written by `svg`
    "background": "white",
    "font": "sans-serif",
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _FAINT,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "gridColor": "#e3e7ec",
        "domain": False,
        "ticks": False,
    },
    "legend": {
        "labelColor": _INK,
        "labelFontSize": 12,
        "title": None,
        "symbolStrokeColor": _INK,
        "columnPadding": 26,
    },
    "text": {"color": _INK, "fontSize": 12.5},
    "title": {"color": _INK, "fontSize": 13, "anchor": "start"},
}


Chart = alt.LayerChart | alt.VConcatChart | alt.ConcatChart


def svg(chart: Chart, *, key: str, title: str, description: str) -> str:
    """Draw a chart that a screen reader announces by its title and description.

    The key must be unique in the page: the reader finds title and description by it.
    """
    return announced(drawn_as_svg(chart), key=key, title=title, description=description)


def drawn_as_svg(chart: Chart) -> str:
    """Draw a chart, for a page after `announced`, or for print after `png`."""
    # Altair checked every part when it was made. To check and copy all of it once more for
    # `configure` would take longer than to draw it.
    spec = chart.to_dict(validate=False)
    drawn: str = vl_convert.vegalite_to_svg({**spec, "config": _CONFIG})
    return drawn


def announced(drawn: str, *, key: str, title: str, description: str) -> str:
    """Give a drawing the title and description that a screen reader announces it by."""
    head, body = drawn.split(">", 1)
    head = re.sub(r' (?:xmlns(?::xlink)?|version|class)="[^"]*"', "", head)
    head += f' role="img" aria-labelledby="{key}-title" aria-describedby="{key}-description">'
    named = f'<title id="{key}-title">{escape(title)}</title>'
    described = f'<desc id="{key}-description">{escape(description)}</desc>'
    # Several drawings share one page, so the ids that Vega gives to clips need a prefix.
    body = body.replace(' id="', f' id="{key}-').replace("url(#", f"url(#{key}-")
    return f"{head}{named}{described}{body}"


def png(drawn: str, *, scale: float = 2.5) -> bytes:
    """Turn a drawing into a picture with the packaged font, the same on every machine."""
    _register_font()
    printed = drawn.replace("sans-serif", _PACKAGED)
    for letter, plain in (_PLAIN if _CHINESE.search(drawn) else {**_PLAIN, **_STRAIGHT}).items():
        printed = printed.replace(letter, plain)
    picture: bytes = vl_convert.svg_to_png(printed, scale=scale)
    return picture


@cache
def _register_font() -> None:
    with as_file(files("tallygrid.report").joinpath("fonts")) as folder:
        vl_convert.register_font_directory(str(folder))
