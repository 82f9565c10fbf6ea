"""How long a search may take."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """An instant on a clock that never goes back."""

    clock: Callable[[], float]
    """The seconds since some beginning."""
    at: float

    @property
    def left(self) -> float:
        """Return the seconds that are left, 0 after the end."""
        return max(0.0, self.at - self.clock())

    @property
    def is_over(self) -> bool:
        """Tell whether no time is left."""
        return not self.left

    def within(self, seconds: float) -> "Deadline":
        """Return a deadline so many seconds from now, or this one if that is earlier."""
        return Deadline(self.clock, min(self.at, self.clock() + seconds))
