"""When an award is made and its money comes is said beside the amount, in both languages."""

from pathlib import Path
from typing import Final

import pytest

from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import read_scenarios
from tallygrid.settings import Language
from tallygrid.text.decision import decision_lines

FOLDER: Final = Path(__file__).parents[1] / "invented"
PROGRAMMES: Final = read_programmes(FOLDER)


def _told(name: str, language: Language, case: int = 0) -> str:
    file = FOLDER / "scenarios" / f"{name}.yaml"
    found = read_scenarios(file, PROGRAMMES)[case]
    return "\n".join(decision_lines(found.decided(), found.programme, language))


@pytest.mark.parametrize(
    ("language", "free", "yearly", "ranked", "quarterly"),
    [
        ("en", "No application is needed", "by the year", "ranked by score", "by the quarter"),
        ("zh", "免申即享", "按年度事后兑付", "按得分排序择优", "按季度事后兑付"),
    ],
)
def test_a_decision_says_when_its_award_is_made_and_its_money_comes(
    language: Language, free: str, yearly: str, ranked: str, quarterly: str
) -> None:
    matched = _told("example-district-match", language)
    city = _told("example-city-compute", language)

    assert free in matched
    assert yearly in matched
    assert ranked in city
    assert quarterly in city
    assert free not in city


def test_a_refusal_says_nothing_of_money() -> None:
    refused = next(
        n
        for n, case in enumerate(
            read_scenarios(FOLDER / "scenarios" / "example-district-match.yaml", PROGRAMMES)
        )
        if case.expected.outcome == "refused"
    )

    assert "Settled ex post" not in _told("example-district-match", "en", refused)
