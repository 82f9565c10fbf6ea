"""A ratio over the seeds is that of their sums, in every place where one is told."""

from random import Random

import polars as pl
import pytest

from tallygrid.lab.comparing import differences
from tallygrid.lab.network.summary import over_seeds, ratio, ratio_difference
from tallygrid.lab.search import AIMS

SEEDS: list[dict[str, float | None]] = [
    {"public_fen": 900.0, "dead_weight_fen": 300.0, "additional_card_hours": 1.0,
     "displaced_card_hours": 0.5, "gain.size.small": 0.5, "gain.size.micro": 0.1},
    {"public_fen": 100.0, "dead_weight_fen": 100.0, "additional_card_hours": 10.0,
     "displaced_card_hours": 0.5, "gain.size.small": 0.5},
    {"public_fen": 0.0, "dead_weight_fen": 0.0, "additional_card_hours": 0.0,
     "displaced_card_hours": 0.25, "gain.size.small": None},
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "worth"),
    [
        ("dead_weight_share", 0.4),
        ("fen_per_additional_card_hour", 1000 / 9.75),
        ("gain.size.small", 0.5),
    ],
)
def test_money_over_hours_is_all_of_it_over_all_of_them(name: str, worth: float) -> None:
    found = over_seeds(name, SEEDS)
    assert found is not None
    assert found.mean == pytest.approx(worth)
    assert found.seeds == len(SEEDS)
    assert found.low < found.mean < found.high or name == "gain.size.small"


@pytest.mark.parametrize(
    ("aim", "worth"),
    [("additional_per_yuan", 0.975), ("low_dead_weight", 0.6), ("small_firms", 0.59)],
)
def test_a_search_strives_for_the_same_ratios(aim: str, worth: float) -> None:
    found = AIMS[aim](SEEDS)
    assert found is not None
    assert found.mean == pytest.approx(worth)
    assert found.seeds == len(SEEDS)
    assert AIMS[aim](SEEDS[2:]) is None  # nothing was spent


def test_the_difference_of_two_ratios_leaves_a_seed_out_of_both() -> None:
    one = [{**seed, "dead_weight_share": 0.0} for seed in SEEDS]
    other = [dict(seed) for seed in one]
    other[0]["dead_weight_fen"] = 400.0
    pairs = pl.DataFrame(
        {"figure": name, "seed": n, "one": a.get(name), "other": b.get(name)}
        for n, (a, b) in enumerate(zip(one, other, strict=True))
        for name in ("dead_weight_share", "dead_weight_fen", "public_fen")
    )
    row = differences(pairs).row(by_predicate=pl.col("figure") == "dead_weight_share", named=True)
    assert (row["one"], row["other"]) == (pytest.approx(0.4), pytest.approx(0.5))
    assert (row["mean"], row["seeds"]) == (pytest.approx(0.1), 3)


def test_the_interval_holds_the_ratio_about_as_often_as_it_says() -> None:
    luck = Random(7)  # noqa: S311  # trial cases, not a secret
    held = 0
    for _ in range(400):
        parts = [(2 * b + luck.gauss(0, 1), b) for b in (luck.uniform(1, 3) for _ in range(10))]
        found = ratio(parts)
        assert found is not None
        held += found.low <= 2 <= found.high
    assert 0.91 < held / 400 < 0.98


def test_what_differs_in_nothing_differs_by_nothing() -> None:
    parts = [(1.0, 2.0), (3.0, 1.0), (0.0, 4.0)]
    found = ratio_difference(parts, parts)
    assert found is not None
    assert (found.mean, found.low, found.high) == (0, 0, 0)
