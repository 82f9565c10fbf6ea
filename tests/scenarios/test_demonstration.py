"""Under its assumptions the demonstration can issue every kind of voucher, and only there."""

from datetime import date
from pathlib import Path

import pytest

from tallygrid.core.assumptions import Assumptions
from tallygrid.core.decision import Decision, decide_all
from tallygrid.core.programme import Programme, Scalar
from tallygrid.core.stacking import Combination, best
from tallygrid.files.assumptions import packaged_assumptions, read_assumptions
from tallygrid.files.document import FileError
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import Scenario, read_scenarios

PROGRAMMES = read_programmes()
DEMONSTRATION = packaged_assumptions("demonstration", PROGRAMMES)
ASSUMED = tuple(p for p in PROGRAMMES if p.id in DEMONSTRATION.fills)
DAYS = (date(2026, 5, 11), date(2026, 8, 5))
"""The first day of the demonstration, and one of its last."""
TOUR: dict[str, Scalar] = {
    "applicant_class": "enterprise",
    "registered_in": "410105",
    "founded_on": date(2025, 9, 20),
    "provider_kind": "ai_computing_centre",
    "provider_pflops": 400,
    "own_facility": False,
    "contract_fen": 60_000_000,
}
"""64 cards for 30 days: eight servers at 75,000 yuan a month."""


def _cases() -> list[Scenario]:
    folder = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes" / "scenarios"
    files = sorted(folder.glob("*.yaml"))
    return [case for file in files for case in read_scenarios(file, PROGRAMMES)]


CASES = _cases()


def _decided(case: Scenario, day: date) -> Decision:
    return decide_all([case.programme], case.facts, at=day, assumptions=DEMONSTRATION)[0]


def _chosen(programme: Programme) -> Programme:
    return programme.with_readings(DEMONSTRATION.of(programme.id))


@pytest.mark.parametrize("programme", ASSUMED, ids=lambda programme: programme.id)
def test_each_programme_with_assumptions_can_be_issued_while_it_plays(programme: Programme) -> None:
    cases = [case for case in CASES if case.programme.id == programme.id]

    assert any(_decided(case, day).issuable for case in cases for day in DAYS)


@pytest.mark.parametrize("case", CASES, ids=[f"{c.programme.id}: {c.name}" for c in CASES])
def test_what_nothing_is_assumed_about_cannot_be_issued(case: Scenario) -> None:
    bare = decide_all([case.programme], case.facts, at=DAYS[0])[0]

    assert not bare.issuable


def test_every_kind_and_both_ways_to_redeem_can_be_shown() -> None:
    chosen = [_chosen(programme) for programme in ASSUMED]

    assert {p.kind for p in chosen} == {"compute", "model", "corpus"}
    assert {p.redeem.value for p in chosen} == {"deduct", "reimburse"}
    assert {p.paid_to.value for p in chosen} == {"provider", "applicant"}


def test_every_assumption_blocks_no_longer() -> None:
    left = {
        (programme.id, item.id)
        for programme in ASSUMED
        for item in programme.open
        if item.id not in DEMONSTRATION.of(programme.id)
    }

    assert left == set()


def test_a_report_is_never_issued_under() -> None:
    reported = {p.id for p in PROGRAMMES if p.edition == "reported"}

    assert reported
    assert not reported & DEMONSTRATION.fills.keys()


def _tour(assumptions: Assumptions) -> Combination:
    compute = [programme for programme in PROGRAMMES if programme.kind == "compute"]
    decisions = decide_all(compute, TOUR, at=date(2026, 5, 20), assumptions=assumptions)
    return best(decisions, compute)


def test_province_and_city_together_pay_four_tenths_of_the_start_ups_contract() -> None:
    together = _tour(DEMONSTRATION)

    assert {part.programme: part.amount_fen for part in together.parts} == {
        "henan-compute-issued": 12_000_000,
        "zhengzhou-compute-issued": 12_000_000,
    }


def test_if_priority_meant_the_higher_only_one_of_them_would_pay() -> None:
    city = {**DEMONSTRATION.of("zhengzhou-compute-issued"), "with-province": True}
    fills = {**DEMONSTRATION.fills, "zhengzhou-compute-issued": city}

    alone = _tour(DEMONSTRATION.model_copy(update={"fills": fills}))

    assert alone.total_fen == 12_000_000


def test_every_assumption_says_why_in_both_languages() -> None:
    assert DEMONSTRATION.because.keys() == DEMONSTRATION.fills.keys()


def test_a_reason_for_a_programme_that_is_not_filled_is_a_mistake(tmp_path: Path) -> None:
    words = "{en: x, zh: x}"
    path = tmp_path / "a.yaml"
    path.write_text(f"id: a\nname: {words}\nreason: {words}\nbecause:\n  elsewhere: {words}\n")

    with pytest.raises(FileError, match=r":5:.*Nothing is filled for `elsewhere`"):
        read_assumptions(path, PROGRAMMES)
