"""Run the training step from every seed and write down what it comes to.

    python tools/make_expected_outputs.py

Run it after a change to `train.py`; `tests/sites/test_payload.py` checks the step itself.
"""

import csv
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tallygrid.sites import payload
from tallygrid.sites.wrapper import folder_sha256

TABLE = Path(payload.__file__).with_name("expected.csv")


def main() -> None:
    """Write the table beside the program it belongs to."""
    rows = [(seed, *result_of(seed)) for seed in range(payload.SEEDS)]
    with TABLE.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", "output_sha256", "loss", "right"])
        writer.writerows(rows)
    print(f"Wrote {len(rows)} results to {TABLE}.")


def result_of(seed: int) -> tuple[str, str, str]:
    """Run one training step and return its output's hash, its loss and its right answers."""
    with TemporaryDirectory() as folder:
        said = subprocess.run(  # noqa: S603  # our own program, by its full path
            payload.training_step(seed), cwd=folder, check=True, capture_output=True, text=True
        ).stdout
        return (
            folder_sha256(Path(folder)),
            re.findall(r"loss ([0-9.]+)", said)[-1],
            re.findall(r"right on ([0-9]+)", said)[-1],
        )


if __name__ == "__main__":
    main()
