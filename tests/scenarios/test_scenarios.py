"""Every programme decides its own cases as reading its text does."""

from pathlib import Path

import pytest

from tallygrid.core.recompute import recompute
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import Scenario, read_scenarios

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"


def _scenarios() -> list[Scenario]:
    programmes = read_programmes(PROGRAMMES)
    files = sorted((PROGRAMMES / "scenarios").glob("*.yaml"))
    return [scenario for file in files for scenario in read_scenarios(file, programmes)]


SCENARIOS = _scenarios()


@pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=[f"{s.programme.id}: {s.name}" for s in SCENARIOS]
)
def test_the_decision_is_the_expected_one(scenario: Scenario) -> None:
    assert scenario.differences() == ()


@pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=[f"{s.programme.id}: {s.name}" for s in SCENARIOS]
)
def test_a_third_party_finds_the_same_amount_in_the_json(scenario: Scenario) -> None:
    decision = scenario.decided()

    if decision.outcome != "refused":
        assert recompute(decision.as_json()) == (decision.at_least_fen, decision.at_most_fen)
