"""The demonstration's payload: a real training step, and what it must come to.

A wrong output hash means that the job did not do its work, so its usage is not accepted.
"""

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

SEEDS: Final = 32
"""The table knows the result of the seeds 0 to 31."""
_PROGRAM: Final = Path(__file__).with_name("train.py")


@dataclass(frozen=True)
class Expected:
    """What the training step comes to from one seed."""

    output_sha256: str
    loss: Fraction
    """Over the training points, after the last epoch, as printed."""
    right: int
    """Of the 400 points held out."""


def training_step(seed: int) -> tuple[str, ...]:
    """Return the command of the training step from a seed."""
    assert 0 <= seed < SEEDS, seed
    return (sys.executable, "-I", "-S", str(_PROGRAM), str(seed))


@cache
def expected() -> Mapping[int, Expected]:
    """Read the table that `tools/make_expected_outputs.py` writes."""
    with files(__package__).joinpath("expected.csv").open(encoding="ascii") as file:
        return {
            int(row["seed"]): Expected(
                row["output_sha256"], Fraction(row["loss"]), int(row["right"])
            )
            for row in csv.DictReader(file)
        }
