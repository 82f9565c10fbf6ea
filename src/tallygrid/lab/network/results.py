"""The results of a run as tables; docs/algorithms/laboratory.md tells every column.

`jobs`, `firms`, `steps`, `sites`, `waits` and `budgets` hold one seed below the other. They
are what summary, comparison and report are made of, so that all of these agree.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tallygrid.lab.network import rows
from tallygrid.lab.network.applying import STEPS
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.simulate import ZONE, Played, Stage

TABLES: Final = ("jobs", "firms", "steps", "sites", "waits", "budgets")
_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
_MILLIWATT_S_PER_KWH: Final = 3_600_000_000


def tables_of(stage: Stage, played: Played) -> dict[str, pl.DataFrame]:
    """Return the tables of one seed."""
    jobs = _jobs(stage, played)
    return {
        "jobs": jobs,
        "firms": _firms(played, jobs),
        "steps": _steps(played),
        "sites": _sites(stage, played),
        "waits": _waits(jobs),
        "budgets": _budgets(stage, played),
    }


def _jobs(stage: Stage, played: Played) -> pl.DataFrame:
    """One row per job that came with or without the programmes."""
    jobs, people = played.population.jobs, played.population
    names = [*played.world.names, ""]
    states = pl.Enum(rows.STATES)
    kinds = [one.id for one in stage.wanted.kinds]
    homes = len(people.requests) // len(kinds)
    with_, without = played.with_.fates, played.without.fates
    first = with_[:, rows.FIRST_VOUCHER]
    programmes = [*played.with_.programmes, ""]
    of_voucher = np.append(played.with_.vouchers[:, rows.PROGRAMME], len(programmes) - 1)
    paid = _claimed(played)
    frame = pl.DataFrame(
        {
            "seed": np.full(len(jobs), played.seed),
            "job": np.arange(len(jobs)),
            "firm": jobs[:, rows.FIRM],
            "kind": _named(kinds, jobs[:, rows.KIND] // homes),
            "arrival_s": jobs[:, rows.ARRIVAL],
            "cards": jobs[:, rows.GANG],
            "run_s": jobs[:, rows.RUN],
            "worth_milli": people.worth_milli,
            "state": pl.Series(with_[:, rows.STATE].astype(np.uint8)).cat.to(states),
            "offer": _named(names, with_[:, rows.OFFER]),
            "start_s": with_[:, rows.START],
            "billed_fen": with_[:, rows.BILLED_FEN],
            "subsidy_fen": with_[:, rows.FIRST_PAID_FEN] + with_[:, rows.SECOND_PAID_FEN],
            "claimed_fen": paid,
            "programme": _named(programmes, of_voucher[first]),
            "state_without": pl.Series(without[:, rows.STATE].astype(np.uint8)).cat.to(states),
            "offer_without": _named(names, without[:, rows.OFFER]),
            "start_without_s": without[:, rows.START],
            "billed_without_fen": without[:, rows.BILLED_FEN],
        }
    )
    return frame.with_columns(
        (pl.col("cards") * pl.col("run_s") / _HOUR_S).alias("card_hours"),
        _named(
            ("neither", "additional", "displaced", "both"),
            (with_[:, rows.STATE] == rows.ENDED) + 2 * (without[:, rows.STATE] == rows.ENDED),
        ).alias("effect"),
    )


def _named(names: Sequence[str], places: NDArray[np.int64]) -> pl.Series:
    """Return the name at each place, the last one for nobody; polars shares the texts."""
    return pl.Series(names, dtype=pl.String).gather(places % len(names))


def _ran() -> pl.Expr:
    return pl.col("state") == "ended"


def _ran_without() -> pl.Expr:
    return pl.col("state_without") == "ended"


def _claimed(played: Played) -> NDArray[np.int64]:
    """Return what of each job's subsidy is claimed: a deduction needs no claim."""
    fates, vouchers = played.with_.fates, played.with_.vouchers
    claims = claiming(played)[played.population.jobs[:, rows.FIRM]]
    total = np.zeros(len(fates), dtype=np.int64)
    for column in (rows.FIRST_VOUCHER, rows.SECOND_VOUCHER):
        voucher, paid = fates[:, column], fates[:, column + 1]
        if len(vouchers):
            deducted = vouchers[voucher, rows.IS_DEDUCTED] == 1
            total += np.where((voucher >= 0) & (deducted | claims), paid, 0)
    return total


def claiming(played: Played) -> NDArray[np.bool_]:
    """Tell which firms would get through the work of a claim."""
    by = played.behaviour
    stays = np.exp(-by.dropout_per_hour_bp / 10_000 * by.claim_hours)
    found: NDArray[np.bool_] = played.population.luck["claim"] < stays
    return found


def _steps(played: Played) -> pl.DataFrame:
    """One row per firm and programme that had to do with one another: how far it came."""
    answered = {one.application.id: one for one in played.answered}
    claims = claiming(played)
    found = []
    for one in played.intake.attempts:
        step, why, waited, amount, paid = one.step, one.why, None, 0, 0
        answer = answered.get(one.application.id) if one.application else None
        if answer is not None and one.application is not None:
            step, why = "answered", f"{answer.result} {answer.why}".strip()
            waited = (answer.at - one.application.at) / timedelta(days=1)
            if answer.result == "awarded":
                voucher = played.with_.vouchers[answer.voucher]
                amount, paid = answer.amount_fen, int(voucher[rows.PAID_FEN])
                step, why = "awarded", ""
                if paid:  # a job may draw on two vouchers: each tells for itself
                    step = "claimed" if claims[one.firm] or voucher[rows.IS_DEDUCTED] else "used"
        found.append(
            (
                played.seed,
                one.firm,
                one.programme,
                step or None,
                why,
                waited,
                one.benefit_fen,
                amount,
                paid,
            )
        )
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "seed": pl.Int64, "firm": pl.Int64, "programme": pl.String, "step": pl.Enum(STEPS),
        "why": pl.String, "waited_days": pl.Float64, "benefit_fen": pl.Int64,
        "awarded_fen": pl.Int64, "paid_fen": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")


def _firms(played: Played, jobs: pl.DataFrame) -> pl.DataFrame:
    """One row per firm: what it is, and what it used and paid with and without."""
    facts = [firm.facts for firm in played.population.firms]
    frame = pl.DataFrame(
        {
            "seed": np.full(len(facts), played.seed),
            "firm": np.arange(len(facts)),
            "class": [str(one.get("applicant_class", "")) for one in facts],
            "size": [str(one.get("sme_class", "")) for one in facts],
            "province": [str(one.get("registered_in", ""))[:2] + "0000" for one in facts],
            "plan_fen": played.population.plan_fen,
        }
    )
    sums = jobs.group_by("firm").agg(
        pl.col("card_hours").filter(_ran()).sum().alias("card_hours"),
        pl.col("card_hours").filter(_ran_without()).sum().alias("card_hours_without"),
        pl.col("billed_fen").sum(),
        pl.col("billed_without_fen").sum(),
        pl.col("subsidy_fen").sum(),
        pl.col("claimed_fen").sum(),
    )
    return frame.join(sums, on="firm", how="left").fill_null(0).sort("firm")


def _waits(jobs: pl.DataFrame) -> pl.DataFrame:
    """One row per kind of work, with and without: how long jobs wait; nearest rank."""
    both = [
        jobs.filter(_ran())
        .select("seed", "kind", "arrival_s", wait=pl.col("start_s") - pl.col("arrival_s"))
        .with_columns(with_=pl.lit(True)),  # noqa: FBT003  # a column, not a switch
        jobs.filter(_ran_without())
        .select("seed", "kind", "arrival_s", wait=pl.col("start_without_s") - pl.col("arrival_s"))
        .with_columns(with_=pl.lit(False)),  # noqa: FBT003  # a column, not a switch
    ]
    return (
        pl.concat(both)
        .group_by("seed", "kind", "with_")
        .agg(
            pl.len().alias("jobs"),
            pl.col("wait").mean().alias("mean_wait_s"),
            pl.col("wait").quantile(0.5, "higher").alias("p50_wait_s"),
            pl.col("wait").quantile(0.99, "higher").alias("p99_wait_s"),
        )
        .sort("seed", "kind", "with_")
        .rename({"with_": "with_programmes"})
    )


def _sites(stage: Stage, played: Played) -> pl.DataFrame:
    """One row per pool of a site: how busy within the scenario's days, and what it earned."""
    catalogue, end_s = played.world.catalogue, stage.calendar.days * _DAY_S
    with_ = _use(played.with_, end_s)
    without = _use(played.without, end_s)
    found = []
    for n, (site_id, model) in enumerate(played.world.pools):
        site, card = catalogue.sites[site_id], catalogue.cards[model]
        cards, before = (
            int(played.with_.tables["pools"][n, rows.CARDS]),
            int(played.without.tables["pools"][n, rows.CARDS]),
        )
        kwh = (
            card.power_w
            * site.pue_milli
            * (with_["used"][n] - without["used"][n])
            / _MILLIWATT_S_PER_KWH
        )
        found.append(
            {
                "seed": played.seed,
                "site": site_id,
                "model": model,
                "side": site.side,
                "cards": cards,
                "base_bp": site.utilisation_bp,
                "used_s": int(with_["used"][n]),
                "used_without_s": int(without["used"][n]),
                "utilisation": _busy(site.utilisation_bp, int(with_["used"][n]), cards * end_s),
                "utilisation_without": _busy(
                    site.utilisation_bp, int(without["used"][n]), before * end_s
                ),
                "revenue_fen": int(with_["billed"][n]),
                "revenue_without_fen": int(without["billed"][n]),
                "more_kwh": float(kwh),
                "more_carbon_kg": float(kwh * site.grid_g_per_kwh / 1000),
                "saturated": bool(with_["saturated"][n]),
                "saturated_without": bool(without["saturated"][n]),
            }
        )
    return pl.DataFrame(found)


def _busy(base_bp: int, used_s: int, there_s: int) -> float:
    """Return how much of a pool is in use: by others, and by us of what they leave."""
    base = base_bp / 10_000
    return base + (1 - base) * (used_s / there_s if there_s else 0)


def _use(run: Run, end_s: int) -> Mapping[str, NDArray[np.float64]]:
    """Return by pool the card-seconds used before the end, the bills, and who never settles."""
    fates, jobs = run.fates, run.jobs
    ran = fates[:, rows.STATE] == rows.ENDED
    pool = run.world.offers[fates[ran, rows.OFFER], rows.POOL]
    start, run_s = fates[ran, rows.START], jobs[ran, rows.RUN]
    used = np.clip(np.minimum(start + run_s, end_s) - start, 0, None) * jobs[ran, rows.GANG]
    count = len(run.world.pools)
    order = np.argsort(pool.astype(np.int16), kind="stable")  # of sixteen bits, by radix
    waits = np.split(
        (start - jobs[ran, rows.ARRIVAL])[order], np.cumsum(np.bincount(pool, minlength=count))[:-1]
    )
    return {
        "used": np.bincount(pool, weights=used, minlength=count),
        "billed": np.bincount(pool, weights=fates[ran, rows.BILLED_FEN], minlength=count),
        "saturated": np.array([saturated(wait) for wait in waits], dtype=float),
    }


def saturated(wait: NDArray[np.int64]) -> bool:
    """Tell whether the last fifth of the jobs waits more than twice as long as the middle fifth.

    Jobs stand by arrival; of fewer than fifty nothing is said. A queue that does not settle
    makes at least a quarter of the late jobs wait, be it only the wide ones; where fewer wait,
    however long, that was a burst. Less than two minutes on average are no queue at all.

    >>> saturated(np.arange(100) ** 2), saturated(np.repeat([0, 9_000_000], [98, 2]))
    (True, False)
    """
    if len(wait) < _JOBS_MIN:
        return False
    _, _, middle, _, last = np.array_split(wait, 5)
    if np.count_nonzero(last) < len(last) / 4:
        return False
    return bool(last.mean() > 2 * max(middle.mean(), _MINUTE_S))


_JOBS_MIN: Final = 50
"""Ten jobs in a fifth."""
_MINUTE_S: Final = 60


def _budgets(stage: Stage, played: Played) -> pl.DataFrame:
    """One row per programme and day: where its money is at the day's end."""
    days = stage.calendar.days
    dates = [stage.calendar.day(n) for n in range(days)]
    frames = [
        pl.DataFrame(
            {
                "seed": np.full(days, played.seed),
                "programme": [name] * days,
                "day": dates,
                "available_fen": played.daily[:, n, rows.AVAILABLE],
                "committed_fen": played.daily[:, n, rows.COMMITTED],
                "held_fen": played.daily[:, n, rows.HELD],
                "payable_fen": played.daily[:, n, rows.PAYABLE],
                "lapsed_fen": played.daily[:, n, rows.LAPSED],
            }
        ).with_columns(runs_out=pl.lit(_runs_out(played, name), dtype=pl.Date))
        for n, name in enumerate(played.with_.programmes)
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def _runs_out(played: Played, programme: str) -> object:
    """Return the day on which somebody first waited for money, if anybody did."""
    days = [
        one.at.astimezone(ZONE).date()
        for one in played.answered
        if one.application.programme == programme
        and one.result == "waiting"
        and one.why != "contract"
    ]
    return min(days, default=None)
