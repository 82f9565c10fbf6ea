"""`tallygrid lab calibrate`, as it is typed, and `lab run` on what it wrote."""

import json
from pathlib import Path

import pytest
from applicants import Truth, history
from terminal import Terminal

PROGRAMME = "shenzhen-compute-issued"
SMALL = """
id: small
name: {en: Small, zh: 小型}
first_day: 2026-01-01
days: 30
seeds: 1
demand: {jobs: 50, firms: 10, load: 20%}
assume: demonstration
programmes: [{id: shanghai-compute-issued, budget_yuan: 20000}]
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("applications") / "applications.csv"
    history(Truth(), 1).cases.write_csv(file)
    return file


@pytest.fixture(scope="module")
def calibrated(applications: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on calibrated behaviour, with its report."""
    folder = tmp_path_factory.mktemp("calibrated")
    terminal, scenario = Terminal(folder / "home"), folder / "small.yaml"
    scenario.write_text(SMALL, encoding="utf-8")
    terminal.does(
        "lab", "calibrate", "--programme", PROGRAMME, "--applications", applications,
        "--out", folder,
    )  # fmt: skip
    terminal.does(
        "lab", "run", scenario, "--behaviour", folder / "behaviour.yaml",
        "--out", folder, "--seeds", 1, "--jobs", 1, "--report",
    )  # fmt: skip
    return folder


def test_what_was_estimated_is_what_a_run_plays(
    terminal: Terminal, applications: Path, tmp_path: Path
) -> None:
    out, scenario = tmp_path / "out", tmp_path / "small.yaml"
    scenario.write_text(SMALL, encoding="utf-8")
    found = terminal.reads(
        "lab", "calibrate", "--programme", PROGRAMME, "--applications", applications,
        "--out", out,
    )  # fmt: skip

    played = terminal.reads("lab", "run", scenario, "--behaviour", out / "behaviour.yaml")

    assert json.loads((out / "calibration.json").read_text(encoding="utf-8")) == found
    assert set(found["behaviour"]) == {"dropout_per_hour_bp", "dropout_per_day_bp"}
    for name, one in found["behaviour"].items():
        told = played["behaviour"][name]
        assert {part: told[part] for part in ("value", "range", "source")} == {
            part: one[part] for part in ("value", "range", "source")
        }
        assert told["source"].startswith(f"calibrated on {PROGRAMME} as seen on ")
    assert played["behaviour"]["elasticity_milli"]["source"] == "assumed"


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "en",
            ("Not assumed but calibrated", "calibrated on shenzhen-compute-issued, 1,784 cases"),
        ),
        (
            "zh",
            (
                "并非假定，而是依据申请数据校准",
                "依据shenzhen-compute-issued校准，截至2026年8月31日",
            ),
        ),
    ],
)
def test_the_report_of_a_run_says_what_was_calibrated(
    calibrated: Path, language: str, parts: tuple[str, ...]
) -> None:
    page = (calibrated / "report" / f"report.{language}.html").read_text(encoding="utf-8")

    assert [part for part in parts if part not in page] == []


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ("give up, per day", "sets dropout_per_day_bp", "It is a range and no estimate")),
        ("zh", ("每日放弃的比例", "dropout_per_day_bp 取", "此为范围而非估计值")),
    ],
)
def test_the_table_is_told_in_both_languages(
    terminal: Terminal, applications: Path, language: str, parts: tuple[str, ...]
) -> None:
    told = terminal.does(
        "--language", language, "lab", "calibrate", "--programme", PROGRAMME,
        "--applications", applications,
    )  # fmt: skip

    assert [part for part in parts if part not in told] == []


def test_without_the_programme_its_thresholds_and_windows_are_not_known(
    terminal: Terminal, applications: Path
) -> None:
    found = terminal.reads("lab", "calibrate", "--applications", applications)

    assert {one["refused"] for one in found["estimates"] if one["code"].startswith("rush")} == {
        "no_programme"
    }
    assert found["additional_share"] is None


def test_nothing_to_read_and_files_that_are_wrong_are_refused(
    terminal: Terminal, applications: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "behaviour.yaml"
    one = "{value: 50, range: [40, 9000], source: x, en: x, zh: x}"
    wrong.write_text(f"dropout_per_hour_bp: {one}\ndropout: {one}\n", encoding="utf-8")

    assert "Give --programme, --applications, or both" in terminal.errs("lab", "calibrate")
    told = terminal.errs("lab", "run", "reimburse", "--behaviour", wrong)
    assert "between 0 and 300" in told
    assert "There is no parameter `dropout`" in told
    told = terminal.errs("lab", "calibrate", "--applications", applications, "--at", "2026-03-10")
    assert "after 2026-03-10" in told
