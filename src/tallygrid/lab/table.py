"""The fitted table: a few hundred figures that stand for a trace, with their source."""

from datetime import date
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tallygrid.files.document import parse

_HOURS: Final = 24
_WEEKDAYS: Final = 7
_Count = Annotated[int, Field(ge=0, strict=True)]
_Positive = Annotated[int, Field(gt=0, strict=True)]


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Figures):
    """Whose measurements the figures were fitted on, and under which licence."""

    figures: tuple[str, ...]
    title: str
    author: str
    url: str
    licence: str
    changes: str


class Period(_Figures):
    """The days of the trace that were fitted."""

    first_day: date
    days: _Positive
    jobs: _Positive
    left_out: _Count
    """Jobs before the first day: too few a day to be the cluster's demand."""


class Arrivals(_Figures):
    """When jobs come: counts by hour of the day and by weekday, in local time."""

    hours: Annotated[tuple[_Count, ...], Field(min_length=_HOURS, max_length=_HOURS)]
    weekdays: Annotated[tuple[_Count, ...], Field(min_length=_WEEKDAYS, max_length=_WEEKDAYS)]
    """Monday first."""
    day_factor_milli: tuple[_Count, ...]
    """Quantiles of a day's jobs over the mean of its weekday, in thousandths."""


class Campaigns(_Figures):
    """Runs of jobs of one virtual cluster, each soon after the one before."""

    gap_s_max: _Positive
    sizes: tuple[_Positive, ...]
    gaps_s: tuple[_Count, ...]


class Gang(_Figures):
    """How many jobs asked for this many cards at once."""

    cards: _Positive
    jobs: _Count


class Durations(_Figures):
    """Quantiles of the run time of jobs whose gang lies between two sizes, both included."""

    cards_from: _Positive
    cards_to: _Positive
    jobs: _Positive
    seconds: tuple[_Count, ...]


class Large(_Figures):
    """Gangs added to the trace's own, by steps of one eight-card node; always synthetic."""

    share_bp: Annotated[int, Field(ge=0, lt=10_000, strict=True)]
    share_is: str
    mean_cards_milli: _Positive
    gangs: tuple[Gang, ...]


class Fitted(_Figures):
    """All figures fitted on a trace."""

    label: str
    sources: tuple[Source, ...]
    period: Period
    points_bp: tuple[_Count, ...]
    """The quantiles at which every list of values below is given, in basis points."""
    arrivals: Arrivals
    campaigns: Campaigns
    gangs: tuple[Gang, ...]
    durations: tuple[Durations, ...]
    clusters: tuple[_Positive, ...]
    """Jobs per virtual cluster, the largest first, without their names."""
    large: Large

    @model_validator(mode="after")
    def _quantiles_rise(self) -> Self:
        for values in (self.points_bp, *self._quantiles()):
            if any(low > high for low, high in pairwise(values)):
                raise ValueError(f"quantiles never fall: {values}")
            if len(values) != len(self.points_bp):
                raise ValueError(f"give a value for each of {len(self.points_bp)} points_bp")
        if (self.points_bp[0], self.points_bp[-1]) != (0, 10_000):
            raise ValueError("points_bp goes from 0 to 10000")
        return self

    @model_validator(mode="after")
    def _every_gang_has_a_duration(self) -> Self:
        for gang in (*self.gangs, *self.large.gangs):
            self.durations_of(gang.cards)
        return self

    def _quantiles(self) -> tuple[tuple[int, ...], ...]:
        return (
            self.arrivals.day_factor_milli,
            self.campaigns.sizes,
            self.campaigns.gaps_s,
            *(group.seconds for group in self.durations),
        )

    def durations_of(self, cards: int) -> tuple[int, ...]:
        """Return the duration quantiles of a gang."""
        for group in self.durations:
            if group.cards_from <= cards <= group.cards_to:
                return group.seconds
        raise ValueError(f"no durations are given for a gang of {cards}")


def read_fitted() -> Fitted:
    """Read the table that is shipped with the package."""
    file = files(__package__).joinpath("demand.yaml")
    return parse(file.read_text(encoding="utf-8"), file=file.name).parsed(Fitted)
