"""What to write instead of what a condition may not say."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

ALLOWED: Final = (
    "Allowed are AND, OR, NOT, = <> < <= > >=, IN (…), BETWEEN … AND …, IS NULL, IS NOT NULL, "
    "+ - *, facts, whole numbers, 'texts', DATE 'YYYY-MM-DD', TRUE, FALSE and yuan(…)."
)
_RATES: Final = "Rates by case are rows of the rate table, where a missing fact stays unknown."
_UNKNOWN: Final = "Leave it out: a missing fact stays unknown. IS NULL asks whether it is missing."
_ONE_CASE: Final = "A condition sees one case alone. Name a fact that holds the total."
_NO_CLOCK: Final = (
    "The day of the decision is no part of a condition: write days under `in_force` and "
    "`windows`, or use a fact such as `company_age_months`."
)
_TYPES: Final = "A fact has one type already; compare it as it is."
_LIST: Final = "Name each value: = 'a', or IN ('a', 'b')."

_INSTEAD: Final[Mapping[str, str]] = {
    "/": "Multiply the other side instead: `a > 100 * b` says what `a / b > 100` does, for b > 0.",
    "%": "Name a fact for it.",
    **dict.fromkeys(("CASE", "IF", "IFF", "NULLIF"), _RATES),
    **dict.fromkeys(("COALESCE", "IFNULL", "NVL"), _UNKNOWN),
    **dict.fromkeys(("SUM", "COUNT", "AVG", "MIN", "MAX", "OVER", "ANY", "ALL"), _ONE_CASE),
    **dict.fromkeys(("SELECT", "SUBQUERY", "EXISTS"), _ONE_CASE),
    **dict.fromkeys(("NOW", "CURRENT_DATE", "CURRENT_TIMESTAMP", "TODAY", "GETDATE"), _NO_CLOCK),
    **dict.fromkeys(("CAST", "TRY_CAST"), _TYPES),
    **dict.fromkeys(("LIKE", "ILIKE", "SIMILAR_TO", "REGEXP_LIKE"), _LIST),
    **dict.fromkeys(("||", "|"), "Write OR."),
    **dict.fromkeys(("&&", "&"), "Write AND."),
    **dict.fromkeys(("=>",), "Write >=."),
    **dict.fromkeys(("=<",), "Write <=."),
}
NAMES: Final[Mapping[str, str]] = {
    "DIV": "/", "MOD": "%", "DPIPE": "||", "BITWISEAND": "&", "BITWISEOR": "|", "BITWISEXOR": "^",
    "NULLSAFEEQ": "IS NOT DISTINCT FROM", "NULLSAFENEQ": "IS DISTINCT FROM", "STAR": "*",
    "TRYCAST": "TRY_CAST", "CURRENTDATE": "CURRENT_DATE", "CURRENTTIMESTAMP": "CURRENT_TIMESTAMP",
    "RAND": "RANDOM", "WINDOW": "OVER", "PLACEHOLDER": "?", "PARAMETER": "@", "BRACKET": "[…]",
    "DOT": ".", "TUPLE": "(…, …)",
}  # fmt: skip
"""What the parser calls a step, and what its writer did."""

_HALF_WIDTH: Final = str.maketrans(
    {
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
        "“": "'",
        "”": "'",
        "‘": "'",
        "’": "'",
        "、": ",",
        "。": ".",
        "\u3000": " ",
        "《": "<",
        "》": ">",
        "【": "(",
        "】": ")",
        "≥": ">=",
        "≤": "<=",
        "≠": "<>",
        "×": "*",
    }
)


def instead_of(name: str) -> str:
    """Return the remedy for a function, an operator or a clause that is not allowed.

    >>> instead_of("now")[:24]
    'The day of the decision '
    """
    if name.upper() in _INSTEAD:
        return _INSTEAD[name.upper()]
    return "Did you mean yuan(…)?" if get_close_matches(name.lower(), ["yuan"]) else ALLOWED


def typed(mark: str) -> str:
    """Return what a mark of a Chinese input method stands for in a condition, or the mark itself.

    >>> typed("，"), typed("≥"), typed("中")
    (',', '>=', '中')
    """
    return mark.translate(_HALF_WIDTH)


def left_over(word: str) -> str:
    """Return the remedy for a word that follows a whole condition.

    >>> left_over("andd"), left_over("万元")
    ('Did you mean AND?', 'Write amounts as yuan(500000).')
    """
    if word.lower() in {"yuan", "rmb", "cny"} or word[:1] in {"元", "万", "亿", "千", "百"}:
        return "Write amounts as yuan(500000)."
    close = get_close_matches(word.upper(), ["AND", "OR"], n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return "Join conditions with AND or OR, and write numbers as digits alone."
