"""A file that is written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallygrid.files.mistake import FileError, Mistake


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what is written takes its name once all of it is there.

    Whatever goes wrong meanwhile, a file of that name stays as it was.

    Raises:
        FileError: Nothing can be written there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.touch()
    except OSError as error:
        problem = f"The file cannot be written: {error.strerror}."
        remedy = "Name a place in a folder that exists and that you may write to."
        raise FileError([Mistake(str(path), 1, 1, problem, remedy)]) from error
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
