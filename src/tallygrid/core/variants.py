"""The variants of a programme: every combination of the readings that its text leaves open.

They depend on the programme alone, so they are made once and kept. Equal conditions are the
same object in every variant, and `sums_key` tells which variants have the same arithmetic, so
that nothing is worked out twice.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from tallygrid.core.condition import Node
from tallygrid.core.programme import OpenItem, Programme, Scalar
from tallygrid.core.rules import (
    Names,
    Rules,
    conditions_of,
    definitions,
    read_condition,
    rules_of,
    variant,
)

Fills = tuple[tuple[str, Scalar], ...]
"""Readings by the id of their item, in order, so that they can be a key."""


_BESIDE_SUMS: Final = (
    "conditions.",
    "exclusions.",
    "stacking.one_contract_one_claim.",
    "stacking.higher_only.",
)
"""What decides whether an amount is paid, and never which."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A programme with every reading chosen, and its rules."""

    fills: Mapping[str, Scalar]
    programme: Programme
    rules: Rules

    @cached_property
    def sums_key(self) -> Fills:
        """The readings that the arithmetic depends on."""
        return self._among(lambda field: not field.startswith(_BESIDE_SUMS))

    @cached_property
    def rules_key(self) -> Fills:
        """The readings that the rules beside the arithmetic depend on."""
        return self._among(lambda field: field.startswith((*_BESIDE_SUMS, "defines.")))

    def _among(self, wanted: Callable[[str], bool]) -> Fills:
        fields = {item.id: item.field for item in self.programme.open}
        return tuple((item, value) for item, value in self.fills.items() if wanted(fields[item]))


@dataclass(frozen=True, eq=False)
class Variants:
    """All variants of a programme under some readings already chosen."""

    open: tuple[OpenItem, ...]
    each: tuple[Variant, ...]


def fills_of(readings: Mapping[str, Scalar]) -> Fills:
    """Return readings as a key."""
    return tuple(sorted(readings.items()))


@lru_cache(maxsize=4096)
def variants(programme: Programme, filled: Fills) -> Variants:
    """Return the variants of a programme, some of its open items being filled."""
    chosen = dict(filled)
    left = tuple(item for item in programme.open if item.id not in chosen)
    tried = tuple(_combinations([item for item in left if item.can_change_answer]))
    return Variants(left, tuple(_variant(programme, chosen, fills) for fills in tried))


def readings_of(programme: Programme) -> Mapping[tuple[str, Names], Node]:
    """Return every condition of every variant, read."""
    return {
        (when, names): read_condition(programme, when, names)
        for one in variants(programme, ()).each
        for when, names in conditions_of(
            one.programme, tuple(definitions(programme, one.programme).items())
        )
    }


def _variant(
    programme: Programme, chosen: Mapping[str, Scalar], fills: Mapping[str, Scalar]
) -> Variant:
    readings = fills_of({**chosen, **fills})
    return Variant(fills, variant(programme, readings), rules_of(programme, readings))


def _combinations(items: Sequence[OpenItem]) -> Iterator[Mapping[str, Scalar]]:
    names = [item.id for item in items]
    for chosen in itertools.product(*(dict.fromkeys(item.readings) for item in items)):
        yield dict(zip(names, chosen, strict=True))
