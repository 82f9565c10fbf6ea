"""`tallygrid lab run`, `compare`, `sweep` and `scenarios`, as they are typed."""

from pathlib import Path

import polars as pl
import pytest
from terminal import Terminal

from tallygrid.cli.policies import _is_beyond, _side_by_side
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.asked import asked_apart

SMALL = """
id: small
name: {en: Small, zh: 小型}
first_day: 2026-01-01
days: 60
seeds: 2
demand: {jobs: 300, firms: 30, load: 20%}
assume: demonstration
behaviour: {aware_bp: 10000, hazard_per_day_bp: 1500, paperwork_hours: 8}
programmes: [{id: shanghai-compute-issued, budget_yuan: 20000, decision_days: 5}]
"""
TABLES = ("jobs", "firms", "steps", "sites", "waits", "budgets")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL, encoding="utf-8")
    return file


def test_a_run_writes_its_tables_and_says_what_it_rests_on(
    terminal: Terminal, scenario: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = terminal.reads("lab", "run", scenario, "--out", out, "--jobs", 1)

    assert found["seeds"] == [1, 2]
    aware = found["behaviour"]["aware_bp"]
    assert (aware["value"], aware["range"], aware["source"]) == (10_000, [500, 10_000], "assumed")
    (programme,) = found["programmes"]
    assert (programme["id"], programme["budget_fen"]) == ("shanghai-compute-issued", 2_000_000)
    assert programme["assumed"]["redeem"] == "reimburse"
    for name in TABLES:
        assert pl.read_parquet(out / f"{name}.parquet")["seed"].unique().sort().to_list() == [1, 2]
    paid = pl.read_parquet(out / "jobs.parquet").group_by("seed").agg(pl.col("subsidy_fen").sum())
    mean = found["figures"]["paid_fen.shanghai-compute-issued"]["mean"]
    assert paid["subsidy_fen"].mean() == mean <= 2_000_000


@pytest.mark.parametrize(
    ("language", "head", "steps", "warning"),
    [
        (
            "en",
            "Small: what one seed came to",
            "get through the paperwork",
            "assumed, not measured",
        ),
        ("zh", "小型：1个随机种子的结果", "完成材料并提交", "假定而非实测"),
    ],
)
def test_a_run_is_told_in_both_languages(
    terminal: Terminal, scenario: Path, language: str, head: str, steps: str, warning: str
) -> None:
    done = terminal.types("--language", language, "lab", "run", scenario, "--seeds", 1)

    assert done.exit_code == 0
    assert head in done.stdout
    assert steps in done.stdout
    assert warning in done.stderr


def test_two_policies_stand_side_by_side(
    terminal: Terminal, scenario: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    text = SMALL.replace("en: Small", "en: Larger").replace("20000", "40000")
    other.write_text(text, encoding="utf-8")

    told = terminal.does("lab", "compare", scenario, other, "--seeds", 1)
    assert "Small  |  Larger" in told
    both = terminal.reads("lab", "compare", scenario, other, "--seeds", 1)
    same = ("card_hours_without", "step.qualifies")
    for name in same:
        assert both["one"]["figures"][name] == both["other"]["figures"][name]


def test_two_scenarios_on_other_seeds_are_not_compared(
    terminal: Terminal, scenario: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SMALL.replace("seeds: 2", "seeds: [7, 8]"), encoding="utf-8")
    told = terminal.errs("lab", "compare", scenario, other, "--out", tmp_path / "out")
    assert "(1, 2 and 7, 8)" in told
    assert "give --seeds" in told
    assert not (tmp_path / "out").exists()


def test_what_is_asked_in_one_scenario_alone_is_told() -> None:
    demand = {"jobs": 300, "firms": 30, "load_bp": 2000, "source": "fitted", "kinds": {}}
    one = {"first_day": "2026-01-01", "days": 60, "demand": demand}
    other = {**one, "days": 90, "demand": {**demand, "load_bp": 2550}}
    assert asked_apart({"one": one, "other": one}, "en") == ""
    sides = {"one": one, "other": other}
    assert asked_apart(sides, "en") == "60 and 90 days; a load of 20% and 25.5%"
    assert asked_apart(sides, "zh") == "60天与90天；负荷20%与25.5%"


@pytest.mark.parametrize(("language", "shown"), [("en", "9.6 pp"), ("zh", "9.6个百分点")])
def test_a_difference_of_shares_is_in_percentage_points(language: Language, shown: str) -> None:
    figures = {"take_up": {"mean": 0.786, "low": 0.7, "high": 0.8, "seeds": 1}}
    name = {"en": "A", "zh": "甲"}
    side = {"name": name, "scenario": "a", "figures": figures, "programmes": [], "runs_out": {},
            "seeds": [1]}  # fmt: skip
    differing = {"take_up": {"mean": 0.096, "low": 0.1, "high": 0.1, "seeds": 1}}
    told = "\n".join(_side_by_side([side, side], differing, language))
    assert f"|  78.6%  |  {shown}  " in told
    assert render("lab.compare.head_one", language, one="A" if language == "en" else "甲",
                  other="A" if language == "en" else "甲").split("|")[-1] in told  # fmt: skip


def test_a_share_whose_interval_goes_beyond_the_whole_is_told_of() -> None:
    one = {"mean": 0.9, "low": 0.7, "high": 1.1, "seeds": 5}
    assert _is_beyond("take_up", one)
    assert not _is_beyond("take_up", {**one, "high": 1.0})
    assert not _is_beyond("card_hours", one)


@pytest.mark.parametrize("other", ["sweep.json", "search.json"])
@pytest.mark.parametrize("command", ["run", "compare"])
def test_results_of_another_kind_are_not_written_over(
    terminal: Terminal, scenario: Path, tmp_path: Path, command: str, other: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / other).write_text("{}", encoding="utf-8")
    names = [scenario] * (2 if command == "compare" else 1)
    said = terminal.fails("lab", command, *names, "--out", tmp_path / "out")
    assert "Name another folder" in said
    assert [one.name for one in (tmp_path / "out").iterdir()] == [other]


def test_a_sweep_says_where_its_runs_are(
    terminal: Terminal, scenario: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        f"scenario: {scenario.name}\nseeds: 10\nvary: {{aware_bp: [5000]}}\n", encoding="utf-8"
    )
    told = terminal.does("lab", "sweep", file, "--out", tmp_path / "out", "--jobs", 1)
    assert "1 point, 10 runs" in told
    assert pl.read_parquet(tmp_path / "out" / "runs.parquet").height == 10


def test_the_scenarios_of_the_package_are_listed(terminal: Terminal) -> None:
    listed = {one["id"]: one for one in terminal.reads("lab", "scenarios")}
    assert "Compare with reimburse" in listed["deduct"]["about"]["en"]
    told = terminal.does("--language", "zh", "lab", "scenarios")
    assert "七地政策" in told
    assert "请与 reimburse 对比" in told


def test_an_unknown_scenario_gets_a_sentence_and_the_nearest_name(terminal: Terminal) -> None:
    told = terminal.errs("lab", "run", "seven-places-as-isued")
    assert "no scenario `seven-places-as-isued`" in told
    assert "Did you mean `seven-places-as-issued`?" in told


def test_a_search_tells_the_best_and_goes_on_where_it_stopped(
    terminal: Terminal, scenario: Path, tmp_path: Path
) -> None:
    file, out = tmp_path / "search.yaml", tmp_path / "out"
    file.write_text(
        f"scenario: {scenario.name}\naim: take_up\nagainst: low_spending\npoints: 2\nkeep: 1\n"
        "vary: {programmes.shanghai-compute-issued.decision_days: {from: 0, to: 60}}\n",
        encoding="utf-8",
    )
    told = terminal.does("lab", "search", file, "--out", out, "--jobs", 1)
    assert "Shanghai compute voucher: time until an answer (d) = " in told
    assert pl.read_parquet(out / "candidates.parquet").height == 1
    played = {one: one.stat().st_mtime_ns for one in (out / "parts").iterdir()}
    assert terminal.does("lab", "search", file, "--out", out, "--jobs", 1) == told
    assert {one: one.stat().st_mtime_ns for one in (out / "parts").iterdir()} == played
    file.write_text(file.read_text(encoding="utf-8").replace("to: 60", "to: 50"), encoding="utf-8")
    assert "another sweep or search" in terminal.fails("lab", "search", file, "--out", out)
