"""A trace of any format that we know, told by its first row."""

from pathlib import Path
from typing import Final, Literal

from tallygrid.files.mistake import FileError, Mistake
from tallygrid.lab.traces import openb, philly
from tallygrid.lab.traces.jobs import Jobs, jobs_of
from tallygrid.lab.traces.rows import Rows, read_rows
from tallygrid.lab.traces.swf import looks_like_swf, swf_table

_PODS_TOLD_BY: Final = 4
"""With more of its names than these a header is that of pods, if not all of it."""


def read_jobs(path: Path, *, shares: bool = False) -> Jobs:
    """Read a trace: Philly-style CSV, SWF or openb pods, plain or gzip.

    Args:
        path: The file.
        shares: Count shares of a card in thousandths, where the trace has them.

    Raises:
        FileError: With every malformed row, or why this is no trace.
    """
    rows = read_rows(path)
    kind = kind_of(rows)
    if kind == "openb":
        pods = openb.pods_table(rows, shares=shares)
        return jobs_of(rows.file, pods, parts=openb.MILLI if shares else 1)
    if shares:
        problem = "This trace has no shares of a card."
        raise FileError([Mistake(rows.file, 1, 1, problem, "Leave out --shares.")])
    return jobs_of(rows.file, philly.philly_table(rows) if kind == "philly" else swf_table(rows))


def kind_of(rows: Rows) -> Literal["philly", "swf", "openb"]:
    """Tell a trace's format by its first row.

    Raises:
        FileError: It is none that is known.
    """
    first = tuple(rows.first().split(","))
    if first == openb.PODS_HEADER:
        return "openb"
    if first == philly.HEADER:
        return "philly"
    if looks_like_swf(rows.first()):
        return "swf"
    raise FileError([_unknown(rows)])


def _unknown(rows: Rows) -> Mistake:
    if tuple(rows.first().split(",")) == openb.NODES_HEADER:
        count = openb.count_nodes(rows)
        problem = (
            f"This is a list of {count.nodes:,} nodes with {count.cards:,} cards, not of jobs."
        )
        remedy = f"Name a list of pods, and give the cards by --cards {count.cards}."
        return Mistake(rows.file, 1, 1, problem, remedy)
    lacking = [name for name in openb.PODS_HEADER if name not in rows.first().split(",")]
    if len(lacking) < len(openb.PODS_HEADER) - _PODS_TOLD_BY:
        problem = f"These are openb pods without {', '.join(f'`{name}`' for name in lacking)}."
        remedy = "Name a list that has them: what comes at no known time cannot be replayed."
        return Mistake(rows.file, 1, 1, problem, remedy)
    problem = f"The first row is `{rows.first()[:100]}`: no trace that is known."
    remedy = (
        f"A Philly-style trace begins with `{','.join(philly.HEADER)}`, "
        f"openb pods with `{','.join(openb.PODS_HEADER[:4])},…`, "
        "SWF with `;` or 18 numbers."
    )
    return Mistake(rows.file, 1, 1, problem, remedy)
