"""What is known of an applicant beyond what it gave, for people: its size class, its place."""

from collections.abc import Iterator, Sequence

from tallygrid.core.condition import Facts
from tallygrid.core.credit_code import division
from tallygrid.core.programme import Programme
from tallygrid.core.sizes import SECTOR_FACT, SIZE_FACT, SizeStandard, size_class
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.facts import said
from tallygrid.text.match import places_of


def applicant_lines(
    facts: Facts, sizes: SizeStandard, programmes: Sequence[Programme], language: Language
) -> Iterator[str]:
    """Yield what follows from the facts, and what the applicant should look at again."""
    yield from _size(facts, sizes, language)
    yield from _place(facts, programmes, language)


def _size(facts: Facts, sizes: SizeStandard, language: Language) -> Iterator[str]:
    found, row = size_class(sizes, facts), sizes.row(facts.get(SECTOR_FACT))
    if found is None or row is None:
        return
    code = "size" if facts.get(SIZE_FACT) == found else "size_differs"
    yield render(
        f"match.{code}",
        language,
        size=render(f"match.class.{facts.get(SIZE_FACT)}", language),
        found=render(f"match.class.{found}", language),
        title=sizes.document.title,
        number=sizes.document.number,
        row=said(row.name, language),
    )


def _place(facts: Facts, programmes: Sequence[Programme], language: Language) -> Iterator[str]:
    """Yield the place that the credit code hints at, where none is given."""
    code = division(str(facts.get("credit_code", "")))
    if code is None or any(name.startswith("registered_") for name in facts):
        return
    names = places_of(programmes, language)
    name = names.get(code, code)
    yield render("match.place_hint", language, place=name, code=code)
