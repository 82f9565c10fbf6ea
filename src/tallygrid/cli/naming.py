"""Names that a user gives and that stand in the books, where they are part of accounts' names."""

import re
from typing import Final

import click

_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LENGTH_MAX: Final = 64


def name_for_the_books(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    """Refuse a name that could not stand in the books."""
    if name is None or (0 < len(name) <= _LENGTH_MAX and not _STRANGE.search(name)):
        return name
    message = (
        f"{name!r} cannot stand in the books. Use letters of the Latin alphabet, digits, "
        f"'.', '_' and '-', at most {_LENGTH_MAX} in all."
    )
    raise click.BadParameter(message)


def plain(name: str) -> str:
    """Return a name without what could not stand in the books."""
    return _STRANGE.sub("-", name)
