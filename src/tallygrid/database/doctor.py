"""What is missing on this machine, and how to get it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import psycopg

from tallygrid.database.binaries import choose
from tallygrid.database.command import run_as
from tallygrid.database.durability import DURABLE_SETTINGS
from tallygrid.database.embedded import at_home
from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import name_of_client, ourselves
from tallygrid.database.server import Server, locate
from tallygrid.database.voice import Voice
from tallygrid.settings import Language, Settings
from tallygrid.text import render

State = Literal["ok", "missing", "optional"]

_PYTHON_OLDEST: Final = (3, 11)
_FREE_MB_MIN: Final = 1024
_CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Finding:
    """One thing the system needs or can use, and whether it is here.

    `missing` stops the system from working; `optional` only leaves something out.
    """

    subject: str
    state: State
    values: Mapping[str, object] = field(default_factory=dict)

    def sentence(self, language: Language) -> str:
        """Return what was found, and how to get what was not."""
        return render(f"doctor.{self.subject}.{self.state}", language, **self.values)


def examine(settings: Settings, report: Callable[[str], None]) -> tuple[Finding, ...]:
    """Look for everything the system needs or can use; start nothing that is not running."""
    return (
        _python(),
        _home(settings.home),
        _disk(settings.home),
        *_postgresql(settings, report),
        _program("bean_check", "bean-check", needed=True),
        _program("slurm", "sbatch"),
        _program("chromium", *_CHROMIUM_NAMES),
    )


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, _PYTHON_OLDEST))
    state: State = "ok" if sys.version_info >= _PYTHON_OLDEST else "missing"
    return Finding("python", state, {"found": found, "wanted": wanted})


def _home(home: Path) -> Finding:
    nearest = _nearest(home)
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return Finding("home", "ok" if writable else "missing", {"home": str(home)})


def _disk(home: Path) -> Finding:
    free_mb = shutil.disk_usage(_nearest(home)).free // 1024**2
    state: State = "ok" if free_mb >= _FREE_MB_MIN else "missing"
    values = {"home": str(home), "free_mb": free_mb, "wanted_mb": _FREE_MB_MIN}
    return Finding("disk", state, values)


def _postgresql(settings: Settings, report: Callable[[str], None]) -> Iterator[Finding]:
    try:
        if settings.database_url:
            yield _running(locate(settings, report), "external_server")
            return
        yield _binaries()
        if at_home(settings.home, Voice(report)).answers():
            yield _running(locate(settings, report), "embedded_server")
    except (DatabaseError, psycopg.Error) as error:
        why = error.sentence(settings.language) if isinstance(error, DatabaseError) else str(error)
        yield Finding("postgresql", "missing", {"why": why})


def _binaries() -> Finding:
    name_of_client()  # refuses a user without a name
    binaries = choose(None)
    told = run_as(ourselves(), binaries.bin / "postgres", "--version")
    return Finding("postgresql", "ok", {"found": told.split()[2], "where": str(binaries.bin)})


def _running(server: Server, subject: str) -> Finding:
    with server.administer() as administrator:
        found = str(administrator.info.parameter_status("server_version"))
    return Finding(subject, "ok", {"found": found, "settings": ", ".join(DURABLE_SETTINGS)})


def _program(subject: str, *names: str, needed: bool = False) -> Finding:
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, os.environ.get("PATH", os.defpath)))
    found = next((each for name in names if (each := shutil.which(name, path=path))), None)
    if found is not None:
        return Finding(subject, "ok", {"where": found})
    return Finding(subject, "missing" if needed else "optional")


def _nearest(path: Path) -> Path:
    """Return the path itself or the first of its parents that exists."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if _exists(each))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False
