"""Conditions that nobody meets, that everybody meets, or that say nothing new.

Every fact takes a value in each cell that the conditions' own figures cut its range into, so
what holds for the cases tried holds for all. Conditions with sums or with two facts compared
are passed over, as are facts that may be unknown.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from tallygrid.core.condition import Node, all_of, answer
from tallygrid.core.programme import FactSpec, Programme, Scalar
from tallygrid.core.rules import compiled, definitions, fact_name
from tallygrid.files.document import Document, Mistake, Where

_CASES_MAX: Final = 5_000
_ANOTHER: Final = "another"


class _Rule(NamedTuple):
    """A condition as far as its text is not open, with its place in the file."""

    where: Where
    id: str
    node: Node


def condition_doubts(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield conditions that decide nothing, alone or beside another."""
    conditions, exclusions, others = _rules(programme)
    for rule in (*conditions, *exclusions, *others):
        yield from _alone(document, programme, rule)
    for one, other in itertools.combinations(conditions, 2):
        yield from _both(document, programme, one, other)
    for one, other in itertools.combinations(exclusions, 2):
        if one.node == other.node:
            yield _same(document, one, other)
    for condition, exclusion in itertools.product(conditions, exclusions):
        yield from _excluded(document, programme, condition, exclusion)


def _rules(programme: Programme) -> tuple[list[_Rule], list[_Rule], list[_Rule]]:
    found = compiled(programme)
    named = definitions(programme)
    caps, groups = programme.caps.limits, programme.budget.groups
    others = [
        *_placed(("caps", "limits"), [c.id for c in caps], found.caps),
        *_placed(("budget", "groups"), [g.id for g in groups], found.groups),
        *_placed(
            ("defines",),
            [d.id for d in programme.defines],
            [None if d.when is None else named[fact_name(d)] for d in programme.defines],
        ),
    ]
    return (
        _placed(("conditions",), [c.id for c in programme.conditions], found.conditions),
        _placed(("exclusions",), [e.id for e in programme.exclusions], found.exclusions),
        others,
    )


def _placed(where: Where, names: Sequence[str], nodes: Sequence[Node | None]) -> list[_Rule]:
    listed = enumerate(zip(names, nodes, strict=True))
    return [_Rule((*where, n, "when"), name, node) for n, (name, node) in listed if node]


def _alone(document: Document, programme: Programme, rule: _Rule) -> Iterator[Mistake]:
    answers = _answers(programme, rule.node)
    if answers == {False}:
        problem = f"The condition `{rule.id}` can never be TRUE."
        yield document.mistake(rule.where, problem, "Check its figures, and AND against OR.")
    if answers == {True}:
        problem = f"The condition `{rule.id}` is always TRUE."
        yield document.mistake(rule.where, problem, "Check its figures, or leave it out.")


def _both(document: Document, programme: Programme, one: _Rule, other: _Rule) -> Iterator[Mistake]:
    if one.node == other.node:
        yield _same(document, one, other)
    elif _possible(programme, one, other) and _never(programme, all_of([one.node, other.node])):
        problem = f"Nobody can meet both `{one.id}` and `{other.id}`."
        yield document.mistake(other.where, problem, "Check the figures of both.")


def _excluded(
    document: Document, programme: Programme, condition: _Rule, exclusion: _Rule
) -> Iterator[Mistake]:
    if not _possible(programme, condition, exclusion):
        return
    spared = Node("not", "boolean", (exclusion.node,))
    if _never(programme, all_of([condition.node, spared])):
        problem = f"Whoever meets `{condition.id}` is excluded by `{exclusion.id}`."
        yield document.mistake(exclusion.where, problem, "Keep one, or mend it.")
    elif _never(programme, all_of([condition.node, exclusion.node])):
        problem = f"`{exclusion.id}` excludes nobody who meets `{condition.id}`."
        yield document.mistake(exclusion.where, problem, "Leave one of them out.")


def _same(document: Document, one: _Rule, other: _Rule) -> Mistake:
    problem = f"`{other.id}` asks the same as `{one.id}`."
    return document.mistake(other.where, problem, "Keep one.")


def _possible(programme: Programme, one: _Rule, other: _Rule) -> bool:
    """Tell whether two rules speak of a common fact, and each by itself decides something."""
    shared = {*one.node.facts} & {*other.node.facts}
    return bool(shared) and all(
        _answers(programme, rule.node) == {True, False} for rule in (one, other)
    )


def _never(programme: Programme, node: Node) -> bool:
    return _answers(programme, node) == {False}


def _answers(programme: Programme, node: Node) -> set[bool]:
    """Return the answers of a condition over all cases; none where they cannot all be tried."""
    figures: dict[str, set[Scalar]] = {name: set() for name in node.facts}
    if not _plain(node, figures):
        return set()
    values = [_values(programme.facts.get(name), figures[name]) for name in figures]
    cases = list(itertools.islice(itertools.product(*values), _CASES_MAX + 1))
    if len(cases) > _CASES_MAX:
        return set()
    facts = (dict(zip(figures, case, strict=True)) for case in cases)
    return {found for one in facts if (found := answer(node, one)) is not None}


def _plain(node: Node, figures: Mapping[str, set[Scalar]]) -> bool:
    """Tell whether a condition compares facts with figures only, and collect the figures."""
    if node.op == "fact":
        return node.kind == "boolean"
    if node.op in {"and", "or", "not"}:
        return all(_plain(arg, figures) for arg in node.args)
    if node.op in {"literal", "is_null", "+", "-", "*"}:
        return node.op == "literal"
    facts = [arg for arg in node.args if arg.op == "fact"]
    literals = [arg.value for arg in node.args if arg.op == "literal"]
    if len(facts) != 1 or len(literals) != len(node.args) - 1:
        return False
    figures[str(facts[0].value)].update(value for value in literals if value is not None)
    return True


def _values(spec: FactSpec | None, figures: set[Scalar]) -> list[Scalar]:
    """Return one value at least from every cell that figures cut the range of a fact into."""
    if spec is None or spec.type == "boolean":
        return [True, False]
    if spec.type == "text":
        return list(dict.fromkeys([*figures, *(spec.values or [_ANOTHER])]))
    if spec.type == "date":
        days = [figure for figure in figures if isinstance(figure, date)]
        return sorted({near for one in days for near in _near_days(one)})
    numbers = [figure for figure in figures if isinstance(figure, int)]
    near = {one + step for one in numbers for step in (-1, 0, 1)}
    return sorted({spec.minimum, *(number for number in near if number >= spec.minimum)})


def _near_days(day: date) -> Iterator[date]:
    for step in (-1, 0, 1):
        if date.min.toordinal() <= day.toordinal() + step <= date.max.toordinal():
            yield day + timedelta(days=step)
