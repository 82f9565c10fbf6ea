"""The kernels of the batch are ready before the clock matters."""

import time
from pathlib import Path
from typing import Any, cast

from tests.placement.test_beside import ALL_DIFFERENT, written

from tallygrid.files.batch import read_batch
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.instance import Instance
from tallygrid.placement.batch.ready import KERNELS, make_ready
from tallygrid.placement.batch.solve import solve


def test_a_search_compiles_nothing_more(tmp_path: Path) -> None:
    """What is made ready has the very kinds of arrays that a search hands over."""
    make_ready()
    ready = [len(cast("Any", kernel).signatures) for kernel in KERNELS]
    instance = Instance.of(read_batch(written(tmp_path, *ALL_DIFFERENT)))

    solve(instance, Deadline(time.monotonic, time.monotonic() + 1.5))

    assert [len(cast("Any", kernel).signatures) for kernel in KERNELS] == ready
    assert not make_ready()
