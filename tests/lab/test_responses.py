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
    described = {"points": points, "seeds": 2, "name": {}, "levers": {}, "units": {},
                 "programmes": {}}  # fmt: skip
    (folder / "sweep.json").write_text(json.dumps(described), encoding="utf-8")
    pl.DataFrame(list(rows)).write_parquet(folder / "runs.parquet")
    return read_swept(folder)[1]


def test_a_lever_of_few_levels_sways_nothing_where_the_other_one_does(tmp_path: Path) -> None:
    """Ten points of two levels of `days`: a third of them is not one level."""
    points = [{"days": days, "rate": rate} for days, rate in product((20, 21), range(1, 6))]
    rows = (
        {"point": n, "seed": seed, "public_fen": point["rate"] / 10 + seed / 100}
        for n, point in enumerate(points)
        for seed in (1, 2)
    )
    sway = _swept(tmp_path, points, rows)["sway"].filter(pl.col("aim") == "low_spending")
    days, rate = sway.filter(lever="days").to_dicts() + sway.filter(lever="rate").to_dicts()
    assert days["least_third"] == pytest.approx(days["most_third"])
    assert rate["least_third"] - rate["most_third"] == pytest.approx(0.3)


def test_points_whose_queues_do_not_settle_are_marked(tmp_path: Path) -> None:
    """A pool is full at point 1 with the programmes, at point 2 without, at 3 by chance."""
    full = {1: (2.0, 0.0), 2: (0.0, 1.0)}
    rows = [
        {"point": n, "seed": seed, "take_up": 0.5, "public_fen": 1.0,
         "saturated_pools": full.get(n, (float(n == 3 and seed == 1), 0.0))[0],
         "saturated_pools_without": full.get(n, (0.0, 0.0))[1]}
        for n in range(4)
        for seed in (1, 2, 3)
    ]  # fmt: skip
    found = _swept(tmp_path, [{"days": n} for n in range(4)], rows)
    assert found["saturated"]["point"].to_list() == [1, 2]
