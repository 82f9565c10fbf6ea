"""A programme for people: what it pays for, how much, and what its text leaves open."""

from collections.abc import Iterator

from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import (
    Cap,
    Condition,
    Evidence,
    Programme,
    RateStep,
    Term,
    Tier,
    YuanStep,
)
from tallygrid.settings import Language
from tallygrid.text import money, percent, render
from tallygrid.text.allocation import rule_said
from tallygrid.text.facts import listed, said

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
        *_money(programme, language),
        *_rules(programme, language),
        *_sharing(programme, language),
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
    budget = _amount(programme.budget.amount_yuan, language)
    yield render(f"programme.budget.{programme.budget.period}", language, amount=budget)
    for tier in programme.rate.tiers:
        yield "  " + _tier(programme, tier, language)
    for cap in programme.caps.limits:
        yield "  " + _cap(cap, language)


def _amount(steps: tuple[YuanStep, ...] | None, language: Language) -> str:
    if not steps:
        return render("programme.not_stated", language)
    return listed((money(step.value * FEN_PER_YUAN, language) for step in steps), language)


def _rate(steps: tuple[RateStep, ...] | None, language: Language) -> str:
    if not steps:
        return render("programme.not_stated", language)
    return listed((percent(step.value, language) for step in steps), language)


def _tier(programme: Programme, tier: Tier, language: Language) -> str:
    base = render(f"decision.base.{programme.base.value}", language)
    rate = _rate(tier.rate, language)
    return render("programme.tier", language, id=tier.id, rate=rate, base=base, clause=tier.clause)


def _cap(cap: Cap, language: Language) -> str:
    return render(
        f"programme.cap.{cap.strength}",
        language,
        per=render(f"decision.per.{cap.per}", language),
        amount=_amount(cap.amount_yuan, language),
        clause=cap.clause,
    )


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
    """Yield how the money is shared out among applicants, where the text says so."""
    rule = programme.allocation
    if rule.value is None:
        return
    yield render("programme.heading.sharing", language)
    yield "  " + render(
        "programme.rule", language, rule=rule_said(programme, language), clause=rule.clause
    )
    if rule.seed_from is not None:
        seed = render("allocation.seed", language, seed=said(rule.seed_from, language))
        yield "  " + seed
    for group in programme.budget.groups:
        amount = _amount(group.amount_yuan, language)
        yield "  " + render("programme.group", language, id=group.id, amount=amount)


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
