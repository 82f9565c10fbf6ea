"""A generator from aggregates: for whoever may give sums of a cluster, and no row of a trace."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tallygrid.core.programme import Many
from tallygrid.files.document import FileError, read
from tallygrid.lab.fit import CAMPAIGN_GAP_S, POINTS_BP
from tallygrid.lab.table import Fitted, read_fitted

_W = TypeVar("_W", tuple[int, ...], dict[int, int])
_Weight = Annotated[int, Field(ge=0, le=10**9)]
_Percent = Annotated[int, Field(ge=0, le=100, strict=False)]


def _rising(quantiles: Mapping[int, int]) -> Mapping[int, int]:
    """Refuse quantiles that do not reach from 0 to 100 percent, or that fall."""
    ends = sorted(quantiles)
    values = [quantiles[point] for point in ends]
    if not ends or (ends[0], ends[-1]) != (0, 100) or values != sorted(values):
        raise ValueError("Give values at 0 and 100 percent at least; they never fall")
    return quantiles


def _weighed(weights: _W) -> _W:
    """Refuse weights of which none is above 0."""
    if not any(weights.values() if isinstance(weights, dict) else weights):
        raise ValueError("Give at least one a weight above 0")
    return weights


# Each field is checked on its own, so that one mistake does not hide the others.
_Weights = Annotated[Many[_Weight], AfterValidator(_weighed)]


class Campaigns(BaseModel):
    """Runs of jobs of one user, each soon after the one before; both as quantiles."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sizes: Annotated[
        dict[_Percent, Annotated[int, Field(ge=1, le=100_000)]], AfterValidator(_rising)
    ]
    """Jobs of a campaign: percent of the campaigns, and jobs."""
    gaps_s: Annotated[
        dict[_Percent, Annotated[int, Field(ge=0, le=CAMPAIGN_GAP_S)]], AfterValidator(_rising)
    ]
    """Seconds from one to the next: percent of the gaps, and seconds."""


class Aggregates(BaseModel):
    """What is told of a cluster; weights need not add up to anything."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    first_day: date
    days: Annotated[int, Field(ge=1, le=366)]
    arrivals_per_day: Annotated[int, Field(ge=1, le=100_000)]
    hours: Annotated[_Weights, Field(min_length=24, max_length=24)]
    """Weights of the hours of a day, from midnight."""
    weekdays: Annotated[_Weights, Field(min_length=7, max_length=7)]
    """Weights of the days of a week, Monday first."""
    gangs: Annotated[
        dict[Annotated[int, Field(ge=1, strict=False)], _Weight], AfterValidator(_weighed)
    ]
    """Cards at once, and the weight of each."""
    duration_s: Annotated[dict[_Percent, Annotated[int, Field(ge=1)]], AfterValidator(_rising)]
    """Quantiles of the run time: percent, from 0 to 100, and seconds."""
    users: Annotated[Many[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    """Weights of the users."""
    campaigns: Campaigns | None = None
    """Left out, every job comes alone."""


def read_aggregates(path: Path) -> Fitted:
    """Read aggregates as a table that jobs can be generated from.

    Raises:
        FileError: With every mistake.
    """
    document = read(path)
    told = document.parsed(Aggregates)
    last = told.first_day + timedelta(days=told.days - 1)
    first = told.first_day.weekday()
    if not any(told.weekdays[(first + day) % 7] for day in range(told.days)):
        problem = f"No day from {told.first_day} to {last} has a weight."
        remedy = "Give one of their weekdays a weight above 0, or play more days."
        raise FileError([document.mistake(("weekdays",), problem, remedy)])
    return _fitted(told, path.name)


def _fitted(told: Aggregates, name: str) -> Fitted:
    jobs = told.days * told.arrivals_per_day
    told_ = told.campaigns or Campaigns(sizes={0: 1, 100: 1}, gaps_s={0: 1, 100: 1})
    campaigns = {
        "gap_s_max": CAMPAIGN_GAP_S,
        "sizes": [_at(told_.sizes, point) for point in POINTS_BP],
        "gaps_s": [_at(told_.gaps_s, point) for point in POINTS_BP],
    }
    figures = {
        "period": {"first_day": told.first_day, "days": told.days, "jobs": jobs, "left_out": 0},
        "points_bp": POINTS_BP,
        "arrivals": {
            "hours": told.hours,
            "weekdays": told.weekdays,
            "day_factor_milli": [1000] * len(POINTS_BP),
        },
        "campaigns": campaigns,
        "gangs": [{"cards": cards, "jobs": weight} for cards, weight in sorted(told.gangs.items())],
        "durations": [
            {
                "cards_from": 1,
                "cards_to": max(64, *told.gangs),
                "jobs": jobs,
                "seconds": [_at(told.duration_s, point) for point in POINTS_BP],
            }
        ],
        "clusters": sorted(told.users, reverse=True),
    }
    return complete(figures, name)


def complete(figures: dict[str, Any], name: str) -> Fitted:
    """Return figures as a whole table: with its label and source, and no gangs added."""
    source = {"figures": ("all",), "title": name, "author": "", "url": "", "licence": "",
              "changes": "Reduced to counts and quantiles."}  # fmt: skip
    large = {**read_fitted().large.model_dump(), "share_bp": 0, "gangs": []}
    return Fitted.model_validate(
        {"label": f"synthetic, after {name}", "sources": (source,), "large": large, **figures}
    )


def _at(quantiles: Mapping[int, int], point_bp: int) -> int:
    """Return the value at a point between those that are given."""
    below = max(one for one in quantiles if one * 100 <= point_bp)
    above = min(one for one in quantiles if one * 100 >= point_bp)
    if above == below:
        return quantiles[below]
    part = (point_bp - below * 100) * (quantiles[above] - quantiles[below])
    return quantiles[below] + part // ((above - below) * 100)
