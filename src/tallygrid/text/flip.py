"""What would change an answer, for people: which facts, of which values, and what then."""

from collections.abc import Iterator, Mapping

from tallygrid.core.facts import PLACE_OF
from tallygrid.core.flip import Flip, Need, Way
from tallygrid.core.programme import Programme, Scalar
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.facts import label, listed, value_of
from tallygrid.text.sums import amount_said

_NEEDS_SHOWN = 4

Places = Mapping[str, str]
"""What the programmes call the places whose codes they name."""


def flip_lines(
    flip: Flip, programme: Programme, places: Places, language: Language
) -> Iterator[str]:
    """Yield what would make a programme grant, the shortest list first, and what it then pays."""
    if flip.choices:
        said = [_choice(ways, programme, places, language) for ways in flip.choices]
        shown, more = said[:_NEEDS_SHOWN], len(said) - _NEEDS_SHOWN
        if more > 0:
            shown.append(render("match.flip.more", language, count=more, id=programme.id))
        needs = render("match.flip.and", language).join(shown)
        code = "then" if flip.outcome == "eligible" else "perhaps"
        amount = amount_said(flip.then, language)
        yield render(f"match.flip.{code}", language, needs=needs, amount=amount)
    if flip.unresolved:
        names = listed((label(name, programme, language) for name in flip.unresolved), language)
        code = "cut" if flip.cut else "unresolved"
        yield render(f"match.flip.{code}", language, facts=names)


def _choice(ways: tuple[Way, ...], programme: Programme, places: Places, language: Language) -> str:
    said = (
        render("match.flip.also", language).join(
            need_said(need, programme, places, language) for need in way
        )
        for way in ways
    )
    return render("match.flip.or", language).join(said)


def need_said(need: Need, programme: Programme, places: Places, language: Language) -> str:
    """Write what a fact would have to be."""
    name = label(need.fact, programme, language)
    if need.fact in PLACE_OF.values():
        return _place(need, places, language)
    if need.values in {(True,), (False,)}:
        return render(f"match.need.{'yes' if need.values[0] else 'no'}", language, name=name)

    def value(one: Scalar | None) -> str:
        return value_of(one, programme.facts[need.fact], language)

    if need.low == need.high:
        either = render("match.need.or", language).join(value(one) for one in need.values)
        return render("match.need.is", language, name=name, value=either)
    ends = {(True, False): "least", (False, True): "most"}
    code = ends.get((need.low is not None, need.high is not None), "between")
    return render(
        f"match.need.{code}", language, name=name, low=value(need.low), high=value(need.high)
    )


def _place(need: Need, places: Places, language: Language) -> str:
    said = (
        render("match.need.place", language, name=places[code], code=code)
        if (code := str(value)) in places
        else code
        for value in need.values
    )
    either = render("match.need.or", language).join(said)
    return render(f"match.need.{need.fact}", language, place=either)
