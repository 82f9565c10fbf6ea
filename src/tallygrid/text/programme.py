"""A programme for people: what it pays for, how much, and what its text leaves open."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import (
    Cap,
    Cell,
    Condition,
    Evidence,
    FactSpec,
    Programme,
    RateStep,
    Term,
    Tier,
    YuanStep,
)
from tallygrid.core.rules import fact_name
from tallygrid.settings import Language
from tallygrid.text import figures, money, percent, render
from tallygrid.text.allocation import rule_said
from tallygrid.text.difference import cell_said
from tallygrid.text.facts import label, listed, said, value_of

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_HASH_SHOWN = len("sha256:") + 12


def programme_line(programme: Programme, language: Language) -> str:
    """Return a programme in one line of a list."""
    return render(
        "programme.row",
        language,
        id=programme.id,
        kind=render(f"programme.kind.{programme.kind}", language),
        edition=render(f"programme.edition.{programme.edition}", language),
        name=said(programme.name, language),
        authority=said(programme.authority, language),
    )


def programme_lines(programme: Programme, language: Language) -> tuple[str, ...]:
    """Return a whole programme as lines for a terminal."""
    return (
        programme_line(programme, language),
        render("programme.version", language, version=programme.hash[:_HASH_SHOWN]),
        *_claim(programme, language),
        *_document(programme, language),
        *figures.days(programme, language),
        *_money(programme, language),
        *figures.payment(programme, language),
        *_definitions(programme, language),
        *_rules(programme, language),
        *_sharing(programme, language),
        *figures.stacking(programme, language),
        *_papers(programme, language),
        *_open(programme, language),
    )


def _claim(programme: Programme, language: Language) -> Iterator[str]:
    if programme.claim is not None:
        yield render(
            "decision.reported",
            language,
            claim=said(programme.claim, language),
            contradicts=programme.contradicts,
        )


def _document(programme: Programme, language: Language) -> Iterator[str]:
    document = programme.document
    number = f" {document.number}" if document.number else ""
    yield render("programme.document", language, title=document.title, number=number)
    for name, source in programme.sources.items():
        url = f" {source.url}" if source.url else ""
        yield "  " + render(
            "programme.source", language, id=name, title=source.title,
            publisher=source.publisher, extent=source.extent, url=url,
        )  # fmt: skip


def _money(programme: Programme, language: Language) -> Iterator[str]:
    budget = programme.budget
    amount = _amount(budget.amount_yuan, language)
    said_ = render(f"programme.budget.{budget.period}", language, amount=amount)
    yield render("programme.rule", language, rule=said_, clause=budget.clause)
    for funder in budget.funders:
        name = said(funder.name, language)
        yield "  " + render("programme.funder", language, name=name, weight=funder.weight)
    yield render("programme.heading.rates", language)
    for tier in programme.rate.tiers:
        yield "  " + _tier(programme, tier, language)
        for fact, cell in tier.when.items():
            if not _admits_all(programme.facts.get(fact), cell):
                plain = cell.model_dump(by_alias=True, exclude_defaults=True)
                only = cell_said(programme, fact, plain, language)
                yield "    " + render("programme.only", language, cell=only)
    if programme.caps.limits:
        yield render("programme.heading.caps", language)
    for cap in programme.caps.limits:
        yield "  " + _cap(cap, language)
        if cap.when is not None:
            yield "    " + _when(programme, cap.when, language)


def _admits_all(spec: FactSpec | None, cell: Cell) -> bool:
    """Tell whether a row of the rate table holds for every value of a fact."""
    if cell.any_of:
        every: set[bool | str] = set(spec.values) if spec and spec.values else {True, False}
        return every <= set(cell.any_of)
    return not (cell.at_least or cell.from_yuan) and cell.below is None and cell.below_yuan is None


def _when(programme: Programme, when: str, language: Language) -> str:
    """Return a condition as the file has it, with what its facts are called."""
    known = {fact_name(one) for one in programme.defines} | set(programme.facts)
    names = [name for name in dict.fromkeys(_WORD.findall(when)) if name in known]
    facts = "".join(
        render("programme.when_fact", language, name=name, words=label(name, programme, language))
        for name in names
    )
    return render("programme.when", language, when=" ".join(when.split()), facts=facts)


def _amount(steps: tuple[YuanStep, ...] | None, language: Language) -> str:
    if not steps:
        return render("programme.not_stated", language)
    return listed(
        (
            _dated(money(step.value * FEN_PER_YUAN, language), step.first_day, language)
            for step in steps
        ),
        language,
    )


def _rate(steps: tuple[RateStep, ...] | None, language: Language) -> str:
    if not steps:
        return render("programme.not_stated", language)
    return listed(
        (_dated(percent(step.value, language), step.first_day, language) for step in steps),
        language,
    )


def _dated(value: str, first_day: date, language: Language) -> str:
    """Return a figure with the first day on which it holds, where it has one."""
    if first_day == date.min:
        return value
    return render("difference.from", language, value=value, day=first_day)


def _tier(programme: Programme, tier: Tier, language: Language) -> str:
    base = render(f"decision.base.{programme.base.value}", language)
    rate = _rate(tier.rate, language)
    return render("programme.tier", language, id=tier.id, rate=rate, base=base, clause=tier.clause)


def _cap(cap: Cap, language: Language) -> str:
    return render(
        f"programme.cap.{cap.strength}",
        language,
        id=cap.id,
        per=render(f"decision.per.{cap.per}", language),
        amount=_amount(cap.amount_yuan, language),
        clause=cap.clause,
    )


def _definitions(programme: Programme, language: Language) -> Iterator[str]:
    if programme.defines:
        yield render("programme.heading.definitions", language)
    for one in programme.defines:
        words = one.zh if language == "zh" else one.en
        rule = render("difference.so", language, what=fact_name(one), said=words)
        yield "  " + render("programme.rule", language, rule=rule, clause=one.clause)
        if one.when is not None:
            yield "    " + _when(programme, one.when, language)


def _rules(programme: Programme, language: Language) -> Iterator[str]:
    if programme.conditions:
        yield render("programme.heading.conditions", language)
    for rule in programme.conditions:
        yield "  " + _rule(rule, language)
    if programme.exclusions:
        yield render("programme.heading.exclusions", language)
    for rule in programme.exclusions:
        yield "  " + _rule(rule, language)


def _rule(rule: Condition | Evidence | Term, language: Language) -> str:
    words = rule.zh if language == "zh" else rule.en
    return render("programme.rule", language, rule=words, clause=rule.clause)


def _sharing(programme: Programme, language: Language) -> Iterator[str]:
    """Yield how the money is shared out among applicants."""
    rule = programme.allocation
    yield render("programme.heading.sharing", language)
    words = (
        render("programme.not_stated", language)
        if rule.value is None
        else rule_said(programme, language)
    )
    yield "  " + render("programme.rule", language, rule=words, clause=rule.clause)
    yield from ("  " + line for line in figures.sharing(programme, language))
    if rule.seed_from is not None:
        seed = render("allocation.seed", language, seed=said(rule.seed_from, language))
        yield "  " + seed
    for group in programme.budget.groups:
        amount = _amount(group.amount_yuan, language)
        yield "  " + render("programme.group", language, id=group.id, amount=amount)
        yield "    " + _when(programme, group.when, language)


def _papers(programme: Programme, language: Language) -> Iterator[str]:
    """Yield what has to be handed in, and the terms that no amount depends on."""
    stages = dict.fromkeys(paper.stage for paper in programme.evidence)
    for stage in stages:
        yield render(f"programme.heading.evidence.{stage}", language)
        for paper in programme.evidence:
            if paper.stage == stage:
                yield "  " + _rule(paper, language)
    if programme.terms:
        yield render("programme.heading.terms", language)
    for term in programme.terms:
        yield "  " + _rule(term, language)


def _open(programme: Programme, language: Language) -> Iterator[str]:
    if programme.open:
        yield render("decision.heading.open", language)
    for item in programme.open:
        question = said(item.question, language)
        yield "  " + render("programme.open", language, id=item.id, question=question)
        yield "    " + render(f"programme.blocks.{item.blocks}", language, field=item.field)
        for reading in item.readings:
            value = value_of(reading, None, language)
            yield "    " + render("programme.reading", language, value=value)
