"""When a task that is done again and again is due: at its pace, and after a failure more slowly."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

FIRST_PAUSE: Final = timedelta(seconds=10)
"""How long after its first failure a task is tried again; each further one doubles that."""
PAUSE_MAX: Final = timedelta(minutes=10)
"""No pause after a failure is longer, but for a task whose pace is slower."""


@dataclass(frozen=True)
class Turn:
    """Where a task stands: when it is due, and how often it has failed since it last succeeded."""

    due: timedelta
    """On a clock that is never set: since some instant that stays what it is."""
    failures: int = 0

    def after(self, *, every: timedelta, failed: bool, at: timedelta) -> "Turn":
        """Return the turn that follows this one.

        >>> noon, hour = timedelta(hours=12), timedelta(hours=1)
        >>> failed = Turn(noon).after(every=hour, failed=True, at=noon)
        >>> again = failed.after(every=hour, failed=True, at=noon)
        >>> [str(turn.due - noon) for turn in (failed, again)]
        ['0:00:10', '0:00:20']
        >>> again.after(every=hour, failed=False, at=noon)
        Turn(due=datetime.timedelta(seconds=46800), failures=0)
        """
        if not failed:
            return Turn(at + every)
        doubled = FIRST_PAUSE * 2 ** min(self.failures, 10)
        return Turn(at + min(doubled, max(every, PAUSE_MAX)), self.failures + 1)
