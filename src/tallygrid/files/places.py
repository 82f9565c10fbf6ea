"""Where a character of a text value stands in the file that the value was read from."""

from typing import Final

_BLOCKS: Final = "|>"
_ESCAPES: Final = {"'": "'", '"': "\\"}
"""What makes one character of two inside each kind of quotation marks."""


def place_within(
    text: str, start: tuple[int, int], value: str, at: tuple[int, int]
) -> tuple[int, int]:
    r"""Return the line and column in a file of a line and column in a value that begins there.

    Folding and indentation change blanks only, so the marks before the place are counted in
    the value, and as many passed in the file.

    >>> place_within("when: >\n  a AND\n  b", (1, 7), "a AND b", (1, 7))
    (3, 3)
    >>> place_within("when: 'it''s AND b'", (1, 7), "it's AND b", (1, 10))
    (1, 18)
    """
    lines = text.split("\n")
    offset = sum(len(line) + 1 for line in lines[: start[0] - 1]) + start[1] - 1
    quote = text[offset : offset + 1]
    before = _before(value, at)
    if quote and quote in _BLOCKS:
        offset = text.find("\n", offset)
    elif quote in _ESCAPES:
        offset += 1
    return _line_column(text, _passed(text, offset, before, _ESCAPES.get(quote, "")))


def _before(value: str, at: tuple[int, int]) -> int:
    """Count the marks that are no blanks before a place in a value."""
    lines = value.split("\n")
    before = "".join(lines[: at[0] - 1]) + lines[at[0] - 1][: at[1] - 1]
    return len("".join(before.split()))


def _passed(text: str, offset: int, marks: int, escape: str) -> int:
    """Return the offset of the mark that comes after so many marks, blanks not counted."""
    while 0 <= offset < len(text):
        if text[offset].isspace():
            offset += 1
            continue
        if not marks:
            break
        marks -= 1
        offset += 2 if text[offset] == escape else 1
    return min(max(offset, 0), len(text.rstrip()))


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
