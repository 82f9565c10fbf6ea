"""Two scenarios on the same luck: what differs, seed by seed, and how surely."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import polars as pl

from tallygrid.files.mistake import FileError, Mistake
from tallygrid.files.whole import whole
from tallygrid.lab.network.summary import figure, figures_by_seed

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
    A seed in which one side has no such figure is left out.
    """
    rows = []
    for (name,), some in pairs.drop_nulls().group_by("figure", maintain_order=True):
        found = figure((some["other"] - some["one"]).to_list())
        assert found is not None, "a group has a row"
        means = {side: some[side].mean() for side in SIDES}
        rows.append({"figure": name, **means, **asdict(found)})
    return pl.DataFrame(rows, infer_schema_length=None)


def write_compared(
    out: Path, summaries: Mapping[str, Mapping[str, Any]], pairs: pl.DataFrame
) -> None:
    """Write into the folder of two runs, `one` and `other`, what they differ in."""
    out.mkdir(parents=True, exist_ok=True)
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
    summaries = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    pairs = pl.read_parquet(folder / _PAIRS)
    return summaries, {"pairs": pairs, "differences": differences(pairs)}
