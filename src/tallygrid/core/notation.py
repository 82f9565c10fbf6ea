"""Amounts of money and rates as texts write them, read exactly.

Laws write 5亿元, 6,000万元, 三百万元 or 百分之五十; the news writes US$68 million or
5 bilhões de yuans. A translation that takes 亿 (a hundred million) for a billion is wrong by
a factor of ten; reading both notations is how such a slip is found.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from tallygrid.core.money import BASIS_POINTS

Currency = Literal["yuan", "dollar", "euro", "hongkong"]


@dataclass(frozen=True)
class Amount:
    """An amount in a text: its words, its currency, and how many units of it."""

    words: str
    currency: Currency
    value: Fraction


def amounts(text: str) -> tuple[Amount, ...]:
    """Return every amount of money in a text, in order.

    >>> [(a.currency, int(a.value)) for a in amounts("每年最高5亿元（约6800万美元）")]
    [('yuan', 500000000), ('dollar', 68000000)]
    >>> [int(a.value) for a in amounts("30万元至3000万元; 1亿2000万元; 五百万元; CN¥ 1,36 milhão")]
    [300000, 30000000, 120000000, 5000000, 1360000]
    """
    found = list(_AMOUNT.finditer(unicodedata.normalize("NFKC", text)))
    read = (_amount(match, after) for match, after in zip(found, [*found, None][1:], strict=True))
    return tuple(amount for amount in read if amount is not None)


def whole_yuan(written: str) -> int | None:
    """Return the whole yuan of a text that is one amount, even without the word yuan.

    >>> whole_yuan("5亿"), whole_yuan("1,000,000"), whole_yuan("a lot")
    (500000000, 1000000, None)
    """
    for text in (written, f"{written}元"):
        found = amounts(text)
        if found and found[0].words == unicodedata.normalize("NFKC", text).strip():
            whole = found[0].currency == "yuan" and found[0].value.denominator == 1
            return int(found[0].value) if whole else None
    return None


def rates(text: str) -> tuple[int, ...]:
    """Return every percentage in a text, in basis points.

    >>> rates("最高50％，初创企业百分之六十二点五; 10 to 80 per cent")
    (5000, 6250, 1000, 8000)
    """
    found = _RATE.finditer(unicodedata.normalize("NFKC", text))
    groups = (group for match in found for group in match.groups() if group)
    read = (_han(one) if one[0] in _HAN else _number(one, scaled=True) for one in groups)
    parts = [value * BASIS_POINTS / 100 for value in read if value is not None]
    return tuple(int(part) for part in parts if part.denominator == 1)


_HAN_DIGITS: Final[Mapping[str, int]] = {
    **{digit: n for n, digit in enumerate("零一二三四五六七八九")},
    **{digit: n for n, digit in enumerate("〇壹贰叁肆伍陆柒捌玖")},
    "两": 2,
}
_HAN_UNITS: Final[Mapping[str, int]] = {
    "十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000,
}  # fmt: skip
_MYRIAD: Final = 10**4
_HAN_SCALES: Final[Mapping[str, int]] = {
    "万": _MYRIAD, "萬": _MYRIAD, "亿": _MYRIAD**2, "億": _MYRIAD**2,
}  # fmt: skip
_MULTIPLIERS: Final = {**_HAN_UNITS, **_HAN_SCALES}
_SCALES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("thousand", "mil", "mille", "mila", "k"), 10**3),
    **dict.fromkeys(("million", "millions", "m", "mn", "milhão", "milhões"), 10**6),
    **dict.fromkeys(("milione", "milioni", "miljon", "miljoner"), 10**6),
    **dict.fromkeys(("billion", "billions", "bn", "b", "bilhão", "bilhões"), 10**9),
    **dict.fromkeys(("miliardo", "miliardi", "milliard", "milliards"), 10**9),
    **dict.fromkeys(("miljard", "miljarder"), 10**9),
    **dict.fromkeys(("trillion", "trillions"), 10**12),
}
"""English, and the languages in which news of the schemes was read."""

_CURRENCIES: Final[Mapping[str, Currency]] = {
    **dict.fromkeys(("cn¥", "rmb¥", "¥", "rmb", "cny", "人民币", "元", "圆", "圓"), "yuan"),
    **dict.fromkeys(("yuan", "yuans", "renminbi", "元人民币"), "yuan"),
    **dict.fromkeys(("us$", "$", "usd", "美元", "美金", "dollar", "dollars"), "dollar"),
    **dict.fromkeys(("us dollars", "dólar", "dólares", "dollaro", "dollari"), "dollar"),
    **dict.fromkeys(("€", "eur", "欧元", "euro", "euros"), "euro"),
    **dict.fromkeys(("hk$", "hkd", "港元", "港币"), "hongkong"),
}


def _any_of(words: Mapping[str, object]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_HAN: Final = "".join([*_HAN_DIGITS, *_HAN_UNITS, *_HAN_SCALES, "点"])
_HAN_FIRST: Final = "".join([*_HAN_DIGITS, "十拾"])
_DIGITS: Final = r"\d+(?:[.,]\d+)*"
_MIXED: Final = rf"{_DIGITS}\s?(?:[十百千]?[万萬亿億]{{1,2}}|[百千])"
_AMOUNT: Final = re.compile(
    rf"(?:(?P<before>{_any_of(_CURRENCIES)})\s*)?"
    rf"(?:(?P<mixed>(?:{_MIXED})+)"
    rf"|(?<![数几{_HAN}])(?P<han>[{_HAN_FIRST}][{_HAN}]*)"
    rf"|(?P<digits>{_DIGITS})(?:\s*(?P<scale>{_any_of(_SCALES)})(?!\w))?)"
    rf"(?:\s*(?:de |di |of )?(?P<after>{_any_of(_CURRENCIES)})(?![a-zà-ÿ]))?",
    re.IGNORECASE,
)
_TO: Final = r"\s*(?:-|–|—|~|至|到|to|and|a|à|till)\s*"
_RANGE: Final = re.compile(_TO, re.IGNORECASE)
_RATE: Final = re.compile(
    rf"(?:({_DIGITS}){_TO})?({_DIGITS})\s*(?:%|per ?cento?\b|procent\b|por cento\b|pour cent\b)"
    rf"|百分之([{_HAN}]+|{_DIGITS})",
    re.IGNORECASE,
)
_BARE_MAX: Final = 1_000
"""In 30 to 50 million the first number shares the scale; in 300,000 to 30 million it does not."""

_LENGTH_MAX: Final = 30
"""No amount of money has as many digits."""


def _amount(match: re.Match[str], after: re.Match[str] | None) -> Amount | None:
    """Read one match; the first number of a range takes what only the second says."""
    number, currency, scale = _value(match), _currency(match), _scale(match)
    if after is not None and currency is None and _in_range(match, after):
        currency = _currency(after)
        if scale == 1 and number is not None and number < _BARE_MAX:
            scale = _shared_scale(after)
    if number is None or currency is None:
        return None
    return Amount(match[0].strip(), currency, number * scale)


def _in_range(match: re.Match[str], after: re.Match[str]) -> bool:
    return _RANGE.fullmatch(match.string[match.end() : after.start()]) is not None


def _currency(match: re.Match[str]) -> Currency | None:
    word = match["before"] or match["after"]
    return _CURRENCIES[word.casefold()] if word else None


def _scale(match: re.Match[str]) -> int:
    """Return what the word after the digits multiplies them by."""
    return _SCALES[match["scale"].casefold()] if match["scale"] else 1


def _shared_scale(match: re.Match[str]) -> int:
    """Return the scale at the end of a range, which its first number may share."""
    units = (_MULTIPLIERS.get(sign, 1) for sign in match["mixed"] or "")
    return math.prod(units) * _scale(match)


def _value(match: re.Match[str]) -> Fraction | None:
    if match["han"]:
        return _han(match["han"])
    if match["digits"]:
        return _number(match["digits"], scaled=match["scale"] is not None)
    parts = [_mixed(*part) for part in re.findall(rf"({_DIGITS})(\D*)", match["mixed"])]
    return None if None in parts else sum((part for part in parts if part), Fraction(0))


def _mixed(digits: str, units: str) -> Fraction | None:
    """Read digits with Chinese units after them, such as 5千万."""
    number = _number(digits, scaled=True)
    for unit in units.strip():
        if number is not None:
            number *= _MULTIPLIERS[unit]
    return number


def _number(written: str, *, scaled: bool) -> Fraction | None:
    """Read digits with separators; none where it is not clear what they separate.

    Three digits after one dot are thousands, as much of Europe writes them, unless a word such
    as million follows.

    >>> [_number(n, scaled=False) for n in ("6,000", "816.000", "1,36", "1.234,5", "1,23,4")]
    [Fraction(6000, 1), Fraction(816000, 1), Fraction(34, 25), Fraction(2469, 2), None]
    """
    if len(written) > _LENGTH_MAX:
        return None
    first, *others = re.split(r"[.,]", written)
    signs = re.findall(r"[.,]", written)
    whole_groups = bool(re.fullmatch(r"[1-9]\d{0,2}", first)) and all(len(o) == 3 for o in others)  # noqa: PLR2004  # thousands
    if len(set(signs)) == 1 and whole_groups and (signs[0] == "," or signs[1:] or not scaled):
        return Fraction("".join([first, *others]))
    if len(signs) > 1 and (len(set(signs)) == 1 or signs.count(signs[-1]) > 1):
        return None
    *whole, decimals = [first, *others] if signs else [first, ""]
    return Fraction(f"{''.join(whole)}.{decimals or 0}")


def _han(words: str) -> Fraction | None:
    """Read a number in Chinese words.

    >>> [str(_han(words)) for words in ("五百万", "一点五亿", "十二", "一亿零五十万", "点")]
    ['5000000', '150000000', '12', '100500000', 'None']
    """
    if len(words) > _LENGTH_MAX:
        return None
    whole, _, rest = words.partition("点")
    if not rest:
        return _han_whole(whole) if whole and "点" not in words else None
    decimals = re.match(rf"[{''.join(_HAN_DIGITS)}]+", rest)
    scale = 1
    for unit in rest[decimals.end() :] if decimals else "":
        scale *= _MULTIPLIERS.get(unit, 1)
    if decimals is None:
        return None
    digits = "".join(str(_HAN_DIGITS[digit]) for digit in decimals[0])
    return (_han_whole(whole) + Fraction(f"0.{digits}")) * scale


def _han_whole(words: str) -> Fraction:
    total = section = digit = 0
    for sign in words:
        if sign in _HAN_DIGITS:
            digit = _HAN_DIGITS[sign]
        elif sign in _HAN_UNITS:
            section += (digit or 1) * _HAN_UNITS[sign]
            digit = 0
        else:
            section, digit = section + digit, 0
            scale = _HAN_SCALES[sign]
            total = (total + section) * scale if scale > _MYRIAD else total + section * scale
            section = 0
    return Fraction(total + section + digit)
