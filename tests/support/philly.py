"""Where the Philly trace is; what needs it is left out aloud where it is not at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACE = Path(
    os.environ.get("TALLYGRID_TRACE", ROOT.parent / "shared/traces/philly/philly_gpu_jobs.csv.gz")
)
WITH_THE_TRACE = pytest.mark.skipif(
    not TRACE.exists() and "TALLYGRID_TRACE" not in os.environ,
    reason=f"the Philly trace is not at {TRACE}; name it by TALLYGRID_TRACE",
)
