"""How aims and levers are called and written, in one language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.report.figures import Words
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.laboratory.values import NONE, Write, money, plain, share
from tallygrid.report.writer import Writer
from tallygrid.text import render

_SHARES: Final = ("take_up", "small_firms", "low_dead_weight")
_MONEY: Final = "low_spending"
_INDICES: Final = ("evenness", "additional_per_yuan")


@dataclass(frozen=True)
class Levers:
    """What is varied: by lever its name in each language, and what its values are."""

    names: Mapping[str, Words]
    units: Mapping[str, str]

    def called(self, lever: str, writer: Writer) -> str:
        """Name a lever, with the unit of its values."""
        name = writer.pick(self.names[lever])
        return f"{name} (%)" if self.units[lever] == "rate" else name

    def shown(self, lever: str, value: float) -> float:
        """Return a value as a picture shows it: rates in per cent, days as ordinals."""
        return value / 100 if self.units[lever] == "rate" else value

    def written(self, lever: str, value: Any, writer: Writer) -> str:  # noqa: ANN401  # of a table
        """Write where a lever stands."""
        if self.units[lever] == "rate":
            return writer.percent(int(value))
        if self.units[lever] == "day":
            return (value if isinstance(value, date) else date.fromordinal(int(value))).isoformat()
        return writer.number(int(value))


def changed_cautions(levers: Levers, writer: Writer) -> Iterator[str]:
    """Yield for every programme whose text a lever changes that it was not played as published."""
    ways = (lever.split(".") for lever in levers.names)
    changed = dict.fromkeys(way[1] for way in ways if way[0] == "programmes" and "set" in way)
    for programme in changed:
        yield writer.say("trials.changed", programme=programme)


def aim_name(aim: str, writer: Writer) -> str:
    """Return what an aim is called."""
    said = render(f"lab.aim.{aim}", writer.language)
    return said if aim != _MONEY else writer.say("trials.low_spending")


def headed(name: str) -> str:
    """Return a name as it stands over a section."""
    return name[:1].upper() + name[1:]


def aim_unit(aim: str) -> str:
    """Return how an axis writes an aim's values, as d3 does."""
    return ".1~%" if aim in _SHARES else ",.4~r"


def in_axis_unit(aim: str, figure: Figure) -> Figure:
    """Return an aim as pictures show it: money in yuan."""
    return figure.over(FEN_PER_YUAN) if aim == _MONEY else figure


def write_aim(aim: str, writer: Writer) -> Write:
    """Return how an aim's values are written."""
    if aim in _SHARES:
        return share(writer)
    if aim == _MONEY:
        return money(writer)
    if aim in _INDICES:
        return lambda value: writer.number(float(f"{value:.3g}"))
    return plain(writer)


def or_none(value: float | None, write: Write) -> str:
    """Write a value, or a dash where there is none."""
    return NONE if value is None else write(value)
