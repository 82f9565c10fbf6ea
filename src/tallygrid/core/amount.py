"""The amount of an award: base × rate, the caps, the rounding, each step on record.

What is not known exactly is a span from the least to the most it can be; every step is
monotone, so the ends of the result are exact. When all is known both ends are equal. The
formulas themselves stand in `core.formula`; here they become spans and lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tallygrid.core.formula import Ends, paid
from tallygrid.core.number import ONE, Number

UNITS_FEN: Final[Mapping[str, int]] = {
    "fen": 1,
    "yuan": 100,
    "hundred_yuan": 10_000,
    "thousand_yuan": 100_000,
    "ten_thousand_yuan": 1_000_000,
}

Value = int | str | bool | None


@dataclass(frozen=True)
class Line:
    """One line of the arithmetic: what it is, and its numbers."""

    code: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Span:
    """A whole number known to lie between two; without a high end nothing bounds it."""

    low: int
    high: int | None

    @property
    def exact(self) -> bool:
        """Both ends are equal."""
        return self.low == self.high

    @property
    def ends(self) -> Ends[Number]:
        """Both ends, as the formulas take them."""
        return self.low, self.high

    @classmethod
    def of(cls, ends: Ends[Number]) -> "Span":
        """Return the span between two ends, of which the low one is known."""
        low, high = ends
        assert low is not None, ends
        return cls(low, high)


@dataclass(frozen=True)
class Room:
    """What a cap, a ceiling or the budget leaves."""

    id: str
    kind: Literal["cap", "ceiling", "budget"]
    left: Span
    in_principle: bool = False


@dataclass(frozen=True)
class Award:
    """The result of the arithmetic."""

    span: Span
    exceptional: Span
    bound_by: str
    lines: tuple[Line, ...]


def award(*, base: Span, rate: Span, rooms: Sequence[Room], unit_fen: int) -> Award:
    """Return what base, rate and rooms give, and what the authority may grant exceptionally.

    >>> award(base=Span(100, 100), rate=Span(5000, 5000), rooms=[], unit_fen=1).span
    Span(low=50, high=50)
    """
    assert rate.high is not None, rate
    left = [(room.left.ends, room.in_principle) for room in rooms]
    result = paid(ONE, base.ends, rate.ends, left, unit_fen)
    whole, normal = Span.of(result.share), Span.of(result.normal)
    exceptional = Span.of(result.exceptional)
    binding = "" if result.bound_by in {-1, None} else rooms[result.bound_by].id
    lines = (
        Line("share", _ends(whole)),
        *([Line("bound", {"by": binding})] if binding else []),
        Line("round", {"unit_fen": unit_fen}),
        Line("award", _ends(normal)),
        *([Line("exceptional", _ends(exceptional))] if exceptional != normal else []),
    )
    return Award(normal, exceptional, binding, lines)


def room_line(room: Room, **more: Value) -> Line:
    """Return the line of a room."""
    return Line(room.kind, {"id": room.id, **more, **_ends(room.left), **_principle(room)})


def _principle(room: Room) -> dict[str, Value]:
    return {"in_principle": True} if room.in_principle else {}


def span_line(code: str, span: Span, **more: Value) -> Line:
    """Return a line for a span."""
    return Line(code, {**more, **_ends(span)})


def _ends(span: Span) -> dict[str, Value]:
    return {"low_fen": span.low, "high_fen": span.high}


def recomputed(lines: Sequence[Mapping[str, Any]]) -> Span:
    """Work an award out again from its recorded lines alone.

    A second reading of the same rules, so that a slip in the first one shows.

    >>> recomputed([
    ...     {"code": "base", "values": {"low_fen": 100, "high_fen": 100}},
    ...     {"code": "rate", "values": {"low_bp": 5000, "high_bp": 6000}},
    ...     {"code": "cap", "values": {"id": "year", "low_fen": 55, "high_fen": 55}},
    ... ])
    Span(low=50, high=55)
    """
    values = {line["code"]: line["values"] for line in lines}
    base, rate = values["base"], values["rate"]
    unit_fen = values.get("round", {"unit_fen": 1})["unit_fen"]
    low = min([base["low_fen"] * rate["low_bp"] // 10_000, *_rooms(lines, "low_fen")])
    highs = [*_rooms(lines, "high_fen")]
    if base["high_fen"] is not None:
        highs.append(base["high_fen"] * rate["high_bp"] // 10_000)
    high = min(highs) // unit_fen * unit_fen if highs else None
    return Span(low // unit_fen * unit_fen, high)


def _rooms(lines: Sequence[Mapping[str, Any]], end: str) -> Iterator[int]:
    for line in lines:
        if line["code"] in {"cap", "ceiling", "budget"} and line["values"][end] is not None:
            yield line["values"][end]
