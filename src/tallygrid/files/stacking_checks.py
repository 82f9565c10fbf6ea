"""Whether what programmes say of each other holds together, over all the files checked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

from tallygrid.core.programme import Programme
from tallygrid.core.sql import nearest
from tallygrid.core.stacking import matches, relation
from tallygrid.files.document import Document, Mistake, Where

Checked = tuple[Document, Programme]

_WHY: Final = {
    "higher_only": "one of them pays only where no higher level does",
    "one_claim": "a contract may serve one claim only",
    "other_kind": "they help to buy different kinds of thing",
}


def stacking_mistakes(files: Sequence[Checked], known: Collection[str]) -> Iterator[Mistake]:
    """Yield programmes that are not there, that name themselves, and circles.

    Args:
        files: The files checked together.
        known: The ids of all programmes there are, these among them.
    """
    for document, programme in files:
        for where, name in _named(programme):
            if name == programme.id:
                yield document.mistake(where, f"`{name}` is this programme.", "Name another.")
            elif name not in known:
                remedy = nearest(name, dict.fromkeys(sorted(known)))
                yield document.mistake(where, f"There is no programme `{name}`.", remedy)
    yield from _circles(files)


def stacking_doubts(files: Sequence[Checked]) -> Iterator[Mistake]:
    """Yield permissions to combine that can never be used, and pairs with two orders."""
    by_id = {programme.id: programme for _, programme in files}
    for document, programme in files:
        for position, rule in enumerate(programme.stacking.stacks_with):
            for n, other in ((n, by_id.get(name)) for n, name in enumerate(rule.programmes)):
                where = ("stacking", "stacks_with", position, "programmes", n)
                if other is None or other.id == programme.id:
                    continue
                if (how := relation(programme, other)) in _WHY:
                    problem = f"It can never stack with `{other.id}`: {_WHY[how]}."
                    yield document.mistake(where, problem, "Mend one of the two texts' rules.")
    yield from _modes(files)


def _named(programme: Programme) -> Iterator[tuple[Where, str]]:
    rules = programme.stacking
    parts: list[tuple[Where, tuple[str, ...]]] = [
        *((("stacking", "ceilings", n), c.programmes) for n, c in enumerate(rules.ceilings)),
        *((("stacking", "stacks_with", n), s.programmes) for n, s in enumerate(rules.stacks_with)),
    ]
    for where, names in parts:
        yield from (((*where, "programmes", n), name) for n, name in enumerate(names))


def _modes(files: Sequence[Checked]) -> Iterator[Mistake]:
    """Yield pairs of which one text says parallel and the other sequential."""
    for (_, one), (document, other) in combinations(files, 2):
        there, here = _mode(one, other), _mode(other, one)
        if there and here and there != here:
            problem = f"It stacks with `{one.id}` {here[0]}, which says {there[0]} of it."
            where = ("stacking", "stacks_with", here[1], "mode")
            yield document.mistake(where, problem, "The texts must agree on the order.")


def _mode(one: Programme, other: Programme) -> tuple[str, int] | None:
    for position, rule in enumerate(one.stacking.stacks_with):
        if other.id in rule.programmes and rule.mode is not None:
            return rule.mode, position
    return None


def _circles(files: Sequence[Checked]) -> Iterator[Mistake]:
    """Yield circles of programmes, each of which can only be worked out after the next.

    Between levels the higher comes first, so that what is sequential lacks an order only within
    one; but whoever adds to another's award comes after it, whatever their levels.
    """
    based = {
        one.id: tuple(o.id for _, o in files if o is not one and matches(one, o))
        for _, one in files
    }
    after = {one.id: (*based[one.id], *_after(one, files)) for _, one in files}
    for document, programme in files:
        circle = _circle(programme.id, after)
        if not circle or programme.id != min(circle):
            continue
        problem = f"The stacking goes in a circle: {' after '.join([*circle, circle[0]])}."
        remedy = "Say which comes first: let one of them be parallel, or not name the next."
        where: Where = ("stacking", "stacks_with")
        if circle[1] in based[programme.id]:
            remedy = "Say which comes first: let the base of one of them not be the other's award."
            where = ("base",)
        yield document.mistake(where, problem, remedy)


def _after(programme: Programme, files: Sequence[Checked]) -> tuple[str, ...]:
    level = programme.place.level
    same = {other.id for _, other in files if other.place.level == level and other != programme}
    rules = (rule for rule in programme.stacking.stacks_with if rule.mode == "sequential")
    return tuple(name for rule in rules for name in rule.programmes if name in same)


def _circle(start: str, after: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the shortest way from a programme back to itself."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = set()
    while ways:
        way = ways.pop(0)
        for name in after.get(way[-1], ()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()
