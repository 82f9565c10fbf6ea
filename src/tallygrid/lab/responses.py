"""What a sweep or a search tells: how each aim answers to each lever, and what was found best."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import polars as pl

from tallygrid.files.mistake import FileError, Mistake
from tallygrid.lab.kept import read_kept, read_table
from tallygrid.lab.search import AIMS
from tallygrid.lab.sweep import saturated_points

_THIRD: Final = 3


def read_swept(folder: Path) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Return what a finished sweep is, and how every aim answers to its levers.

    `responses` has a row for each aim, lever and point: where the lever stands (rates in basis
    points, days as their ordinal), and the mean over the seeds with its interval. `sway` has a
    row for each aim and lever: the rank correlation of the two, and the aim's mean over the
    points with the least and the most third of the lever, whole levels of it. `texts` has the
    hash of every text that a point changes, `saturated` the points at which queues do not settle.

    Raises:
        FileError: The sweep is not finished.
    """
    described, runs = _read(folder, "sweep", "runs.parquet")
    points = described["points"]
    means = pl.DataFrame(list(_means(runs)), infer_schema_length=None)
    rows = [
        {"aim": one["aim"], "lever": lever, "value": at, **{k: one[k] for k in _FIGURE}}
        for one in means.iter_rows(named=True)
        for lever, at in points[one["point"]].items()
    ]
    responses = pl.DataFrame(rows, infer_schema_length=None)
    sway = pl.DataFrame(list(_sways(responses)), schema=_SWAY)
    saturated = pl.DataFrame({"point": list(saturated_points(runs))}, {"point": pl.Int64})
    return described, {
        "responses": responses, "sway": sway, "texts": _texts(runs), "saturated": saturated,
    }  # fmt: skip


_SWAY: Final = {
    "aim": pl.String, "lever": pl.String, "rank_correlation": pl.Float64,
    "least_third": pl.Float64, "most_third": pl.Float64, "points": pl.Int64,
}  # fmt: skip
_FIGURE: Final = ("point", "mean", "low", "high", "seeds")


def read_searched(folder: Path) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Return what a finished search was for, and its candidates.

    Raises:
        FileError: The search is not finished.
    """
    described, candidates = _read(folder, "search", "candidates.parquet")
    return described, {"candidates": candidates}


def _read(folder: Path, kind: str, table: str) -> tuple[dict[str, Any], pl.DataFrame]:
    if not (folder / table).is_file():
        problem = f"The {kind} is not finished."
        remedy = f"Give the same `tallygrid lab {kind}` again: it goes on where it stopped."
        raise FileError([Mistake(str(folder), 1, 1, problem, remedy)])
    described = read_kept(folder / f"{kind}.json", ("name", "levers", "units", "programmes"))
    return described, read_table(folder / table)


def _texts(runs: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in runs.columns if name.startswith("text.")]
    played = runs.select("point", *columns).unique(maintain_order=True)
    named = played.rename({name: name.removeprefix("text.") for name in columns})
    return named.unpivot(index="point", variable_name="programme", value_name="text")


def _means(runs: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the mean of every aim at every point, where there is one."""
    for (point,), some in runs.group_by("point", maintain_order=True):
        rows = some.to_dicts()
        for aim, of in AIMS.items():
            if found := of(rows):
                yield {"aim": aim, "point": point, **asdict(found)}


def _sways(responses: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for (aim, lever), some in responses.group_by("aim", "lever", maintain_order=True):
        least, most = _thirds(some)
        ranks = some.select(pl.col("value").rank(), pl.col("mean").rank())
        alike = ranks.select(pl.corr("value", "mean")).item()
        yield {
            "aim": aim,
            "lever": lever,
            "rank_correlation": None if alike is None or alike != alike else float(alike),  # noqa: PLR0124  # NaN
            "least_third": least,
            "most_third": most,
            "points": len(some),
        }


def _thirds(some: pl.DataFrame) -> tuple[object, object]:
    """Return the mean of the points with the least and the most third of a lever.

    A level counts whole: a part of it would be a choice by the grid's other levers.
    """
    levels = some["value"].sort()
    third = max(1, len(levels) // _THIRD)
    least, most = pl.col("value") <= levels[third - 1], pl.col("value") >= levels[-third]
    return some.filter(least)["mean"].mean(), some.filter(most)["mean"].mean()
