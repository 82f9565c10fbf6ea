"""What is said of a programme that was played with another text than was published."""

from collections.abc import Mapping
from typing import Any, Final

from tallygrid.settings import Language
from tallygrid.text import render

_DIGITS: Final = 12
"""Of a hash, where it is read by people; the summary holds all of it."""


def changed_text(programme: Mapping[str, Any], language: Language) -> str:
    """Say of a programme of a summary what was changed in its text, and by which hashes."""
    changes = render("report.lab.between", language).join(programme["changes"][language])
    return render(
        "lab.changed", language, programme=programme["name"][language], changes=changes,
        text=short_hash(programme["text"]), played=short_hash(programme["version"]),
    )  # fmt: skip


def short_hash(written: str) -> str:
    """Return the digits of a hash that tell it from others.

    >>> short_hash("sha256:3e4746c1c5b0233c9053be6d")
    '3e4746c1c5b0'
    """
    return written.removeprefix("sha256:")[:_DIGITS]
