"""Programme files at the terminal: checked, compared, and completed by editors."""

import json
from pathlib import Path

import pytest
from terminal import Terminal

from tallygrid.files.facts import packaged_vocabulary

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
NAME = "shenzhen-compute-issued"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def _reform(tmp_path: Path, old: str, new: str) -> Path:
    text = (PROGRAMMES / f"{NAME}.yaml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / f"{NAME}.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_nothing_differs_from_itself(terminal: Terminal) -> None:
    assert f"{NAME} and {NAME} do not differ." in terminal.does("programme", "diff", NAME, NAME)


def test_a_reform_is_told_with_what_it_comes_to(terminal: Terminal, tmp_path: Path) -> None:
    result = terminal.types("programme", "diff", NAME, _reform(tmp_path, "rate: 60%", "rate: 50%"))

    assert result.exit_code == 1
    assert "Rate “startup”: 60% → 50%" in result.stdout
    assert "gets at most CN¥500,000.00 instead of CN¥600,000.00" in result.stdout


def test_a_report_is_compared_with_the_issued_text_as_json(terminal: Terminal) -> None:
    report = "shenzhen-compute-budget-reported"
    result = terminal.types("programme", "diff", NAME, report, "--json")

    changes = {one["field"]: one for one in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert changes["budget.amount_yuan"]["after"][0]["value"] == 5_000_000_000
    assert changes["budget.clause"]["wording"] is True


def test_what_is_no_programme_cannot_be_compared(terminal: Terminal) -> None:
    assert "Did you mean" in terminal.errs("programme", "diff", NAME, "shenzhen-compute-isued")


def test_doubts_are_marked_and_do_not_count(terminal: Terminal) -> None:
    files = sorted(PROGRAMMES.glob("*-reported.yaml"))

    said = terminal.does("programme", "check", *files)

    assert ":20:15: warning: 5000000000 yuan for US$ 68 milhões is 73.53 yuan" in said
    assert "Programmes checked: 6. Mistakes: 0. Warnings: 3." in said


def test_mistakes_and_doubts_are_apart_as_json(terminal: Terminal, tmp_path: Path) -> None:
    file = _reform(tmp_path, "rate: 60%", "rate: 50")

    result = terminal.types("programme", "check", file, "--json")

    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert [one["remedy"] for one in found["mistakes"]] == ["Write 50%."]
    assert found["warnings"] == []


def test_every_fact_that_conditions_may_name_is_listed(terminal: Terminal) -> None:
    vocabulary = packaged_vocabulary()

    listed = terminal.reads("programme", "facts")

    assert [one["name"] for one in listed] == list(vocabulary)
    for language in ("en", "zh"):
        said = terminal.does("--language", language, "programme", "facts")
        for name, spec in vocabulary.items():
            assert f"{name} (" in said or f"{name}（" in said
            assert (spec.zh if language == "zh" else spec.en) in said
            assert all(value in said for value in spec.values)


def test_facts_are_found_by_words_of_either_language(terminal: Terminal) -> None:
    chinese = {one["name"] for one in terminal.reads("programme", "facts", "失信")}
    english = {one["name"] for one in terminal.reads("programme", "facts", "dishonesty")}

    assert chinese == english == {"dishonesty_record"}
    assert "contract_yuan" in terminal.does("programme", "facts", "contract_yuan")
    said = terminal.does("--language", "zh", "programme", "facts", "applicant_class")
    assert "  enterprise：企业" in said
    assert "Did you mean `employees`?" in terminal.errs("programme", "facts", "emploees")


INVENTED = Path(__file__).parents[1] / "invented"
CITY = INVENTED / "example-city-compute-issued.yaml"
CASES = INVENTED / "scenarios" / "example-city-compute.yaml"


def test_the_cases_of_a_programme_of_ones_own_are_tried(terminal: Terminal) -> None:
    said = terminal.does("programme", "try", CASES, CITY)
    count = len(terminal.reads("programme", "try", CASES, CITY))

    assert "  ✓ An ordinary firm gets three tenths of what it has settled" in said
    assert f"Cases: {count}. As expected: {count}." in said


def test_packaged_programmes_need_no_file(terminal: Terminal) -> None:
    cases = sorted((PROGRAMMES / "scenarios").glob("shenzhen-compute*.yaml"))

    assert all(one["passed"] for one in terminal.reads("programme", "try", *cases))


def test_a_case_that_differs_is_told_in_either_language(terminal: Terminal, tmp_path: Path) -> None:
    text = CASES.read_text(encoding="utf-8").replace(
        "amount_yuan: 300000, rate: 30%, reasons: []",
        'amount_yuan: "1.50", rate: 31%, reasons: [x]',
    )
    wrong = tmp_path / "cases.yaml"
    wrong.write_text(text, encoding="utf-8")

    english = terminal.types("programme", "try", wrong, CITY)
    chinese = terminal.types("--language", "zh", "programme", "try", wrong, CITY)
    plain = terminal.types("programme", "try", wrong, CITY, "--json")

    assert (english.exit_code, chinese.exit_code, plain.exit_code) == (1, 1, 1)
    assert "amount_yuan: expected CN¥1.50, decided CN¥300,000.00" in english.stdout
    assert "rate: expected 31%, decided 30%" in english.stdout
    assert "reasons: expected x, decided nothing" in english.stdout
    assert "amount_yuan：应为 ¥1.50，实为 ¥300,000.00" in chinese.stdout
    (differs,) = (one for one in json.loads(plain.stdout) if not one["passed"])
    assert differs["differences"][0] == {
        "field": "amount_yuan",
        "expected": 150,
        "decided": 30_000_000,
    }


def test_files_that_cannot_be_tried_are_told(terminal: Terminal, tmp_path: Path) -> None:
    broken = _reform(tmp_path, "rate: 60%", "rate: 60")

    assert "There is no programme `example-city-compute-issued`." in terminal.errs(
        "programme", "try", CASES
    )
    assert "None of these files holds scenarios" in terminal.errs("programme", "try", CITY)
    assert "Write 60%." in terminal.errs("programme", "try", CASES, CITY, broken)
    assert "No such file." in terminal.errs("programme", "try", tmp_path / "none.yaml")
