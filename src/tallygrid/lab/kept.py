"""What the laboratory keeps on disk, read back: broken or of another release, it is refused."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from tallygrid.files.mistake import FileError, Mistake


def read_kept(path: Path, needed: Collection[str]) -> dict[str, Any]:
    """Return what a file of JSON tells.

    Raises:
        FileError: It is no JSON, or has not all that is needed.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _refused(path, f"The file is broken: {error}.") from None
    missing = [name for name in needed if not isinstance(found, dict) or name not in found]
    if missing:
        names = ", no ".join(f"`{name}`" for name in missing)
        raise _refused(path, f"The file has no {names}; it is broken, or of another release.")
    return dict(found)


def read_table(path: Path) -> pl.DataFrame:
    """Return a table.

    Raises:
        FileError: It is no Parquet.
    """
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError:
        raise _refused(path, "The file is no Parquet.") from None


def _refused(path: Path, problem: str) -> FileError:
    remedy = "Remove its folder, and play it again."
    return FileError([Mistake(str(path), 1, 1, problem, remedy)])
