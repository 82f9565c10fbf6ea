"""Fit the demand table on the Philly trace and the Acme summary; print how close it comes.

Only figures leave this script, never a row of a trace.
"""

import argparse
import csv
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from tallygrid.lab import fit
from tallygrid.lab.chance import stream
from tallygrid.lab.demand import synthesise
from tallygrid.lab.table import Fitted, read_fitted
from tallygrid.lab.trace import Trace, read_philly

TABLE = Path(__file__).parent.parent / "src/tallygrid/lab/demand.yaml"
HEAD = """\
# Figures fitted on published traces by tools/fit_demand.py; no row of a trace is in here.
# Attribution and licence: see `sources` below and THIRD_PARTY.md.
# Every list of quantiles gives the values at `points_bp`.
"""
SOURCES = [
    {
        "figures": ["period", "arrivals", "campaigns", "gangs", "durations", "clusters"],
        "title": "Microsoft Philly traces (GPU jobs, 2017)",
        "author": "Microsoft Corporation",
        "url": "https://github.com/msr-fiddle/philly-traces",
        "licence": "CC-BY-4.0",
        "changes": "A part of 48,222 jobs as published for the Sia scheduler's evaluation, "
        "reduced to counts and quantiles; cluster names left out.",
    },
    {
        "figures": ["large.mean_cards_milli"],
        "title": "Acme trace, cluster summary (Kalos, GPU jobs, 2023)",
        "author": "The InternLM project",
        "url": "https://github.com/InternLM/AcmeTrace",
        "licence": "CC-BY-4.0",
        "changes": "Only the mean gang of Kalos is used; the gangs made from it are synthetic.",
    },
]
LARGE_SHARE_BP = 300


def main() -> None:
    """Write the table, or compare the generator with the trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("philly", type=Path, metavar="PHILLY.csv.gz")
    parser.add_argument("--acme", type=Path, metavar="cluster_summary.csv")
    parser.add_argument("--first-day", type=date.fromisoformat, default=date(2017, 9, 24))
    parser.add_argument("--report", action="store_true", help="print KS distances; write nothing")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    trace = read_philly(given.philly)
    if given.report:
        report(trace, read_fitted(), seed=given.seed)
    elif given.acme is None:
        parser.error("--acme is needed to write the table")
    else:
        figures = table(trace, given.acme, first_day=given.first_day)
        TABLE.write_text(HEAD + written(figures), encoding="utf-8")
        print(f"{TABLE}: {TABLE.stat().st_size} bytes")


def table(trace: Trace, acme: Path, *, first_day: date) -> dict[str, Any]:
    """Return the whole table, checked against its model."""
    with acme.open(encoding="utf-8", newline="") as file:
        kalos = next(row for row in csv.DictReader(file) if row["id"] == "Kalos")
    mean_milli = round(float(kalos["avg_gpu_num"]) * 1000)
    figures = {
        "label": "fitted generator",
        "sources": SOURCES,
        **fit.fitted(trace, first_day=first_day),
        "large": {
            "share_bp": LARGE_SHARE_BP,
            "share_is": "assumed",
            "mean_cards_milli": mean_milli,
            "gangs": fit.large_gangs(mean_milli),
        },
    }
    Fitted.model_validate(figures)
    return figures


def written(figures: dict[str, Any]) -> str:
    """Return the table as YAML with its lists on few lines."""
    return yaml.dump(
        figures, sort_keys=False, allow_unicode=True, width=96, default_flow_style=None
    )


def report(trace: Trace, table: Fitted, *, seed: int) -> None:
    """Print the distances between the trace and one generated trace of the same length."""
    real = fit.since(trace, table.period.first_day)
    made = synthesise(table, stream(seed, "arrivals"), jobs=len(real.jobs))
    print(f"seed {seed}: {len(made.jobs)} generated jobs against {len(real.jobs)} of {trace.name}")
    for name, distance in fit.distances(real, made):
        print(f"{name:24} {distance:.4f}")


if __name__ == "__main__":
    main()
