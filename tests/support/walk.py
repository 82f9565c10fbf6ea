"""Walks a page of the documentation: runs the commands it shows and compares what they print.

A page shows commands in blocks marked `console`, each after a `$ ` with what it printed below;
a line that begins with `> ` continues the command above, and a line `…` stands for any number
of lines that are left out. In a block marked `console measured` amounts may differ, since they
come from a clock. To record a page anew, after it has been changed::

    PYTHONPATH=tests/support .venv/bin/python tests/support/walk.py docs/tour.md
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tallygrid import cli

ROOT: Final = Path(__file__).resolve().parents[2]
LEFT_OUT: Final = "…"
_BLOCK: Final = re.compile(
    r"^```console(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HOME: Final = re.compile(r"^export TALLYGRID_HOME=(?P<home>\S+)$", re.MULTILINE)
_VARIES: Final = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "KEY"),
    (re.compile(r"sha256:[0-9a-f]+"), "sha256:HASH"),
    (re.compile(r"\S*/sites/local/"), "HOME/sites/local/"),
)
_MEASURED: Final = (
    (re.compile(r"[\d.,]+ card-seconds"), "N card-seconds"),
    (re.compile(r"CN¥[\d.,]+"), "CN¥N"),
)


@dataclass(frozen=True)
class Step:
    """One command of a page and what the page says that it prints."""

    command: str
    expected: tuple[str, ...]
    is_measured: bool = False


def steps(page: str) -> tuple[Step, ...]:
    """Return every command of a page in order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(page):
        is_measured = "measured" in block["kind"]
        found += (
            Step(command, tuple(lines), is_measured) for command, lines in _split(block["body"])
        )
    return tuple(found)


def _split(body: str) -> Iterator[tuple[str, list[str]]]:
    command, printed = "", list[str]()
    for line in body.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, printed
            command, printed = line[2:], []
        elif line.startswith("> ") and not printed:
            command += "\n" + line[2:]
        else:
            printed.append(line)
    if command:
        yield command, printed


class Walk:
    """A shell in a folder with the examples beside it and books of its own.

    The folder is empty but for the files of the page, which stand in a folder of its name.
    """

    def __init__(self, folder: Path, files: Path | None = None) -> None:
        self.folder = folder
        self.exit_code = 0
        shutil.copytree(ROOT / "examples", folder / "examples")
        if files is not None and files.is_dir():
            shutil.copytree(files, folder, dirs_exist_ok=True)

    def run(self, command: str) -> list[str]:
        """Run one command and return the lines that it printed."""
        if command == "echo $?":
            return [str(self.exit_code)]
        words = shlex.split(command.replace("\\\n", " "))
        ours = words[0] == "tallygrid" and "|" not in words
        printed = self._ours(words[1:]) if ours else self._shell(command)
        return [line for line in printed.splitlines() if not _WAITING.search(line)]

    def _ours(self, words: list[str]) -> str:
        """Run a command of ours in this process, which spares it a second of imports."""
        target = None
        if ">" in words:
            words, target = words[: words.index(">")], words[-1]
        out, said = io.StringIO(), io.StringIO()
        if target is None:
            said = out
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(said):
            self.exit_code = _called(words)
        if target is None:
            return out.getvalue()
        (self.folder / target).write_text(out.getvalue(), encoding="utf-8")
        return said.getvalue()

    def _shell(self, command: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.exit_code = done.returncode
        return done.stdout


_WAITING: Final = re.compile(r" \d+ (s so far\.|秒。)$")
"""What a machine says while it is busy, which no page shows."""


def _called(words: list[str]) -> int:
    with pytest.MonkeyPatch.context() as here:
        here.setattr(sys, "argv", ["tallygrid", *words])
        try:
            cli.main()
        except SystemExit as leaving:
            return int(leaving.code or 0)
    return 0


def differences(step: Step, printed: list[str]) -> list[str]:
    """Return what a page shows in other words than the command printed."""
    expected = [_normal(line, step) for line in step.expected]
    found = [_normal(line, step) for line in printed]
    if _matches(expected, found):
        return []
    return [f"$ {step.command}", "the page shows:", *expected, "the command printed:", *found]


def _matches(expected: list[str], found: list[str]) -> bool:
    """Tell whether lines agree, a line `…` standing for any number of lines."""
    if not expected:
        return not found
    first, *rest = expected
    if first.strip() == LEFT_OUT:
        return any(_matches(rest, found[n:]) for n in range(len(found) + 1))
    return bool(found) and found[0] == first and _matches(rest, found[1:])


def _normal(line: str, step: Step) -> str:
    for pattern, name in (*_VARIES, *(_MEASURED if step.is_measured else ())):
        line = pattern.sub(name, line)
    return line.rstrip()


@contextmanager
def books_of_its_own(home: Path) -> Iterator[None]:
    """Let the commands keep their books in a home, with wide lines and in English."""
    given = {
        "TALLYGRID_HOME": str(home),
        "TALLYGRID_LANGUAGE": "en",
        "TALLYGRID_DATABASE_URL": "",
        "COLUMNS": "1000",
    }
    with pytest.MonkeyPatch.context() as here:
        for name, value in given.items():
            here.setenv(name, value)
        yield


def record(page: Path) -> None:
    """Run the commands of a page and write what they print into it; keep what it left out."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="tallygrid-") as directory:
        folder = Path(directory)
        folder.chmod(0o711)
        with books_of_its_own(folder / "home"):
            walk = Walk(folder / "work", files=page.with_suffix(""))
            try:
                text = _BLOCK.sub(lambda one: _recorded(walk, one), text)
            finally:
                walk.run("tallygrid stop")
        shown = _HOME.search(text)
        text = text.replace(str(folder / "home"), shown["home"] if shown else "…")
        page.write_text(text, encoding="utf-8")


def _recorded(walk: Walk, block: re.Match[str]) -> str:
    lines: list[str] = []
    for step in steps(block[0]):
        printed = walk.run(step.command)
        keep = any(line.strip() == LEFT_OUT for line in step.expected)
        if keep and differences(step, printed):
            print("\n".join(differences(step, printed)), file=sys.stderr)  # noqa: T201  # run by hand
        lines += ["$ " + step.command.replace("\n", "\n> ")]
        lines += step.expected if keep else printed
    return f"```console{block['kind']}\n" + "\n".join(lines) + "\n```"


if __name__ == "__main__":
    record(Path(sys.argv[1]))
