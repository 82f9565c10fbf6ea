"""The figures of a replay: waits, use of the cards, and whether the queue ever settles."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tallygrid.lab.replay.site import Entry, Site, sum_of
from tallygrid.lab.traces.jobs import Whole


@dataclass(frozen=True)
class Figures:
    """What a replay found, in whole seconds where nothing is divided."""

    jobs: int
    refused: int
    cards: int
    mean_wait_s: float
    p50_wait_s: int
    p99_wait_s: int
    makespan_s: int
    """From the first arrival to the last end."""
    utilisation: float
    """Card-seconds in use over card-seconds there were, until the last end."""
    saturated: bool
    """The last fifth of jobs waits more than twice as long as the middle fifth."""

    def as_json(self, *, seconds: float, peak_rss_mb: float) -> dict[str, Any]:
        """Return the figures in the order that readers know, with those of the machine."""
        plain = asdict(self)
        saturated = plain.pop("saturated")
        return {
            **plain,
            "jobs_per_s": round(self.jobs / seconds),
            "seconds": seconds,
            "peak_rss_mb": peak_rss_mb,
            "saturated": saturated,
        }


def figures_of(entry: Entry, site: Site, starts: Whole) -> Figures:
    """Return the figures of jobs and their starts."""
    jobs = entry.jobs
    waits = starts - jobs.arrival_s
    makespan_s = int((starts + jobs.run_s).max())
    card_seconds = int((jobs.gang * jobs.run_s).sum())
    offered = site.cards * jobs.parts * makespan_s
    return Figures(
        jobs=len(jobs),
        refused=entry.refused,
        cards=site.cards,
        mean_wait_s=sum_of(waits) / len(jobs),
        p50_wait_s=percentile(waits, 50),
        p99_wait_s=percentile(waits, 99),
        makespan_s=makespan_s,
        utilisation=card_seconds / offered if offered else 0.0,
        saturated=is_saturated(waits),
    )


def percentile(values: Whole, percent: int) -> int:
    """Return the nearest rank: the least value that so many per cent do not exceed.

    >>> percentile(np.array([15, 20, 35, 40, 50]), 40)
    20
    """
    rank = max(1, -(-percent * len(values) // 100))
    return int(np.partition(values, rank - 1)[rank - 1])


def is_saturated(waits: Whole) -> bool:
    """Tell whether the last fifth waits more than twice as long on average as the middle fifth.

    >>> is_saturated(np.array([0, 0, 3, 5, 7])), is_saturated(np.array([0, 0, 3, 5, 6]))
    (True, False)
    """
    edges = [len(waits) * fifth // 5 for fifth in range(6)]
    middle, last = waits[edges[2] : edges[3]], waits[edges[4] : edges[5]]
    return sum_of(last) * len(middle) > 2 * sum_of(middle) * len(last)
