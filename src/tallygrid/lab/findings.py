"""What a report of a run shows, chart by chart: every figure with its mean and 95 % interval.

`findings_of` makes one small table per chart. They lie beside the report as Parquet, and both
languages, the page and the PDF are drawn from them, so that nobody has to trust a picture.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import polars as pl

from tallygrid.lab.network.applying import STEPS
from tallygrid.lab.network.summary import Figure, figure, ratio

Tables = Mapping[str, pl.DataFrame]
_Value = float | Sequence[float] | None
"""What a seed gives: a figure, or the two parts of a ratio."""
NEEDED: Final = ("firms", "steps", "sites", "waits", "budgets")
"""The tables of a run that a report is made of."""
_FIGURE: Final = {"mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "seeds": pl.Int64}
_RUNNING: Final = ("available_fen", "committed_fen", "held_fen", "payable_fen", "lapsed_fen")
_WAYS: Final = ("class", "size", "province")


def findings_of(tables: Tables, figures: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return the table of every chart by its name.

    Args:
        tables: The tables of a run, all seeds one below the other.
        figures: The summary's figures, which stay as they are.
    """
    rows = [{"figure": name, **one} for name, one in figures.items()]
    return {
        "figures": pl.DataFrame(rows, schema={"figure": pl.String, **_FIGURE}),
        "steps": _steps(tables),
        "vouchers": _vouchers(tables),
        "sites": _sites(tables),
        "waits": _waits(tables),
        "budgets": _budgets(tables),
        "gain": _gain(tables),
        "energy": _energy(tables),
    }


def _steps(tables: Tables) -> pl.DataFrame:
    """One row per step: how many firms × programmes take it, and what part of those before."""
    able = tables["steps"].filter(pl.col("benefit_fen") > 0)
    found: list[tuple[tuple[str, str], int, _Value]] = []
    for seed in _seeds(tables):
        reached = able.filter(pl.col("seed") == seed)["step"].to_physical().cast(pl.Int64)
        before = 0
        for place, step in enumerate(STEPS):
            count = int((reached.fill_null(-1) >= place).sum())
            found.append(((step, "count"), seed, count))
            if place:
                found.append(((step, "kept"), seed, (count, before)))
            before = count
    return _over_seeds(("step", "measure"), found)


def _vouchers(tables: Tables) -> pl.DataFrame:
    """One row per programme and measure of the days from application to voucher."""
    if not len(tables["budgets"]):
        return _over_seeds(("programme", "measure"), [])
    awarded = tables["steps"].filter(pl.col("awarded_fen") > 0)
    grouped = awarded.group_by("programme", "seed", maintain_order=True)
    measured = grouped.agg(
        pl.len().cast(pl.Float64).alias("awards"),
        pl.col("waited_days").mean().alias("mean"),
        pl.col("waited_days").quantile(0.5, "higher").alias("p50"),
        pl.col("waited_days").quantile(0.9, "higher").alias("p90"),
    )
    # A seed in which nobody is awarded has no waiting time, but it has a count of awards: 0.
    every = tables["budgets"].select("programme", "seed").unique(maintain_order=True)
    filled = every.join(measured, on=["programme", "seed"], how="left", maintain_order="left")
    counted = filled.with_columns(pl.col("awards").fill_null(0.0))
    return _measured(counted, ("programme",), ("awards", "mean", "p50", "p90"))


def _sites(tables: Tables) -> pl.DataFrame:
    """One row per side or site and measure: utilisation and revenue, with and without."""
    sites = tables["sites"]
    parts = []
    for level in ("side", "site"):
        grouped = sites.group_by(level, "side" if level == "site" else pl.lit(0), "seed",
                                 maintain_order=True)  # fmt: skip
        measured = grouped.agg(
            _weighed("utilisation"),
            _weighed("utilisation_without"),
            pl.col("revenue_fen").sum().cast(pl.Float64),
            pl.col("revenue_without_fen").sum().cast(pl.Float64),
        )
        named = measured.with_columns(
            pl.lit(level).alias("level"), pl.col(level).alias("name"), pl.col("side")
        )
        parts.append(_measured(named, ("level", "name", "side"), _OF_SITES))
    return pl.concat(parts)


_OF_SITES: Final = ("utilisation", "utilisation_without", "revenue_fen", "revenue_without_fen")


def _weighed(column: str) -> pl.Expr:
    """Return a rate over all pools, each as heavy as it has cards."""
    cards = pl.col("cards").sum().cast(pl.Float64)
    return ((pl.col(column) * pl.col("cards")).sum() / pl.max_horizontal(cards, 1.0)).alias(column)


def _waits(tables: Tables) -> pl.DataFrame:
    """One row per kind of work and measure, with the programmes and without."""
    measures = ("jobs", "mean_wait_s", "p50_wait_s", "p99_wait_s")
    plain = tables["waits"].with_columns(pl.col(name).cast(pl.Float64) for name in measures)
    return _measured(plain, ("kind", "with_programmes"), measures)


def _budgets(tables: Tables) -> pl.DataFrame:
    """One row per programme, day and place where its money can be."""
    if not len(tables["budgets"]):
        return _over_seeds(("programme", "day", "measure"), [])
    plain = tables["budgets"].with_columns(pl.col(name).cast(pl.Float64) for name in _RUNNING)
    return _measured(plain, ("programme", "day"), _RUNNING)


def _gain(tables: Tables) -> pl.DataFrame:
    """One row per class, size or province: its part of the firms, and of the public money."""
    firms = tables["firms"]
    total = firms.group_by("seed").agg(
        pl.len().alias("firms"), pl.col("claimed_fen").sum().alias("all_fen")
    )
    parts = []
    for way in _WAYS:
        grouped = firms.group_by("seed", way, maintain_order=True).agg(
            pl.len().alias("of"), pl.col("claimed_fen").sum()
        )
        # Who has no firm in a seed has no part of its money either: that is 0, not unknown.
        every = total.select("seed").join(
            firms.select(way).unique(maintain_order=True), how="cross"
        )
        filled = every.join(grouped, on=["seed", way], how="left").fill_null(0)
        shares = filled.join(total, on="seed", maintain_order="left").with_columns(
            pl.lit(way).alias("way"),
            pl.col(way).alias("name"),
            (pl.col("of") / pl.col("firms")).alias("of_firms"),
            pl.concat_list(pl.col("claimed_fen", "all_fen").cast(pl.Float64)).alias("of_money"),
        )
        parts.append(_measured(shares, ("way", "name"), ("of_firms", "of_money")))
    return pl.concat(parts)


def _energy(tables: Tables) -> pl.DataFrame:
    """One row per side and measure: the energy and carbon more than without the programmes."""
    measures = ("more_kwh", "more_carbon_kg")
    grouped = tables["sites"].group_by("side", "seed", maintain_order=True)
    return _measured(grouped.agg(pl.col(*measures).sum()), ("side",), measures)


def _seeds(tables: Tables) -> Sequence[int]:
    return sorted(tables["firms"]["seed"].unique().to_list())


def _measured(frame: pl.DataFrame, keys: Sequence[str], measures: Sequence[str]) -> pl.DataFrame:
    """Return every measure by its keys, over the seeds."""
    return _over_seeds((*keys, "measure"), _values(frame, keys, measures))


def _values(
    frame: pl.DataFrame, keys: Sequence[str], measures: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], int, _Value]]:
    for row in frame.sort("seed", maintain_order=True).iter_rows(named=True):
        for measure in measures:
            yield (*(row[key] for key in keys), measure), row["seed"], row[measure]


def _over_seeds(keys: Sequence[str], found: Any) -> pl.DataFrame:  # noqa: ANN401  # (key, seed, value)
    """Return the mean and interval of what each seed gave under a key."""
    given: dict[tuple[Any, ...], list[_Value]] = {}
    for key, _, value in found:
        given.setdefault(key, []).append(value)
    rows = [
        {**dict(zip(keys, key, strict=True)), **asdict(known)}
        for key, values in given.items()
        if (known := _figure(values)) is not None
    ]
    schema = {key: _TYPES.get(key, pl.String) for key in keys} | _FIGURE
    return pl.DataFrame(rows, schema=schema)


def _figure(values: Sequence[Any]) -> Figure | None:
    pairs = [(above, below) for above, below in filter(_is_pair, values)]
    return ratio(pairs) if pairs else figure(values)


def _is_pair(value: _Value) -> bool:
    return value is not None and not isinstance(value, int | float)


_TYPES: Final[Mapping[str, Any]] = {"day": pl.Date, "with_programmes": pl.Boolean}
