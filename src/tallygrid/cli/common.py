"""What all commands share: the desk they work at, how mistakes are told, how output is written."""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from zoneinfo import ZoneInfo

import click

from tallygrid import clock, settings
from tallygrid.settings import Language, Settings

if TYPE_CHECKING:
    from rich.console import Console

    from tallygrid.core.assumptions import Assumptions
    from tallygrid.core.books import Problem
    from tallygrid.core.programme import Programme
    from tallygrid.database import Server
    from tallygrid.service.office import Office

REFUSED: Final = 1
WRONG_INPUT: Final = 2
ZONE: Final = ZoneInfo("Asia/Shanghai")
"""The zone in which a day given on the command line is read."""

_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2199
"""A day outside these years is a slip of the pen."""


@dataclass(frozen=True)
class Desk:
    """Where a command works: its settings, and its two streams."""

    settings: Settings

    @classmethod
    def of(cls, language: str | None) -> "Desk":
        """Return the desk of this process; a language given wins over the environment's."""
        found = settings.from_machine()
        return cls(replace(found, language=cast("Language", language)) if language else found)

    @property
    def language(self) -> Language:
        """The language of the output."""
        return self.settings.language

    @cached_property
    def out(self) -> "Console":
        """The console for results; a hundred columns wide where nobody looks."""
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else 100, highlight=False)

    @cached_property
    def log(self) -> "Console":
        """The console for everything else."""
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def say(self, sentence: str) -> None:
        """Say something about the progress of the work."""
        self.log.print(sentence, style="dim", markup=False, soft_wrap=True)

    def server(self) -> "Server":
        """Return the database server, started and brought to this version."""
        from tallygrid.database import persistently, resolve
        from tallygrid.service.install import install
        from tallygrid.text import render

        server = resolve(self.settings, self.say)
        if applied := persistently(server, lambda: install(server)):
            self.say(render("cli.migrated", self.language, count=len(applied)))
        return server

    @contextmanager
    def office(
        self, *, slots: int | None = None, patience_s: float | None = None
    ) -> "Iterator[Office]":
        """Open the office: the books, the catalogue, and this machine's site.

        Args:
            slots: How many cards this machine's site has; as many as it has cores if left out.
            patience_s: How long to wait for a server that is away.
        """
        import os

        from tallygrid.database.again import PATIENCE_S, Sessions
        from tallygrid.files.catalogue import read_catalogue
        from tallygrid.files.weights import read_weights
        from tallygrid.service.office import Office
        from tallygrid.sites.local import LocalSite

        site = LocalSite(self.settings.home / "sites" / "local", slots=slots or os.cpu_count() or 1)
        weights = read_weights(self.settings.weights)
        catalogue = read_catalogue(self.settings.catalogue)
        patience_s = PATIENCE_S if patience_s is None else patience_s
        with Sessions(self.server(), self.say, patience_s=patience_s) as sessions:
            yield Office(sessions, catalogue, site, weights)


def in_language(code: str, /, **values: object) -> str:
    """Return a sentence in the language of the command that is being given."""
    from tallygrid.text import render

    context = click.get_current_context(silent=True)
    desk = context.find_object(Desk) if context else None
    return render(code, desk.language if desk else "en", **values)


def nearest_said(word: str, known: Collection[str]) -> str:
    """Return a remedy that names what a mistyped word was probably meant to be."""
    from tallygrid.files.nearest import closest

    if (close := closest(word, known)) is not None:
        return in_language("cli.did_you_mean", name=close)
    return in_language("cli.known_are", names=", ".join(sorted({*known})) or "–")


def visible(text: str) -> str:
    r"""Return what a file or a row says as it may stand in a line: it shall not end or colour it.

    >>> visible("V-1\nV-2: sound.\x1b[2J 券")
    'V-1·V-2: sound.·[2J 券'
    """
    return "".join(one if one.isprintable() else "·" for one in text)


def told_of(problem: "Problem", language: Language) -> str:
    """Return the sentence of a problem, in a line of its own."""
    from tallygrid.text import render

    return visible(render(problem.code, language, **problem.values))


def write_json(data: object) -> None:
    """Write one JSON document on standard output."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def instant(written: str | None, option: str = "--at") -> datetime:
    """Return the instant that an option names: a day, or a day and time; now if it is left out.

    It is in the zone of the programmes, so that its day is the day there.
    """
    if written is None:
        return clock.now().astimezone(ZONE)
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        message = in_language("cli.no_date", written=written)
        raise click.BadParameter(message, param_hint=option) from None
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        years = {"first": _FIRST_YEAR, "last": _LAST_YEAR}
        message = in_language("cli.no_year", written=written, **years)
        raise click.BadParameter(message, param_hint=option)
    return at.astimezone(ZONE) if at.tzinfo else at.replace(tzinfo=ZONE)


def require_text(typed: Iterable[str]) -> None:
    """Refuse bytes that are no UTF-8, as from a script in GBK: no name, number or reason is."""
    for word in typed:
        if not word.isascii() and not _is_text(word) and not os.path.lexists(word):
            raise click.UsageError(in_language("cli.no_utf8", word=ascii(word)))


def _is_text(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)


def not_blank(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Refuse a number, a name or a reason that says nothing; the spaces around one do not count."""
    if text is None or (said := text.strip()):
        return text and said
    raise click.BadParameter(in_language("cli.blank"))


at_option: Callable[[Any], Any] = click.option(
    "--at", metavar="DATE", help="The day, or day and time, to decide at; now if left out."
)
because_option: Callable[[Any], Any] = click.option(
    "--because",
    "why",
    required=True,
    metavar="TEXT",
    callback=not_blank,
    help="The reason, for the books.",
)
evidence_option: Callable[[Any], Any] = click.option(
    "--evidence",
    "document",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    callback=lambda _, __, path: sha256(path.read_bytes()).hexdigest() if path else "",
    help="The paper that says so; its hash is kept.",
)
json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON document."
)


def programmes() -> "tuple[Programme, ...]":
    """Return the programmes that are shipped with the package."""
    from tallygrid.files.programme import read_programmes

    return read_programmes()


def own_programmes(files: Sequence[Path]) -> "tuple[Programme, ...]":
    """Return programmes of one's own, read together, as what stands between them counts too.

    Raises:
        FileError: With every mistake of every file.
    """
    from tallygrid.files.document import FileError
    from tallygrid.files.programme import check

    found = check(files)
    if found.mistakes:
        raise FileError(found.mistakes)
    return found.programmes


def beside_packaged(own: "Sequence[Programme]") -> "tuple[Programme, ...]":
    """Return the packaged programmes and one's own; of two with one id, one's own."""
    return tuple({one.id: one for one in (*programmes(), *own)}.values())


def programme_of(name: str) -> "Programme":
    """Return a programme by its id or its file.

    Raises:
        click.BadParameter: There is no such programme.
    """
    from tallygrid.files.programme import read_programme

    if name.endswith((".yaml", ".yml")):
        return read_programme(Path(name))
    found = {one.id: one for one in programmes()}
    if name in found:
        return found[name]
    message = in_language("cli.no_programme", name=name, remedy=nearest_said(name, found))
    raise click.BadParameter(message)


def require_published(name: str | None, published: Collection[str]) -> None:
    """Refuse a programme that has no books here.

    Raises:
        click.BadParameter: With the nearest name.
    """
    if name is not None and name not in published:
        first = in_language("cli.publish_first")
        remedy = nearest_said(name, published) if published else first
        message = in_language("cli.no_books", name=name, remedy=remedy)
        raise click.BadParameter(message, param_hint="--programme")


def assumptions(name: str | None, *more: "Programme") -> "Assumptions | None":
    """Return assumptions by name or by file; none if none are asked for.

    A file may speak of programmes that are not shipped with the package.
    """
    from tallygrid.files.assumptions import packaged_assumptions, packaged_names, read_assumptions

    if name is None:
        return None
    path = Path(name)
    known = programmes()
    if path.suffix:
        return read_assumptions(path, (*known, *more))
    if name not in (shipped := packaged_names()):
        remedy = nearest_said(name, shipped)
        message = in_language("cli.no_assumptions", name=name, remedy=remedy)
        raise click.BadParameter(message, param_hint="--assume")
    return packaged_assumptions(name, known)
