"""Facts: what is known about one case, and what follows from it without asking.

Facts have the types of the vocabulary. Ages follow from days, provinces and cities from
the national code of divisions (GB/T 2260): its first two digits name the province, the
next two the city, the last two the district.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from tallygrid.core.condition import Facts
from tallygrid.core.programme import FactSpec, Scalar

Vocabulary = Mapping[str, FactSpec]

_PLACES: Final = {"registered_in": "registered", "provider_in": "provider"}
_MONTHS: Final = 12

PLACE_OF: Final[Mapping[str, str]] = {
    f"{part}_{level}": place
    for place, part in _PLACES.items()
    for level in ("province", "city", "district")
}
"""The divisions that follow from a place, and which place."""

DERIVED_FROM: Final[Mapping[str, str]] = {"company_age_months": "founded_on", **PLACE_OF}
"""The facts that follow from another one, and which."""


def derived(facts: Facts, *, on: date) -> Facts:
    """Return the facts with all that follows from them on a day; what is given wins.

    >>> derived({"founded_on": date(2025, 9, 30)}, on=date(2026, 5, 20))["company_age_months"]
    7
    >>> derived({"registered_in": "123456"}, on=date(2026, 1, 1))["registered_city"]
    '123400'
    """
    found: dict[str, Scalar] = {}
    founded = facts.get("founded_on")
    if isinstance(founded, date) and founded <= on:
        found["company_age_months"] = months_between(founded, on)
    for place, part in _PLACES.items():
        code = facts.get(place)
        if isinstance(code, str):
            found |= _divisions(code, part)
    return {**found, **facts}


def months_between(start: date, end: date) -> int:
    """Count the whole months from one day to a later one.

    >>> months_between(date(2025, 1, 31), date(2025, 2, 28))
    0
    """
    months = (end.year - start.year) * _MONTHS + end.month - start.month
    return months - (end.day < start.day)


def _divisions(code: str, part: str) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {f"{part}_province": code[:2] + "0000"}
    if code[2:4] != "00":
        found[f"{part}_city"] = code[:4] + "00"
    if code[4:] != "00":
        found[f"{part}_district"] = code
    return found
