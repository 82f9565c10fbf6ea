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
    programmes: Mapping[str, Words]
    """By id, what the programmes of the scenario are called."""

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Levers":
        """Return the levers of a sweep or a search, as its folder describes it."""
        return cls(described["levers"], described["units"], described["programmes"])

    def called(self, lever: str, writer: Writer) -> str:
        """Name a lever, with the unit of its values."""
        name, unit = writer.pick(self.names[lever]), self._unit(lever)[1]
        return writer.say(f"trials.in.{unit}", lever=name) if unit else name

    def shown(self, lever: str, value: float) -> float:
        """Return a value as a picture shows it: in the unit of its name, days as ordinals."""
        return value / self._unit(lever)[0]

    def written(self, lever: str, value: Any, writer: Writer) -> str:  # noqa: ANN401  # of a table
        """Write where a lever stands, in the unit of its name."""
        if self.units[lever] == "day":
            day = value if isinstance(value, date) else date.fromordinal(int(value))
            return writer.say("lab.day", day=day)
        return writer.number(self.shown(lever, int(value)))

    def _unit(self, lever: str) -> tuple[int, str]:
        """Return how many of a lever's own unit are one of what is shown, and what that is."""
        if self.units[lever] == "rate":
            return _UNITS["_bp"]
        return next((unit for end, unit in _UNITS.items() if lever.endswith(end)), (1, ""))

    def programme(self, programme: str, writer: Writer) -> str:
        """Name a programme."""
        return writer.pick(self.programmes[programme])

    @property
    def changed(self) -> list[str]:
        """The programmes whose text a lever changes."""
        ways = (lever.split(".") for lever in self.names)
        return [*dict.fromkeys(way[1] for way in ways if way[0] == "programmes" and "set" in way)]


_UNITS: Final = {
    "_bp": (100, "percent"), "_milli_yuan": (1_000, "yuan"), "_yuan": (1, "yuan"),
    "_milli": (1_000, ""), ".price": (10, "percent"), "_hours": (1, "hours"),
    "_hours_max": (1, "hours"), "_days": (1, "days"),
}  # fmt: skip
"""By the end of a lever's name."""


def changed_cautions(levers: Levers, writer: Writer) -> Iterator[str]:
    """Yield for every programme whose text a lever changes that it was not played as published."""
    for programme in levers.changed:
        yield writer.say("trials.changed", programme=levers.programme(programme, writer))


def aim_name(aim: str, writer: Writer) -> str:
    """Return what an aim is called."""
    return render(f"lab.aim.{aim}", writer.language)


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
