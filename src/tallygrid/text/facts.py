"""Facts for people: their names and values in either language."""

from collections.abc import Iterable, Mapping
from datetime import date

from tallygrid.core.programme import FactSpec, Programme, Scalar, Texts
from tallygrid.core.rules import fact_name
from tallygrid.settings import Language
from tallygrid.text import day, money, number, render


def said(texts: Texts, language: Language) -> str:
    """Return the words of a language."""
    return texts.zh if language == "zh" else texts.en


def label(name: str, programme: Programme, language: Language) -> str:
    """Return what a fact is called, or what the programme defines under its name."""
    defined = {fact_name(definition): definition for definition in programme.defines}
    spec = programme.facts.get(name) or defined.get(name)
    if spec is None:
        return name
    return spec.zh if language == "zh" else spec.en


def value_of(value: Scalar | None, spec: FactSpec | None, language: Language) -> str:
    """Write a fact's value as a person reads it."""
    if value is None:
        return render("decision.not_given", language)
    if isinstance(value, bool):
        return render("decision.yes" if value else "decision.no", language)
    if isinstance(value, date):
        return day(value, language)
    if isinstance(value, int):
        in_fen = spec is not None and spec.unit == "fen"
        return money(value, language) if in_fen else number(value, language)
    if spec is not None and value in spec.values:
        return said(spec.values[value], language)
    return value


def facts_said(facts: Mapping[str, Scalar | None], programme: Programme, language: Language) -> str:
    """Write facts in one line, each with its name."""
    parts = (
        render(
            "decision.fact",
            language,
            name=label(name, programme, language),
            value=value_of(value, programme.facts.get(name), language),
        )
        for name, value in facts.items()
    )
    return render("decision.between_facts", language).join(parts)


def listed(items: Iterable[str], language: Language) -> str:
    """Join short items in a line."""
    return render("decision.between_items", language).join(items)


def asked_for(names: Iterable[str], programme: Programme, language: Language) -> str:
    """Ask for facts: to give them, or to say yes or no where a fact is one or the other."""
    given: list[str] = []
    whether: list[str] = []
    for name in names:
        words, spec = label(name, programme, language), programme.facts.get(name)
        if spec is not None and spec.type == "boolean":
            whether.append(render("decision.ask.quoted", language, name=words))
        else:
            given.append(words)
    asked = [
        render(f"decision.ask.{code}", language, facts=listed(facts, language))
        for code, facts in (("give", given), ("whether", whether))
        if facts
    ]
    return render("decision.ask.between", language).join(asked)
