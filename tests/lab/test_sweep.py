"""Sweeps: cut short they go on, what is wrong is told, what cannot be is left out aloud."""

from datetime import date
from importlib.resources import files
from pathlib import Path
from shutil import copytree
from signal import SIG_DFL, SIGINT, getsignal

import polars as pl
import pytest

from tallygrid.files.mistake import FileError
from tallygrid.lab.network.simulate import stage_of
from tallygrid.lab.offered import Named
from tallygrid.lab.parts import processes
from tallygrid.lab.sweep import Done, OtherSweepError, Sweep, read_sweep, run_sweep

SCENARIO = """
id: small
name: {en: Small, zh: 小}
first_day: 2026-01-01
days: 40
demand: {jobs: 60, firms: 12, load: 20%}
assume: demonstration
behaviour: {aware_bp: 10000, hazard_per_day_bp: 1500, paperwork_hours: 8}
programmes:
  - {id: shanghai-compute-issued, budget_yuan: 100000000, decision_days: 5}
  - {id: henan-compute-issued}
"""
SHANGHAI = "programmes.shanghai-compute-issued"
HENAN = "programmes.henan-compute-issued"
RATE = f"{SHANGHAI}.set.rate.tiers.all.rate"
WINDOW = f"{SHANGHAI}.set.windows.1"
SPLIT = f"split: [{{yuan: 900000, over: [{SHANGHAI}.budget_yuan, {HENAN}.budget_yuan]}}]"
LATIN = "method: latin\npoints: 10\n"


def _read(folder: Path, text: str) -> Sweep:
    (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    file = folder / "sweep.yaml"
    file.write_text(f"scenario: scenario.yaml\nseeds: 10\n{text}\n", encoding="utf-8")
    return read_sweep(file)


def _run(sweep: Sweep, out: Path) -> list[Done]:
    with processes(1) as pool:
        return list(run_sweep(sweep, out, pool))


def test_a_sweep_goes_on_where_it_was_cut_short(tmp_path: Path) -> None:
    sweep = _read(tmp_path, "vary: {aware_bp: [1000, 9000]}")
    out = tmp_path / "out"
    assert _run(sweep, out)[-1] == Done(20, {})
    runs = pl.read_parquet(out / "runs.parquet")
    assert runs.select("point", "seed").unique().height == 20
    aware = runs.group_by("aware_bp").agg(pl.col("step.aware").mean()).sort("aware_bp")
    assert aware["step.aware"].is_sorted()
    whole = (out / "runs.parquet").read_bytes()

    (out / "parts" / "point-000001-seeds-000006-000010.parquet").unlink()
    (out / "runs.parquet").unlink()
    assert [done.runs for done in _run(sweep, out)] == [5, 10, 15, 20, 20]
    assert (out / "runs.parquet").read_bytes() == whole

    with pytest.raises(OtherSweepError):
        _run(_read(tmp_path, "vary: {aware_bp: [1000, 8000]}"), out)


def test_a_rate_a_cap_and_a_window_are_levers_and_the_text_played_has_its_hash(
    tmp_path: Path,
) -> None:
    text = f"vary: {{{RATE}: [10%, 62.5%]}}"
    sweep = _read(tmp_path, text)
    assert [point[RATE] for point in sweep.points] == [1000, 6250]
    _run(sweep, tmp_path / "out")
    runs = pl.read_parquet(tmp_path / "out" / "runs.parquet")
    spent = runs.group_by(RATE, maintain_order=True).agg(pl.col("paid_fen.shanghai-compute-issued"))
    low, high = (sum(filter(None, one)) for one in spent["paid_fen.shanghai-compute-issued"])
    assert 0 < low < high
    hashes = runs.group_by(RATE).agg(pl.col("text.shanghai-compute-issued").n_unique())
    assert hashes["text.shanghai-compute-issued"].to_list() == [1, 1]
    assert runs["text.shanghai-compute-issued"].n_unique() == 2
    for point in sweep.points:
        played, other = sweep.varied.at(point).programmes
        assert played.programme.rate.tiers[0].rate is not None
        assert played.programme.rate.tiers[0].rate[0].value == point[RATE]
        assert played.programme.hash in set(runs["text.shanghai-compute-issued"])
        assert other.programme.hash == other.text


def test_a_sum_is_divided_and_all_of_it_used(tmp_path: Path) -> None:
    sweep = _read(tmp_path, LATIN + SPLIT)
    for point in sweep.points:
        budgets = [one.budget_fen for one in sweep.varied.at(point).programmes]
        assert sum(budgets) == 90_000_000
    assert len({tuple(point.values()) for point in sweep.points}) == 10


def test_points_whose_settings_do_not_go_together_are_left_out_aloud(tmp_path: Path) -> None:
    """On one day the window would close before it opens."""
    days = "[2026-01-02, 2026-01-20, 2026-01-03]"
    text = f"vary:\n  {WINDOW}.first_day: {days}\n  {WINDOW}.last_day: [2026-01-10]"
    done = _run(_read(tmp_path, text), tmp_path / "out")[-1]
    assert list(done.impossible) == [1]
    assert "is before" in done.impossible[1]
    runs = pl.read_parquet(tmp_path / "out" / "runs.parquet")
    assert set(runs["point"]) == {0, 2}
    assert set(runs[f"{WINDOW}.first_day"]) == {date(2026, 1, 2), date(2026, 1, 3)}


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        ("vary: {aware: [1, 2]}", "no parameter `aware`", "`aware_bp`"),
        ("vary: {aware_bp: {from: 1, to: 9}}", "A grid needs the values", "latin"),
        ("vary: {aware_bp: [1000, 20000]}", "`aware_bp` is 20000", "between"),
        ("method: latin\nvary: {aware_bp: {from: 500, to: 900}}", "how many points", "`points`"),
        ("method: latin\npoints: 1000000\nvary: {aware_bp: {from: 500, to: 900}}",
         "10,000,000 runs", "At most 100,000"),
        (f"vary: {{aware_bp: {[*range(1000, 2000)]}, paperwork_hours: {[*range(1000)]}}}",
         "10,000,000 runs", "At most 100,000"),
        ("vary: {programmes.henan-computer-issued.decision_days: [1, 2]}",
         "nothing at `programmes.henan-computer-issued`", "`henan-compute-issued`"),
        (f"vary: {{{SHANGHAI}.set.rate.tiers.al.rate: [10%]}}", "has no `al`", "`all`"),
        (f"vary: {{{RATE}: [4500]}}", "is 4500", ""),
        (f"vary: {{{RATE}: [120%]}}", "120%", "100% or less"),
        (f"vary: {{{RATE}: [10%, 20]}}", "several kinds", "one"),
        (f"vary: {{{SHANGHAI}.decision_dais: [1]}}", "not known here", "`decision_days`"),
        (f"{LATIN}vary: {{{RATE}: {{from: 10%, to: 5%}}}}", "is", "`from` is less than `to`"),
        (SPLIT, "A grid cannot divide", "latin"),
        (LATIN + SPLIT.replace("900000", "2"), "is", "take 2 yuan or more"),
        (f"{LATIN}vary: {{{HENAN}.budget_yuan: {{from: 1, to: 9}}}}\n{SPLIT}",
         "set twice", "Keep one"),
        ("vary: {}", "Nothing is varied", "`vary`"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_sweep_is_told(
    tmp_path: Path, change: str, problem: str, remedy: str
) -> None:
    with pytest.raises(FileError) as caught:
        _read(tmp_path, change)
    told = [str(one) for one in caught.value.mistakes]
    assert any(problem in one and remedy in one for one in told), told


def test_processes_that_are_broken_off_have_nothing_to_say() -> None:
    with processes(2) as pool:
        assert pool.executor.submit(getsignal, SIGINT).result() == SIG_DFL


def test_a_latin_hypercube_has_one_point_in_every_slice(tmp_path: Path) -> None:
    vary = f"{{aware_bp: {{from: 1000, to: 1999}}, {RATE}: {{from: 5%, to: 54.5%, step: 0.5%}}}}"
    sweep = _read(tmp_path, f"{LATIN}vary: {vary}")
    assert sorted((one["aware_bp"] - 1000) // 100 for one in sweep.points) == list(range(10))
    assert sorted((one[RATE] - 500) // 500 for one in sweep.points) == list(range(10))
    assert {one[RATE] % 50 for one in sweep.points} == {0}


def test_the_operators_own_offers_and_weights_are_played_and_stamped(tmp_path: Path) -> None:
    (tmp_path / "weights.yaml").write_text("wait_fen_per_card_hour: 77\n", encoding="utf-8")
    packaged = _read(tmp_path, "vary: {aware_bp: [1000, 9000]}")
    own = read_sweep(tmp_path / "sweep.yaml", Named(weights=tmp_path / "weights.yaml"))
    assert stage_of(own.varied.at(own.points[0])).world.weights.wait_fen_per_card_hour == 77
    assert own.description["stamp"] != packaged.description["stamp"]

    folder = tmp_path / "catalogue"
    copytree(str(files("tallygrid").joinpath("catalogue")), folder)
    sites = folder / "sites.yaml"
    sites.write_text(sites.read_text(encoding="utf-8") + "\n# reviewed\n", encoding="utf-8")
    named = read_sweep(tmp_path / "sweep.yaml", Named(catalogue=folder))
    assert named.description["stamp"] not in {
        own.description["stamp"],
        packaged.description["stamp"],
    }
