"""A batch of approved claims as CSV: what each asks, when it came in, its score and its group."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tallygrid.core.allocation import Claim
from tallygrid.files.mistake import FileError, Mistake, shown
from tallygrid.files.nearest import nearest
from tallygrid.files.receipts import fen_of
from tallygrid.files.rows import read_rows

COLUMNS: Final = ("id", "amount_yuan", "submitted_at", "score", "group")
_INSTANT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{3}(\d{3})?)?)?(Z|[+-]\d{2}:\d{2})?)?"
)
_SCORE: Final = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True)
class Reading:
    """How a file of claims is read."""

    zone: ZoneInfo
    """In which instants are read that name none."""
    groups: Collection[str] = ()
    """The groups that there are; a claim need not be in one."""
    is_ranked: bool = False
    """Whether every claim needs a score."""


def read_claims(path: Path, how: Reading) -> tuple[Claim, ...]:
    """Read a file of claims.

    Raises:
        FileError: With every mistake in it.
    """
    rows = read_rows(path, COLUMNS, empty="There is no claim.")
    mistakes = [*_twice(str(path), rows)]
    mistakes += [one for line, row in rows for one in _mistakes(str(path), line, row, how)]
    if mistakes:
        raise FileError(mistakes)
    return tuple(_claim(row, how) for _, row in rows)


def _claim(row: dict[str, str], how: Reading) -> Claim:
    return Claim(
        id=row["id"],
        asked_fen=fen_of(row["amount_yuan"]),
        submitted_at=_instant(row["submitted_at"], how.zone),
        score=int(row["score"]) if row["score"] else None,
        group=row["group"],
    )


def _twice(file: str, rows: Sequence[tuple[int, dict[str, str]]]) -> Iterator[Mistake]:
    seen: dict[str, int] = {}
    for line, row in rows:
        first = seen.setdefault(row["id"], line)
        if first != line and row["id"]:
            problem = f"The claim {shown(row['id'])} stands in line {first} too."
            yield Mistake(file, line, 1, problem, "Give each claim its own id, once.")


def _mistakes(file: str, line: int, row: dict[str, str], how: Reading) -> Iterator[Mistake]:
    for problem, remedy in (*_of_row(row), *_of_cells(row), *_of_rule(row, how)):
        yield Mistake(file, line, 1, problem, remedy)


def _of_row(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    if len(row) > len(COLUMNS):
        yield "The row has more cells than there are columns.", f"Write {len(COLUMNS)} cells."
    name = row["id"]
    if not name or name != name.strip() or not name.isprintable():
        yield f"`id` is {shown(name)}.", "Write the number of the application, such as A-1."


def _of_cells(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    try:
        is_amount = fen_of(row["amount_yuan"]) > 0
    except ValueError:
        is_amount = False
    if not is_amount:
        problem = f"`amount_yuan` is {shown(row['amount_yuan'])}."
        yield problem, "Write what was approved, an amount above 0 such as 1234.50."
    try:
        _instant(row["submitted_at"], ZoneInfo("UTC"))
    except ValueError:
        problem = f"`submitted_at` is {shown(row['submitted_at'])}."
        yield problem, "Write a day and time such as 2026-05-20T09:30:00."
    if row["score"] and not _SCORE.fullmatch(row["score"]):
        yield f"`score` is {shown(row['score'])}.", "Write a whole number, such as 87."


def _of_rule(row: dict[str, str], how: Reading) -> Iterator[tuple[str, str]]:
    if how.is_ranked and not row["score"]:
        yield "`score` is empty, and the programme ranks by it.", "Write a whole number."
    if row["group"] and row["group"] not in how.groups:
        remedy = nearest(row["group"], how.groups) if how.groups else "Leave it empty."
        yield f"The programme's budget has no group {shown(row['group'])}.", remedy


def _instant(written: str, zone: ZoneInfo) -> datetime:
    """Read a day, or a day and time; what names no zone is in the programme's.

    >>> _instant("2026-05-20 09:30", ZoneInfo("Asia/Shanghai")).isoformat()
    '2026-05-20T09:30:00+08:00'
    """
    if not _INSTANT.fullmatch(written):
        raise ValueError(written)
    at = datetime.fromisoformat(written)
    return at if at.tzinfo else at.replace(tzinfo=zone)
