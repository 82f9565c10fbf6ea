"""A programme that nobody has seen is expressed in YAML alone: places that do not exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml

from tallygrid.core.programme import Evidence, Term
from tallygrid.core.recompute import recompute
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import Scenario, read_scenarios
from tallygrid.settings import Language
from tallygrid.text.programme import programme_lines

ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
FOLDER: Final = ROOT / "tests" / "invented"
PROGRAMMES: Final = {one.id: one for one in read_programmes(FOLDER)}
CASES: Final = [
    case
    for file in sorted((FOLDER / "scenarios").glob("*.yaml"))
    for case in read_scenarios(file, tuple(PROGRAMMES.values()))
]


@pytest.mark.parametrize("case", CASES, ids=[f"{c.programme.id}: {c.name}" for c in CASES])
def test_an_invented_programme_decides_as_its_text_does(case: Scenario) -> None:
    decision = case.decided()

    assert case.differences() == ()
    if decision.outcome != "refused":
        assert recompute(decision.as_json()) == (decision.at_least_fen, decision.at_most_fen)


@dataclass(frozen=True)
class Phrase:
    """One thing that the language must be able to say, and what proves that it is heard."""

    says: str
    field: str
    proof: tuple[str, ...]
    programme: str = "example-city-compute-issued"


PHRASES: Final = [
    Phrase(**{**row, "proof": tuple(row["proof"])})
    for row in yaml.safe_load((Path(__file__).parent / "language.yaml").read_text("utf-8"))
]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.says)
def test_every_phrase_of_the_language_has_its_field_and_its_proof(phrase: Phrase) -> None:
    names = {case.name for case in CASES}

    assert _at(PROGRAMMES[phrase.programme].model_dump(), phrase.field.split(".")) is not _ABSENT
    for proof in phrase.proof:
        file, _, test = proof.partition("::")
        assert proof in names or f"def {test}(" in (ROOT / file).read_text("utf-8"), proof


def test_what_no_amount_depends_on_is_kept_with_its_clause() -> None:
    """No decision looks at papers and at clawback; who reads the programme must find them."""
    programme = PROGRAMMES["example-city-compute-issued"]

    assert [(one.id, one.stage) for one in programme.evidence] == [
        ("contract", "apply"),
        ("log", "redeem"),
    ]
    kept: tuple[Evidence | Term, ...] = (*programme.evidence, *programme.terms)
    for language in LANGUAGES:
        told = "\n".join(programme_lines(programme, language))
        assert all((one.zh if language == "zh" else one.en) in told for one in kept)
        assert all(f"({one.clause})" in told or f"（{one.clause}）" in told for one in kept)


def test_a_scenario_stands_on_both_sides_of_every_threshold() -> None:
    outcomes = {(case.programme.id, case.expected.outcome) for case in CASES}

    refused = {
        reason
        for case in CASES
        if case.programme.id == "example-city-compute-issued"
        for reason in case.expected.reasons or ()
    }
    city = PROGRAMMES["example-city-compute-issued"]
    assert {one.id for one in (*city.conditions, *city.exclusions)} <= refused
    assert ("example-city-compute-issued", "eligible") in outcomes


_ABSENT: Final = object()


def _at(data: Any, path: Sequence[str]) -> object:  # noqa: ANN401  # plain data of any shape
    """Return what stands at a path, list entries by their id."""
    for step in path:
        if isinstance(data, list | tuple):
            data = next((one for one in data if one.get("id") == step), _ABSENT)
        else:
            data = data.get(step, _ABSENT) if isinstance(data, dict) else _ABSENT
    return data
