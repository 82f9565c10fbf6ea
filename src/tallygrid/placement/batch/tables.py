"""The four tables of a batch, as columns; every number is exact.

Numbers that may have decimals are millionths, in `int64`; money is whole fen. Names that
repeat are numbered: a column of numbers goes with the tuple of names that it points into.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
"""Whole numbers, or millionths."""

MILLION: Final = 1_000_000
NONE: Final = -1
"""No limit, no programme, no pool: whatever a number could point to, or limit, is absent."""


@dataclass(frozen=True)
class Jobs:
    """`jobs.csv`: what has to be placed."""

    ids: tuple[str, ...]
    cards: Whole
    hours: Whole
    models: Whole
    """Which of `model_sets`; a set that is empty accepts any."""
    model_sets: tuple[frozenset[str], ...]
    is_domestic: NDArray[np.bool_]
    sites: Whole
    """Which of `site_sets`; a set that is empty accepts any."""
    site_sets: tuple[frozenset[str], ...]
    region: Whole
    """Which of `regions`."""
    regions: tuple[str, ...]
    data_gb: Whole
    latency_ms_max: Whole
    """Inclusive; NONE: no limit."""
    programme: Whole
    """Which row of the budgets; NONE: pays in full."""
    unplaced_fen: Whole


@dataclass(frozen=True)
class Pools:
    """`pools.csv`: where jobs may go."""

    ids: tuple[str, ...]
    sites: tuple[str, ...]
    models: tuple[str, ...]
    is_domestic: NDArray[np.bool_]
    cards: Whole
    hours: Whole
    price_fen: Whole
    """Millionths of a fen per card-hour."""
    extra_fen: Whole
    """Millionths of a fen per card-hour, paid to nobody."""


@dataclass(frozen=True)
class Routes:
    """`routes.csv`, for every region of the jobs (rows) and every pool's site (columns)."""

    latency_ms: Whole
    fen_per_gb: Whole
    """Millionths of a fen."""


@dataclass(frozen=True)
class Budgets:
    """`budgets.csv`: what each programme may still pay, and which share."""

    programmes: tuple[str, ...]
    available_fen: Whole
    rate_bp: Whole
    """Millionths of a basis point."""


@dataclass(frozen=True)
class Batch:
    """The four tables together."""

    jobs: Jobs
    pools: Pools
    routes: Routes
    budgets: Budgets
