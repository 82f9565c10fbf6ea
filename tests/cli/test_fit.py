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

    text = wrong.read_text(encoding="utf-8").replace("{1: 60", "{0: 60")
    wrong.write_text(text.replace("hours: [2, 1, ", "hours: ["), encoding="utf-8")
    told = terminal.errs("lab", "fit", "--aggregates", wrong, "--out", tmp_path / "out")
    assert "A name in `gangs` is '0'. Write 1 or more." in told
    assert "Give 24 or more." in told
    assert ":3:7: `days` is 0." in told
    assert "`users.1` is -1." in told
    told = terminal.errs("lab", "fit", "--aggregates", falls, "--out", tmp_path / "out")
    assert "they never fall" in told
    assert "either --trace or --aggregates" in terminal.errs("lab", "fit", "--out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_days_without_weight_are_refused_and_no_mistake_hides_another(
    terminal: Terminal, tmp_path: Path
) -> None:
    weekend = AGGREGATES.replace("2026-01-05", "2026-01-10").replace("days: 14", "days: 2")
    file = tmp_path / "aggregates.yaml"
    week = "weekdays: [10, 11, 11, 11, 10, 5, 4]"
    file.write_text(weekend.replace(week, "weekdays: [1, 1, 1, 1, 1, 0, 0]"), encoding="utf-8")
    told = terminal.errs("lab", "fit", "--aggregates", file, "--out", tmp_path / "out")
    assert "No day from 2026-01-10 to 2026-01-11 has a weight." in told

    wrong = AGGREGATES.replace(week, "weekdays: [0, 0, 0, 0, 0, 0, 0]").replace("50: 1800", "50: 5")
    file.write_text(wrong.replace("days: 14", "days: 0"), encoding="utf-8")
    told = terminal.errs("lab", "fit", "--aggregates", file, "--out", tmp_path / "out")
    assert "`days` is 0." in told
    assert "at least one a weight above 0" in told
    assert "they never fall" in told


def test_distances_are_of_the_days_that_were_fitted(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "aggregates.yaml"
    text = AGGREGATES.replace("days: 14", "days: 3").replace("day: 300", "day: 1000")
    file.write_text(text, encoding="utf-8")
    full = terminal.does("lab", "fit", "--aggregates", file, "--out", tmp_path / "full")
    distances = {line[7:]: float(line[:5]) for line in full.splitlines()[:-1]}
    assert distances["weekday"] < 0.05
    few = terminal.types("lab", "fit", "--aggregates", file, "--out", tmp_path / "few",
                         "--jobs", 100)  # fmt: skip
    assert few.stdout.splitlines()[:-1] == full.splitlines()[:-1]
    assert "3,000" in few.stderr
    assert len((tmp_path / "few" / "synthetic.csv").read_text("utf-8").splitlines()) == 101


SWF = """; UnixStartTime: 1027839845
; TimeZoneString: Europe/Stockholm
""" + "".join(
    f"{n} {n * 600} 5 {60 + n} 4 -1 -1 {1 + n % 2} -1 -1 1 {n % 3} 1 1 1 1 -1 -1\n"
    for n in range(1, 201)
)  # fmt: skip
PODS = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
    "deletion_time,scheduled_time\n"
) + "".join(
    f"pod-{n},1,1,1,1000,,LS,Running,{n * 600},{n * 600 + 90},{'' if n == 7 else n * 600 + 1}\n"
    for n in range(200)
)


def test_a_trace_of_processors_is_fitted_with_its_users_and_its_own_calendar(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "log.swf"
    file.write_text(SWF + "201 1 5 -1 4 -1 -1 4 -1 -1 1 1 1 1 1 1 -1 -1\n", encoding="utf-8")
    done = terminal.types("lab", "fit", "--trace", file, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "1 rows are no jobs" in done.stderr
    assert "user" not in done.stderr
    rows = (tmp_path / "synthetic.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {row.split(",")[4] for row in rows} == {f"synthetic cluster {n}" for n in (1, 2, 3)}
    assert rows[0].startswith("2002-07-2")
    told = terminal.errs("lab", "fit", "--trace", file, "--begins", "2023-01-02", "--out", "x")
    assert "begins at 2002-07-28 09:04:05" in told

    file.write_text(SWF.replace("UnixStartTime", "Note"), encoding="utf-8")
    told = terminal.errs("lab", "fit", "--trace", file, "--out", tmp_path)
    assert "does not say on which day it begins" in told


def test_pods_need_a_day_and_say_that_they_know_no_users(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "pods.csv"
    file.write_text(PODS, encoding="utf-8")
    told = terminal.errs("lab", "fit", "--trace", file, "--out", tmp_path / "none")
    assert "--begins 2023-01-02" in told
    assert not (tmp_path / "none").exists()

    words = ("lab", "fit", "--trace", file, "--begins", "2023-01-02T09:00:00", "--out", tmp_path)
    done = terminal.types("--language", "zh", *words)
    assert done.exit_code == 0, done.output
    assert "1行缺少运行时间或卡数" in done.stderr
    assert "未区分用户" in done.stderr
    assert "未区分用户" in (tmp_path / "fit.zh.html").read_text(encoding="utf-8")


def test_aggregates_may_tell_of_campaigns_and_are_held_against_what_was_told(
    terminal: Terminal, tmp_path: Path
) -> None:
    told = tmp_path / "aggregates.yaml"
    campaigns = "campaigns: {sizes: {0: 1, 50: 1, 100: 21}, gaps_s: {0: 2, 100: 10}}\n"
    told.write_text(AGGREGATES + campaigns, encoding="utf-8")
    said = terminal.does("lab", "fit", "--aggregates", told, "--out", tmp_path)
    distances = {line[7:]: float(line[:5]) for line in said.splitlines()[:-1]}
    assert set(distances) == {
        *("hour of the day", "weekday", "jobs of a campaign", "cards of a job", "run time"),
        "user or virtual cluster",
    }
    assert distances["jobs of a campaign"] < 0.08  # campaigns of one user may meet
    assert distances["cards of a job"] < 0.03
    assert distances["run time"] < 0.03
    for language, label in (("en", "as told"), ("zh", "所给汇总")):
        page = (tmp_path / f"fit.{language}.html").read_text(encoding="utf-8")
        assert label in page
        assert page.count("<svg") == 3

    told.write_text(AGGREGATES + campaigns.replace("100: 10", "100: 61"), encoding="utf-8")
    assert "gaps_s" in terminal.errs("lab", "fit", "--aggregates", told, "--out", tmp_path)
    told.write_text(AGGREGATES + campaigns.replace("50: 1", "50: 30"), encoding="utf-8")
    assert "never fall" in terminal.errs("lab", "fit", "--aggregates", told, "--out", tmp_path)


def test_what_was_generated_can_be_replayed(terminal: Terminal, tmp_path: Path) -> None:
    told = tmp_path / "aggregates.yaml"
    told.write_text(AGGREGATES, encoding="utf-8")
    terminal.does("lab", "fit", "--aggregates", told, "--out", tmp_path, "--jobs", 200)

    trace = tmp_path / "synthetic.csv"
    said = terminal.does("lab", "replay", "--trace", trace, "--cards", 1000, "--json")

    assert json.loads(said)["jobs"] == 200
