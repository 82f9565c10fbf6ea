"""The vocabulary for people: every fact that conditions may name, and how to give it."""

from collections.abc import Iterator

from tallygrid.core.facts import Vocabulary
from tallygrid.core.programme import FactSpec
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.facts import listed, said


def naming(vocabulary: Vocabulary, word: str) -> Vocabulary:
    """Return the facts that a word occurs in: in a name, a value or the words, of any language."""
    wanted = word.casefold()
    return {
        name: spec
        for name, spec in vocabulary.items()
        if any(wanted in text.casefold() for text in _texts(name, spec))
    }


def _texts(name: str, spec: FactSpec) -> Iterator[str]:
    yield from (name, _in_yuan(name), spec.en, spec.zh)
    for value, words in spec.values.items():
        yield from (value, words.en, words.zh)


def vocabulary_lines(vocabulary: Vocabulary, language: Language) -> Iterator[str]:
    """Yield every fact: its name, its words, its type, its values, and how to provide it."""
    for name, spec in vocabulary.items():
        words = spec.zh if language == "zh" else spec.en
        yield render("facts.fact", language, name=name, words=words, type=_type(spec, language))
        if _in_yuan(name):
            yield "  " + render("facts.in_yuan", language, name=_in_yuan(name))
        if spec.pattern:
            yield "  " + render("facts.pattern", language, pattern=spec.pattern)
        for value, meaning in spec.values.items():
            yield "  " + render("facts.value", language, value=value, words=said(meaning, language))
        if spec.how is not None:
            yield "  " + render("facts.how", language, how=said(spec.how, language))


def _in_yuan(name: str) -> str:
    """Return the name under which a file may give an amount in yuan; empty if it is none."""
    return f"{name.removesuffix('_fen')}_yuan" if name.endswith("_fen") else ""


def _type(spec: FactSpec, language: Language) -> str:
    parts = [render(f"facts.type.{spec.type}", language)]
    if spec.unit is not None and spec.unit != "count":
        parts.append(render(f"facts.unit.{spec.unit}", language))
    if spec.minimum:
        parts.append(render("facts.minimum", language, minimum=spec.minimum))
    return listed(parts, language)
