"""The list over all programmes says what each decision says."""

from datetime import date

import pytest

from tallygrid.core.condition import Facts
from tallygrid.core.decision import decide
from tallygrid.core.match import Group, Match
from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programmes
from tallygrid.text.match import match_lines

PROGRAMMES = {programme.id: programme for programme in read_programmes()}
ON = date(2026, 5, 20)
SCHEME = PROGRAMMES["shenzhen-compute-issued"]
FACTS: Facts = {"registered_in": "440305", "contract_fen": 100_000_000}


def _lines(programme: Programme, group: Group, **facts: str | int) -> str:
    decision = decide(programme, {**FACTS, **facts}, at=ON)
    return "\n".join(match_lines([Match(programme, decision, group)], {}, "en"))


def test_a_report_under_which_one_is_refused_promises_no_amount() -> None:
    report = next(one for one in PROGRAMMES.values() if one.contradicts == SCHEME.id)

    refused = _lines(report, "reported", registered_in="310104", contract_fen=0)
    decided = _lines(report, "reported")

    assert "decided on that report: refused" in refused
    assert "not met: " in refused
    assert "decided on that report: at most" in decided


@pytest.mark.parametrize(
    ("settles", "said"),
    [
        ("on_use", "within 45 days of settlement"),
        ("quarterly", "within 45 days of the end of the quarter"),
        ("annual", "within 45 days of the end of the year"),
    ],
)
def test_days_of_refund_count_from_where_the_text_says(settles: str, said: str) -> None:
    more = {
        "refund": SCHEME.refund.model_copy(update={"days_max": 45}),
        "allocation": SCHEME.allocation.model_copy(update={"settles": settles}),
    }

    assert f"paid back {said}" in _lines(SCHEME.model_copy(update=more), "eligible")
