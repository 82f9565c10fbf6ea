"""Whether a rate table gives every case exactly one row, found by trying every boundary cell."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from tallygrid.core.condition import Kind, kind_of
from tallygrid.core.programme import Cell, Programme, Scalar, Tier
from tallygrid.core.rules import bounds, fact_name
from tallygrid.core.sql import nearest
from tallygrid.files.document import Document, Mistake

_CELLS_MAX: Final = 20_000
_SHOWN_MAX: Final = 3
_ANY_OTHER: Final = "any other"


def tier_mistakes(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield unknown dimensions, ill-typed cells, gaps, overlaps and rows never reached."""
    kinds = _kinds(programme)
    wrong = [
        *_unknown(document, programme, kinds),
        *_ill_typed(document, programme, kinds),
        *_misspelt(document, programme),
    ]
    yield from wrong
    if not wrong:
        yield from _coverage(document, programme)


def _kinds(programme: Programme) -> dict[str, Kind]:
    own: dict[str, Kind] = {fact_name(definition): "boolean" for definition in programme.defines}
    return {**{name: kind_of(spec) for name, spec in programme.facts.items()}, **own}


def _unknown(
    document: Document, programme: Programme, kinds: Mapping[str, Kind]
) -> Iterator[Mistake]:
    for position, name in enumerate(programme.rate.by):
        if name not in kinds:
            problem = f"There is no fact `{name}`."
            yield document.mistake(("rate", "by", position), problem, nearest(name, kinds))
    for position, tier in enumerate(programme.rate.tiers):
        for name in {*tier.when, *programme.rate.by}:
            if name in tier.when and name in programme.rate.by:
                continue
            problem = f"Row `{tier.id}` and `by` differ about `{name}`."
            where = ("rate", "tiers", position, "when")
            yield document.mistake(where, problem, "Every row gives one cell per fact in `by`.")


def _ill_typed(
    document: Document, programme: Programme, kinds: Mapping[str, Kind]
) -> Iterator[Mistake]:
    for position, tier in enumerate(programme.rate.tiers):
        for name, cell in tier.when.items():
            if name not in kinds:
                continue
            if problem := _misfit(cell, kinds[name]):
                where = ("rate", "tiers", position, "when", name)
                yield document.mistake(where, f"`{name}` {problem}", _remedy(kinds[name]))


def _misspelt(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield cells with a word that is none of the values of their fact."""
    for position, tier in enumerate(programme.rate.tiers):
        for name, cell in tier.when.items():
            known = programme.facts[name].values if name in programme.facts else None
            for value in cell.any_of:
                if known and isinstance(value, str) and value not in known:
                    where = ("rate", "tiers", position, "when", name)
                    problem = f"`{value}` is not a value of `{name}`."
                    yield document.mistake(where, problem, nearest(value, known))


def _misfit(cell: Cell, kind: Kind) -> str:
    plain = cell.at_least is not None or cell.below is not None
    money = cell.from_yuan is not None or cell.below_yuan is not None
    listed = {"text": str, "boolean": bool}.get(kind)
    if kind == "date":
        return "is a date, which no row can be by."
    if listed:
        fits = cell.any_of and all(type(value) is listed for value in cell.any_of)
        return "" if fits and not (plain or money) else f"needs a list of {kind} values."
    if cell.any_of or (money if kind == "integer" else plain):
        return f"needs an interval of {'amounts' if kind == 'money' else 'whole numbers'}."
    low, high = bounds(cell)
    empty = low is not None and high is not None and high <= low
    return "has an empty interval." if empty else ""


def _remedy(kind: Kind) -> str:
    return {
        "boolean": "Write [true], [false] or [true, false].",
        "text": "Write a list, such as [domestic, mixed].",
        "integer": "Write {from: 0, below: 12}.",
        "money": "Write {from_yuan: 0, below_yuan: 500000}.",
        "date": "Use a fact such as company_age_months.",
    }[kind]


def _coverage(document: Document, programme: Programme) -> Iterator[Mistake]:
    tiers = programme.rate.tiers
    axes = [list(_values(programme, name)) for name in programme.rate.by]
    gaps, overlaps, reached = [], [], set()
    for point in itertools.islice(itertools.product(*axes), _CELLS_MAX):
        case = dict(zip(programme.rate.by, point, strict=True))
        hit = [n for n, tier in enumerate(tiers) if _matches(tier, case)]
        reached.update(hit)
        if not hit:
            gaps.append(case)
        if len(hit) > 1:
            overlaps.append((hit, case))
    for case in gaps[:_SHOWN_MAX]:
        problem = f"No row covers {_said(case)}."
        yield document.mistake(("rate", "tiers"), problem, "Widen a row, or add one.")
    for hit, case in overlaps[:_SHOWN_MAX]:
        rows = " and ".join(f"`{tiers[n].id}`" for n in hit)
        where = ("rate", "tiers", hit[1], "when")
        yield document.mistake(where, f"Rows {rows} both cover {_said(case)}.", "Keep one.")
    for number, tier in enumerate(tiers):
        if number not in reached:
            problem = f"Row `{tier.id}` covers no possible case."
            yield document.mistake(("rate", "tiers", number), problem, "Mend its cells.")


def _values(programme: Programme, name: str) -> Iterator[Scalar]:
    """Yield one value from every cell that the boundaries cut the fact's range into."""
    cells = [tier.when[name] for tier in programme.rate.tiers]
    spec = programme.facts.get(name)
    if spec is None or spec.type == "boolean":
        yield from (True, False)
    elif spec.type == "text":
        listed = [value for cell in cells for value in cell.any_of]
        yield from (spec.values or [*dict.fromkeys(listed), _ANY_OTHER])
    else:
        ends = {end for cell in cells for end in bounds(cell) if end is not None}
        yield from sorted({spec.minimum, *(end for end in ends if end >= spec.minimum)})


def _matches(tier: Tier, case: Mapping[str, Scalar]) -> bool:
    return all(_inside(cell, case[name]) for name, cell in tier.when.items())


def _inside(cell: Cell, value: Scalar) -> bool:
    if cell.any_of:
        return any(type(value) is type(other) and value == other for other in cell.any_of)
    low, high = bounds(cell)
    number = int(str(value))
    return (low is None or low <= number) and (high is None or number < high)


def _said(case: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name} = {_as_yaml(value)}" for name, value in case.items()) or "any case"


def _as_yaml(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
