"""The rules of a programme, compiled once per version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tallygrid.core.condition import Node, all_of, fact, literal
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import Cell, Definition, FactSpec, Programme, Scalar, Tier
from tallygrid.core.sql import condition


@dataclass(frozen=True)
class Rules:
    """Everything of a programme that depends on facts; `None` where the text is open."""

    conditions: tuple[Node | None, ...]
    exclusions: tuple[Node | None, ...]
    tiers: tuple[Node, ...]
    by: tuple[Node, ...]
    caps: tuple[Node | None, ...]
    groups: tuple[Node | None, ...]

    @property
    def nodes(self) -> Iterator[Node]:
        """Every rule that can be evaluated."""
        rules = (*self.conditions, *self.exclusions, *self.tiers, *self.caps, *self.groups)
        defined = (node for node in self.by if node.kind == "boolean")
        return (node for node in (*rules, *defined) if node is not None)


def compiled(programme: Programme) -> Rules:
    """Compile a programme that has passed its checks.

    Raises:
        ConditionError: A condition cannot be read; the checks of its file would have said so.
    """
    return rules_of(programme, ())


@lru_cache(maxsize=4096)
def rules_of(programme: Programme, readings: tuple[tuple[str, Scalar], ...]) -> Rules:
    """Compile a programme under some readings; equal conditions are the same object.

    Raises:
        ConditionError: See `compiled`.
    """
    chosen = variant(programme, readings)
    names = definitions(programme, chosen)

    def node(when: str | None) -> Node | None:
        return None if when is None else _same(read_condition(programme, when, (*names.items(),)))

    return Rules(
        conditions=tuple(node(rule.when) for rule in chosen.conditions),
        exclusions=tuple(node(rule.when) for rule in chosen.exclusions),
        tiers=tuple(_same(tier_node(tier, chosen.facts, names)) for tier in chosen.rate.tiers),
        by=tuple(_same(subject(name, chosen.facts, names)) for name in chosen.rate.by),
        caps=tuple(node(cap.when) for cap in chosen.caps.limits),
        groups=tuple(node(group.when) for group in chosen.budget.groups),
    )


Names = tuple[tuple[str, Node], ...]
"""Definitions by name, in their order, so that they can be a key."""


@lru_cache(maxsize=16384)
def read_condition(programme: Programme, when: str, names: Names) -> Node:
    """Read a condition once for all variants; they have the facts of their programme."""
    found = _KNOWN.get((programme.hash, when, names))
    return condition(when, programme.facts, dict(names)) if found is None else found


_KNOWN: Final[dict[tuple[str, str, Names], Node]] = {}


def remember(programme: Programme, when: str, names: Names, node: Node) -> None:
    """Take a condition as read, by an earlier process with the same code."""
    _KNOWN[programme.hash, when, names] = node


def conditions_of(chosen: Programme, names: Names) -> Iterator[tuple[str, Names]]:
    """Yield every condition of a programme, with the definitions that it may use."""
    for place, definition in enumerate(chosen.defines):
        if definition.when is not None:
            yield definition.when, names[:place]
    yield from (
        (when, names)
        for when in (
            *(rule.when for rule in (*chosen.conditions, *chosen.exclusions)),
            *(cap.when for cap in chosen.caps.limits),
            *(group.when for group in chosen.budget.groups),
        )
        if when is not None
    )


@lru_cache(maxsize=16384)
def _same(node: Node) -> Node:
    """Return the first of all equal conditions."""
    return node


@lru_cache(maxsize=4096)
def variant(programme: Programme, readings: tuple[tuple[str, Scalar], ...]) -> Programme:
    """Return a programme with open items filled, the same object for the same readings."""
    return programme.with_readings(dict(readings)) if readings else programme


def definitions(programme: Programme, chosen: Programme | None = None) -> dict[str, Node]:
    """Return the own yes-or-no facts of a programme, or of a variant of it; open ones are facts."""
    found: dict[str, Node] = {}
    for definition in (chosen or programme).defines:
        name = fact_name(definition)
        found[name] = (
            Node("fact", "boolean", value=name)
            if definition.when is None
            else read_condition(programme, definition.when, tuple(found.items()))
        )
    return found


def fact_name(definition: Definition) -> str:
    """Return the name under which conditions use a definition."""
    return definition.id.replace("-", "_")


def tier_node(tier: Tier, facts: Mapping[str, FactSpec], names: Mapping[str, Node]) -> Node:
    """Return the condition under which a tier applies."""
    cells = (cell_node(cell, subject(name, facts, names)) for name, cell in tier.when.items())
    return all_of(tuple(cells))


def subject(name: str, facts: Mapping[str, FactSpec], names: Mapping[str, Node]) -> Node:
    """Return what a column of the rate table is about: a definition, or a fact."""
    return names[name] if name in names else fact(name, facts[name])


def cell_node(cell: Cell, subject: Node) -> Node:
    """Return the condition that a fact lies in a cell."""
    if cell.any_of:
        values = tuple(literal(value, subject.kind) for value in cell.any_of)
        return Node("in", "boolean", (subject, *values))
    low, high = bounds(cell)
    ends = [Node(">=", "boolean", (subject, literal(low, subject.kind)))] if low is not None else []
    if high is not None:
        ends.append(Node("<", "boolean", (subject, literal(high, subject.kind))))
    return all_of(ends)


def bounds(cell: Cell) -> tuple[int | None, int | None]:
    """Return the ends of an interval, amounts in fen.

    >>> bounds(Cell(from_yuan=1))
    (100, None)
    """
    low = cell.at_least if cell.from_yuan is None else cell.from_yuan * FEN_PER_YUAN
    high = cell.below if cell.below_yuan is None else cell.below_yuan * FEN_PER_YUAN
    return low, high
