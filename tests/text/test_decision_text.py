"""Every decision can be read in English and in Chinese."""

import re
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from tallygrid.core.decision import Decision, decide, decide_all
from tallygrid.core.match import ranked
from tallygrid.core.programme import Scalar
from tallygrid.core.stacking import best_of_each_kind
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import Scenario, read_scenarios
from tallygrid.settings import Language
from tallygrid.text.decision import decision_lines
from tallygrid.text.match import match_lines

PROGRAMMES = {programme.id: programme for programme in read_programmes()}
_PACKAGED = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
SCENARIOS = [
    scenario
    for file in sorted((_PACKAGED / "scenarios").glob("*.yaml"))
    for scenario in read_scenarios(file, list(PROGRAMMES.values()))
]
FACTS: dict[str, Scalar] = {"contract_fen": 100_000_000, "registered_in": "440305"}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scenario", SCENARIOS[::4], ids=lambda s: f"{s.programme.id} {s.name}")
def test_every_scenario_can_be_read(scenario: Scenario, language: Language) -> None:
    lines = decision_lines(scenario.decided(), scenario.programme, language)

    assert all(lines)
    assert not any("None" in line or "{" in line for line in lines)


def test_every_refusal_names_a_next_step() -> None:
    for scenario in SCENARIOS:
        decision = scenario.decided()
        lines = decision_lines(decision, scenario.programme, "en")
        not_passed = [f for f in decision.findings if f.status != "passed"]

        assert sum(line.lstrip().startswith("Next: ") for line in lines) == len(not_passed)


def _shenzhen(**more: Scalar) -> Decision:
    scheme = PROGRAMMES["shenzhen-compute-issued"]
    return decide(scheme, {**FACTS, **more}, at=date(2026, 5, 20))


def test_what_is_missing_is_named_with_how_to_provide_it() -> None:
    lines = decision_lines(_shenzhen(), PROGRAMMES["shenzhen-compute-issued"], "en")

    wanted = "contained in the value of the contract (contract_tax_fen): from the contract"
    assert any(wanted in line for line in lines)


def test_an_amount_is_written_as_each_language_writes_it() -> None:
    scheme = PROGRAMMES["shenzhen-compute-issued"]

    english = "\n".join(decision_lines(_shenzhen(), scheme, "en"))
    chinese = "\n".join(decision_lines(_shenzhen(), scheme, "zh"))

    assert "Base, contract value: CN¥1,000,000.00" in english
    assert "计算基数（合同金额）：¥1,000,000.00" in chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_over_all_programmes_sets_reports_apart_at_the_end(language: Language) -> None:
    programmes = list(PROGRAMMES.values())
    case = next(s for s in SCENARIOS if s.name.startswith("A firm of two and a half years"))
    decisions = decide_all(programmes, case.facts, at=case.at)

    lines = match_lines(
        ranked(decisions, programmes), best_of_each_kind(decisions, programmes), language
    )

    headings = [line for line in lines if not line.startswith(" ")]
    reported = {"en": "As reported elsewhere", "zh": "报道口径"}[language]
    combined = {"en": "Best legal combination", "zh": "同一"}[language]
    groups = [line for line in headings if not line.startswith(combined)]
    assert groups[-1].startswith(reported)
    assert len(groups) < len(headings)
    assert not any("{" in line for line in lines)


def test_an_empty_list_says_so() -> None:
    assert match_lines([], {}, "en") == ("No programme is known.",)


def test_no_sentence_of_a_decision_is_without_its_use() -> None:
    """A code in the catalogue that no module names would be a sentence nobody reads."""
    text = files("tallygrid.text")
    messages = yaml.safe_load(
        text.joinpath("messages", "decision.yaml").read_text(encoding="utf-8")
    )
    source = "".join(
        text.joinpath(module).read_text(encoding="utf-8")
        for module in ("applicant.py", "decision.py", "facts.py", "flip.py", "match.py", "sums.py")
    )
    named = re.findall(r'"((?:decision|match)\.[^"]+)"', source)
    patterns = [
        re.compile(re.sub(r"\{[^}]*\}", "[^.]+", name.replace(".", r"\."))) for name in named
    ]

    for code, sentence in messages.items():
        assert set(sentence) == {"en", "zh"}, code
        assert any(pattern.fullmatch(code) for pattern in patterns), code
