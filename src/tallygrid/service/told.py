"""Misuse whose sentence stands in the catalogue, in every language."""

from collections.abc import Iterable
from fractions import Fraction

from tallygrid.core.programme import Texts
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.error import SentenceError
from tallygrid.text.facts import listed, said
from tallygrid.text.quote import exact


class Said:
    """A part of a sentence that the catalogue has too: it is said in the sentence's language."""

    def __init__(self, code: str, **values: object) -> None:
        self._code = code
        self._values = values

    def said(self, language: Language) -> str:
        """Return it in a language."""
        return render(self._code, language, **self._values)


class _Either(Said):
    """One of several."""

    def __init__(self, parts: Iterable[Said]) -> None:
        self._parts = tuple(parts)

    def said(self, language: Language) -> str:
        words = [part.said(language) for part in self._parts]
        before = listed(words[:-1], language)
        return render("money.or", language).join(filter(None, (before, *words[-1:])))


class Called(Said):
    """What something is called, by words that no catalogue has: a programme's own."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def said(self, language: Language) -> str:
        """Return it in a language."""
        return said(self._texts, language)


def state(code: str) -> Said:
    """Return what a state, or an act that leads to one, is called."""
    return Said(f"money.state.{code}")


def either(codes: Iterable[str]) -> Said:
    """Return what several states are called: one or another of them."""
    return _Either(map(state, codes))


def quantity(number: Fraction, unit: str) -> Said:
    """Return a quantity in its unit."""
    return Said(f"unit.{unit}", quantity=exact(number))


class ToldError(SentenceError):
    """Something that cannot be done as asked; the sentence says what would be right."""

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(f"money.{code}", **values)

    def sentence(self, language: Language) -> str:
        """Return what is wrong, and what would be right, in a language."""
        said = {
            name: value.said(language) if isinstance(value, Said) else value
            for name, value in self.values.items()
        }
        return render(self.code, language, **said)
