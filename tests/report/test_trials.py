"""Reports of sweeps, comparisons and searches say what the tables hold, in both languages."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from tallygrid.files.mistake import FileError
from tallygrid.lab.comparing import differences, read_compared, write_compared
from tallygrid.lab.responses import read_searched, read_swept
from tallygrid.lab.search import AIMS
from tallygrid.lab.sweep import with_days
from tallygrid.report.figures import Words
from tallygrid.report.laboratory.content import Content
from tallygrid.report.laboratory.page import page
from tallygrid.report.laboratory.tables import figure_label
from tallygrid.report.shapes import text_px
from tallygrid.report.trials.aims import Levers
from tallygrid.report.trials.compared import Compared, compared_content
from tallygrid.report.trials.searched import Searched, searched_content
from tallygrid.report.trials.swept import Swept, swept_content
from tallygrid.report.writer import Writer
from tallygrid.settings import Language
from tallygrid.text import render

LANGUAGES: tuple[Language, ...] = get_args(Language)
RATE = "programmes.here.set.rate.tiers.all.rate"
DAY = "programmes.here.set.windows.1.last_day"
UNITS: Mapping[str, Any] = {"paperwork_hours": "whole", RATE: "rate", DAY: "day"}
REST = {
    "additional_card_hours": 5.0, "displaced_card_hours": 1.0,
    "fen_per_additional_card_hour": 50.0, "gain.size.small": 0.5, "dead_weight_share": 0.5,
    "dead_weight_fen": 50.0,
}  # fmt: skip
NAME = {"en": "A question", "zh": "一个问题"}


LEVERS: Mapping[str, Any] = {
    "paperwork_hours": {"en": "Hours of paperwork", "zh": "材料工时"},
    RATE: {"en": "Vouchers here: rate", "zh": "本地算力券：比例"},
    DAY: {"en": "Vouchers here: window 1 closes", "zh": "本地算力券：第1个申报期截止日"},
}


def _levers() -> Levers:
    return Levers(LEVERS, UNITS, {"here": {"en": "Vouchers here", "zh": "本地算力券"}})


@pytest.fixture
def swept(tmp_path: Path) -> Swept:
    """Take-up falls with paperwork, and knows nothing of the rest."""
    points = [
        {"paperwork_hours": 4 + 8 * n, RATE: 1000 + 700 * (n * 5 % 6), DAY: 739_700 + n * 7 % 6}
        for n in range(6)
    ]
    described = {"name": NAME, "seeds": 3, "levers": LEVERS, "units": UNITS, "programmes": {},
                 "points": [*points, points[0]]}  # fmt: skip
    (tmp_path / "sweep.json").write_text(json.dumps(described), encoding="utf-8")
    runs = pl.DataFrame(
        {"point": n, "seed": seed, **point, **REST, "text.here": f"sha256:{n:064d}",
         "step.qualifies": 100, "step.awarded": 90 - 10 * n + seed, "public_fen": 100.0 * n,
         "gain.gini": 0.5 if n or seed > 1 else None}
        for n, point in enumerate(points)
        for seed in (1, 2, 3)
    )  # fmt: skip
    with_days(runs, UNITS).write_parquet(tmp_path / "runs.parquet")
    return Swept(*read_swept(tmp_path), _levers(), "0")


def test_a_sweep_ranks_what_sways_an_aim(swept: Swept) -> None:
    sway = swept.charts["sway"].filter(pl.col("aim") == "take_up").to_dicts()
    by_lever = {row["lever"]: row for row in sway}
    assert by_lever["paperwork_hours"]["rank_correlation"] == pytest.approx(-1)
    assert by_lever["paperwork_hours"]["least_third"] == pytest.approx(0.87)
    assert by_lever["paperwork_hours"]["most_third"] == pytest.approx(0.47)
    assert abs(by_lever[RATE]["rank_correlation"]) < 1
    row = swept.charts["responses"].filter(pl.col("aim") == "take_up").row(0, named=True)
    assert (row["point"], row["value"], row["seeds"]) == (0, 4, 3)
    assert row["mean"] == pytest.approx(0.92)
    assert row["low"] < row["mean"] < row["high"]
    assert swept.charts["texts"]["text"].n_unique() == 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_reports_say_where_queues_do_not_settle(
    swept: Swept, tmp_path: Path, language: Language
) -> None:
    plain = swept_content(swept, Writer(language)).cautions
    charts = {**swept.charts, "saturated": pl.DataFrame({"point": [2, 4]})}
    full = swept_content(Swept(swept.described, charts, _levers(), "0"), Writer(language)).cautions
    assert len(full) == len(plain) + 1

    sides = {name: _side(name) for name in ("one", "other")}
    sides["other"]["saturated"]["saturated_without"] = ["guian.H100"]
    pairs = pl.DataFrame([{"figure": "take_up", "seed": 1, "one": 1.0, "other": 1.0}])
    write_compared(tmp_path, sides, pairs)
    told = compared_content(Compared(*read_compared(tmp_path), "0"), Writer(language))
    said = [caution for caution in told.cautions if "H100" in caution]
    assert len(said) == 1
    assert f"{NAME[language]} (other)" in said[0], "whose pool it is"
    assert "Guian" in said[0] or "贵安" in said[0], "by its name"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sweep_is_told_and_drawn_lever_by_lever(swept: Swept, language: Language) -> None:
    told = swept_content(swept, Writer(language))
    sections = {section.name: n for n, section in enumerate(told.sections)}
    assert set(sections) == set(AIMS)
    assert NAME[language] in told.title
    assert any(("Vouchers here" in one) or ("本地算力券" in one) for one in told.cautions)
    assert told.cautions[0] == Writer(language).say("trials.left_out", count=1, of=7)
    section = told.sections[sections["take_up"]]
    first = section.tables[0].rows[0]
    writer = Writer(language)
    assert first[0] == writer.say("trials.in.hours", lever=LEVERS["paperwork_hours"][language])
    some = writer.say("trials.some_seeds", count=1, of=6)
    assert some not in section.sentences
    assert some in told.sections[sections["evenness"]].sentences, "one seed has no Gini coefficient"
    assert first[1] == "-1"
    assert [len(one["concat"]) for one in _drawn(told)] == [len(UNITS)] * 2 * len(AIMS)


CANDIDATE = {
    "aim_low": 1.0, "aim_high": 9.0, "against_low": -9e5, "against_high": -1e5,
    "spent_fen_low": 1e5, "spent_fen_high": 9e5, "text.here": "sha256:abc",
}  # fmt: skip


@pytest.fixture
def searched(tmp_path: Path) -> Searched:
    described = {
        "name": NAME, "aim": "additional_card_hours", "against": "low_spending",
        "spend_at_most_fen": 600_000, "points": 8, "held_out": 10, "units": UNITS,
        "levers": LEVERS, "programmes": {},
    }  # fmt: skip
    (tmp_path / "search.json").write_text(json.dumps(described), encoding="utf-8")
    rows = [
        {"point": n, "paperwork_hours": n, RATE: 1000 * n, DAY: 739_700 + n, **CANDIDATE,
         "aim_mean": 5.0 - n, "against_mean": -1e5 * (4 - n), "spent_fen_mean": 1e5 * (4 - n),
         "is_within": n < 3, "on_front": n < 2, "seeds": 10 - n, "is_saturated": n == 1}
        for n in range(4)
    ]  # fmt: skip
    with_days(pl.DataFrame(rows), UNITS).write_parquet(tmp_path / "candidates.parquet")
    return Searched(*read_searched(tmp_path), _levers(), "0")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_search_shows_the_front_and_where_its_levers_stand(
    searched: Searched, language: Language
) -> None:
    told = searched_content(searched, Writer(language))
    candidates, settings, texts = told.sections[0].tables
    assert [row[0] for row in candidates.rows] == ["1", "2", "3", "4"]
    assert len({row[-1] for row in candidates.rows}) == 4
    writer = Writer(language)
    assert [row[-2] for row in candidates.rows] == ["10", "9", "8", "7"]
    assert writer.say("trials.group.saturated") in candidates.rows[1][-1]
    full = render("lab.points_saturated", language, count=1, of=4)
    assert told.cautions[0] == full
    assert ("2", writer.say("trials.in.percent", lever=LEVERS[RATE][language]), "10") in (
        settings.rows
    )
    here = {"en": "Vouchers here", "zh": "本地算力券"}[language]
    assert [row[1:] for row in texts.rows] == [(here, "abc")] * 4
    drawn = _drawn(told)[0]
    (spots,) = drawn["datasets"].values()
    assert [(one["rank"], one["across_mean"]) for one in spots] == [
        ("1", 5), ("2", 4), ("3", 3), ("4", 2),
    ]  # fmt: skip
    assert spots[0]["up_mean"] == -4_000  # yuan
    assert "4,000 [" in candidates.rows[0][2], "means of money are whole yuan"
    assert "4,000 [" in candidates.rows[0][3]
    html = page(told, language, {})
    assert "<details>" not in html, "the ranks are read beside the picture"


@pytest.mark.parametrize(("on_front", "lead"), [(0, "front.none"), (1, "front.one"), (2, "front")])
def test_a_search_says_how_many_stand_on_its_front(
    searched: Searched, on_front: int, lead: str
) -> None:
    changed = searched.charts["candidates"].with_columns(on_front=pl.col("point") < on_front)
    found = Searched(searched.described, {"candidates": changed}, _levers(), "0")
    writer = Writer("en")
    told = searched_content(found, writer)
    assert list(told.sections[0].sentences) == [writer.say(f"trials.{lead}.lead")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_one_aim_the_candidates_are_ranked(searched: Searched, language: Language) -> None:
    alone = Searched({**searched.described, "against": None}, searched.charts, _levers(), "0")
    told = searched_content(alone, Writer(language))
    assert told.sections[0].name == "best"
    assert len(told.sections[0].tables[0].columns) == 5
    standings = {row[-1] for row in told.sections[0].tables[0].rows[2:]}
    assert standings == {Writer(language).say(f"trials.group.{one}") for one in ("within", "over")}
    assert _drawn(told)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_lever_is_broken_under_a_narrow_picture(swept: Swept, language: Language) -> None:
    name: Words = {"en": "Vouchers of a city with a long name: ceiling on all public money",
            "zh": "某市人工智能产业发展专项算力券：财政资金合计上限占租金的比例"}  # fmt: skip
    levers = replace(_levers(), names={**LEVERS, RATE: name})
    draw = swept_content(replace(swept, levers=levers), Writer(language)).sections[0].draw
    chart = draw(340) if draw else None
    assert chart is not None
    panels = chart.to_dict()["concat"]
    titles = [panel["layer"][0]["encoding"]["x"]["title"] for panel in panels]
    assert len(titles[1]) > 1
    assert max(text_px(line) for title in titles for line in title) <= 340 - 94


def _drawn(told: Content) -> list[dict[str, Any]]:
    """Return what is drawn on a wide page and on a narrow one."""
    made = []
    for width in (860, 340):
        for section in told.sections:
            chart = section.draw(width) if section.draw else None
            assert chart is not None, section.name
            made.append(chart.to_dict())
    return made


def test_the_interval_of_a_difference_is_of_the_pairs() -> None:
    """Both sides vary greatly from seed to seed, and always alike."""
    rows = [
        {"figure": "card_hours", "seed": seed, "one": float(seed), "other": seed + 0.5}
        for seed in range(1, 11)
    ]
    rows.append({"figure": "card_hours", "seed": 11, "one": None, "other": 1.0})
    (row,) = differences(pl.DataFrame(rows)).to_dicts()
    assert (row["one"], row["other"], row["seeds"]) == (5.5, 6.0, 10)
    assert (row["mean"], row["low"], row["high"]) == (0.5, 0.5, 0.5)


def _side(name: str) -> dict[str, Any]:
    figure = {"mean": 3.0, "low": 2.0, "high": 4.0, "seeds": 10}
    return {
        "scenario": name, "name": NAME, "first_day": "2026-01-01", "days": 30,
        "demand": {"jobs": 60, "firms": 12, "load_bp": 2000 if name == "a" else 2500,
                   "source": "fitted", "kinds": {}},
        "saturated": {"saturated": [], "saturated_without": []},
        "figures": {"step.aware": figure, "step.begun": figure},
        "sites": {"guian": {"en": "Guian", "zh": "贵安"}},
        "programmes": [{"id": "here", "edition": "issued", "is_published": True,
                        "name": {"en": "Vouchers here", "zh": "本地算力券"},
                        "changed": {"rate.tiers.all.rate": "5%"},
                        "changes": {"en": ["Rate: 5%"], "zh": ["比例：5%"]},
                        "text": "sha256:1", "version": "sha256:2"}],
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_comparison_says_which_differences_luck_could_have_made(
    tmp_path: Path, language: Language
) -> None:
    rows = [
        {"figure": name, "seed": seed, "one": 10.0 + seed, "other": 10.0 + seed + change}
        for seed in range(10)
        for name, change in (
            ("card_hours", 5.0),
            ("public_fen", (-1.0) ** seed),
            ("utilisation.west", -0.03),
            ("gain.gini", 1e-5),
        )
    ]
    write_compared(tmp_path, {"one": _side("a"), "other": _side("b")}, pl.DataFrame(rows))
    found = Compared(*read_compared(tmp_path), "0")
    told = compared_content(found, Writer(language))
    assert "(a)" in told.title
    assert "(b)" in told.title
    changed = render("lab.changed", language, text="1", played="2",
                     programme={"en": "Vouchers here", "zh": "本地算力券"}[language],
                     changes={"en": "Rate: 5%", "zh": "比例：5%"}[language])  # fmt: skip
    assert told.cautions.count(changed) == 1, "of both sides, once"
    assert told.subtitle == Writer(language).say("trials.compared.subtitle_apart", seeds=10)
    assert any("20%" in caution and "25%" in caution for caution in told.cautions)
    by_name = {row[0]: row for row in told.sections[0].tables[0].rows}
    writer = Writer(language)
    hours, money, used, gini = (
        by_name[figure_label(name, writer)]
        for name in ("card_hours", "public_fen", "utilisation.west", "gain.gini")
    )
    assert (hours[3], hours[-1]) == ("+5", writer.say("trials.sure"))
    assert money[-1] == writer.say("trials.unsure")
    assert used[3] == writer.say("trials.points", told="-3"), "not per cent of the share"
    assert gini[3] == "0", "a nought has no sign"
    assert len(told.sections[1].tables[0].rows) == 4
    assert _drawn(told)
    assert NAME[language] in page(told, language, {})


def test_one_seed_is_never_called_certain(tmp_path: Path) -> None:
    rows = [{"figure": "card_hours", "seed": 1, "one": 10.0, "other": 15.0}]
    write_compared(tmp_path, {"one": _side("a"), "other": _side("b")}, pl.DataFrame(rows))
    writer = Writer("en")
    told = compared_content(Compared(*read_compared(tmp_path), "0"), writer)
    assert told.sections[0].tables[0].rows[0][-1] == writer.say("trials.unsure")
    assert writer.say("lab.one_seed", least=10) in told.cautions
    assert "1 seed alike" in told.subtitle


def test_a_sweep_that_is_not_finished_has_no_report(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FileError, match="not finished"):
        read_swept(tmp_path)
    (tmp_path / "runs.parquet").write_text("none", encoding="utf-8")
    with pytest.raises(FileError, match="no `levers`, no `units`"):
        read_swept(tmp_path)
    described = {"name": NAME, "levers": {}, "units": {}, "programmes": {}}
    (tmp_path / "sweep.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(FileError, match="is no Parquet"):
        read_swept(tmp_path)


def test_a_sweep_in_which_nothing_sways_has_a_report(tmp_path: Path) -> None:
    described = {
        "name": NAME,
        "seeds": 1,
        "levers": LEVERS,
        "units": {"paperwork_hours": "whole"},
        "programmes": {},
        "points": [{"paperwork_hours": 1}, {"paperwork_hours": 2}],
    }
    (tmp_path / "sweep.json").write_text(json.dumps(described), encoding="utf-8")
    runs = pl.DataFrame({"point": n, "seed": 1, "public_fen": 0.0} for n in range(2))
    runs.write_parquet(tmp_path / "runs.parquet")
    told = swept_content(Swept(*read_swept(tmp_path), _levers(), "0"), Writer("en"))
    assert told.sections[0].tables[0].rows[0][1] == "–"
