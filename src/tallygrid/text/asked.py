"""What differs between the demand of two scenarios, in words."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tallygrid.settings import Language
from tallygrid.text import number, percent, render

_SHARES: Final = ("load_bp",)


def asked_apart(sides: Mapping[str, Mapping[str, Any]], language: Language) -> str:
    """Return what the summaries of two runs differ in before any programme; empty if in nothing.

    Where this is not empty, firms and jobs are not the same, whatever the seeds are.
    """
    one, other = sides.values()
    told = [
        render(f"lab.asked.{name}", language, one=_shown(name, a, language),
               other=_shown(name, b, language))
        for name, a, b in _pairs(one, other)
        if a != b
    ]  # fmt: skip
    return ("；" if language == "zh" else "; ").join(told)


def _pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in ("first_day", "days"):
        yield name, one[name], other[name]
    for name in ("jobs", "firms", "load_bp", "source", "kinds"):
        yield name, one["demand"][name], other["demand"][name]


def _shown(name: str, value: Any, language: Language) -> str:  # noqa: ANN401  # plain data
    if name in _SHARES:
        return percent(value, language)
    return number(value, language) if isinstance(value, int) else str(value)
