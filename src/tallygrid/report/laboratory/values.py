"""How a figure of the laboratory is written: by its name money, a share, or a number."""

from collections.abc import Callable
from typing import Final

from tallygrid.core.money import BASIS_POINTS
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.writer import Writer

NONE: Final = "–"
_MONEY: Final = ("_fen", "fen_per_additional_card_hour")
_SHARES: Final = ("take_up", "dead_weight_share", "utilisation", "gain.")
_INDICES: Final = ("gain.gini", "gain.hhi")
_WHOLE_FROM: Final = 100
"""From here on a tenth says nothing."""
Write = Callable[[float], str]


def write_as(name: str, writer: Writer) -> Write:
    """Return how the values of a figure are written."""
    if name.endswith(_MONEY):
        return lambda value: writer.money(round(value))
    if name in _INDICES:
        return lambda value: writer.number(round(value, 3))
    if name.startswith(_SHARES):
        return share(writer)
    return plain(writer)


def share(writer: Writer) -> Write:
    """Return how shares are written, to a tenth of a per cent."""
    return lambda value: writer.percent(round(value * BASIS_POINTS / 10) * 10)


def plain(writer: Writer) -> Write:
    """Return how numbers are written."""
    return lambda value: writer.number(round(value, 1 if abs(value) < _WHOLE_FROM else None))


def with_interval(figure: Figure | None, write: Write) -> str:
    """Write a figure with its interval; of a single seed there is none."""
    if figure is None:
        return NONE
    if figure.seeds == 1:
        return write(figure.mean)
    return f"{write(figure.mean)} [{interval(figure, write)}]"


def interval(figure: Figure | None, write: Write) -> str:
    """Write where the mean lies; of a single seed that cannot be said."""
    if figure is None or figure.seeds == 1:
        return NONE
    return f"{write(figure.low)} – {write(figure.high)}"
