"""A case tried against a programme, for people: passed, or where it is decided otherwise."""

from tallygrid.settings import Language
from tallygrid.text import money, percent, render
from tallygrid.text.facts import listed


def difference_said(field: str, expected: object, decided: object, language: Language) -> str:
    """Return one thing that was decided otherwise than expected in words."""
    return render(
        "scenario.difference",
        language,
        field=field,
        expected=_value(field, expected, language),
        decided=_value(field, decided, language),
    )


def _value(field: str, value: object, language: Language) -> str:
    """Write a value as the field's kind asks: the words of the file stay as they are there."""
    if value is None or value in (set(), ()):
        return render("scenario.nothing", language)
    if isinstance(value, set | tuple):
        return listed(sorted(map(str, value)), language)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return percent(value, language) if field == "rate" else money(value, language)
    return str(value)
