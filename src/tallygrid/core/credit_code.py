"""The unified social credit code (统一社会信用代码): its two check characters.

GB 32100-2015: registering authority (1 character), category (1), division of the
authority by GB/T 2260 (6), organisation code by GB 11714 (9), check character (1).
"""

from collections.abc import Sequence
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Thirty-one characters: I, O, S, V and Z are left out, being too like digits."""

LENGTH: Final = 18
_WEIGHTS: Final = tuple(3**place % 31 for place in range(LENGTH - 1))
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECKS: Final = "0123456789X"


def is_well_formed(code: str) -> bool:
    """Tell whether a code has the right length, characters and last character.

    >>> is_well_formed("91350100M000100Y43")
    True
    >>> is_well_formed("91350100M000100Y44")
    False
    """
    return (
        len(code) == LENGTH
        and all(character in ALPHABET for character in code)
        and code[-1] == check_character(code[:-1])
    )


def check_character(body: str) -> str:
    """Return the last character that GB 32100-2015 gives the seventeen before it.

    >>> check_character("91350100M000100Y4")
    '3'
    """
    values = [ALPHABET.index(character) for character in body]
    return ALPHABET[-_weighed(values, _WEIGHTS) % len(ALPHABET)]


def division(code: str) -> str | None:
    """Return the division whose authority gave a code out; a hint, for firms move.

    A national authority's code, and a division that no code can have, give none.

    >>> division("91350100M000100Y43"), division("91100000M000100Y43")
    ('350100', None)
    """
    found = code[2:8]
    national = found.startswith(("10", "00"))
    return found if found.isdecimal() and found.isascii() and not national else None


def organisation_check_character(body: str) -> str:
    """Return the ninth character that GB 11714 gives the eight of an organisation code.

    >>> organisation_check_character("M000100Y"), organisation_check_character("D2143569")
    ('4', 'X')
    """
    values = [int(character, 36) for character in body]
    return _ORGANISATION_CHECKS[-_weighed(values, _ORGANISATION_WEIGHTS) % 11]


def _weighed(values: Sequence[int], weights: Sequence[int]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))
