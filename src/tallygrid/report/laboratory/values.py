"""How figures of the laboratory are written: by name money, a share, a time, or a number."""

from collections.abc import Callable
from typing import Final

from tallygrid.core.money import BASIS_POINTS, FEN_PER_YUAN
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.tables import Column
from tallygrid.report.writer import Writer

NONE: Final = "–"
_MONEY: Final = ("_fen", "fen_per_additional_card_hour")
_SHARES: Final = ("take_up", "dead_weight_share", "utilisation", "gain.")
_INDICES: Final = ("gain.gini", "gain.hhi")
_HELD: Final = "\u00a0"
"""A space at which no line is broken."""
_WHOLE_FROM: Final = 100
"""From here on a tenth says nothing."""
_FEN_UP_TO: Final = 10_000
"""A hundred yuan: from there on fen say nothing of a mean."""
Write = Callable[[float], str]


def write_as(name: str, writer: Writer) -> Write:
    """Return how the values of a figure are written."""
    if name.endswith(_MONEY):
        return money(writer)
    if name in _INDICES:
        return lambda value: writer.number(round(value, 3))
    return share(writer) if is_share(name) else plain(writer)


def is_share(name: str) -> bool:
    """Whether a figure is a part of a whole, which is written in per cent."""
    return name.startswith(_SHARES) and name not in _INDICES


def money(writer: Writer) -> Write:
    """Return how means of money are written: fen only where they are few."""
    return lambda fen: (writer.money if abs(fen) < _FEN_UP_TO else writer.yuan)(round(fen))


def parameter(name: str, value: int, writer: Writer) -> str:
    """Write a parameter of behaviour in the unit in which its name ends."""
    unit = name.rpartition("_")[2]
    if unit == "bp":
        return writer.percent(value)
    if unit == "milli":
        return writer.number(value / 1000)
    if unit == "yuan":
        return writer.yuan(value * FEN_PER_YUAN)
    code = f"lab.unit.{_UNITS.get(name, unit)}"
    return writer.say(code, number=value)


_UNITS: Final = {"wait_hours_max": "hours"}
"""Where the unit does not stand last."""


def share(writer: Writer) -> Write:
    """Return how shares are written, to a tenth of a per cent."""
    return lambda value: writer.percent(round(value * BASIS_POINTS / 10) * 10)


def plain(writer: Writer) -> Write:
    """Return how numbers are written."""
    return lambda value: writer.number(
        # A nought is no less than nought.
        round(value, 1 if abs(value) < _WHOLE_FROM else None) + 0
    )


def heads(writer: Writer, *titles: str, words: int = 1) -> tuple[Column, ...]:
    """Return columns, of which so many at the front hold words."""
    return tuple(
        Column(writer.say(f"lab.column.{title}"), is_number=n >= words)
        for n, title in enumerate(titles)
    )


def with_interval(figure: Figure | None, write: Write) -> str:
    """Write a figure with its interval; of a single seed there is none."""
    if figure is None:
        return NONE
    if figure.seeds == 1:
        return write(figure.mean)
    # The currency stands with the mean alone, or rows of money would be too long for a page.
    currency = write(0).rstrip("0.%")
    ends = interval(figure, write)
    within = ends.replace(currency, "") if currency else ends
    return f"{write(figure.mean)} [{within.replace(' ', _HELD)}]"


def interval(figure: Figure | None, write: Write) -> str:
    """Write where the mean lies; of a single seed that cannot be said."""
    if figure is None or figure.seeds == 1:
        return NONE
    return f"{write(figure.low)} – {write(figure.high)}"
