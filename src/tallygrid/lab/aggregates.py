"""A generator from aggregates: for whoever may give sums of a cluster, and no row of a trace."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tallygrid.core.programme import Many
from tallygrid.files.document import read
from tallygrid.lab.fit import POINTS_BP
from tallygrid.lab.table import Fitted, read_fitted

_Weight = Annotated[int, Field(ge=0, le=10**9)]


class Aggregates(BaseModel):
    """What is told of a cluster; weights need not add up to anything."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    first_day: date
    days: Annotated[int, Field(ge=1, le=366)]
    arrivals_per_day: Annotated[int, Field(ge=1, le=100_000)]
    hours: Annotated[Many[_Weight], Field(min_length=24, max_length=24)]
    """Weights of the hours of a day, from midnight."""
    weekdays: Annotated[Many[_Weight], Field(min_length=7, max_length=7)]
    """Weights of the days of a week, Monday first."""
    gangs: Annotated[dict[Annotated[int, Field(ge=1, strict=False)], _Weight], Field(min_length=1)]
    """Cards at once, and the weight of each."""
    duration_s: dict[Annotated[int, Field(ge=0, le=100, strict=False)], Annotated[int, Field(ge=1)]]
    """Quantiles of the run time: percent, from 0 to 100, and seconds."""
    users: Annotated[Many[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    """Weights of the users."""

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        ends = sorted(self.duration_s)
        values = [self.duration_s[point] for point in ends]
        if not ends or (ends[0], ends[-1]) != (0, 100) or values != sorted(values):
            raise ValueError("give duration_s at 0 and 100 percent at least; seconds never fall")
        if not (sum(self.hours) and sum(self.weekdays) and sum(self.gangs.values())):
            raise ValueError("give at least one hour, weekday and gang a weight above 0")
        return self


def read_aggregates(path: Path) -> Fitted:
    """Read aggregates as a table that jobs can be generated from; every job comes alone.

    Raises:
        FileError: With every mistake.
    """
    return _fitted(read(path).parsed(Aggregates), path.name)


def _fitted(told: Aggregates, name: str) -> Fitted:
    jobs = told.days * told.arrivals_per_day
    one_each = [1] * len(POINTS_BP)
    figures = {
        "period": {"first_day": told.first_day, "days": told.days, "jobs": jobs, "left_out": 0},
        "points_bp": POINTS_BP,
        "arrivals": {
            "hours": told.hours,
            "weekdays": told.weekdays,
            "day_factor_milli": [1000] * len(POINTS_BP),
        },
        "campaigns": {"gap_s_max": 60, "sizes": one_each, "gaps_s": one_each},
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


def _at(quantiles: dict[int, int], point_bp: int) -> int:
    """Return the value at a point between those that are given."""
    below = max(one for one in quantiles if one * 100 <= point_bp)
    above = min(one for one in quantiles if one * 100 >= point_bp)
    if above == below:
        return quantiles[below]
    part = (point_bp - below * 100) * (quantiles[above] - quantiles[below])
    return quantiles[below] + part // ((above - below) * 100)
