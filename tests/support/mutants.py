"""Planting mistakes: small patches on the SQL of the books, one mistake each."""

import re
from importlib.resources import as_file
from pathlib import Path
from shutil import copytree
from typing import Final

from tallygrid import ledger

DIRECTORY: Final = Path(__file__).parents[1] / "mutants"
_HUNK: Final = re.compile(r"^@@.*@@.*\n", re.MULTILINE)
_TARGET: Final = re.compile(r"^\+\+\+ b/(\S+)\n", re.MULTILINE)


def names() -> list[str]:
    """Return the name of every mutant."""
    return sorted(file.stem for file in DIRECTORY.glob("*.patch"))


def plant(name: str, directory: Path) -> None:
    """Write the SQL of the books with a mistake into a directory.

    A hunk is put where its lines stand, wherever that is by now; they must stand once.
    """
    write_sound(directory)
    patch = (DIRECTORY / f"{name}.patch").read_text(encoding="utf-8")
    target = _TARGET.search(patch)
    assert target is not None, f"{name}.patch names no file: it needs a line +++ b/functions/…"
    file = directory / target[1]
    text = file.read_text(encoding="utf-8")
    hunks = _HUNK.split(patch[target.end() :])[1:]
    assert hunks, f"{name}.patch changes nothing"
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, (
            f"{name}.patch no longer applies: these lines stand {text.count(before)} times in"
            f" {target[1]}, and not once:\n{before}"
        )
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")


def write_sound(directory: Path) -> None:
    """Write the SQL of the books as it is into a directory."""
    with as_file(ledger.MIGRATIONS) as sound:
        copytree(sound, directory, dirs_exist_ok=True)
