"""What is compiled, made ready before the clock matters: on tiny arrays, of the kinds in use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from tallygrid.placement.batch.insertion import insert
from tallygrid.placement.batch.knapsack import choose, pack, pack_pools
from tallygrid.placement.batch.packing import Packing
from tallygrid.placement.batch.relaxation import Relaxation

KERNELS: Final[tuple[Callable[..., object], ...]] = (pack, pack_pools, choose, insert)


def make_ready() -> bool:
    """Load every kernel, and compile those of which nothing was kept; tell whether any was."""
    before = _compiled()
    one, whole = np.ones(1), np.ones(1, dtype=np.int64)
    relaxation = Relaxation(one[:, None], one[:, None], one, 2 * one, whole - 1, one)
    packing = Packing.of(relaxation, whole - 1, np.zeros(1), 1.0)
    packing.at(packing.start(np.zeros(1)), 0.0)
    insert(
        whole - 1,
        relaxation.cost,
        relaxation.subsidy,
        relaxation.work,
        relaxation.unplaced,
        relaxation.programme,
        np.zeros(1),
        whole,
        whole[:, None],
        whole.copy(),
        whole.copy(),
        whole - 2,
    )
    return _compiled() > before


def is_kept() -> bool:
    """Tell whether an earlier run has compiled all of them and left them here."""
    return all(_is_kept(kernel) for kernel in KERNELS)


def _is_kept(kernel: Any) -> bool:  # noqa: ANN401  # numba's own, whose types are partial
    folder = kernel.stats.cache_path
    module = kernel.__module__.rpartition(".")[2]
    return bool(folder and any(Path(folder).glob(f"{module}.{kernel.__name__}-*.nbi")))


def _compiled() -> int:
    """Return how often something was compiled rather than loaded."""
    # numba's own, whose types are partial
    return sum(sum(cast("Any", kernel).stats.cache_misses.values()) for kernel in KERNELS)
