"""What a reform changes: two programmes compared value by value, what moves money first.

Both are compared as documents, so that a field added tomorrow is compared too. Things with an
id are matched by it, windows by their first day; what only re-words the same rule comes last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tallygrid.core.money import FEN_PER_YUAN, share
from tallygrid.core.programme import Cap, Programme, Tier

Plain = Any
"""A value as JSON has it: a scalar, a list, or a mapping for a whole rule."""

ORDER: Final = (
    "rate", "caps", "budget", "base", "tax", "rounding", "defines", "conditions", "exclusions",
    "in_force", "windows", "redeem", "paid_to", "validity", "allocation", "stacking",
    "providers", "evidence", "refund", "terms", "open",
)  # fmt: skip
"""The sections of a programme, those that move the most money first."""

_WORDS: Final = frozenset(
    {"clause", "sources", "confidence", "note", "as_written", "en", "zh", "question", "name"}
)
_ABOUT: Final = frozenset({"name", "authority", "document", "sources", "claim", "facts", "place"})
"""Sections that no amount depends on."""

_IGNORED: Final = frozenset({"id", "edition", "contradicts"})
CONTRACT_FEN: Final = 1_000_000 * FEN_PER_YUAN
"""The contract by which a change of a rate is shown."""


@dataclass(frozen=True)
class Change:
    """One value that differs; what is absent or open is `None`."""

    path: tuple[str, ...]
    before: Plain
    after: Plain

    @property
    def section(self) -> str:
        """The part of the programme that it is in."""
        return self.path[0]

    @property
    def wording(self) -> bool:
        """It re-words or cites the same rule otherwise; no decision can differ for it."""
        return self.section in _ABOUT or bool(_WORDS & {*self.path[1:]})


def difference(before: Programme, after: Programme) -> tuple[Change, ...]:
    """Return every value in which two programmes differ; none where they decide and read alike."""
    old, new = (one.model_dump(mode="json") for one in (before, after))
    sections = [name for name in dict.fromkeys([*old, *new]) if name not in _IGNORED]
    found = (
        change for name in sections for change in _changes((name,), old.get(name), new.get(name))
    )
    return tuple(sorted((one for one in found if not _fact_used(one)), key=_rank))


def example(before: Programme, after: Programme, tier: str) -> tuple[int, int] | None:
    """Return what a contract of a million yuan gets at most in one tier, before and after, in fen.

    None where a rate is open or dated, for then it depends on more.
    """
    amounts = [_at_most(programme, tier) for programme in (before, after)]
    if amounts[0] is None or amounts[1] is None or amounts[0] == amounts[1]:
        return None
    return amounts[0], amounts[1]


def _changes(path: tuple[str, ...], old: Plain, new: Plain) -> Iterator[Change]:
    """Yield where two values differ; a rule that is new or gone is one change."""
    if old == new:
        return
    one, other = _keyed(path, old), _keyed(path, new)
    if one is None or other is None:
        yield Change(path, old, new)
        return
    for key in dict.fromkeys([*one, *other]):
        yield from _changes((*path, key), one.get(key), other.get(key))


def _keyed(path: tuple[str, ...], value: Plain) -> Mapping[str, Plain] | None:
    """Return the parts of a value by name; none where it is one figure, or absent.

    A list that is absent is an empty one, so that each of its rules is new by itself.
    """
    if isinstance(value, dict):
        return None if path[-1] in _CELLS_OF or (len(path) > 1 and path[-2] == "when") else value
    if value is None and path[-1] in _LISTS:
        return {}
    if not isinstance(value, list) or path[-1] not in _LISTS:
        return None
    return {_name(item, position): item for position, item in enumerate(value, start=1)}


_CELLS_OF: Final = frozenset({"any_of"})
_LISTS: Final = frozenset(
    {
        "tiers", "limits", "groups", "funders", "defines", "conditions", "exclusions", "windows",
        "ceilings", "stacks_with", "evidence", "terms", "open",
    }
)  # fmt: skip


def _name(item: Mapping[str, Plain], position: int) -> str:
    return str(item.get("id") or item.get("first_day") or position)


def _fact_used(change: Change) -> bool:
    """Tell whether it is only that a fact is named by one of the two and not the other."""
    return change.section == "facts" and None in (change.before, change.after)


def _rank(change: Change) -> tuple[bool, int]:
    known = change.section in ORDER
    return change.wording, ORDER.index(change.section) if known else len(ORDER)


def _at_most(programme: Programme, name: str) -> int | None:
    tier = next((one for one in programme.rate.tiers if one.id == name), None)
    if tier is None or not tier.rate or len(tier.rate) > 1:
        return None
    caps = [_cap_fen(cap) for cap in programme.caps.limits]
    return min([_share_fen(tier), *(cap for cap in caps if cap is not None)])


def _share_fen(tier: Tier) -> int:
    steps: Sequence[Any] = tier.rate or ()
    return share(CONTRACT_FEN, steps[0].value)


def _cap_fen(cap: Cap) -> int | None:
    """Return what a cap allows whoever applies, if that is one figure."""
    steps = cap.amount_yuan or ()
    fixed = cap.when is None and cap.per != "group" and len(steps) == 1
    return steps[0].value * FEN_PER_YUAN if fixed else None
