"""Estimates cover a planted truth as often as their intervals say, also where there is none."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import simulated
from applicants import FIRST, LAST, Truth, history, programme

from tallygrid.files.mistake import FileError
from tallygrid.lab.behaviour import parameters
from tallygrid.lab.calibrate.additional import additional
from tallygrid.lab.calibrate.calibration import calibrate
from tallygrid.lab.calibrate.history import Row, history_of, read_history
from tallygrid.lab.calibrate.thresholds import Threshold, thresholds

NOTHING = Truth()
PLANTED = Truth(boost=4.0, young=1 / 1.5, raised=0.5, cut=0.4)
ALWAYS = {
    *("share.paperwork", "waiting", "share.use", "share.claim"),
    *("rush.boost", "jump", "above_least", "at_cap"),
}


def covered(truth: Truth, seeds: int) -> tuple[Counter[str], Counter[str]]:
    """Return by question in how many seeds the interval covers the truth, and how many have one."""
    covers, estimates = Counter[str](), Counter[str]()
    for seed in range(seeds):
        for one in calibrate(history(truth, seed), programme()).estimates:
            if one.interval:
                estimates[one.code] += 1
                covers[one.code] += one.interval.covers(truth.of(one.code))
    return covers, estimates


@pytest.mark.soak
@pytest.mark.parametrize("truth", [NOTHING, PLANTED], ids=["nothing", "planted"])
def test_of_a_hundred_intervals_ninety_to_ninety_nine_cover_the_truth(
    truth: Truth, record_property: Callable[[str, object], None]
) -> None:
    covers, estimates = covered(truth, 100)

    for code in sorted(estimates):
        told = f"{truth.of(code):6.3f} is covered in {covers[code]} of {estimates[code]}"
        record_property("measured", f"{code:16} {told}")
    assert set(estimates) == ALWAYS | ({"rush.days"} if truth.boost else set())
    assert all(estimates[code] == 100 for code in ALWAYS)
    assert {code: covers[code] for code in estimates if not 90 <= covers[code] <= 99} == {}


@pytest.mark.parametrize("truth", [NOTHING, PLANTED], ids=["nothing", "planted"])
def test_of_a_few_intervals_most_cover_the_truth(truth: Truth) -> None:
    covers, estimates = covered(truth, 6)

    assert set(estimates) >= ALWAYS
    assert all(covers[code] >= estimates[code] - 2 for code in estimates), covers


def test_a_clear_effect_is_told_from_none() -> None:
    """The intervals are not merely wide: one that is planted lies outside of nothing."""
    found = {
        one.code: one.interval for one in calibrate(history(PLANTED, 1), programme()).estimates
    }

    for code, nothing in (("rush.boost", 0.0), ("above_least", 1.0)):
        interval = found[code]
        assert interval is not None
        assert not interval.covers(nothing), code


def test_thresholds_are_those_of_the_file() -> None:
    assert thresholds(programme()) == (
        Threshold("before_caps_fen", 1_000_000_000, "cap", is_money=True),
        Threshold("company_age_months", 12, "tier", is_money=False),
        Threshold("spend_year_fen", 50_000_000, "least", is_money=True),
    )


def test_too_few_cases_are_refused_and_nothing_is_set() -> None:
    whole = history(PLANTED, 1)

    found = calibrate(replace(whole, cases=whole.cases.head(20)), programme())

    assert {one.interval for one in found.estimates} == {None}
    assert {one.refused for one in found.estimates} <= {"few", "none", "no_window"}
    assert found.found == {}


def test_waiting_that_nobody_recorded_is_no_zero() -> None:
    """No record of anybody giving up may mean that none is kept."""
    rows: list[Row] = [
        {"id": str(n), "submitted": FIRST, "decided": FIRST + timedelta(days=20)}
        for n in range(200)
    ]

    (waiting,) = (
        one for one in calibrate(history_of(rows), None).estimates if one.code == "waiting"
    )

    assert (waiting.interval, waiting.refused) == (None, "unrecorded")


def test_who_began_and_did_not_apply_is_unknown_where_nobody_s_beginning_is_recorded() -> None:
    rows: list[Row] = [{"id": str(n), "submitted": FIRST, "decided": FIRST} for n in range(200)]

    found = calibrate(history_of(rows), None)

    refused = {one.code: one.refused for one in found.estimates}
    assert refused["share.paperwork"] == "unseen"
    assert "dropout_per_hour_bp" not in found.found


def test_vouchers_that_are_still_valid_tell_nothing_of_use() -> None:
    rows: list[Row] = [
        {"id": str(n), "submitted": FIRST, "issued": FIRST, "valid_until": LAST,
         "first_used": FIRST if n % 2 else None}
        for n in range(200)
    ]  # fmt: skip

    before = calibrate(history_of(rows, seen_on=LAST - timedelta(days=1)), None).estimates
    after = calibrate(history_of(rows, seen_on=LAST), None).estimates

    assert [one.cases for one in before if one.code == "share.use"] == [0]
    (use,) = (one for one in after if one.code == "share.use")
    assert use.interval is not None
    assert (use.cases, use.interval.value) == (200, 0.5)


def test_what_is_additional_is_a_range_over_all_that_is_assumed() -> None:
    """By the formula at its corners: worst where nothing comes below the list, best at 1.5."""
    found = additional(programme(), parameters())

    assert found is not None
    rates = [step.value for tier in programme().rate.tiers for step in tier.rate or ()]
    assert found[0] == 0.0
    assert found[1] == pytest.approx(1 - (1 - max(rates) / 10_000) ** 1.5)


def test_all_mistakes_of_a_table_are_told_with_line_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "applications.csv"
    file.write_text(
        "id,submitted,decided,dropped,company_age_months\n"
        "A-1,2026-03-01,2026-02-01,,12\n"
        "A-1,soon,,,-3\n"
        "A-2,2026-03-01\n"
        "A-3,2026-03-01,,2026-02-01,\n",
        encoding="utf-8",
    )

    with pytest.raises(FileError) as caught:
        read_history(file, ["company_age_months"])

    told = [(one.line, one.problem) for one in caught.value.mistakes]
    assert told == [
        (2, "`decided` is 2026-02-01, before `submitted` on 2026-03-01."),
        (3, "The row has no day of any step."),
        (3, "`A-1` stands on line 2 already."),
        (3, "`submitted` is `soon`."),
        (3, "`company_age_months` is `-3`."),
        (4, "The row has 2 cells."),
        (5, "`dropped` is 2026-02-01, before `submitted` on 2026-03-01."),
    ]
    assert all(one.remedy for one in caught.value.mistakes)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "There is no row."),
        ("id,submitted\n", "There is no application."),
        ("id,submited\n", "There is no column `submited`."),
        ("id\nA-1\n", "The column `submitted` is missing."),
        ("id,submitted,id\n", "The column `id` stands twice."),
    ],
)
def test_a_table_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "applications.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(FileError) as caught:
        read_history(file, [])

    assert problem in {one.problem for one in caught.value.mistakes}


def test_csv_and_parquet_tell_the_same(tmp_path: Path) -> None:
    cases = history(NOTHING, 1).cases
    cases.write_csv(tmp_path / "a.csv")
    cases.write_parquet(tmp_path / "a.parquet")
    numbers = ["company_age_months", "spend_year_fen"]

    one, other = (read_history(tmp_path / name, numbers) for name in ("a.csv", "a.parquet"))

    assert one.cases.equals(other.cases)
    assert one.cases.select(cases.columns).equals(cases)
    assert one.seen_on == other.seen_on <= date(2028, 4, 30)
    assert np.isfinite(one.cases["spend_year_fen"].to_numpy()).all()


@pytest.mark.parametrize("boost_milli", [0, 4000])
def test_the_rush_of_the_laboratory_s_own_firms_is_covered(boost_milli: int) -> None:
    """They differ in what they gain, so that the estimator's law holds only nearly."""
    on = simulated.stage(deadline_boost_milli=boost_milli, hazard_per_day_bp=100)
    asked = simulated.programme(on)
    found = [calibrate(simulated.history(on, seed), asked).estimates for seed in (1, 3, 4)]

    boosts = [one.interval for of in found for one in of if one.code == "rush.boost"]
    assert [one.covers(boost_milli / 1000) for one in boosts if one] == [True] * 3
    # Of so few a length would be told only where luck exaggerates the rush.
    assert {one.refused for of in found for one in of if one.code == "rush.days"} == {"few"}
