"""Everything that a programme's applications tell of behaviour, question by question."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil, floor, isfinite, log
from typing import Final

import numpy as np
import polars as pl

from tallygrid.core.programme import Programme
from tallygrid.lab.behaviour import CalibratedOn, Parameter, parameters
from tallygrid.lab.calibrate.additional import additional
from tallygrid.lab.calibrate.density import excess, jump
from tallygrid.lab.calibrate.estimate import CASES_MIN, COUNT_MIN, Estimate, Interval
from tallygrid.lab.calibrate.history import History
from tallygrid.lab.calibrate.shares import share
from tallygrid.lab.calibrate.thresholds import Threshold, thresholds
from tallygrid.lab.calibrate.timing import Window, rush
from tallygrid.lab.calibrate.waiting import giving_up

_HOURS_A_DAY: Final = 8
_SETTLED_AFTER: Final = timedelta(days=60)
"""Who began so long ago and has not applied will not."""
_YEAR: Final = timedelta(days=365)
_RUSH_CASES_MIN: Final = 100
_LENGTH_CASES_MIN: Final = 500
"""Of fewer a rush stands clear only where luck exaggerates it, and its length then misleads."""
_SIDE_BINS: Final = 20
_UNITS_MIN, _UNITS_MAX = 6, 24
"""Months and the like on each side of a threshold."""
_RAISED, _AIMED = 0.1, 0.05
"""Within such a part of a least amount those stand who raised theirs; of a cap, who aim at it."""


@dataclass(frozen=True)
class Calibration:
    """What was estimated, and what stays as it was assumed."""

    estimates: tuple[Estimate, ...]
    additional: tuple[float, float] | None
    cases: int
    seen_on: date

    @property
    def found(self) -> dict[str, Estimate]:
        """The estimates that set a parameter which a scenario may have, by its name."""
        return {
            one.parameter: one
            for one in self.estimates
            if one.parameter and one.interval and _is_allowed(one)
        }


def calibrate(history: History, programme: Programme | None) -> Calibration:
    """Estimate whatever is identified; what is not, say why."""
    priors = parameters()
    return Calibration(
        estimates=(
            *_steps(history, programme, priors),
            *_timing(history, programme, priors),
            *_thresholds(history, programme),
        ),
        additional=additional(programme, priors) if programme else None,
        cases=history.cases.height,
        seen_on=history.seen_on,
    )


def _is_allowed(one: Estimate) -> bool:
    least, most = parameters()[one.parameter].range
    return least <= one.value <= most


def as_parameter(one: Estimate, name: str, seen_on: date) -> Parameter:
    """Return an estimate as the parameter it sets, its interval within what a scenario may set."""
    prior = parameters()[one.parameter]
    low, high = (min(max(end, prior.range[0]), prior.range[1]) for end in one.ends)
    return Parameter(
        value=one.value,
        range=(low, high),
        source=f"calibrated on {name} as seen on {seen_on}: {one.cases} cases",
        en=prior.en,
        zh=prior.zh,
        calibrated_on=CalibratedOn(name=name, seen_on=seen_on, cases=one.cases),
    )


# Step by step


def _steps(
    history: History, programme: Programme | None, priors: Mapping[str, Parameter]
) -> Iterator[Estimate]:
    """Yield what becomes of applications from one step to the next."""
    cases, seen = history.cases, pl.lit(history.seen_on)
    hours = priors["paperwork_hours"].value
    old = (pl.col("begun") <= seen - _SETTLED_AFTER) & ~_late(programme, hours)
    begun = cases.filter(old)
    paperwork = _of_hours(_share("paperwork", begun, "submitted"), hours)
    is_seen = cases["begun"].count() > 0
    yield paperwork if is_seen else replace(paperwork, refused="unseen")
    yield _waiting(history)
    over = pl.coalesce("valid_until", pl.col("issued") + _YEAR) <= seen
    yield _share("use", cases.filter(pl.col("issued").is_not_null() & over), "first_used")
    yield _share("claim", cases.filter(pl.col("first_used").is_not_null() & over), "settled")


def _late(programme: Programme | None, hours: int) -> pl.Expr:
    """Tell who began so late that the window shut before the paperwork could be done."""
    ends = [w.last_day for w in programme.windows if w.last_day] if programme else []
    lead = timedelta(days=-(-hours // _HOURS_A_DAY))
    late = pl.lit(False)  # noqa: FBT003  # a column, not a switch
    for end in ends:
        late |= pl.col("begun").is_between(end - lead, end, closed="right")
    return late


def _share(code: str, cases: pl.DataFrame, step: str) -> Estimate:
    did, of = cases[step].count(), cases.height
    estimate = Estimate(f"share.{code}", of, "share")
    if of < CASES_MIN:
        return replace(estimate, refused="none" if of == 0 else "few")
    return replace(estimate, interval=share(did, of))


def _of_hours(one: Estimate, hours: int) -> Estimate:
    """Say what a share that gets through the paperwork comes to per hour of it."""
    if one.interval is None or not one.interval.value:
        return one
    stays = one.interval
    per_hour = Interval(*(-log(max(p, 1e-9)) / hours for p in (stays.value, stays.high, stays.low)))
    return _sets(one, "dropout_per_hour_bp", per_hour, 10_000)


def _waiting(history: History) -> Estimate:
    """Return how readily those who wait give up; who is found gone at the answer counts so."""
    cases = history.cases.filter(pl.col("submitted").is_not_null())
    days = cases.select(
        decided=(pl.coalesce("decided", pl.lit(history.seen_on)) - pl.col("submitted"))
        .dt.total_days(),
        dropped=(pl.col("dropped") - pl.col("submitted")).dt.total_days(),
        answered=pl.col("decided").is_not_null(),
    ).cast({"decided": pl.Float64, "dropped": pl.Float64})  # fmt: skip
    one = Estimate("waiting", days.height, "per_day")
    if days.height < CASES_MIN:
        return replace(one, refused="none" if not days.height else "few")
    if not days["dropped"].count():
        return replace(one, refused="unrecorded")
    known = days.filter(~(pl.col("dropped") >= pl.col("decided")) | ~pl.col("answered"))
    gone = days.filter((pl.col("dropped") >= pl.col("decided")) & pl.col("answered"))
    lost = gone.filter(pl.col("decided") > 0)["decided"].to_numpy()
    left = known["dropped"].drop_nulls().to_numpy()
    stayed = days.filter(pl.col("dropped").is_null())["decided"].to_numpy()
    if not stayed.sum() + left.sum() + lost.sum():
        return replace(one, refused="at_once")
    return _sets(one, "dropout_per_day_bp", giving_up(stayed, left, lost), 10_000, show=True)


# Windows


def _timing(
    history: History, programme: Programme | None, priors: Mapping[str, Parameter]
) -> Iterator[Estimate]:
    """Yield how much readier firms are near the end of a window, and for how long."""
    hours = priors["paperwork_hours"].value
    begun = history.cases["begun"].count() > 0
    windows = list(_windows(history, programme, 0 if begun else -(-hours // _HOURS_A_DAY)))
    cases = round(sum(float(w.begun.sum()) for w in windows))
    boost = Estimate("rush.boost", cases, "times", parameter="deadline_boost_milli")
    days = Estimate("rush.days", cases, "days", parameter="deadline_days")
    if not windows or cases < _RUSH_CASES_MIN:
        why = "no_programme" if programme is None else "no_window" if not windows else "few"
        yield from (replace(one, refused=why, parameter="") for one in (boost, days))
        return
    found = rush(windows)
    yield _sets(boost, "deadline_boost_milli", found.boost, 1000, show=True)
    if cases < _LENGTH_CASES_MIN:
        yield replace(days, refused="few", parameter="")
    elif found.days is None:
        yield replace(days, refused="no_rush", parameter="")
    else:
        yield _sets(days, "deadline_days", found.days, 1, show=True)


def _windows(history: History, programme: Programme | None, lead: int) -> Iterator[Window]:
    """Yield the windows that are over; by submission, the days are those of the beginning."""
    column = history.cases["submitted" if lead else "begun"].drop_nulls().to_list()
    for window in programme.windows if programme else ():
        first, last = window.first_day, window.last_day
        if first is None or last is None or last > history.seen_on:
            continue
        length = (last - first).days + 1 - lead
        if length < _UNITS_MIN:
            continue
        counts = np.zeros(length)
        for day in column:
            place = (day - first).days - lead
            if 0 <= place < length:
                counts[place] += 1
        yield Window(counts, np.arange(length, dtype=np.float64)[::-1] + lead)


# Thresholds


def _thresholds(history: History, programme: Programme | None) -> Iterator[Estimate]:
    """Yield how applications lie around every published threshold."""
    submitted = history.cases.filter(pl.col("submitted").is_not_null())
    for threshold in thresholds(programme) if programme else ():
        about: dict[str, str | int] = {"fact": threshold.fact, "at": threshold.at}
        code = {"tier": "jump", "least": "above_least", "most": "below_most", "cap": "at_cap"}
        one = Estimate(code[threshold.role], 0, "times", about=about)
        if threshold.fact not in submitted.columns or not submitted[threshold.fact].count():
            yield replace(one, refused="no_column")
        elif threshold.role in {"least", "most"} and not threshold.is_money:
            yield replace(one, refused="not_chosen")
        else:
            yield _around(one, threshold, submitted[threshold.fact].drop_nulls().to_numpy())


def _around(one: Estimate, threshold: Threshold, values: np.ndarray) -> Estimate:
    """Count on both sides, and hold the sides against each other, or a few bins against all."""
    centres, edges = _bins(threshold)
    if not len(centres):
        return replace(one, refused="no_room")
    counts = np.histogram(values, edges)[0].astype(np.float64)
    part = centres / threshold.at
    near = {
        "tier": centres > 0,
        "least": (part > 0) & (part < _RAISED),
        "most": (part < 0) & (part > -_AIMED),
        "cap": np.abs(part) < _AIMED,
    }[threshold.role]
    # Of amounts, only that side tells what to expect on which nobody had a reason to move.
    far = {"tier": centres < 0, "least": part > _RAISED}.get(threshold.role, part < -_AIMED)
    centres, counts, beside = centres[near | far], counts[near | far], near[near | far]
    one = replace(one, cases=int(counts.sum()))
    parts = counts[beside].sum(), counts[~beside].sum()
    if min(parts) < COUNT_MIN or max(parts) < CASES_MIN or np.count_nonzero(counts) < _UNITS_MIN:
        return replace(one, refused="few")
    found = jump(counts, centres) if threshold.role == "tier" else excess(counts, centres, beside)
    return replace(one, interval=found)


def _bins(threshold: Threshold) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of bins, as distances from the threshold, and their edges."""
    at = threshold.at
    if at < _UNITS_MIN:
        return np.array([]), np.array([])
    if threshold.is_money:
        reach = 1.0 if threshold.role == "least" else 0.5
        edges = at * (1 + reach * np.arange(-_SIDE_BINS, _SIDE_BINS + 1) / _SIDE_BINS)
    else:
        reach_units = min(at, _UNITS_MAX)
        edges = np.arange(at - reach_units, at + reach_units + 1, dtype=np.float64)
    return (edges[1:] + edges[:-1]) / 2 - at, edges


def _sets(
    one: Estimate, parameter: str, found: Interval, unit: int, *, show: bool = False
) -> Estimate:
    """Return an estimate with the parameter that it sets, in that parameter's whole units."""
    most = parameters()[parameter].range[1]
    high = ceil(found.high * unit) if isfinite(found.high) else most
    return replace(
        one,
        interval=found if show else one.interval,
        parameter=parameter,
        value=round(found.value * unit),
        ends=(floor(found.low * unit), max(high, round(found.value * unit))),
    )
