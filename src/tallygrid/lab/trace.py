"""Traces: what clusters recorded of real demand."""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tallygrid.core.demand import WEEK_S
from tallygrid.files.document import FileError, Mistake

PHILLY_HEADER: Final = ("timestamp", "duration", "num_gpus", "gpu_time", "cluster")
_GZIP_MAGIC: Final = b"\x1f\x8b"
_SLACK_S: Final = 1.0


@dataclass(frozen=True)
class TraceJob:
    """One job of a trace, in whole seconds from the first arrival."""

    arrival_s: int
    duration_s: int
    cards: int
    cluster: str
    line: int


@dataclass(frozen=True)
class Trace:
    """The jobs of a trace by arrival, ties in the order of the file."""

    name: str
    first_arrival: datetime
    """Local time of the cluster, without a zone, as the trace gives it."""
    jobs: tuple[TraceJob, ...]

    @property
    def week_offset_s(self) -> int:
        """Seconds from Monday 00:00 to the first arrival, in local time."""
        first = self.first_arrival
        monday = datetime.combine(first.date(), datetime.min.time()) - timedelta(first.weekday())
        return int((first - monday).total_seconds()) % WEEK_S


def read_philly(path: Path) -> Trace:
    """Read a Philly-style CSV, plain or gzip.

    Raises:
        FileError: With every malformed row of the file.
    """
    mistakes: list[Mistake] = []
    rows: list[_Row] = []
    for line, cells in _lines(path):
        row = _row(str(path), line, cells)
        if isinstance(row, _Row):
            rows.append(row)
        else:
            mistakes.extend(row)
    if mistakes:
        raise FileError(mistakes)
    if not rows:
        raise FileError([Mistake(str(path), 2, 1, "There is no job.", "Add a row.")])
    rows.sort(key=lambda row: row.at)
    first = rows[0].at
    return Trace(path.name, first, tuple(row.job(first) for row in rows))


@dataclass(frozen=True)
class _Row:
    at: datetime
    duration_s: int
    cards: int
    cluster: str
    line: int

    def job(self, first: datetime) -> TraceJob:
        arrival_s = (self.at - first) // timedelta(seconds=1)
        return TraceJob(arrival_s, self.duration_s, self.cards, self.cluster, self.line)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and cells of every row below the header that is not blank."""
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    header = next(reader, [])
    if tuple(header) != PHILLY_HEADER:
        problem = f"The header is `{','.join(header)}`."
        remedy = f"It must be `{','.join(PHILLY_HEADER)}`."
        raise FileError([Mistake(str(path), 1, 1, problem, remedy)])
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        problem = f"The row cannot be read: {error}."
        raise FileError([Mistake(str(path), reader.line_num, 1, problem, "Mend it.")]) from None


def _text(path: Path) -> str:
    """Return the text of a file, unpacked if its first bytes say gzip."""
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP_MAGIC):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        problem, remedy = "No such file.", "Check the name."
    except IsADirectoryError:
        problem, remedy = "This is a directory.", "Name a file in it."
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem, remedy = f"The gzip data is broken: {error}.", "Fetch the file again."
    except UnicodeDecodeError as error:
        problem, remedy = f"Byte {error.start} is not UTF-8.", "Save the file as UTF-8."
    raise FileError([Mistake(str(path), 1, 1, problem, remedy)])


def _row(file: str, line: int, cells: Sequence[str]) -> _Row | tuple[Mistake, ...]:
    """Return the row, or everything that is wrong with it."""
    if len(cells) != len(PHILLY_HEADER):
        problem = f"The row has {len(cells)} cells: `{','.join(cells)[:60]}`."
        remedy = f"It must have {len(PHILLY_HEADER)}: {', '.join(PHILLY_HEADER)}."
        return (Mistake(file, line, 1, problem, remedy),)
    at, duration, cards, card_s = (
        _instant(cells[0]),
        _seconds(cells[1]),
        _count(cells[2]),
        _seconds(cells[3]),
    )
    wrong: list[tuple[int, str]] = []
    if at is None:
        wrong.append((0, "Write a local time such as 2017-10-09 07:01:55."))
    if duration is None:
        wrong.append((1, "Write seconds, 0 or more."))
    if cards is None:
        wrong.append((2, "Write a whole number of cards, 1 or more."))
    if card_s is None:
        wrong.append((3, "Write card-seconds, 0 or more."))
    elif duration is not None and cards is not None and abs(duration * cards - card_s) > _SLACK_S:
        wrong.append((3, f"It must be duration × num_gpus, {duration * cards:g}."))
    if not cells[4].strip():
        wrong.append((4, "Name the virtual cluster."))
    if wrong or at is None or duration is None or cards is None:
        return tuple(_mistake(file, line, cells, place, remedy) for place, remedy in wrong)
    return _Row(at, int(duration), cards, cells[4].strip(), line)


def _mistake(file: str, line: int, cells: Sequence[str], place: int, remedy: str) -> Mistake:
    column = sum(len(cell) + 1 for cell in cells[:place]) + 1
    problem = f"`{PHILLY_HEADER[place]}` is `{cells[place][:60]}`."
    return Mistake(file, line, column, problem, remedy)


def _instant(cell: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return at if at.tzinfo is None else None


def _seconds(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _count(cell: str) -> int | None:
    value = _seconds(cell)
    return int(value) if value is not None and value >= 1 and value == int(value) else None
