"""The published thresholds of a programme: where a rule changes with a whole number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tallygrid.core.condition import Node
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import Programme
from tallygrid.core.rules import compiled

BEFORE_CAPS = "before_caps_fen"
"""What the rate gives before any cap."""


@dataclass(frozen=True, order=True)
class Threshold:
    """A value of a fact from which on a rule answers otherwise."""

    fact: str
    at: int
    """The first value on the upper side."""
    role: Literal["tier", "least", "most", "cap"]
    """What changes: the rate; or who is eligible, from here on or up to here; or the cap binds."""
    is_money: bool


def thresholds(programme: Programme) -> tuple[Threshold, ...]:
    """Return every threshold that the data file of a programme publishes, each once."""
    rules = compiled(programme)
    found = {
        *(one for node in rules.tiers for one in _compared(node, is_tier=True)),
        *(one for node in rules.conditions if node for one in _compared(node, is_tier=False)),
        *_caps(programme),
    }
    return tuple(sorted(found))


def _compared(node: Node, *, is_tier: bool) -> Iterator[Threshold]:
    """Yield the comparisons of a fact with a number, wherever they stand in a rule."""
    for arg in node.args:
        yield from _compared(arg, is_tier=is_tier)
    if node.op not in {"<", "<=", ">", ">="}:
        return
    left, right = node.args
    op: str = node.op
    if left.op == "literal":
        left, right, op = right, left, {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
    if left.op != "fact" or right.op != "literal" or not isinstance(right.value, int):
        return
    at = right.value + (op in {"<=", ">"})
    role: Literal["tier", "least", "most"] = "least" if op in {">", ">="} else "most"
    yield Threshold(str(left.value), at, "tier" if is_tier else role, left.kind == "money")


def _caps(programme: Programme) -> Iterator[Threshold]:
    """Yield the caps that hold for one contract or firm, if they never changed."""
    for cap in programme.caps.limits:
        if cap.per != "group" and cap.amount_yuan and len(cap.amount_yuan) == 1:
            amount_fen = cap.amount_yuan[0].value * FEN_PER_YUAN
            yield Threshold(BEFORE_CAPS, amount_fen, "cap", is_money=True)
