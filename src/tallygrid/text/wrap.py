"""Lines as wide as a terminal: broken between words, and anywhere in Chinese, indented."""

from collections.abc import Iterable, Iterator
from typing import Final
from unicodedata import east_asian_width

_DEEPER: Final = 4
_NARROWEST: Final = 20
_NOT_FIRST: Final = frozenset("，。；：、！？）］”」』》,.;:)]%")


def wrapped(lines: Iterable[str], width: int) -> Iterator[str]:
    """Yield lines no wider than a terminal; what is broken goes on four columns deeper.

    >>> list(wrapped(["  one two three"], 20))
    ['  one two three']
    >>> list(wrapped(["  one two three four five"], 20))
    ['  one two three four', '      five']
    """
    for line in lines:
        yield from _wrapped(line, max(width, _NARROWEST))


def _wrapped(line: str, width: int) -> Iterator[str]:
    indent = " " * (len(line) - len(line.lstrip(" ")))
    now = indent
    for piece in _pieces(line.lstrip(" ")):
        if _columns(now) + _columns(piece.rstrip(" ")) > width and now.strip():
            yield now.rstrip(" ")
            now = indent + " " * _DEEPER
        now += piece
    yield now.rstrip(" ")


def _pieces(text: str) -> Iterator[str]:
    """Yield the parts of a line that stay whole: words with the space after them, wide signs."""
    piece = ""
    for sign in text:
        ended = piece.endswith(" ") or _is_wide(sign) or (piece and _is_wide(piece[-1]))
        if piece and ended and sign not in _NOT_FIRST and sign != " ":
            yield piece
            piece = ""
        piece += sign
    if piece:
        yield piece


def _is_wide(sign: str) -> bool:
    return east_asian_width(sign) in "WF"


def _columns(text: str) -> int:
    return sum(2 if _is_wide(sign) else 1 for sign in text)
