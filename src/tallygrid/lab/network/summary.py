"""What the tables of a run come to: one figure per seed, then over all of them, and how surely."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Final

import polars as pl

from tallygrid.lab.network.applying import STEPS

Tables = Mapping[str, pl.DataFrame]
Figures = Mapping[str, float | None]
Parts = Sequence[tuple[float, float]]
"""By seed, what is divided and by what."""
_T: Final = (
    *(0.0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179),
    *(2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060),
    *(2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t for 95 %, by degrees of freedom up to 30."""
_Z: Final = 1.959964
"""The same of the normal distribution."""


@dataclass(frozen=True)
class Figure:
    """A figure over the seeds: mean or ratio of sums, and where it lies with 95 % confidence."""

    mean: float
    low: float
    high: float
    seeds: int
    """In how many seeds there was such a figure; with 1 there is no interval."""


def summary_of(tables: Tables) -> dict[str, Any]:
    """Return every figure of a run as plain data."""
    by_seed = figures_by_seed(tables)
    names = dict.fromkeys(name for one in by_seed.values() for name in one)
    figures = {name: over_seeds(name, list(by_seed.values())) for name in names}
    return {
        "seeds": list(by_seed),
        "figures": {name: asdict(found) for name, found in figures.items() if found is not None},
        "saturated": _saturated(tables),
        "runs_out": _runs_out(tables),
    }


def figures_by_seed(tables: Tables) -> dict[int, dict[str, float | None]]:
    """Return every figure of each seed, in the order of the seeds."""
    seeds = sorted(tables["firms"]["seed"].unique().to_list())
    return {seed: figures_of(_seed(tables, seed)) for seed in seeds}


def _seed(tables: Tables, seed: int) -> Tables:
    return {
        name: table.filter(pl.col("seed") == seed) if len(table) else table
        for name, table in tables.items()
    }


def over_seeds(name: str, seeds: Sequence[Figures]) -> Figure | None:
    """Return a figure over the seeds: the mean, or of a ratio that of the sums."""
    if parts := parts_of(name):
        return ratio([parts(one) for one in seeds])
    return figure([one.get(name) for one in seeds])


def parts_of(name: str) -> Callable[[Figures], tuple[float, float]] | None:
    """Return what gives, in each seed, the two parts of a figure that is a ratio of sums."""
    if name == "take_up":
        return lambda one: (_of(one, "step.awarded"), _of(one, "step.qualifies"))
    if name == "dead_weight_share":
        return lambda one: (_of(one, "dead_weight_fen"), _of(one, "public_fen"))
    if name == "fen_per_additional_card_hour":
        return lambda one: (_of(one, "public_fen"), net_card_hours(one))
    if name.startswith(_OF_MONEY):
        return lambda one: (money_of(one, name), _of(one, "public_fen"))
    return None


_OF_MONEY: Final = ("gain.class.", "gain.size.", "gain.province.", "gain.top_tenth")


def net_card_hours(one: Figures) -> float:
    """Return the card-hours of a seed that were added, less those displaced."""
    return _of(one, "additional_card_hours") - _of(one, "displaced_card_hours")


def money_of(one: Figures, *names: str) -> float:
    """Return the public money of a seed that some parts of it come to, in fen."""
    return sum(_of(one, name) for name in names) * _of(one, "public_fen")


def _of(one: Figures, name: str) -> float:
    return one.get(name) or 0.0


def figure(values: Sequence[float | None]) -> Figure | None:
    """Return the mean of what is known, and its interval.

    >>> figure([1.0, 2.0, 3.0, None])
    Figure(mean=2.0, low=-0.4843..., high=4.4843..., seeds=3)
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    if len(known) == 1:
        return Figure(mean, mean, mean, 1)
    free = len(known) - 1
    deviation = sqrt(sum((value - mean) ** 2 for value in known) / free)
    half = student(free) * deviation / sqrt(len(known))
    return Figure(mean, mean - half, mean + half, len(known))


def student(free: int) -> float:
    """Return Student's t for 95 %: from the table, beyond it by the expansion of Cornish-Fisher.

    >>> [round(student(free), 3) for free in (9, 30, 31, 40, 60, 120, 999)]
    [2.262, 2.042, 2.04, 2.021, 2.0, 1.98, 1.962]
    """
    if free < len(_T):
        return _T[free]
    first = (_Z**3 + _Z) / 4
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    third = (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384
    return _Z + first / free + second / free**2 + third / free**3


def ratio(parts: Parts) -> Figure | None:
    """Return a ratio of sums over the seeds, and its interval by the jackknife.

    The mean of the seeds' own ratios would be another figure: it leaves out the seeds that have
    none, and those just above nothing outweigh all others. There is none where what it is
    divided by does not come to more than nothing. Where that hangs on one seed, the ratio is
    that seed's, without an interval.

    >>> ratio([(1, 1), (4, 2), (4, 3), (1, 0)])
    Figure(mean=1.666..., low=0.49..., high=2.83..., seeds=4)
    >>> ratio([(1, 1), (0, 0)]), ratio([(1, -1)])
    (Figure(mean=1.0, low=1.0, high=1.0, seeds=1), None)
    """
    return _jackknifed(_quotients(parts))


def ratio_difference(one: Parts, other: Parts) -> Figure | None:
    """Return by how much the other ratio of sums is more, each seed left out of both at once.

    >>> ratio_difference([(1, 1), (8, 2)], [(2, 1), (10, 2)])
    Figure(mean=1.0, low=1.0, high=1.0, seeds=2)
    """
    pairs = zip(_quotients(one), _quotients(other), strict=True)
    return _jackknifed([None if a is None or b is None else b - a for a, b in pairs])


def _quotients(parts: Parts) -> list[float | None]:
    """Return the ratio of the sums of all seeds, then of those without each."""
    above, below = (sum(each) for each in zip(*parts, strict=True)) if parts else (0.0, 0.0)
    left = [(above, below), *((above - a, below - b) for a, b in parts)]
    return [a / b if b > 0 else None for a, b in left]


def _jackknifed(found: Sequence[float | None]) -> Figure | None:
    """Return what all seeds give, with the interval that follows from leaving out each."""
    whole, *without = found
    if whole is None:
        return None
    left = [one for one in without if one is not None]
    count = len(left)
    if count < len(without):
        return Figure(whole, whole, whole, 1)
    mean = sum(left) / count
    error = sqrt(sum((one - mean) ** 2 for one in left) * (count - 1) / count)
    half = student(count - 1) * error
    return Figure(whole, whole - half, whole + half, count)


def figures_of(tables: Tables) -> dict[str, float | None]:
    """Return every figure of one seed."""
    return {
        **_use(tables),
        **_steps(tables),
        **_sites(tables),
        **_waits(tables),
        **_gain(tables),
    }


def _use(tables: Tables) -> dict[str, float | None]:
    """Return card-hours and public money: what was added, and what would have come anyway."""
    jobs = tables["jobs"]
    hours = {name: _sum(jobs.filter(pl.col("effect") == name), "card_hours")
             for name in ("both", "additional", "displaced")}  # fmt: skip
    spent = _sum(jobs, "claimed_fen")
    anyway = _sum(jobs.filter(pl.col("effect") == "both"), "claimed_fen")
    more = hours["additional"] - hours["displaced"]
    return {
        "card_hours": hours["both"] + hours["additional"],
        "card_hours_without": hours["both"] + hours["displaced"],
        "additional_card_hours": hours["additional"],
        "displaced_card_hours": hours["displaced"],
        "public_fen": spent,
        "unclaimed_fen": _sum(jobs, "subsidy_fen") - spent,
        "dead_weight_fen": anyway,
        "dead_weight_share": anyway / spent if spent else None,
        "fen_per_additional_card_hour": spent / more if more > 0 else None,
    }


def _steps(tables: Tables) -> dict[str, float | None]:
    """Return take-up, how many reach each step, and the days to a voucher."""
    steps = tables["steps"]
    able = steps.filter(pl.col("benefit_fen") > 0)
    reached = able["step"].to_physical().cast(pl.Int64).fill_null(-1)
    counts = {name: int((reached >= place).sum()) for place, name in enumerate(STEPS)}
    waited = steps.filter(pl.col("awarded_fen") > 0)["waited_days"]
    found: dict[str, float | None] = {f"step.{name}": count for name, count in counts.items()}
    found["mistaken"] = int((steps["benefit_fen"] == 0).sum())
    found["take_up"] = counts["awarded"] / counts["qualifies"] if counts["qualifies"] else None
    found["days_to_voucher"] = _number(waited.mean())
    for (name,), part in steps.group_by("programme", maintain_order=True):
        found[f"paid_fen.{name}"] = _sum(part, "paid_fen")
        found[f"awards.{name}"] = int((part["awarded_fen"] > 0).sum())
    return found


def _sites(tables: Tables) -> dict[str, float | None]:
    """Return utilisation by site and side, revenue, energy, carbon, and pools that never settle."""
    sites = tables["sites"]
    found: dict[str, float | None] = {
        "revenue_fen": _sum(sites, "revenue_fen"),
        "revenue_without_fen": _sum(sites, "revenue_without_fen"),
        "more_kwh": _sum(sites, "more_kwh"),
        "more_carbon_kg": _sum(sites, "more_carbon_kg"),
        "saturated_pools": _sum(sites, "saturated"),
        "saturated_pools_without": _sum(sites, "saturated_without"),
    }
    for column in ("side", "site"):
        for (name,), part in sites.group_by(column, maintain_order=True):
            for figure_ in ("utilisation", "utilisation_without"):
                weighed = float((part[figure_] * part["cards"]).sum())
                found[f"{figure_}.{name}"] = weighed / max(1.0, _sum(part, "cards"))
    return found


def _waits(tables: Tables) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for row in tables["waits"].iter_rows(named=True):
        suffix = "" if row["with_programmes"] else "_without"
        for name in ("mean_wait_s", "p50_wait_s", "p99_wait_s"):
            found[f"{name}{suffix}.{row['kind']}"] = row[name]
    return found


def _gain(tables: Tables) -> dict[str, float | None]:
    """Return who gained: public money by class, size and province, and how concentrated it is."""
    firms = tables["firms"]
    total = _sum(firms, "claimed_fen")
    found: dict[str, float | None] = {}
    for column in ("class", "size", "province"):
        for (name,), part in firms.group_by(column, maintain_order=True):
            key = f"gain.{column}.{name or 'none'}"
            found[key] = _sum(part, "claimed_fen") / total if total else None
    ranked = firms["claimed_fen"].sort(descending=True)
    tenth = max(1, len(ranked) // 10)
    found["gain.top_tenth"] = float(ranked.head(tenth).sum()) / total if total else None
    found["gain.gini"], found["gain.hhi"] = concentration(ranked.to_list()) or (None, None)
    return found


def concentration(amounts: Sequence[int]) -> tuple[float, float] | None:
    """Return the Gini coefficient and the Herfindahl index of what each has; none of nothing.

    >>> concentration([0, 0, 0, 8]), concentration([2, 2, 2, 2]), concentration([0])
    ((0.75, 1.0), (0.0, 0.25), None)
    """
    total, count = sum(amounts), len(amounts)
    if not total:
        return None
    ranks = sum(rank * amount for rank, amount in enumerate(sorted(amounts), start=1))
    gini = 2 * ranks / (count * total) - (count + 1) / count
    return gini, sum((amount / total) ** 2 for amount in amounts)


def _saturated(tables: Tables) -> dict[str, list[str]]:
    """Return the pools whose queue settles in no more than half of the seeds."""
    found = {}
    for column in ("saturated", "saturated_without"):
        often = (
            tables["sites"]
            .group_by("site", "model")
            .agg(pl.col(column).mean())
            .filter(pl.col(column) >= _HALF)
            .sort("site", "model")
        )
        found[column] = [f"{site}.{model}" for site, model, _ in often.iter_rows()]
    return found


_HALF: Final = 0.5


def is_saturated(seeds: Sequence[Figures]) -> bool:
    """Tell whether in half of the seeds or more a pool is saturated, with programmes or without."""
    often = sum(
        bool(one.get("saturated_pools") or one.get("saturated_pools_without")) for one in seeds
    )
    return often > 0 and often >= _HALF * len(seeds)


def _runs_out(tables: Tables) -> dict[str, Any]:
    """Return, by programme, in how many seeds the money runs out, and on which days."""
    found: dict[str, Any] = {}
    budgets = tables["budgets"]
    if not len(budgets):
        return found
    for (name,), part in budgets.group_by("programme", maintain_order=True):
        days = part.group_by("seed").agg(pl.col("runs_out").first())["runs_out"].drop_nulls().sort()
        found[str(name)] = {
            "seeds": len(days),
            "first": days[0].isoformat() if len(days) else None,
            "median": days[len(days) // 2].isoformat() if len(days) else None,
            "last": days[-1].isoformat() if len(days) else None,
        }
    return found


def _sum(frame: pl.DataFrame, column: str) -> float:
    return float(frame[column].sum() or 0)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
