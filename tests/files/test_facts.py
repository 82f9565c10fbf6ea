"""A facts file is refused with every mistake in it at once."""

import json
from pathlib import Path

import pytest

from tallygrid.files.assumptions import read_assumptions
from tallygrid.files.document import FileError
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import Difference, read_scenarios

PROGRAMMES = read_programmes()


def _file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "value", "fen"),
    [
        ("contract_yuan", 1_000_000, 100_000_000),
        ("contract_yuan", "1234.56", 123_456),
        ("contract_yuan", "0.5", 50),
        ("contract_fen", 7, 7),
    ],
)
def test_money_is_given_in_yuan_or_in_fen(
    tmp_path: Path, name: str, value: object, fen: int
) -> None:
    assert read_facts(_file(tmp_path, {name: value})) == {"contract_fen": fen}


def test_more_tax_than_the_amount_it_is_contained_in_is_refused(tmp_path: Path) -> None:
    given = {"approved_yuan": 1_130_000, "approved_tax_fen": 130_000_000}

    with pytest.raises(FileError) as error:
        read_facts(_file(tmp_path, given))

    (told,) = error.value.mistakes
    assert "`approved_tax_fen` is 130000000, and `approved_yuan`" in told.problem
    assert "0 if there is none" in told.remedy


def test_a_fact_given_as_null_is_not_given(tmp_path: Path) -> None:
    assert read_facts(_file(tmp_path, {"employees": None})) == {}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("contract_yuan", "0.001", "has a fraction of a fen"),
        ("contract_yuan", 1.5, "Write yuan with at most two decimals"),
        ("contract_yuan", -1, "Amounts are not negative"),
        ("contract_yuan", "9" * 30, "nor immense"),
        ("contract_yuan", "NaN", "Write yuan with at most two decimals"),
        ("contract_yuan", True, "Write yuan with at most two decimals"),
        ("contract_fen", -1, "It is at least 0"),
        ("contract_fen", 1.5, "Write a whole number"),
        ("contract_fen", True, "Write a whole number"),
        ("contrat_yuan", 1, "There is no fact `contrat_yuan`. Did you mean `contract_yuan`?"),
        ("related_party", "no", "Write true or false"),
        ("related_party", 0, "Write true or false"),
        ("applicant_class", "enterprize", "Did you mean `enterprise`?"),
        ("applicant_class", 3, "Write a text in quotes"),
        ("registered_in", "4403", "It must match"),
        ("founded_on", "2026-02-30", "Write a date"),
        ("founded_on", 20260101, "Write a date such as"),
        ("credit_code", "91350100M000100Y44", "first seventeen it would be 3."),
        ("credit_code", "91350100M000100Y4", "It has 17 characters"),
        ("credit_code", "91350100M000100YO3", "No code holds O:"),
        ("credit_code", "91350100m000100y43", "No code holds my:"),
        ("sector", "softwear_information", "Did you mean `software_information`?"),
    ],
)
def test_a_wrong_fact_is_told_with_its_remedy(
    tmp_path: Path, name: str, value: object, told: str
) -> None:
    with pytest.raises(FileError) as refused:
        read_facts(_file(tmp_path, {name: value}))

    assert told in str(refused.value)


def test_all_wrong_facts_are_told_at_once(tmp_path: Path) -> None:
    wrong = {"employes": 3, "contract_yuan": "0.001", "contract_fen": 5, "related_party": "x"}

    with pytest.raises(FileError) as refused:
        read_facts(_file(tmp_path, wrong))

    assert len(refused.value.mistakes) == 3


def test_the_size_class_follows_from_sector_and_numbers(tmp_path: Path) -> None:
    firm = {"sector": "software_information", "employees": 25, "revenue_year_yuan": 1_200_000}

    assert read_facts(_file(tmp_path, firm))["sme_class"] == "small"
    assert read_facts(_file(tmp_path, {**firm, "sme_class": "micro"}))["sme_class"] == "micro"


def test_an_amount_cannot_be_given_twice(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="given twice"):
        read_facts(_file(tmp_path, {"contract_fen": 5, "contract_yuan": 6}))


def test_a_facts_file_is_not_a_list(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not a set of facts"):
        read_facts(_file(tmp_path, [1]))


@pytest.mark.parametrize(
    ("fills", "told"),
    [
        ("{shenzhen-compute: {tax: included}}", "Did you mean `shenzhen-compute-issued`?"),
        ("{shenzhen-compute-issued: {taxes: included}}", "has no open item `taxes`"),
        ("{shenzhen-compute-issued: {tax: both}}", "Allowed: included, excluded"),
        ("{shenzhen-compute-issued: {ceiling: 1}}", "Allowed: True, False"),
    ],
)
def test_an_assumption_must_be_a_reading_of_an_open_item(
    tmp_path: Path, fills: str, told: str
) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(
        f"id: some\nname: {{en: a, zh: 甲}}\nreason: {{en: b, zh: 乙}}\nfills: {fills}\n",
        encoding="utf-8",
    )

    with pytest.raises(FileError) as refused:
        read_assumptions(path, PROGRAMMES)

    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("programme: nowhere\nat: 2026-05-20\nscenarios: [{name: a, expect: {outcome: refused}}]",
         "There is no programme `nowhere`"),
        ("programme: shenzhen-compute-issued\nscenarios: [{name: a, expect: {outcome: refused}}]",
         "The day is None"),
        (("programme: shenzhen-compute-issued\nat: 2026-05-20\nscenarios:\n"
         "  - {name: a, facts: {emploees: 3}, expect: {outcome: refused}}\n"
         "  - {name: b, assume: {taxes: 3}, expect: {outcome: refused}}\n"),
         "has no open item `taxes`"),
        (("programme: shenzhen-compute-issued\nat: 2026-05-20\nscenarios:\n"
         "  - {name: a, expect: {outcome: eligible, amount_yuan: 0.001}}\n"),
         "Write yuan with at most two decimals"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_is_told_with_its_remedy(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(FileError) as refused:
        read_scenarios(path, PROGRAMMES)

    assert told in str(refused.value)


def test_a_scenario_says_where_the_decision_differs(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(
        "programme: shenzhen-compute-issued\nat: 2026-05-20\nscenarios:\n"
        "  - {name: a, facts: {related_party: true}, expect: {outcome: eligible, amount_yuan: 5}}",
        encoding="utf-8",
    )

    (scenario,) = read_scenarios(path, PROGRAMMES)

    assert scenario.differences() == (
        Difference("outcome", "eligible", "refused"),
        Difference("amount_yuan", 500, 0),
    )
