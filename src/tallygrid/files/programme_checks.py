"""What a programme file can have wrong beyond its shape."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from tallygrid.core.condition import Node
from tallygrid.core.facts import Vocabulary
from tallygrid.core.programme import FactSpec, Programme, open_fields
from tallygrid.core.sql import ConditionError, condition, nearest
from tallygrid.files.allocation_checks import allocation_mistakes
from tallygrid.files.cap_checks import cap_doubts, cap_mistakes
from tallygrid.files.citation_checks import citation_doubts, citation_mistakes
from tallygrid.files.condition_doubts import condition_doubts
from tallygrid.files.date_checks import date_doubts, date_mistakes
from tallygrid.files.document import Document, Mistake, Where
from tallygrid.files.tier_checks import tier_mistakes
from tallygrid.files.wording_checks import wording_doubts, wording_mistakes

_COMBINATIONS_MAX: Final = 64


def mistakes_of_data(document: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """Yield what can be said even of a file whose shape is wrong."""
    data = document.data
    yield from _conditions(document, data, vocabulary)
    yield from citation_mistakes(document, data)
    yield from _twice(document, data)
    yield from date_mistakes(document, data)
    yield from wording_mistakes(document)


def mistakes_of(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield what is wrong in a file of the right shape."""
    yield from _edition(document, programme)
    yield from _open_items(document, programme)
    yield from mistakes_of_parts(document, programme)


def mistakes_of_parts(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield what is wrong in single parts, even where others are of the wrong shape."""
    yield from _zone(document, programme)
    yield from tier_mistakes(document, programme)
    yield from cap_mistakes(document, programme)
    yield from allocation_mistakes(document, programme)


def doubts_of(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield what is doubtful but does not hinder use: a report may well be wrong."""
    yield from wording_doubts(document)
    yield from citation_doubts(document, document.data)
    yield from date_doubts(document, document.data)
    yield from cap_doubts(document, programme)
    yield from condition_doubts(document, programme)


def _conditions(
    document: Document, data: dict[str, Any], vocabulary: Vocabulary
) -> Iterator[Mistake]:
    facts = {**vocabulary, **_specs(data.get("facts"))}
    names: dict[str, Node] = {}
    own = {_name(rule) for _, rule in _rules(data, "defines")}
    for where, rule in _rules(data, "defines"):
        node, mistakes = _parsed(document, (*where, "when"), rule.get("when"), facts, names)
        yield from (_later(mistake, own - names.keys()) for mistake in mistakes)
        names[_name(rule)] = node or Node("fact", "boolean", value=_name(rule))
    for where, when in _whens(data):
        yield from _parsed(document, where, when, facts, names)[1]


def _whens(data: dict[str, Any]) -> Iterator[tuple[Where, object]]:
    """Yield every condition that is not a definition, and every reading that may become one."""
    for section in ("conditions", "exclusions", "caps.limits", "budget.groups"):
        for where, rule in _rules(data, section):
            yield (*where, "when"), rule.get("when")
    for where, item in _rules(data, "open"):
        if str(item.get("field")).endswith(".when") and isinstance(item.get("readings"), list):
            for position, reading in enumerate(item["readings"]):
                yield (*where, "readings", position), reading


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("id")).replace("-", "_")


def _later(mistake: Mistake, names: Collection[str]) -> Mistake:
    """Explain a definition that names itself or one that comes after it."""
    for name in names:
        if mistake.problem == f"There is no fact `{name}`.":
            remedy = "Put its definition first; definitions cannot go in a circle."
            return replace(mistake, problem=f"`{name}` is not defined yet.", remedy=remedy)
    return mistake


def _specs(data: object) -> dict[str, FactSpec]:
    found: dict[str, FactSpec] = {}
    for name, spec in data.items() if isinstance(data, dict) else ():
        try:
            found[name] = FactSpec.model_validate(spec)
        except ValidationError:
            found[name] = FactSpec(type="integer", en=name, zh=name)
    return found


def _rules(data: Any, section: str) -> Iterator[tuple[Where, dict[str, Any]]]:  # noqa: ANN401  # plain data
    where: Where = tuple(section.split("."))
    for step in where:
        data = data.get(step) if isinstance(data, dict) else None
    for position, rule in enumerate(data if isinstance(data, list) else []):
        if isinstance(rule, dict):
            yield (*where, position), rule


def _parsed(
    document: Document,
    where: Where,
    when: object,
    facts: Mapping[str, FactSpec],
    names: Mapping[str, Node],
) -> tuple[Node | None, list[Mistake]]:
    if not isinstance(when, str):
        return None, []
    try:
        return condition(when, facts, names), []
    except ConditionError as error:
        return None, [
            document.mistake_within(where, when, (p.line, p.column), p.problem, p.remedy)
            for p in error.problems
        ]


_UNIQUE: Final = (
    ("conditions", "exclusions"), ("defines",), ("rate.tiers",), ("caps.limits",
    "stacking.ceilings"), ("open",), ("evidence",), ("terms",), ("budget.funders",),
    ("budget.groups",),
)  # fmt: skip


def _twice(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    for sections in _UNIQUE:
        seen: dict[object, str] = {}
        for section in sections:
            for where, rule in _rules(data, section):
                name = rule.get("id")
                if not isinstance(name, str):
                    continue
                if name in seen:
                    problem = f"`{name}` stands twice, in {seen[name]} and in {section}."
                    yield document.mistake((*where, "id"), problem, "Give each its own id.")
                seen[name] = section


def _edition(document: Document, programme: Programme) -> Iterator[Mistake]:
    reported = programme.edition == "reported"
    for name, value in (("contradicts", programme.contradicts), ("claim", programme.claim)):
        if reported and value is None:
            problem = f"A reported edition needs `{name}`."
            yield document.mistake(("edition",), problem, "Say what it contradicts, and how.")
        if not reported and value is not None:
            problem = f"An issued edition has no `{name}`."
            yield document.mistake((name,), problem, "Leave it out, or say `edition: reported`.")


def _zone(document: Document, programme: Programme) -> Iterator[Mistake]:
    try:
        ZoneInfo(programme.place.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problem = f"There is no time zone `{programme.place.zone}`."
        yield document.mistake(("place", "zone"), problem, "Write Asia/Shanghai.")


_NEEDED: Final = frozenset(
    {"base.value", "tax.value", "redeem.value", "paid_to.value", "validity.value"}
)
"""What stands on every voucher."""


def _open_items(document: Document, programme: Programme) -> Iterator[Mistake]:
    nulls = set(open_fields({k: v for k, v in document.data.items() if k != "facts"}))
    asked = {item.field for item in programme.open}
    for path in sorted(nulls - asked):
        problem = f"`{path}` is open, but no open item asks about it."
        yield document.mistake(_place(document.data, path), problem, "Add one under `open`.")
    for position, item in enumerate(programme.open):
        where: Where = ("open", position)
        if item.field not in nulls:
            remedy = nearest(item.field, dict.fromkeys(nulls)) if nulls else "Write null there."
            problem = f"`{item.field}` is not a field that is open (null)."
            yield document.mistake((*where, "field"), problem, remedy)
            continue
        if item.blocks == "nothing" and item.field in _NEEDED:
            problem = f"No voucher can be issued while `{item.field}` is open."
            remedy = "Write `blocks: issue`, or leave `blocks` out."
            yield document.mistake((*where, "blocks"), problem, remedy)
        yield from _readings(document, programme, position)
    yield from _too_many(document, programme)


def _readings(document: Document, programme: Programme, position: int) -> Iterator[Mistake]:
    item = programme.open[position]
    for number, reading in enumerate(item.readings):
        try:
            programme.with_readings({item.id: reading})
        except (ValidationError, KeyError) as error:
            where = ("open", position, "readings", number)
            said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "No field"
            problem = f"{reading!r} cannot stand in `{item.field}`."
            yield document.mistake(where, problem, f"{said.removeprefix('Value error, ')}.")


def _too_many(document: Document, programme: Programme) -> Iterator[Mistake]:
    tried = [item for item in programme.open if item.can_change_answer]
    combinations = math.prod(len(item.readings) for item in tried)
    if combinations > _COMBINATIONS_MAX:
        problem = f"The open items have {combinations} combinations of readings."
        yield document.mistake(("open",), problem, "Ask fewer questions, or with fewer readings.")


def _place(data: Any, path: str) -> Where:  # noqa: ANN401  # plain data of any shape
    """Return where a path of ids stands, as positions."""
    where: list[str | int] = []
    for step in path.split("."):
        if isinstance(data, list):
            at = next(n for n, x in enumerate(data) if isinstance(x, dict) and x.get("id") == step)
            where.append(at)
            data = data[at]
        else:
            where.append(step)
            data = data[step]
    return tuple(where)
