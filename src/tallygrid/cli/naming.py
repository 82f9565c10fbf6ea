"""Names that a user gives and that stand in the books, where they are part of accounts' names."""

import re
from typing import Final

import click

from tallygrid.cli.common import in_language

_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LENGTH_MAX: Final = 64


def name_for_the_books(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    """Refuse a name that could not stand in the books."""
    if name is None or (0 < len(name) <= _LENGTH_MAX and not _STRANGE.search(name)):
        return name
    raise click.BadParameter(in_language("cli.no_name", name=name, most=_LENGTH_MAX))


def name_for_a_file(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    """Refuse a name that could not be a file's, or that nobody could read."""
    if name is None or (
        0 < len(name) <= _LENGTH_MAX
        and name.isprintable()
        and not name.startswith((".", " "))
        and not set(name) & {"/", "\\"}
    ):
        return name
    raise click.BadParameter(in_language("cli.no_file_name", name=name, most=_LENGTH_MAX))


def plain(name: str) -> str:
    """Return a name without what could not stand in the books."""
    return _STRANGE.sub("-", name)
