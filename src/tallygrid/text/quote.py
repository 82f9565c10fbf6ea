"""A quote in words: one sentence for every figure in it."""

from collections.abc import Mapping
from fractions import Fraction

from tallygrid.core.quote import Quote, QuoteLine
from tallygrid.settings import Language
from tallygrid.text import render

_DECIMALS = 4
NOT_YET = "("
"""How the name of a voucher begins that could be had and was not issued."""


def sentences(
    quote: Quote, language: Language, names: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the quote's sentences, from the price to the worst case.

    Args:
        quote: The quote.
        language: The language.
        names: What programmes are called, by id, and their funders, by `PROGRAMME/FUNDER`; an id
            without a name stays as it is.
    """
    return tuple(sentence(line, language, names) for line in quote.lines())


def sentence(line: QuoteLine, language: Language, names: Mapping[str, str] | None = None) -> str:
    """Return the sentence of one line."""
    written = {name: _written(value) for name, value in line.values.items()}
    code = line.code
    if str(written.get("voucher", "")).startswith(NOT_YET):
        code += ".not_yet"
    names, programme = names or {}, written.get("programme")
    if funder := written.get("funder"):
        written["funder"] = names.get(f"{programme}/{funder}", funder)
    if programme:
        written["programme"] = names.get(str(programme), programme)
    return render(code, language, **written)


def _written(value: object) -> object:
    return exact(value) if isinstance(value, Fraction) else value


def exact(quantity: Fraction) -> str:
    """Write a quantity as a decimal where it is one, else as a fraction: never rounded.

    >>> exact(Fraction(46080)), exact(Fraction(5, 2)), exact(Fraction(1, 3))
    ('46,080', '2.5', '1/3')
    """
    whole, rest = divmod(quantity, 1)
    if not rest:
        return f"{whole:,}"
    scaled = rest * 10**_DECIMALS
    if scaled.denominator == 1:
        return f"{whole:,}.{scaled.numerator:0{_DECIMALS}d}".rstrip("0")
    return str(quantity)
