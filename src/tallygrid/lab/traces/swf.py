"""The Standard Workload Format: eighteen numbers per row, `;` before what is no row."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from tallygrid.files.mistake import FileError, Mistake
from tallygrid.lab.traces.rows import (
    MICRO,
    NUMBER_MAX,
    Form,
    Rows,
    micro_of,
    number,
    table,
    whole,
)

COMMENT: Final = ";"
FIELDS: Final = 18
_UNKNOWN: Final = -1
_JOB, _SUBMIT, _RUN, _ALLOCATED, _REQUESTED, _USER = 0, 1, 3, 4, 7, 11
_NAMES: Final = {
    _JOB: "job number",
    _SUBMIT: "submit time",
    _RUN: "run time",
    _ALLOCATED: "allocated processors",
    _REQUESTED: "requested processors",
}
_TOLD: Final = re.compile(r"^\s*;\s*(UnixStartTime|TimeZoneString|TimeZone):\s*(\S+)", re.MULTILINE)
_NUMBER: Final = r"[+-]?[0-9.]+"


def swf_table(rows: Rows) -> pl.DataFrame:
    """Return `line, job, at_us, run_s, gang, user, lack` of every row; see `table`.

    A user of -1 is not known.
    """
    return table(rows.without_comments(COMMENT), _FORM)


def swf_start(rows: Rows) -> datetime | None:
    """Return the local time of second 0, where the comments tell it and its zone."""
    told = dict(_TOLD.findall("\n".join(rows.only_comments(COMMENT).frame["row"].to_list())))
    try:
        start = datetime.fromtimestamp(int(told["UnixStartTime"]), UTC)
        if "TimeZoneString" in told:
            zone: tzinfo = ZoneInfo(told["TimeZoneString"])
        else:
            zone = timezone(timedelta(seconds=int(told["TimeZone"])))
        return start.astimezone(zone).replace(tzinfo=None)
    except (KeyError, ValueError, OverflowError, OSError):  # not told, or nothing that is one
        return None


def looks_like_swf(row: str) -> bool:
    """Tell whether a row may stand in such a file."""
    cells = row.split()
    return row.lstrip().startswith(COMMENT) or (
        len(cells) >= FIELDS and all(number(cell) is not None for cell in cells)
    )


def _read(file: str, line: int, row: str) -> Sequence[object]:
    cells = row.split()
    if len(cells) < FIELDS:
        problem = f"The row has {len(cells)} fields: `{row[:60]}`."
        raise FileError([Mistake(file, line, 1, problem, f"It must have {FIELDS} numbers.")])
    wrong = {
        place: "Write a number, -1 if it is not known."
        for place, cell in enumerate(cells)
        if number(cell) is None
    }
    for place in _JOB, _ALLOCATED, _REQUESTED:
        if whole(cells[place]) is None:
            wrong[place] = "Write a whole number, -1 if it is not known."
    at, run = number(cells[_SUBMIT]), number(cells[_RUN])
    if at is None or at < 0:
        wrong[_SUBMIT] = f"Write seconds, 0 or more. At most {NUMBER_MAX}."
    if run is None or (run < 0 and run != _UNKNOWN):
        wrong[_RUN] = f"Write seconds, 0 or more, or -1. At most {NUMBER_MAX}."
    job, allocated, requested = (whole(cells[n]) for n in (_JOB, _ALLOCATED, _REQUESTED))
    for place, value in (_ALLOCATED, allocated), (_REQUESTED, requested):
        if value is not None and value < _UNKNOWN:
            wrong[place] = "Write a number of processors, or -1 if it is not known."
    if wrong or at is None or run is None or allocated is None or requested is None:
        raise FileError(
            Mistake(
                file,
                line,
                _column(row, cells, place),
                f"`{_NAMES.get(place, f'field {place + 1}')}` is `{cells[place][:60]}`.",
                remedy,
            )
            for place, remedy in wrong.items()
        )
    gang = allocated if requested == _UNKNOWN else requested
    lack = "no_run_time" if run == _UNKNOWN else "no_gang" if gang < 1 else None
    user = whole(cells[_USER])
    return job, int(at * MICRO), int(run), gang, _UNKNOWN if user is None else user, lack


def _column(row: str, cells: Sequence[str], place: int) -> int:
    column = 0
    for cell in cells[:place]:
        column = row.index(cell, column) + len(cell)
    return row.index(cells[place], column) + 1


_GANG: Final = (
    pl.when(pl.col("requested") == "-1")
    .then(pl.col("allocated"))
    .otherwise(pl.col("requested"))
    .cast(pl.Int64)
)
_FORM: Final = Form(
    pattern=(
        r"^\s*(?P<job>[0-9]{1,12})\s+(?P<at>[0-9]{1,11})(?:\.(?P<at_part>[0-9]{1,6}))?"
        rf"\s+{_NUMBER}\s+(?P<run>-1|[0-9]{{1,11}})(?:\.[0-9]*)?\s+(?P<allocated>-1|[0-9]{{1,9}})"
        rf"\s+{_NUMBER}\s+{_NUMBER}\s+(?P<requested>-1|[0-9]{{1,9}})(?:\s+{_NUMBER}){{3}}"
        rf"\s+(?P<user>-1|[0-9]{{1,9}})(?:\s+{_NUMBER}){{6,}}$"
    ),
    values={
        "job": pl.col("job").cast(pl.Int64),
        "at_us": micro_of("at"),
        "run_s": pl.col("run").cast(pl.Int64),
        "gang": _GANG,
        "user": pl.col("user").cast(pl.Int64),
        "lack": pl.when(pl.col("run") == "-1")
        .then(pl.lit("no_run_time"))
        .when(_GANG < 1)
        .then(pl.lit("no_gang")),
    },
    sound=pl.col("job").is_not_null(),
    read=_read,
    name="job",
)
