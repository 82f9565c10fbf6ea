"""Levers: what a sweep or a search may set, each a whole number, however the file writes it.

A rate is basis points, a day its ordinal, everything else what it is; so points can be drawn
evenly, and what is drawn is written into the scenario as its file would have it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import PurePath
from random import Random
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    model_validator,
)

from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.programme import Many, basis_points
from tallygrid.files.mistake import Where
from tallygrid.files.nearest import nearest

Unit = Literal["whole", "rate", "day"]
Point = Mapping[str, int]
"""By lever, where it stands."""
SET: Final = "set"
"""Below this word of a programme the rest is one way into its text."""


class Level(NamedTuple):
    """A value that a lever may take."""

    value: int
    unit: Unit


class WayError(Exception):
    """A lever leads nowhere in its scenario."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def level(written: object) -> Level:
    """Read a whole number, a percentage or a day.

    >>> level(7), level("62.5%")
    (Level(value=7, unit='whole'), Level(value=6250, unit='rate'))
    """
    if isinstance(written, int) and not isinstance(written, bool):
        return Level(written, "whole")
    if isinstance(written, date):
        return Level(written.toordinal(), "day")
    if isinstance(written, str) and written.strip().endswith("%"):
        rate_bp = basis_points(written)
        assert isinstance(rate_bp, int), "a percentage is whole basis points, or refused"
        return Level(rate_bp, "rate")
    raise ValueError("Write a whole number, a percentage such as 35%, or a day")


def written(value: int, unit: Unit) -> int | str | date:
    """Return a value as a scenario's file would have it.

    >>> written(6250, "rate"), written(3000, "rate"), written(7, "whole")
    ('62.5%', '30%', 7)
    """
    if unit == "day":
        return date.fromordinal(value)
    if unit == "rate":
        whole, odd = divmod(value, BASIS_POINTS // 100)
        return f"{whole}.{odd:02d}".rstrip("0") + "%" if odd else f"{whole}%"
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Level = Annotated[Level, PlainValidator(level, json_schema_input_type=int | str | date)]
Levels = Annotated[Many[_Level], Field(min_length=1)]


class Span(_Part):
    """Values from one to another, both included, a step apart."""

    first: Annotated[_Level, Field(alias="from")]
    last: Annotated[_Level, Field(alias="to")]
    step: _Level | None = None

    @model_validator(mode="after")
    def _rises(self) -> "Span":
        if self.first.unit != self.last.unit or self.first.value >= self.last.value:
            raise ValueError("`from` is less than `to`, both numbers, rates or days")
        unit = "whole" if self.unit == "day" else self.unit
        if self.step and (self.step.unit != unit or self.step.value < 1):
            raise ValueError("`step` is of the same kind as `from` and more than nothing")
        return self

    @property
    def unit(self) -> Unit:
        """What its values are."""
        return self.first.unit

    @property
    def least(self) -> int:
        """The first value."""
        return self.first.value

    @property
    def most(self) -> int:
        """The last value that is a whole number of steps away."""
        return self.least + (self.count - 1) * self._apart

    @property
    def count(self) -> int:
        """How many values there are."""
        return (self.last.value - self.first.value) // self._apart + 1

    @property
    def _apart(self) -> int:
        return self.step.value if self.step else 1

    def at(self, place: int) -> int:
        """Return a value by its place, from 0."""
        return self.least + place * self._apart


def bounds(setting: "Levels | Span") -> tuple[int, int]:
    """Return the least and the most that a lever is given, or the first and the last value."""
    if isinstance(setting, Span):
        return setting.least, setting.most
    return setting[0].value, setting[-1].value


def _form(written_: object) -> str:
    return "span" if isinstance(written_, dict | Span) else "values"


Setting = Annotated[
    Annotated[Levels, Tag("values")] | Annotated[Span, Tag("span")], Discriminator(_form)
]
"""What a lever is given: its values one by one, or from where to where."""


class Split(_Part):
    """One sum, divided among several levers so that all of it is always used."""

    yuan: Annotated[int, Field(ge=1)]
    over: Annotated[Many[str], Field(min_length=2)]
    each_at_least_yuan: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _can_be_divided(self) -> "Split":
        least = len(self.over) * self.each_at_least_yuan
        if least >= self.yuan:
            raise ValueError(f"{len(self.over)} parts of at least that take {least} yuan or more")
        if len({*self.over}) < len(self.over):
            raise ValueError("each lever stands once")
        return self

    @property
    def free(self) -> int:
        """What is left to be divided once each has the least."""
        return self.yuan - len(self.over) * self.each_at_least_yuan

    def parts(self, cuts: Sequence[int]) -> Point:
        """Return what each gets when what is free is cut at these places, in any order.

        >>> Split(yuan=100, over=("a", "b", "c"), each_at_least_yuan=10).parts([60, 20])
        {'a': 30, 'b': 50, 'c': 20}
        """
        edges = pairwise([0, *sorted(cuts), self.free])
        return {
            name: high - low + self.each_at_least_yuan
            for name, (low, high) in zip(self.over, edges, strict=True)
        }


def latin(
    spans: Mapping[str, Span], splits: Sequence[Split] = (), *, count: int, seed: int
) -> Iterator[Point]:
    """Yield points of which each lies alone in its slice of every span, and of every cut."""
    random = Random(seed)  # noqa: S311  # it must repeat
    columns = [
        [span.at(place) for place in _drawn(random, span.count, count)] for span in spans.values()
    ]
    cuts = [[_drawn(random, split.free + 1, count) for _ in split.over[1:]] for split in splits]
    for n in range(count):
        point = dict(zip(spans, (column[n] for column in columns), strict=True))
        for split, drawn in zip(splits, cuts, strict=True):
            point.update(split.parts([column[n] for column in drawn]))
        yield point


def _drawn(random: Random, wide: int, count: int) -> list[int]:
    """Return so many places below a width, one in every slice of it, shuffled."""
    slices = list(range(count))
    random.shuffle(slices)
    return [(n * wide + random.randrange(wide)) // count for n in slices]


def put(data: Any, name: str, value: object) -> Where:  # noqa: ANN401  # plain data
    """Set a value by its way in a scenario, and return where it stands.

    A programme of a list is found by its id.

    Raises:
        WayError: The way leads nowhere.
    """
    steps = name.split(".")
    where: Where = ()
    for n, step in enumerate(steps[:-1]):
        if step == SET and n and isinstance(data, dict):
            way = ".".join(steps[n + 1 :])
            data.setdefault(SET, {})[way] = value
            return *where, SET, way
        key = _key(data, step, ".".join(steps[: n + 1]))
        data, where = data[key], (*where, key)
    if not isinstance(data, dict):
        raise WayError(f"`{name}` ends before it comes to a value.", "Name what is to be set.")
    data[steps[-1]] = value
    return *where, steps[-1]


def _key(data: Any, step: str, way: str) -> str | int:  # noqa: ANN401  # plain data
    """Return the key or place of a step, which is made if a mapping has it not."""
    if isinstance(data, list):
        named = {_name(one): n for n, one in enumerate(data) if isinstance(one, dict)}
        if step in named:
            return named[step]
        remedy = nearest(step, named) if named else "Leave it out."
        raise WayError(f"There is nothing at `{way}`.", remedy)
    if not isinstance(data, dict):
        raise WayError(f"There is nothing at `{way}`.", "End the way before it.")
    data.setdefault(step, {})
    return step


def _name(one: Mapping[str, Any]) -> str:
    """Return the id of an entry; a programme's own file bears it as its name."""
    return str(one.get("id") or PurePath(str(one.get("file"))).stem)
