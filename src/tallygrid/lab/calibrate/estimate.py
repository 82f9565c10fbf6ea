"""An estimate with its interval, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Unit = Literal["share", "per_day", "times", "days"]

CHI_SQUARE: Final = 3.841
"""Twice the logarithm of a likelihood may fall by this, and a parameter still be believed."""
NORMAL: Final = 1.96
CASES_MIN: Final = 30
"""Of fewer cases nothing is estimated."""
COUNT_MIN: Final = 10
"""Nor where fewer than so many did, or so many did not, what is counted."""


@dataclass(frozen=True)
class Interval:
    """A value, and between what it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    def covers(self, truth: float) -> bool:
        """Tell whether a truth lies in the interval."""
        return self.low <= truth <= self.high


@dataclass(frozen=True)
class Estimate:
    """What one question came to."""

    code: str
    """What was asked; its words and its assumption stand in text/messages/calibrate.yaml."""
    cases: int
    unit: Unit
    interval: Interval | None = None
    refused: str = ""
    """Why there is no interval, by code."""
    about: Mapping[str, str | int] = field(default_factory=dict)
    """What the question is about, such as a fact and a threshold."""
    parameter: str = ""
    """The parameter of behaviour that follows from it."""
    value: int = 0
    """That parameter's value and ends, in its own whole units."""
    ends: tuple[int, int] = (0, 0)
