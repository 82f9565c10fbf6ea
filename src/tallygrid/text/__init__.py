"""Words for people: every sentence in English and Chinese, from one catalogue, by code.

The catalogue is the YAML files in `messages/`: a code, its English and its Chinese text.
Placeholders take a format: `{amount:money}`, `{on:date}`, `{rate:percent}`, `{n:number}`; in
English `{n:seed|seeds}` writes a number with what is counted.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Final

import yaml
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from tallygrid.core.money import BASIS_POINTS, FEN_PER_YUAN
from tallygrid.settings import Language

_LOCALES: Final[Mapping[Language, str]] = {"en": "en_GB", "zh": "zh_CN"}


def render(code: str, language: Language, /, **values: object) -> str:
    """Return the sentence of a code in a language, with its values written as that language does.

    >>> render("lab.swept", "en", points=1, runs=1_000, file="runs.parquet")
    '1 point, 1,000 runs: runs.parquet'

    Raises:
        KeyError: The catalogue has no such code.
    """
    return _Words(language).format(catalogue()[code][language], **values)


def money(amount_fen: int, language: Language) -> str:
    """Write an amount of fen as a person reads it.

    >>> money(123456789, "en")
    'CN¥1,234,567.89'
    >>> money(123456789, "zh")
    '¥1,234,567.89'
    """
    amount = Decimal(amount_fen) / FEN_PER_YUAN
    return format_currency(amount, "CNY", locale=_LOCALES[language])


def yuan(amount_fen: int, language: Language) -> str:
    """Write an amount of fen in whole yuan, where a mean has no use for fen.

    >>> yuan(123456789, "en")
    'CN¥1,234,568'
    """
    amount = Decimal(amount_fen) / FEN_PER_YUAN
    return format_currency(
        amount, "CNY", format="¤#,##0", locale=_LOCALES[language], currency_digits=False
    )


def day(on: date, language: Language) -> str:
    """Write a date as a person reads it.

    >>> day(date(2026, 3, 1), "zh")
    '2026年3月1日'
    """
    return format_date(on, format="long", locale=_LOCALES[language])


def instant(at: datetime, language: Language) -> str:
    """Write an instant in its own zone as a person reads it."""
    return format_datetime(at, format="medium", locale=_LOCALES[language])


def number(value: float | Decimal, language: Language) -> str:
    """Write a number with its thousands separated."""
    return format_decimal(value, locale=_LOCALES[language])


def percent(rate_bp: int, language: Language) -> str:
    """Write a rate in basis points as a percentage.

    >>> percent(3050, "en")
    '30.5%'
    """
    rate = Decimal(rate_bp) / BASIS_POINTS
    return format_percent(rate, format="#,##0.##%", locale=_LOCALES[language])


def duration(seconds: int, language: Language) -> str:
    """Write a duration with its two greatest units.

    >>> duration(93_784, "en"), duration(59, "zh")
    ('1 d 2 h', '59 秒')
    """
    parts = {
        "days": seconds // 86_400,
        "hours": seconds // 3600 % 24,
        "minutes": seconds // 60 % 60,
        "seconds": seconds % 60,
    }
    greatest = next((unit for unit, value in parts.items() if value), "seconds")
    return render(f"report.duration.{greatest}", language, **parts)


@cache
def catalogue() -> Mapping[str, Mapping[Language, str]]:
    """Read the whole catalogue; a code may stand in one file only."""
    entries: dict[str, Mapping[Language, str]] = {}
    for file in sorted(files(__package__).joinpath("messages").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yaml"):
            continue
        for code, texts in _load(file.read_text(encoding="utf-8")).items():
            assert code not in entries, f"{file.name}: {code} stands in the catalogue already"
            entries[code] = texts
    return entries


def _load(text: str) -> dict[str, Mapping[Language, str]]:
    """Read YAML with the safe loader in C, which takes a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Mapping[Language, str]] = yaml.load(text, loader)  # noqa: S506  # both are safe
    return found


class _Words(Formatter):
    """A formatter that knows how each language writes money, dates and rates."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401  # Formatter's own type
        one, is_counted, many = format_spec.partition("|")
        if is_counted:
            return f"{number(value, self._language)} {one if value == 1 else many}"
        write = _WRITERS.get(format_spec)
        return write(value, self._language) if write else str(format(value, format_spec))


_WRITERS: Final[Mapping[str, Callable[[Any, Language], str]]] = {
    "money": money,
    "date": day,
    "instant": instant,
    "percent": percent,
    "number": number,
    "duration": duration,
}
