"""The tables of a report's charts hold every seed, also those in which there was nothing."""

import polars as pl

from tallygrid.lab.findings import _vouchers


def test_a_seed_without_awards_counts_as_none_and_has_no_days() -> None:
    steps = pl.DataFrame(
        [(1, "here", 100, 5.0), (1, "here", 100, 7.0), (2, "here", 0, None), (2, "there", 0, None)],
        schema=["seed", "programme", "awarded_fen", "waited_days"],
        orient="row",
    )
    budgets = pl.DataFrame(
        [(seed, programme) for seed in (1, 2, 3) for programme in ("here", "there")],
        schema=["seed", "programme"],
        orient="row",
    )
    found = _vouchers({"steps": steps, "budgets": budgets})
    rows = {(one["programme"], one["measure"]): one for one in found.to_dicts()}
    awards, days = rows["here", "awards"], rows["here", "mean"]
    assert (awards["mean"], awards["seeds"]) == (2 / 3, 3)
    assert (days["mean"], days["seeds"]) == (6, 1)
    assert rows["there", "awards"]["mean"] == 0
    assert ("there", "mean") not in rows


def test_without_programmes_there_are_no_vouchers() -> None:
    schema = {"seed": pl.Int64, "programme": pl.String, "awarded_fen": pl.Int64,
              "waited_days": pl.Float64}  # fmt: skip
    assert not len(_vouchers({"steps": pl.DataFrame(schema=schema), "budgets": pl.DataFrame()}))
