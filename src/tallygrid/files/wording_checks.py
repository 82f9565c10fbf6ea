"""Whether figures are what the words say: in yuan, in 万 and 亿, in two currencies, twice.

`as_written` quotes the text; the figure beside it must be among the amounts or rates quoted.
Prose of our own (clauses, sentences in two languages) is held against itself and its figures,
and what differs there is only doubtful, for prose may speak of other amounts too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from tallygrid.core.notation import Amount, amounts, rates
from tallygrid.core.programme import basis_points
from tallygrid.files.document import Document, Mistake, Where

_YUAN_PER: Final[Mapping[str, tuple[Fraction, Fraction]]] = {
    "dollar": (Fraction(5), Fraction(9)),
    "euro": (Fraction(6), Fraction(12)),
    "hongkong": (Fraction(13, 20), Fraction(23, 20)),
}
"""What each has cost since 1999, with room on both sides; outside, a zero is wrong.

A dollar has cost from 6.0 to 8.3 yuan, a euro from 6.5 to 11.2.
"""
_CITED: Final = ("as_written", "clause")
_SAID: Final = ("en", "zh")
_LENGTH_MAX: Final = 2_000
_IN_WHEN: Final = re.compile(r"\byuan\s*\(\s*(\d{1,18})\s*\)", re.IGNORECASE | re.ASCII)


def wording_mistakes(document: Document) -> Iterator[Mistake]:
    """Yield figures that are not what is quoted beside them; in an issued text, also bad quotes."""
    issued = document.data.get("edition") == "issued"
    for where, part in _parts((), document.data):
        yield from _quoted(document, where, part)
        if issued:
            yield from _currencies(document, where, part, _CITED)


def wording_doubts(document: Document) -> Iterator[Mistake]:
    """Yield what is doubtful: a report that contradicts itself, prose that does not fit."""
    reported = document.data.get("edition") == "reported"
    for where, part in _parts((), document.data):
        yield from _currencies(document, where, part, (*_CITED, *_SAID) if reported else _SAID)
        yield from _unread(document, where, part)
        yield from _clause(document, where, part)
        yield from _bilingual(document, where, part)
        yield from _rule(document, where, part)


def _parts(where: Where, data: object) -> Iterator[tuple[Where, dict[str, Any]]]:
    """Yield every mapping of a file with its place; facts come from elsewhere."""
    if isinstance(data, dict):
        yield where, data
        for key, value in data.items():
            if (*where, key) != ("facts",):
                yield from _parts((*where, key), value)
    elif isinstance(data, list):
        for position, item in enumerate(data):
            yield from _parts((*where, position), item)


def _quoted(document: Document, where: Where, part: dict[str, Any]) -> Iterator[Mistake]:
    words = _text(part, "as_written")
    said = _yuan(words)
    for key, yuan in _figures(part) if said else ():
        if yuan not in {*said, sum(said)}:
            problem = f"The text says {_listed(said)}; `{key}` is {yuan} yuan.{_times(yuan, said)}"
            yield document.mistake((*where, key), problem, "Correct the figure or the quotation.")
    percentages = rates(words)
    for rate in _rates(part) if percentages else ():
        if rate not in percentages:
            told = ", ".join(_percent(one) for one in percentages)
            problem = f"The text says {told}; `rate` is {_percent(rate)}."
            yield document.mistake((*where, "rate"), problem, "Correct one of the two.")


def _unread(document: Document, where: Where, part: dict[str, Any]) -> Iterator[Mistake]:
    words = _text(part, "as_written")
    bare = words and not amounts(words) and not rates(words)
    if bare and any((*_figures(part), *_rates(part))):
        problem = f"No amount or rate can be read in the words quoted, '{words}'."
        remedy = "Quote them with their unit, such as 5亿元, 50% or US$68 million."
        yield document.mistake((*where, "as_written"), problem, remedy)


def _currencies(
    document: Document, where: Where, part: dict[str, Any], keys: Iterable[str]
) -> Iterator[Mistake]:
    """Compare what a text gives in two currencies: the rate must be one that has existed."""
    figures = [Fraction(yuan) for _, yuan in _figures(part)]
    for key in keys:
        found = amounts(_text(part, key))
        for position, amount in enumerate(found):
            beside = [other for other in _beside(found, position) if other.currency == "yuan"]
            yuan = [other.value for other in beside] or ([] if key in _SAID else figures)
            if amount.currency == "yuan" or not yuan or _plausible(amount, yuan):
                continue
            rate = yuan[0] / amount.value
            problem = (
                f"{_whole(yuan[0])} yuan for {amount.words} is {float(rate):.4g} yuan to the "
                f"{_ONE.get(amount.currency, amount.currency)}."
            )
            yield document.mistake((*where, key), problem, _ZEROS)


_ONE: Final = {"hongkong": "Hong Kong dollar"}
_ZEROS: Final = "One of the two has a wrong number of zeros: 亿 is a hundred million."


def _beside(found: tuple[Amount, ...], position: int) -> tuple[Amount, ...]:
    return (*found[max(0, position - 1) : position], *found[position + 1 : position + 2])


def _plausible(amount: Amount, yuan: Iterable[Fraction]) -> bool:
    low, high = _YUAN_PER[amount.currency]
    return not amount.value or any(low <= one / amount.value <= high for one in yuan)


def _clause(document: Document, where: Where, part: dict[str, Any]) -> Iterator[Mistake]:
    """Hold a clause against the figure, unless the words themselves are quoted."""
    said = _yuan(_text(part, "clause"))
    if not said or _text(part, "as_written"):
        return
    for key, yuan in _figures(part):
        if key != "when" and yuan not in {*said, sum(said)}:
            problem = f"The clause names {_listed(said)}; `{key}` is {yuan} yuan."
            remedy = (
                f"Correct one of the two, or quote the text in `as_written`.{_times(yuan, said)}"
            )
            yield document.mistake((*where, "clause"), problem, remedy)


def _bilingual(document: Document, where: Where, part: dict[str, Any]) -> Iterator[Mistake]:
    """Hold the Chinese words against the English ones: both name the same amounts and rates."""
    english, chinese = _text(part, "en"), _text(part, "zh")
    if _differ(said := _yuan(english), other := _yuan(chinese)):
        yield _difference(document, where, _listed(said), _listed(other))
    if _differ(shares := rates(english), others := rates(chinese)):
        yield _difference(document, where, _percents(shares), _percents(others))


def _differ(one: Iterable[object], other: Iterable[object]) -> bool:
    return bool(one and other) and {*one} != {*other}


def _difference(document: Document, where: Where, english: str, chinese: str) -> Mistake:
    problem = f"The English names {english}, the Chinese {chinese}."
    return document.mistake((*where, "zh"), problem, "Correct one of the two.")


def _rule(document: Document, where: Where, part: dict[str, Any]) -> Iterator[Mistake]:
    """Hold the amounts of a condition against its own words."""
    asked = {yuan for key, yuan in _figures(part) if key == "when"}
    for key in ("en", "zh"):
        said = {*_yuan(_text(part, key))}
        if asked and said and not asked & said:
            problem = f"`{key}` names {_listed(said)}, the condition {_listed(asked)}."
            yield document.mistake((*where, key), problem, "Correct one of the two.")


def _figures(part: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the amounts that a part gives in whole yuan, dated ones too, with their keys."""
    for key, value in part.items():
        if str(key).endswith("_yuan"):
            yield from ((key, yuan) for yuan in _dated(value) if type(yuan) is int)
    if isinstance(when := part.get("when"), str):
        yield from (("when", int(digits)) for digits in _IN_WHEN.findall(when))


def _rates(part: Mapping[str, Any]) -> Iterator[int]:
    for written in _dated(part.get("rate")):
        try:
            rate = basis_points(written)
        except ValueError:
            continue
        if isinstance(rate, int):
            yield rate


def _dated(value: object) -> Iterator[object]:
    """Yield a figure, or the values of its dated steps."""
    for step in value if isinstance(value, list) else [value]:
        yield step.get("value") if isinstance(step, dict) else step


def _text(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    return value[:_LENGTH_MAX] if isinstance(value, str) else ""


def _yuan(text: str) -> tuple[Fraction, ...]:
    return tuple(amount.value for amount in amounts(text) if amount.currency == "yuan")


def _times(yuan: int, said: Iterable[Fraction]) -> str:
    """Say when a figure differs from the words by tens alone, as a misread 亿 or 万 does."""
    for one in said:
        times = Fraction(yuan) / one if one else Fraction(0)
        larger = max(times, 1 / times) if times else Fraction(0)
        if larger.denominator == 1 and re.fullmatch(r"10+", str(larger)):
            return f" That is {larger} times too {'much' if times > 1 else 'little'}."
    return ""


def _listed(yuan: Iterable[Fraction | int]) -> str:
    return ", ".join(f"{_whole(Fraction(one))} yuan" for one in sorted(yuan))


def _percents(found: Iterable[int]) -> str:
    return ", ".join(_percent(rate) for rate in sorted(found))


def _percent(rate_bp: int) -> str:
    return f"{rate_bp / 100:g}%"


def _whole(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.2f}"
