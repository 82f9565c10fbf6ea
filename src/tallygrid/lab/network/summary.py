"""What the tables of a run come to: one figure per seed, then its mean and 95 % interval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Final

import polars as pl

from tallygrid.lab.network.applying import STEPS

Tables = Mapping[str, pl.DataFrame]
_T: Final = (
    *(0.0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179),
    *(2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060),
    *(2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t for 95 %, by degrees of freedom up to 30."""


@dataclass(frozen=True)
class Figure:
    """A figure over the seeds: the mean, and where the mean lies with 95 % confidence."""

    mean: float
    low: float
    high: float
    seeds: int
    """In how many seeds there was such a figure."""


def summary_of(tables: Tables) -> dict[str, Any]:
    """Return every figure of a run as plain data."""
    by_seed = figures_by_seed(tables)
    names = dict.fromkeys(name for one in by_seed.values() for name in one)
    figures = {name: figure([one.get(name) for one in by_seed.values()]) for name in names}
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
    half = (_T[free] if free < len(_T) else 1.96) * deviation / sqrt(len(known))
    return Figure(mean, mean - half, mean + half, len(known))


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
    """Return utilisation by site and side, revenue, energy and carbon."""
    sites = tables["sites"]
    found: dict[str, float | None] = {
        "revenue_fen": _sum(sites, "revenue_fen"),
        "revenue_without_fen": _sum(sites, "revenue_without_fen"),
        "more_kwh": _sum(sites, "more_kwh"),
        "more_carbon_kg": _sum(sites, "more_carbon_kg"),
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
