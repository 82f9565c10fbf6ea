"""The batch optimum by brute force, from the four files alone, in exact fractions."""

import csv
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import ceil, floor
from pathlib import Path
from typing import NamedTuple

Row = Mapping[str, str]


class Files(NamedTuple):
    """The rows of the four files."""

    jobs: list[Row]
    pools: list[Row]
    routes: dict[tuple[str, str], Row]
    budgets: dict[str, Row]


class Cost(NamedTuple):
    """What a job costs in a pool."""

    user: int
    public: int
    transfer: int
    extra: int
    weighed: int

    @property
    def total(self) -> int:
        """What it adds to the objective."""
        return self.user + self.weighed + self.transfer + self.extra


def read(folder: Path) -> Files:
    """Read the four files of a folder."""
    return Files(
        jobs=_rows(folder / "jobs.csv"),
        pools=_rows(folder / "pools.csv"),
        routes={(one["region"], one["site"]): one for one in _rows(folder / "routes.csv")},
        budgets={one["programme"]: one for one in _rows(folder / "budgets.csv")},
    )


def cost(files: Files, job: Row, pool: Row, weight_bp: int = 10_000) -> Cost | None:
    """Return what a job costs in a pool; None if it may not go there."""
    route = files.routes[job["region"], pool["site"]]
    if not _may_go(job, pool, route):
        return None
    card_hours = Fraction(job["cards"]) * Fraction(job["hours"])
    gross = ceil(card_hours * Fraction(pool["price_fen"]))
    rate = files.budgets[job["programme"]]["rate_bp"] if job["programme"] else "0"
    subsidy = floor(gross * Fraction(rate) / 10_000)
    return Cost(
        user=gross - subsidy,
        public=subsidy,
        transfer=ceil(Fraction(job["data_gb"]) * Fraction(route["transfer_fen_per_gb"])),
        extra=ceil(card_hours * Fraction(pool["extra_fen"])),
        weighed=floor(Fraction(subsidy * weight_bp, 10_000)),
    )


def value(files: Files, choice: Mapping[str, str], weight_bp: int = 10_000) -> int | None:
    """Return the objective of an assignment (job to pool, '' left out); None: it breaks a rule."""
    pools = {one["pool_id"]: one for one in files.pools}
    room = {name: Fraction(one["cards"]) * Fraction(one["hours"]) for name, one in pools.items()}
    money = {name: int(one["available_fen"]) for name, one in files.budgets.items()}
    total = 0
    for job in files.jobs:
        if not (name := choice[job["job_id"]]):
            total += int(job["unplaced_fen"])
            continue
        found = cost(files, job, pools[name], weight_bp)
        if found is None:
            return None
        total += found.total
        room[name] -= Fraction(job["cards"]) * Fraction(job["hours"])
        if job["programme"]:
            money[job["programme"]] -= found.public
    is_kept = all(one >= 0 for one in room.values()) and min(money.values(), default=0) >= 0
    return total if is_kept else None


def optimum(files: Files, weight_bp: int = 10_000) -> int:
    """Return the least objective, every assignment tried."""
    names = ["", *(one["pool_id"] for one in files.pools)]
    jobs = [job["job_id"] for job in files.jobs]
    values = (
        value(files, dict(zip(jobs, choice, strict=True)), weight_bp)
        for choice in product(names, repeat=len(jobs))
    )
    return min(found for found in values if found is not None)


def dual_bound(files: Files, duals: list[Row], weight_bp: int = 10_000) -> int:
    """Return the bound that written dual prices prove, rounded down."""
    price = {
        (one["kind"], one["id"]): Fraction(int(one["price_num"]), int(one["price_den"]))
        for one in duals
    }
    assert min(price.values()) >= 0
    bound = Fraction(0)
    for job in files.jobs:
        ways = [Fraction(job["unplaced_fen"])]
        for pool in files.pools:
            found = cost(files, job, pool, weight_bp)
            if found:
                work = Fraction(job["cards"]) * Fraction(job["hours"])
                paid = price["budget", job["programme"]] * found.public if job["programme"] else 0
                ways.append(found.total + price["pool", pool["pool_id"]] * work + paid)
        bound += min(ways)
    for pool in files.pools:
        room = Fraction(pool["cards"]) * Fraction(pool["hours"])
        bound -= price["pool", pool["pool_id"]] * room
    for name, budget in files.budgets.items():
        bound -= price["budget", name] * int(budget["available_fen"])
    return floor(bound)


def _may_go(job: Row, pool: Row, route: Row) -> bool:
    limit = job["latency_ms_max"]
    return (
        (not job["models"] or pool["model"] in job["models"].split("|"))
        and (job["origin"] == "any" or pool["origin"] == "domestic")
        and (not job["sites"] or pool["site"] in job["sites"].split("|"))
        and (not limit or Fraction(route["latency_ms"]) <= Fraction(limit))
        and Fraction(job["cards"]) <= Fraction(pool["cards"])
        and Fraction(job["hours"]) <= Fraction(pool["hours"])
    )


def _rows(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))
