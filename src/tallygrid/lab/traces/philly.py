"""Philly-style traces: a CSV of submission, duration, cards, card-seconds and virtual cluster."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import polars as pl

from tallygrid.lab.traces.rows import (
    NUMBER_MAX,
    Form,
    Rows,
    cells_of,
    header_error,
    number,
    table,
    whole,
    wrong_cells,
    wrong_width,
)

HEADER: Final = ("timestamp", "duration", "num_gpus", "gpu_time", "cluster")
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # the trace gives local time without a zone
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_SLACK_S: Final = 1


def philly_table(rows: Rows) -> pl.DataFrame:
    """Return `line, at_us, run_s, gang, cluster` of every job; see `table`."""
    if tuple(rows.first().split(",")) != HEADER:
        raise header_error(rows, HEADER)
    return table(rows.after_header(), _FORM)


def _read(file: str, line: int, row: str) -> Sequence[object]:
    cells = cells_of(file, line, row)
    if len(cells) != len(HEADER):
        raise wrong_width(file, line, HEADER, cells)
    at, cluster = _instant(cells[0]), cells[4].strip()
    run, gang, card_seconds = number(cells[1]), whole(cells[2]), number(cells[3])
    checks: tuple[tuple[int, bool, str], ...] = (
        (0, at is None, "Write a local time such as 2017-10-09 07:01:55."),
        (1, run is None or run < 0, f"Write seconds, 0 or more. At most {NUMBER_MAX}."),
        (2, gang is None or gang < 1, "Write a whole number of cards, 1 or more."),
        (3, card_seconds is None or card_seconds < 0, "Write card-seconds, 0 or more."),
        (4, not cluster, "Name the virtual cluster."),
    )
    wrong = {place: remedy for place, is_wrong, remedy in checks if is_wrong}
    product = (run or Decimal()) * (gang or 0)
    if not {1, 2, 3} & set(wrong) and abs(product - (card_seconds or Decimal())) > _SLACK_S:
        wrong[3] = f"It must be duration × num_gpus, {product:f}."
    if wrong or at is None or run is None:
        raise wrong_cells(file, line, HEADER, cells, wrong)
    return (at - EPOCH) // timedelta(microseconds=1), int(run), gang, cluster


def _instant(cell: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return at if at.tzinfo is None else None


_FORM: Final = Form(
    pattern=(
        r"^(?P<at>[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]),"
        r"(?P<run>[0-9]{1,11})(?P<run_part>\.[0-9]{1,6})?,(?P<gang>[0-9]{1,6})(?:\.0+)?,"
        r"(?P<card_seconds>[0-9]{1,12}(?:\.[0-9]{1,6})?),(?P<cluster>[^\s\",](?:[^\",]*[^\s\",])?)$"
    ),
    values={
        "at_us": pl.col("at").str.to_datetime(_TIME, time_unit="us", strict=False).cast(pl.Int64),
        "run_s": pl.col("run").cast(pl.Int64),
        "gang": pl.col("gang").cast(pl.Int64),
        "cluster": pl.col("cluster"),
    },
    sound=(
        pl.col("at").str.to_datetime(_TIME, strict=False).is_not_null()
        & (pl.col("gang").cast(pl.Int64) >= 1)
        & (
            (
                (pl.col("run") + pl.col("run_part").fill_null("")).cast(pl.Float64)
                * pl.col("gang").cast(pl.Float64)
                - pl.col("card_seconds").cast(pl.Float64)
            ).abs()
            <= _SLACK_S
        )
    ),
    read=_read,
)
