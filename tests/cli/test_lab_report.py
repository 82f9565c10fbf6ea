"""`tallygrid lab report`, as it is typed: what it says is what the tables hold."""

import json
import re
from collections import defaultdict
from html import unescape
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from fontTools.ttLib import TTFont
from terminal import Terminal

from tallygrid import report
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.lab.findings import findings_of
from tallygrid.lab.scenario import open_scenario
from tallygrid.lab.writing import _batch_days, read_results
from tallygrid.report.laboratory.content import content
from tallygrid.report.laboratory.found import Found
from tallygrid.report.writer import Writer
from tallygrid.settings import Language
from tallygrid.text import catalogue

SMALL = """
id: small
name: {en: Small, zh: 小型}
about: {en: "A few firms, to try it.", zh: "少量企业，仅供试用。"}
first_day: 2026-01-01
days: 60
seeds: 3
demand: {jobs: 600, firms: 40, load: 30%}
assume: demonstration
behaviour: {aware_bp: 10000, hazard_per_day_bp: 2000, paperwork_hours: 1, half_benefit_yuan: 1000}
network:
  sides: {west: {utilisation: 30%, price: 900}}
  sites: {guian: {pue_milli: 1150, power_price_milli_yuan: 300, cards: {H100: 256}}}
programmes: [{id: henan-compute-issued, budget_yuan: 200000, decision_days: 2}]
"""
CHARTS = ("budgets", "energy", "figures", "gain", "sites", "steps", "vouchers", "waits")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def results(home: Path) -> Path:
    """Return the folder of a small run with its report."""
    scenario, out = home / "small.yaml", home / "out"
    scenario.write_text(SMALL, encoding="utf-8")
    command = ("lab", "run", scenario, "--out", out, "--seeds", 3, "--jobs", 1, "--report")
    Terminal(home).does(*command)
    return out


def _rows(results: Path, chart: str, **where: object) -> list[dict[str, Any]]:
    rows = pl.read_parquet(results / "report" / "data" / f"{chart}.parquet").to_dicts()
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def _jobs(results: Path) -> list[dict[str, Any]]:
    return pl.read_parquet(results / "jobs.parquet").to_dicts()


def test_a_report_has_both_languages_and_the_data_of_every_chart(results: Path) -> None:
    for language, words in (("en", "Who gained"), ("zh", "受益分布")):
        page = (results / "report" / f"report.{language}.html").read_text(encoding="utf-8")
        assert words in page
        assert 'role="img"' in page
        assert "src=" not in page, "nothing is loaded from elsewhere"
        pdf = (results / "report" / f"report.{language}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
    found = sorted(one.stem for one in (results / "report" / "data").glob("*.parquet"))
    assert found == sorted(CHARTS)


def test_fewer_than_ten_seeds_are_said_to_be_few(results: Path) -> None:
    page = (results / "report" / "report.en.html").read_text(encoding="utf-8")
    assert "Only 3 seeds were played" in page


def _page(results: Path, language: str) -> str:
    page = (results / "report" / f"report.{language}.html").read_text(encoding="utf-8")
    return unescape(re.sub(r"<[^>]*>", "", page))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", (
            "A few firms, to try it.",
            "all 19 of the catalogue", "30% in use by others; 90% of the listed price",
            "PUE 1.15; electricity at 0.3 yuan per kWh; 256 cards of H100",
            "training 20%; fine-tuning 40%", "Paid to: the provider",
            "A voucher is valid: 12 months",
            "aware_bp\nassumed\n100%\n5% – 100%", "paperwork_hours\nassumed\n1 h\n1 h – 200 h",
            "half_benefit_yuan\nassumed\nCN¥1,000\nCN¥1,000 – CN¥1,000,000",
            "elasticity_milli\nassumed\n0.8\n0.3 – 1.5",
            "demand\nMicrosoft Philly traces", "sites, cards and prices\nMonthly rents of 8-card",
        )),
        ("zh", (
            "少量企业，仅供试用。",
            "资源目录全部19个", "其他用户占用30%；标价的90%", "H100共256卡", "拨付对象：服务机构",
            "aware_bp\n假定\n100%\n5% – 100%", "1小时 – 200小时", "需求\nMicrosoft Philly traces",
        )),
    ],
)  # fmt: skip
def test_the_end_tells_everything_that_the_figures_rest_on(
    results: Path, language: str, told: tuple[str, ...]
) -> None:
    page = re.sub(r"\s*\n\s*", "\n", _page(results, language))
    assert [one for one in told if one not in page] == []


def test_a_figure_that_only_some_seeds_have_says_so_where_it_is_read_first(results: Path) -> None:
    summary, tables = read_results(results)
    whole = {"mean": 3.0, "low": 2.0, "high": 4.0, "seeds": 3}
    for seeds, told in (
        (3, "95 % interval: 2 – 4"),
        (2, "95 % interval: 2 – 4, of the 2 of 3 seeds in which there is one"),
        (1, "no interval: it hangs on one seed"),
    ):
        changed = {**summary, "figures": {"days_to_voucher": {**whole, "seeds": seeds}}}
        found = Found(changed, findings_of(tables, {}), packaged_vocabulary(), "0")
        tiles = content(found, Writer("en")).tiles
        assert told in [tile.detail for tile in tiles]


def test_a_report_says_after_which_batch_is_decided(results: Path) -> None:
    summary, tables = read_results(results)
    (programme,) = summary["programmes"]
    assert programme["batch_days"] is None
    (six_weeks,) = map(_batch_days, open_scenario("six-week-windows").programmes)
    assert six_weeks == 42
    changed = {**summary, "programmes": [{**programme, "batch_days": six_weeks}]}
    found = Found(changed, findings_of(tables, {}), packaged_vocabulary(), "0")
    told = {one.name: one for one in content(found, Writer("en")).sections}["programmes"]
    assert told.tables[0].rows[0][-1] == "2, after batches of 42 days"


def test_parts_of_the_public_money_are_those_of_the_jobs(results: Path) -> None:
    firms = pl.read_parquet(results / "firms.parquet").to_dicts()
    size = {(one["seed"], one["firm"]): one["size"] for one in firms}
    spent: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for job in _jobs(results):
        spent[job["seed"]][size[job["seed"], job["firm"]]] += job["claimed_fen"]
    total = sum(sum(by.values()) for by in spent.values())
    assert total, "somebody is paid something"
    for name in set(size.values()):
        (row,) = _rows(results, "gain", way="size", name=name, measure="of_money")
        assert row["mean"] == pytest.approx(sum(by[name] for by in spent.values()) / total)
        assert row["seeds"] in {1, 3}  # where all hangs on one seed there is no interval


def test_the_last_day_of_a_budget_has_what_the_jobs_were_paid(results: Path) -> None:
    rows = _rows(results, "budgets", measure="payable_fen")
    last = max(row["day"] for row in rows)
    (row,) = [row for row in rows if row["day"] == last]
    end = 60 * 86_400
    paid = sum(
        job["subsidy_fen"]
        for job in _jobs(results)
        if job["subsidy_fen"] and job["start_s"] + job["run_s"] <= end
    )
    assert row["mean"] == pytest.approx(paid / 3)
    assert paid > 0


def test_steps_only_ever_lose_firms_and_awards_agree(results: Path) -> None:
    counts = [row["mean"] for row in _rows(results, "steps", measure="count")]
    assert counts == sorted(counts, reverse=True)
    (awarded,) = _rows(results, "steps", measure="count", step="awarded")
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    given = summary["figures"]["awards.henan-compute-issued"]["mean"]
    assert awarded["mean"] == pytest.approx(given)


def test_bills_of_the_sides_come_to_those_of_the_jobs(results: Path) -> None:
    sides = _rows(results, "sites", level="side", measure="revenue_fen")
    billed = sum(job["billed_fen"] for job in _jobs(results))
    assert sum(row["mean"] for row in sides) == pytest.approx(billed / 3)


def test_a_seed_without_an_award_counts_as_nought(results: Path) -> None:
    summary, tables = read_results(results)
    awarded = tables["steps"].filter(pl.col("awarded_fen") > 0)
    alone = awarded.filter(pl.col("seed") == awarded["seed"][0])
    found = findings_of({**tables, "steps": alone}, summary["figures"])["vouchers"]
    rows = {row["measure"]: row for row in found.to_dicts()}
    assert rows["awards"]["mean"] == pytest.approx(len(alone) / 3)
    assert (rows["awards"]["seeds"], rows["mean"]["seeds"]) == (3, 1)


@pytest.mark.parametrize("language", get_args(Language))
def test_a_picture_of_nought_is_left_out_and_the_page_says_so(
    results: Path, language: Language
) -> None:
    """As where everybody is answered at once and nobody uses what is awarded."""
    summary, tables = read_results(results)
    (whole_fen,) = {one["budget_fen"] for one in summary["programmes"]}
    unused = {"available_fen": whole_fen, "payable_fen": 0}
    changed = {
        **tables,
        "steps": tables["steps"].with_columns(waited_days=0.0),
        "budgets": tables["budgets"].with_columns(**{k: pl.lit(v) for k, v in unused.items()}),
    }
    charts = findings_of(changed, summary["figures"])
    found = Found(summary, charts, packaged_vocabulary(), "0")
    told = {section.name: section for section in content(found, Writer(language)).sections}
    writer = Writer(language)
    programme = summary["programmes"][0]["name"][language]
    for name, sentence in (
        ("vouchers", writer.say("lab.nought")),
        ("budgets", writer.say("lab.budgets.still", programmes=programme)),
    ):
        draw = told[name].draw
        assert draw is not None
        assert draw(860) is None
        assert told[name].sentences[-1] == sentence
    assert writer.say("lab.nought") not in told["revenue"].sentences


def test_one_language_alone_is_written_alone(results: Path, home: Path) -> None:
    written = Terminal(home).reads("lab", "report", results, "--language", "zh")
    assert [Path(one).name for one in written] == ["report.zh.html", "report.zh.pdf"]


def test_a_report_does_not_outlive_the_run_that_it_tells_of(home: Path, results: Path) -> None:
    out = home / "again"
    (out / "report" / "data").mkdir(parents=True)
    old = [out / "report" / name for name in ("report.en.html", "data/waits.parquet")]
    kept = out / "report" / "notes.md"
    for path in (*old, kept, out / "summary.json"):
        path.write_text("of another run", encoding="utf-8")
    scenario = results.parent / "small.yaml"
    Terminal(home).does("lab", "run", scenario, "--out", out, "--seeds", 1, "--jobs", 1)
    assert [path for path in old if path.exists()] == []
    assert kept.exists(), "it is nobody's but the reader's"


def test_a_folder_without_results_gets_a_sentence(home: Path) -> None:
    told = Terminal(home).errs("lab", "report", home)
    assert "There is no `summary.json`" in told
    assert "lab run SCENARIO --out DIR" in told


def test_a_report_needs_a_place_for_its_tables(home: Path) -> None:
    assert "--out DIR" in Terminal(home).errs("lab", "run", "deduct", "--report")


def test_the_packaged_font_has_every_character_of_the_report_but_those_with_a_plain_form() -> None:
    font = Path(report.__file__).parent / "fonts" / "statement.otf"
    with TTFont(font) as opened:
        known = opened.getBestCmap()
    told = [text for code, texts in catalogue().items() for text in texts.values()
            if code.startswith(("report.lab.", "lab.figure."))]  # fmt: skip
    assert {one for text in told for one in text if ord(one) not in known} == {"₂"}
