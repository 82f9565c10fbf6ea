"""Two scenarios on the same luck: what differs, seed by seed, and how surely."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import polars as pl

from tallygrid.files.mistake import FileError, Mistake
from tallygrid.files.whole import whole
from tallygrid.lab.claiming import forget
from tallygrid.lab.kept import read_kept, read_table
from tallygrid.lab.network.summary import (
    Figures,
    figure,
    figures_by_seed,
    over_seeds,
    parts_of,
    ratio_difference,
)

Tables = Mapping[str, pl.DataFrame]
SIDES: Final = ("one", "other")
_FILE: Final = "compare.json"
_PAIRS: Final = "pairs.parquet"


def pairs_of(one: Tables, other: Tables) -> pl.DataFrame:
    """Return every figure of the seeds that both were played on: `figure, seed, one, other`."""
    sides = figures_by_seed(one), figures_by_seed(other)
    rows = [
        {"figure": name, "seed": seed, "one": sides[0][seed].get(name),
         "other": sides[1][seed].get(name)}
        for seed in sorted(sides[0].keys() & sides[1].keys())
        for name in dict.fromkeys([*sides[0][seed], *sides[1][seed]])
    ]  # fmt: skip
    schema = {"figure": pl.String, "seed": pl.Int64, "one": pl.Float64, "other": pl.Float64}
    return pl.DataFrame(rows, schema=schema, strict=False)


def differences(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return by figure each side's mean, and the mean of other less one within its interval.

    The interval is of the pairs' differences: what luck does to both alike is not in it.
    A seed in which one side has no such figure is left out. A ratio is that of the sums of all
    seeds, and the interval of its difference is by the jackknife.
    """
    sides = {side: _by_seed(pairs, side) for side in SIDES}
    rows = [
        {"figure": name, **found}
        for name in pairs["figure"].unique(maintain_order=True)
        if (found := _difference(name, sides)) is not None
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _by_seed(pairs: pl.DataFrame, side: str) -> list[dict[str, float | None]]:
    found: dict[int, dict[str, float | None]] = {}
    for name, seed, value in pairs.select("figure", "seed", side).iter_rows():
        found.setdefault(seed, {})[name] = value
    return list(found.values())


def _difference(name: str, sides: Mapping[str, Sequence[Figures]]) -> dict[str, Any] | None:
    kept = list(zip(*(sides[side] for side in SIDES), strict=True))
    parts = parts_of(name)
    if parts is None:
        kept = [(a, b) for a, b in kept if a.get(name) is not None and b.get(name) is not None]
        found = figure([(b[name] or 0.0) - (a[name] or 0.0) for a, b in kept])
    else:
        found = ratio_difference(*([parts(pair[n]) for pair in kept] for n in range(len(SIDES))))
    means = {side: over_seeds(name, [pair[n] for pair in kept]) for n, side in enumerate(SIDES)}
    if found is None:
        return None
    return {**{side: one.mean if one else None for side, one in means.items()}, **asdict(found)}


def write_compared(
    out: Path, summaries: Mapping[str, Mapping[str, Any]], pairs: pl.DataFrame
) -> None:
    """Write into the folder of two runs, `one` and `other`, what they differ in."""
    out.mkdir(parents=True, exist_ok=True)
    forget(out, _FILE)
    with whole(out / _PAIRS) as part:
        pairs.write_parquet(part)
    with whole(out / _FILE) as part:
        part.write_text(json.dumps(summaries, ensure_ascii=False, indent=2), encoding="utf-8")


def read_compared(folder: Path) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Return the summaries of both sides, their pairs and the differences.

    Raises:
        FileError: Not all of it is there.
    """
    if not (folder / _PAIRS).is_file():
        problem, remedy = f"There is no `{_PAIRS}`.", "Give `tallygrid lab compare … --out` again."
        raise FileError([Mistake(str(folder), 1, 1, problem, remedy)])
    summaries = read_kept(folder / _FILE, SIDES)
    pairs = read_table(folder / _PAIRS)
    return summaries, {"pairs": pairs, "differences": differences(pairs)}
