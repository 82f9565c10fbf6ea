"""What a sweep tells of its levers is theirs, and not that of the levers beside them."""

import json
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tallygrid.lab.responses import read_swept


def _swept(
    folder: Path, points: list[dict[str, int]], rows: Iterable[Mapping[str, Any]]
) -> Mapping[str, pl.DataFrame]:
    described = {"points": points, "units": {}, "seeds": 2}
    (folder / "sweep.json").write_text(json.dumps(described), encoding="utf-8")
    pl.DataFrame(list(rows)).write_parquet(folder / "runs.parquet")
    return read_swept(folder)[1]


def test_a_lever_of_few_levels_sways_nothing_where_the_other_one_does(tmp_path: Path) -> None:
    """Ten points of two levels of `days`: a third of them is not one level."""
    points = [{"days": days, "rate": rate} for days, rate in product((20, 21), range(1, 6))]
    rows = (
        {"point": n, "seed": seed, "take_up": point["rate"] / 10 + seed / 100}
        for n, point in enumerate(points)
        for seed in (1, 2)
    )
    sway = _swept(tmp_path, points, rows)["sway"].filter(pl.col("aim") == "take_up")
    days, rate = sway.filter(lever="days").to_dicts() + sway.filter(lever="rate").to_dicts()
    assert days["least_third"] == pytest.approx(days["most_third"])
    assert rate["most_third"] - rate["least_third"] == pytest.approx(0.3)
