"""Every benchmark beside its peer, in one run: one table, and `results/latest.json`.

    python benchmarks/run.py

A benchmark is a file beside this one with a function `measure()` that returns rows of a name,
a rate per second, and the ratio to its peer, measured in the same run on the same machine.
Only the ratios mean anything elsewhere.
"""

import json
import os
import platform
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def main() -> None:
    """Measure everything, print the table, write the results."""
    results: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }
    for file in sorted(HERE.glob("*.py")):
        if file.name == Path(__file__).name:
            continue
        print(f"{file.stem:<58} {'per second':>12} {'ratio':>7}")
        rows = measured(file)
        for name, per_s, ratio in rows:
            print(f"  {name:<56} {per_s:>12,.0f} {ratio:>7.3f}")
        results[file.stem] = [
            {"way": name, "per_s": round(per_s), "ratio": round(ratio, 4)}
            for name, per_s, ratio in rows
        ]
    out = HERE / "results" / "latest.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measured(file: Path) -> list[tuple[str, float, float]]:
    """Run one benchmark; it stands beside this file, so that its processes find it by name."""
    rows: list[tuple[str, float, float]] = import_module(file.stem).measure()
    return rows


if __name__ == "__main__":
    main()
