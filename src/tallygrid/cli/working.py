"""`tallygrid worker`: what nobody waits for, at its pace, in one process that opens no port."""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Final

import click

from tallygrid import clock
from tallygrid.cli.common import REFUSED, Desk, instant
from tallygrid.service import working
from tallygrid.service.working import Done, Task
from tallygrid.settings import Language
from tallygrid.text import render

_task: Final = click.Choice(working.NAMES)
_PATIENCE_S: Final = 20
"""How long a task waits for a server that is away, before it has failed."""


@click.command()
@click.option("--once", is_flag=True, help="Do everything once, and leave.")
@click.option("--only", multiple=True, type=_task, help="Only this task; may be given again.")
@click.option(
    "--every",
    multiple=True,
    type=(_task, click.IntRange(1, 24 * 60)),
    metavar="TASK MINUTES",
    help="Do this task so often; may be given again.",
)
@click.pass_obj
def worker(
    desk: Desk, *, once: bool, only: Sequence[str], every: Sequence[tuple[str, int]]
) -> None:
    """Finish what was left lying, end what is over, publish heads, solve prices, until stopped."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    paces = {name: timedelta(minutes=minutes) for name, minutes in every}
    with desk.office(patience_s=_PATIENCE_S) as office:
        wanted = [
            replace(task, every=paces.get(task.name, task.every))
            for task in working.tasks(office, desk.settings.home)
            if not only or task.name in only
        ]
        if once:
            _once(desk, wanted, stop)
            return
        click.echo(render("worker.works", desk.language), err=True)
        working.work(
            wanted,
            now=lambda: instant(None),
            since=lambda: timedelta(seconds=time.monotonic()),
            wait=lambda pause: stop.wait(pause.total_seconds()),
            tell=lambda done: _tell(desk, done),
        )
    click.echo(render("worker.stopped", desk.language), err=True)


def _once(desk: Desk, wanted: Sequence[Task], stop: threading.Event) -> None:
    """Give every task one turn; leave with exit code 1 if one failed."""
    failed = False
    for task in wanted:
        if stop.is_set():
            break
        done = working.attempt(task, instant(None))
        _tell(desk, done)
        failed |= done.error is not None
    if failed:
        sys.exit(REFUSED)


def _tell(desk: Desk, done: Done) -> None:
    """Say what was done, and why what failed has failed; nothing where there was nothing to do."""
    if done.error is not None:
        why = " ".join(_sentence(done.error, desk.language).split())
        task = render(f"worker.task.{done.task}", desk.language)
        _say(render("worker.failed", desk.language, task=task, why=why))
        if done.again is not None:
            when = f"{done.again.astimezone(UTC):%H:%M:%SZ}"
            _say(render("worker.again", desk.language, task=task, at=when))
    elif done.count:
        _say(render(f"worker.did.{done.task}", desk.language, count=done.count))


def _say(words: str) -> None:
    click.echo(f"{clock.now():%Y-%m-%dT%H:%M:%SZ} {words}", err=True)


def _sentence(error: Exception, language: Language) -> str:
    """Return what an error says, in a language where it can; of several, one after the other."""
    if isinstance(error, ExceptionGroup):
        return " ".join(_sentence(one, language) for one in error.exceptions)
    in_language = getattr(error, "sentence", None)
    return in_language(language) if in_language else f"{type(error).__name__}: {error}"
