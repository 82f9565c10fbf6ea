"""What a programme file can have wrong beyond its shape."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from tallygrid.core.condition import Node
from tallygrid.core.facts import Vocabulary
from tallygrid.core.programme import (
    FactSpec,
    Programme,
    YuanStep,
    open_fields,
)
from tallygrid.core.sql import ConditionError, condition, nearest
from tallygrid.files.document import Document, Mistake, Where
from tallygrid.files.tier_checks import tier_mistakes

_COMBINATIONS_MAX: Final = 64
_YUAN_PER_USD: Final = (5, 9)
"""A dollar has bought between 6 and 8.3 yuan since 1994; outside this a zero is wrong."""


def mistakes_of_data(document: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """Yield what can be said even of a file whose shape is wrong."""
    data = document.data
    yield from _conditions(document, data, vocabulary)
    yield from _sources(document, data)
    yield from _twice(document, data)
    yield from _dates(document, data)


def mistakes_of(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield what is wrong in a file of the right shape."""
    yield from _edition(document, programme)
    yield from _zone(document, programme)
    yield from _open_items(document, programme)
    yield from tier_mistakes(document, programme)
    yield from _caps(document, programme)
    if programme.edition == "issued":
        yield from _currencies(document, programme)


def warnings_of(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield what is doubtful but does not hinder use: a report may well be wrong."""
    if programme.edition == "reported":
        yield from _currencies(document, programme)


def _conditions(
    document: Document, data: dict[str, Any], vocabulary: Vocabulary
) -> Iterator[Mistake]:
    facts = {**vocabulary, **_specs(data.get("facts"))}
    names: dict[str, Node] = {}
    for where, rule in _rules(data, "defines"):
        node, mistakes = _parsed(document, (*where, "when"), rule.get("when"), facts, names)
        yield from mistakes
        name = str(rule.get("id")).replace("-", "_")
        names[name] = node or Node("fact", "boolean", value=name)
    for section in ("conditions", "exclusions", "caps.limits", "budget.groups"):
        for where, rule in _rules(data, section):
            yield from _parsed(document, (*where, "when"), rule.get("when"), facts, names)[1]
    for where, item in _rules(data, "open"):
        if str(item.get("field")).endswith(".when") and isinstance(item.get("readings"), list):
            for position, reading in enumerate(item["readings"]):
                place = (*where, "readings", position)
                yield from _parsed(document, place, reading, facts, names)[1]


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
            _shifted(document.mistake(where, p.problem, p.remedy), when, p.line, p.column)
            for p in error.problems
        ]


def _shifted(mistake: Mistake, when: str, line: int, column: int) -> Mistake:
    """Point into a condition that stands on one line; else at its beginning."""
    if "\n" in when or line > 1:
        return mistake
    moved = mistake.column + column - 1
    return Mistake(mistake.file, mistake.line, moved, mistake.problem, mistake.remedy)


def _sources(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    listed = data.get("sources")
    listed = listed if isinstance(listed, dict) else {}
    for where, name in _cited((), data):
        if name not in listed:
            problem = f"`{name}` is not among the sources."
            remedy = nearest(name, listed) if listed else "List it under `sources`."
            yield document.mistake(where, problem, remedy)


def _cited(where: Where, data: object) -> Iterator[tuple[Where, str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "sources" and isinstance(value, list):
                yield from (
                    ((*where, key, n), name)
                    for n, name in enumerate(value)
                    if isinstance(name, str)
                )
            else:
                yield from _cited((*where, key), value)
    elif isinstance(data, list):
        for position, item in enumerate(data):
            yield from _cited((*where, position), item)


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
                if name is not None and name in seen:
                    problem = f"`{name}` stands twice, in {seen[name]} and in {section}."
                    yield document.mistake((*where, "id"), problem, "Give each its own id.")
                seen[name] = section


def _dates(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    periods = [(("in_force",), data.get("in_force")), *_rules(data, "windows")]
    for where, period in periods:
        if not isinstance(period, dict):
            continue
        first, last = period.get("first_day"), period.get("last_day")
        if isinstance(first, date) and isinstance(last, date) and last < first:
            problem = f"`last_day` {last} is before `first_day` {first}."
            yield document.mistake((*where, "last_day"), problem, "Exchange or correct them.")
    yield from _steps((), data, document)


def _steps(where: Where, data: object, document: Document) -> Iterator[Mistake]:
    """Check that dated values come in the order of their days."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _steps((*where, key), value, document)
    elif isinstance(data, list):
        days = [item.get("from") if isinstance(item, dict) else None for item in data]
        for position, (before, after) in enumerate(pairwise(days), start=1):
            if isinstance(before, date) and isinstance(after, date) and after <= before:
                problem = f"{after} does not come after {before}."
                place = (*where, position, "from")
                yield document.mistake(place, problem, "Put dated values in order.")
        for position, item in enumerate(data):
            yield from _steps((*where, position), item, document)


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


def _caps(document: Document, programme: Programme) -> Iterator[Mistake]:
    budget = _greatest(programme.budget.amount_yuan)
    if budget is None:
        return
    parts = [
        *((("caps", "limits", n), cap.id, cap.amount_yuan)
          for n, cap in enumerate(programme.caps.limits)),
        *((("budget", "groups", n), group.id, group.amount_yuan)
          for n, group in enumerate(programme.budget.groups)),
    ]  # fmt: skip
    for where, name, steps in parts:
        amount = _greatest(steps)
        if amount is not None and amount > budget:
            problem = f"`{name}` is {amount} yuan, more than the budget of {budget} yuan."
            yield document.mistake((*where, "amount_yuan"), problem, "Check the zeros of both.")


def _greatest(steps: tuple[YuanStep, ...] | None) -> int | None:
    return max((step.value for step in steps or ()), default=None)


def _currencies(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Compare an amount given in two currencies: the rate must be one that has existed."""
    yuan, usd = _greatest(programme.budget.amount_yuan), programme.budget.amount_usd
    low, high = _YUAN_PER_USD
    if yuan is None or not usd or low * usd <= yuan <= high * usd:
        return
    problem = f"{yuan} yuan for {usd} dollars is {yuan / usd:.4g} yuan to the dollar."
    yield document.mistake(
        ("budget", "amount_usd"), problem, "One of the two has a wrong number of zeros."
    )
