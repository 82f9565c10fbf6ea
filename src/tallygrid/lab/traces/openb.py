"""The openb tables: pods, which are jobs, and the nodes they ran on."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from tallygrid.lab.traces.rows import (
    MICRO,
    NUMBER_MAX,
    Form,
    Rows,
    cells_of,
    header_error,
    micro_of,
    number,
    table,
    whole,
    wrong_cells,
    wrong_width,
)

PODS_HEADER: Final = (
    *("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "qos", "pod_phase"),
    *("creation_time", "deletion_time", "scheduled_time"),
)
NODES_HEADER: Final = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
MILLI: Final = 1000

_GANG, _MILLI, _CREATED, _DELETED, _SCHEDULED = 3, 4, 8, 9, 10
_SECONDS: Final = f"Write seconds, 0 or more. At most {NUMBER_MAX}."


class Nodes(NamedTuple):
    """How many nodes a list has, and how many cards they have together."""

    nodes: int
    cards: int


def pods_table(rows: Rows, *, shares: bool) -> pl.DataFrame:
    """Return `line, name, at_us, run_s, gang, lack` of every pod with cards; see `table`.

    With `shares` a gang is counted in thousandths of a card. A pod that was never scheduled
    lacks a run time.
    """
    if tuple(rows.first().split(",")) != PODS_HEADER:
        raise header_error(rows, PODS_HEADER)
    made = table(rows.after_header(), _PODS)
    gang = pl.col("gang") * pl.col("milli") if shares else pl.col("gang")
    return made.filter(pl.col("gang") > 0).with_columns(gang.alias("gang")).drop("milli")


def count_nodes(rows: Rows) -> Nodes:
    """Return how many nodes and cards a list of nodes has; see `table`."""
    made = table(rows.after_header(), _NODES)
    return Nodes(made.height, int(made["cards"].sum()))


def _read_pod(file: str, line: int, row: str) -> Sequence[object]:
    cells = cells_of(file, line, row)
    if len(cells) != len(PODS_HEADER):
        raise wrong_width(file, line, PODS_HEADER, cells)
    gang, milli = whole(cells[_GANG]), whole(cells[_MILLI])
    created, deleted = number(cells[_CREATED]), number(cells[_DELETED])
    scheduled = number(cells[_SCHEDULED]) if cells[_SCHEDULED].strip() else None
    wrong: dict[int, str] = {}
    if not cells[0].strip():
        wrong[0] = "Name the pod."
    if gang is None or gang < 0:
        wrong[_GANG] = "Write a whole number of cards, 0 or more."
    elif milli is None or not _milli_suits(gang, milli):
        wrong[_MILLI] = "Write 1000; for one card 1 to 1000, for none 0."
    if created is None or created < 0:
        wrong[_CREATED] = _SECONDS
    if deleted is None or (created is not None and deleted < created):
        wrong[_DELETED] = "Write seconds, not before `creation_time`."
    if cells[_SCHEDULED].strip() and (
        scheduled is None
        or (created is not None and scheduled < created)
        or (deleted is not None and scheduled > deleted)
    ):
        wrong[_SCHEDULED] = "Write seconds between creation and deletion, or nothing."
    if wrong or created is None or deleted is None:
        raise wrong_cells(file, line, PODS_HEADER, cells, wrong)
    run_s = 0 if scheduled is None else int(deleted - scheduled)
    lack = "never_ran" if scheduled is None else None
    return cells[0].strip(), int(created * MICRO), run_s, gang, milli, lack


def _milli_suits(gang: int, milli: int) -> bool:
    if gang == 0:
        return milli == 0
    return 1 <= milli <= MILLI if gang == 1 else milli == MILLI


def _read_node(file: str, line: int, row: str) -> Sequence[object]:
    cells = cells_of(file, line, row)
    if len(cells) != len(NODES_HEADER):
        raise wrong_width(file, line, NODES_HEADER, cells)
    cards = whole(cells[3])
    wrong: dict[int, str] = {} if cells[0].strip() else {0: "Name the node."}
    if cards is None or cards < 0:
        wrong[3] = "Write a whole number of cards, 0 or more."
    if wrong:
        raise wrong_cells(file, line, NODES_HEADER, cells, wrong)
    return cells[0].strip(), cards


def _time(name: str) -> str:
    return rf"(?P<{name}>[0-9]{{1,11}})(?:\.(?P<{name}_part>[0-9]{{1,6}}))?"


_WORD: Final = r'[^\s",]+'
_CELL: Final = r'[^",]*'
_CARDS: Final = pl.col("gang").cast(pl.Int64)
_PODS: Final = Form(
    pattern=(
        rf"^(?P<name>{_WORD}),{_CELL},{_CELL},(?P<gang>[0-9]{{1,6}}),(?P<milli>[0-9]{{1,4}}),"
        rf"{_CELL},{_CELL},{_CELL},{_time('created')},{_time('deleted')},(?:{_time('scheduled')})?$"
    ),
    values={
        "name": pl.col("name"),
        "at_us": micro_of("created"),
        "run_s": pl.when(pl.col("scheduled").is_null())
        .then(0)
        .otherwise((micro_of("deleted") - micro_of("scheduled")) // MICRO),
        "gang": _CARDS,
        "milli": pl.col("milli").cast(pl.Int64),
        "lack": pl.when(pl.col("scheduled").is_null()).then(pl.lit("never_ran")),
    },
    sound=(
        (micro_of("created") <= micro_of("deleted"))
        & pl.col("scheduled")
        .is_null()
        .or_(micro_of("scheduled").is_between(micro_of("created"), micro_of("deleted")))
        & pl.when(_CARDS == 1)
        .then(pl.col("milli").cast(pl.Int64).is_between(1, MILLI))
        .otherwise(pl.col("milli").cast(pl.Int64) == pl.when(_CARDS == 0).then(0).otherwise(MILLI))
    ),
    read=_read_pod,
    name="name",
)
_NODES: Final = Form(
    pattern=rf"^(?P<name>{_WORD}),{_CELL},{_CELL},(?P<cards>[0-9]{{1,6}}),{_CELL}$",
    values={"name": pl.col("name"), "cards": pl.col("cards").cast(pl.Int64)},
    sound=pl.col("name").is_not_null(),
    read=_read_node,
    name="name",
)
