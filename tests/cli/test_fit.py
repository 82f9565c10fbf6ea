"""`tallygrid lab fit`: synthetic jobs after a trace or aggregates, and how close they come."""

import json
from pathlib import Path

import pytest
from terminal import Terminal

AGGREGATES = """
first_day: 2026-01-05
days: 14
arrivals_per_day: 300
hours: [2, 1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 10, 12, 14, 14, 12, 10, 8, 6, 6, 5, 4, 3]
weekdays: [10, 11, 11, 11, 10, 5, 4]
gangs: {1: 60, 2: 15, 8: 25}
duration_s: {0: 10, 50: 1800, 90: 86400, 100: 604800}
users: [30, 20, 10]
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_aggregates_make_jobs_and_a_fit_on_those_comes_close(
    terminal: Terminal, tmp_path: Path
) -> None:
    told = tmp_path / "aggregates.yaml"
    told.write_text(AGGREGATES, encoding="utf-8")
    terminal.does("lab", "fit", "--aggregates", told, "--out", tmp_path / "one")
    made = tmp_path / "one" / "synthetic.csv"

    said = terminal.does("lab", "fit", "--trace", made, "--out", tmp_path / "two", "--seed", 2)

    rows = [row.split(",") for row in made.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(rows) == 14 * 300
    assert {row[2] for row in rows} == {"1", "2", "8"}
    assert sorted(int(row[1]) for row in rows)[len(rows) // 2] == pytest.approx(1800, rel=0.15)
    assert all(row[4].startswith("synthetic ") for row in rows)
    distances = {line[7:]: float(line[:5]) for line in said.splitlines()[:-1]}
    assert distances["cards of a job"] < 0.02
    assert distances["run time"] < 0.04
    for language, label in (("en", "Synthetic:"), ("zh", "合成数据：")):
        page = (tmp_path / "two" / f"fit.{language}.html").read_text(encoding="utf-8")
        assert label in page
        assert page.count("<svg") == 3
        assert "<script" not in page


def test_every_mistake_of_aggregates_is_told_and_one_source_is_asked_for(
    terminal: Terminal, tmp_path: Path
) -> None:
    wrong = tmp_path / "aggregates.yaml"
    wrong.write_text(
        AGGREGATES.replace("days: 14", "days: 0").replace("users: [30", "users: [-1"),
        encoding="utf-8",
    )
    falls = tmp_path / "falls.yaml"
    falls.write_text(AGGREGATES.replace("50: 1800", "50: 5"), encoding="utf-8")

    told = terminal.errs("lab", "fit", "--aggregates", wrong, "--out", tmp_path / "out")
    assert ":3:7: `days` is 0." in told
    assert "`users.0` is -1." in told
    told = terminal.errs("lab", "fit", "--aggregates", falls, "--out", tmp_path / "out")
    assert "seconds never fall" in told
    assert "either --trace or --aggregates" in terminal.errs("lab", "fit", "--out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_what_was_generated_can_be_replayed(terminal: Terminal, tmp_path: Path) -> None:
    told = tmp_path / "aggregates.yaml"
    told.write_text(AGGREGATES, encoding="utf-8")
    terminal.does("lab", "fit", "--aggregates", told, "--out", tmp_path, "--jobs", 200)

    trace = tmp_path / "synthetic.csv"
    said = terminal.does("lab", "replay", "--trace", trace, "--cards", 1000, "--json")

    assert json.loads(said)["jobs"] == 200
