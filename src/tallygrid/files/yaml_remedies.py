"""What to do about a text that is no YAML: the slips of hand behind the parser's words."""

import re
import unicodedata
from typing import Final

_MARKS: Final = "：，“”‘’【】｛｝－＃＊＆"
"""Marks of Chinese input methods that look like those of YAML."""

_NOT_A_DASH: Final = {"【": "[", "】": "]", "“": '"', "”": '"', "‘": "'", "’": "'"}
_REMEDIES: Final = (
    ("mapping values are not allowed", "Put a text that holds `: ` in quotes, or mend the indent."),
    ("did not find expected key", "Begin the line right under the one that it belongs beside."),
    ("did not find expected '-'", "Begin the line right under the one that it belongs beside."),
    ("did not find expected ','", "Close the bracket, or put a comma between the values."),
    ("could not find expected ':'", "Write `name: value`, with a space after the colon."),
    ("found unexpected end of stream", "Close the quotation mark or bracket."),
    ("cannot start any token", "Put a text that begins with this character in quotes."),
)


def yaml_remedy(text: str, line: int, problem: str) -> str:
    """Return what to do about the line at which a parser gave up.

    Args:
        text: The whole text.
        line: The line, counted from 1; the slip may be on the one before.
        problem: What the parser said.
    """
    lines = text.split("\n")
    nearby = [(n, lines[n - 1]) for n in (line, line - 1) if 0 < n <= len(lines)]
    for number, written in nearby:
        if re.match(r" *\t", written):
            return f"Line {number} begins with a tab: indent with spaces."
        if blank := re.match(r"\s*?([^\S \t\r\n])", written):
            return f"Line {number} begins with the blank U+{ord(blank[1]):04X}: use plain spaces."
    for number, written in nearby:
        if mark := next((mark for mark in written if mark in _MARKS), ""):
            plain = _NOT_A_DASH.get(mark) or unicodedata.normalize("NFKC", mark)
            return (
                f"Line {number} has the full-width `{mark}`: write `{plain}` where YAML is meant."
            )
    return next((remedy for said, remedy in _REMEDIES if said in problem), "Mend the line.")
