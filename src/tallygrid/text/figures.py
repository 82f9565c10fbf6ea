"""The single figures of a programme in words: days, payment, stacking, each with its clause."""

from collections.abc import Iterator, Sequence
from typing import Any

from tallygrid.core.programme import Ceiling, Cited, Days, Programme, Stacking, Window
from tallygrid.settings import Language
from tallygrid.text import catalogue, day, render
from tallygrid.text.difference import figure_said
from tallygrid.text.facts import listed


def days(programme: Programme, language: Language) -> Iterator[str]:
    """Yield the days in force and the windows for applications."""
    yield render("programme.heading.days", language)
    periods: tuple[Days | Window, ...] = (programme.in_force, *programme.windows)
    for one in periods:
        kind = "in_force" if one is programme.in_force else "window"
        first = "…" if one.first_day is None else day(one.first_day, language)
        last = "…" if one.last_day is None else day(one.last_day, language)
        if isinstance(one, Window) and one.closes_at:
            last = f"{last} {one.closes_at}"
        text = render(f"programme.{kind}", language, first=first, last=last)
        yield "  " + _cited(text, one, language)


def payment(programme: Programme, language: Language) -> Iterator[str]:
    """Yield how the money is worked out and comes: base, tax, year, way, payee, validity."""
    yield render("programme.heading.payment", language)
    figures: tuple[tuple[str, Any], ...] = (
        ("base", programme.base),
        ("tax", programme.tax),
        ("caps.year_of", programme.caps.year_of),
        ("redeem", programme.redeem),
        ("paid_to", programme.paid_to),
        ("validity", programme.validity),
        ("providers", programme.providers),
    )
    for path, part in figures:
        yield "  " + _figure(programme, f"{path}.value", part.value, part, language)
        among = (*getattr(part, "levels", ()), *getattr(part, "programmes", ()))
        yield from _among(among, language)
        if names := getattr(part, "names", ()):
            yield "    " + listed(names, language)
    yield "  " + figure_said(programme, "rounding.unit", programme.rounding.unit, language)
    refund = programme.refund
    for name, count in (("days_min", refund.days_min), ("days_max", refund.days_max)):
        yield "  " + _figure(programme, f"refund.{name}", count, refund, language)


def sharing(programme: Programme, language: Language) -> Iterator[str]:
    """Yield what the rule of allocation says beside its name."""
    rule = programme.allocation
    if rule.settles is not None:
        yield figure_said(programme, "allocation.settles", rule.settles, language)
    if rule.last is not None:
        text = render("programme.last", language, value=_value(rule.last.value, language))
        yield _cited(text, rule.last, language)
    if rule.rank_by is not None:
        spec = programme.facts.get(rule.rank_by)
        words = rule.rank_by if spec is None else getattr(spec, language)
        yield render("programme.rank_by", language, fact=words)
        yield render(f"programme.ties.{rule.ties}", language)
    if rule.score_min is not None:
        yield render("programme.score_min", language, score=rule.score_min)


def stacking(programme: Programme, language: Language) -> Iterator[str]:
    """Yield how the programme goes together with others."""
    yield render("programme.heading.stacking", language)
    rules = programme.stacking
    if rules == Stacking():
        yield "  " + render("programme.not_stated", language)
    if (one := rules.one_contract_one_claim) is not None:
        path = "stacking.one_contract_one_claim"
        yield "  " + _figure(programme, f"{path}.value", one.value, one, language)
        yield "    " + figure_said(programme, f"{path}.scope", one.scope, language)
    if (higher := rules.higher_only) is not None:
        path = "stacking.higher_only.value"
        yield "  " + _figure(programme, path, higher.value, higher, language)
        yield from _among(higher.levels, language)
    for ceiling in rules.ceilings:
        yield from _ceiling(programme, ceiling, language)
    for permit in rules.stacks_with:
        whom = listed(_names((*permit.levels, *permit.programmes), language), language)
        mode = _value(permit.mode, language)
        text = render("programme.stacks_with", language, names=whom, mode=mode)
        yield "  " + _cited(text, permit, language)


def _ceiling(programme: Programme, ceiling: Ceiling, language: Language) -> Iterator[str]:
    path = f"stacking.ceilings.{ceiling.id}"
    steps = ceiling.model_dump(mode="json", exclude_defaults=True).get("rate")
    yield "  " + _figure(programme, f"{path}.rate", steps, ceiling, language)
    for name, value in (("of", ceiling.of), ("tax", ceiling.tax)):
        if value is not None:
            yield "    " + figure_said(programme, f"{path}.{name}", value, language)
    counts = ceiling.includes_this
    yield "    " + figure_said(programme, f"{path}.includes_this", counts, language)
    yield from _among((*ceiling.levels, *ceiling.programmes), language)


def _figure(
    programme: Programme, path: str, value: object, cited: Cited, language: Language
) -> str:
    return _cited(figure_said(programme, path, value, language), cited, language)


def _cited(text: str, cited: Cited, language: Language) -> str:
    return render("programme.rule", language, rule=text, clause=cited.clause)


def _among(names: Sequence[str], language: Language) -> Iterator[str]:
    if names:
        among = listed(_names(names, language), language)
        yield "    " + render("programme.among", language, names=among)


def _names(names: Sequence[str], language: Language) -> Iterator[str]:
    """Yield levels of government in words, and programmes by their ids."""
    for name in names:
        yield _value(name, language) if f"difference.value.{name}" in catalogue() else name


def _value(value: str | None, language: Language) -> str:
    """Return a value that a file chooses among a few in words."""
    code = "programme.not_stated" if value is None else f"difference.value.{value}"
    return render(code, language)
