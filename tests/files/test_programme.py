"""A programme file is refused with every mistake in it at once, each with line and remedy."""

from pathlib import Path

import pytest
import yaml

from tallygrid.files.document import FileError
from tallygrid.files.programme import (
    check,
    json_schema,
    programme_files,
    read_programme,
    read_programmes,
)

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
GOOD = PROGRAMMES / "shenzhen-compute-issued.yaml"
REPORTED = PROGRAMMES / "shenzhen-compute-budget-reported.yaml"


def _mistakes(tmp_path: Path, *changes: tuple[str, str], name: str = GOOD.name) -> list[str]:
    text = GOOD.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return [str(mistake).removeprefix(f"{path}:") for mistake in check([path]).mistakes]


def _line(text: str) -> int:
    lines = GOOD.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, start=1) if text in line)


def test_every_packaged_programme_is_good() -> None:
    assert len(read_programmes()) == len(programme_files(PROGRAMMES))


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    mistakes = _mistakes(
        tmp_path,
        ("spend_year_fen >= yuan(500000)", "spend_yaer_fen >= yuan(500000) yuan"),
        ("amount_yuan: 10000000", "amount_yuan: 10000000.5"),
        ("last_day: 2026-06-05", "last_day: 2026-04-05"),
        ("rate: 60%", "rate: 60.123%"),
        ("sources: [sz_valid]", "sources: [sz_vaild]"),
    )

    told = "\n".join(mistakes)
    for wanted in (
        f"{_line('spend_year_fen >=')}:11: There is no fact `spend_yaer_fen`. Did you mean",
        "`yuan` is left over. Write amounts as yuan(500000).",
        "Write whole yuan as digits alone",
        "`last_day` 2026-04-05 is before `first_day` 2026-05-06.",
        "Write a percentage of at most two decimals",
        "`sz_vaild` is not among the sources. Did you mean `sz_valid`?",
    ):
        assert wanted in told, told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: compute", "kind: [", "The YAML cannot be read"),
        ("kind: compute", "kind: compute\nkind: model", "`kind` stands twice"),
        ("kind: compute", "kind: computing", "`kind` is 'computing'"),
        ("kind: compute", "kind: compute\ncolour: red", "`colour` is not known here"),
        ("amount_yuan: 500000000", "amount_yuan: -1", "Write 0 or more."),
        ("amount_yuan: 500000000", "amount_yuan: 1000000", "more than the budget of 1000000 yuan"),
        ("as_written: 5亿元", "as_written: US$ 6.8 billion",
         "One of the two has a wrong number of zeros"),
        ("  - id: related-party\n", "  - id: purpose\n", "`purpose` stands twice"),
        ("    clause: 2026 guide, minimum rent\n", "", "clause` is missing"),
        ("zone: Asia/Shanghai", "zone: Asia/Nowhere", "no time zone `Asia/Nowhere`"),
        ("stacking:\n", "stacking: true\nstackings:\n", "`stacking` is True"),
        ("edition: issued", "edition: reported", "needs `claim`"),
        ("edition: issued", "edition: issued\ncontradicts: x", "An issued edition has no"),
        ("field: tax.value", "field: taxes.value", "`taxes.value` is not a field that is open"),
        ("readings: [included, excluded]", "readings: [included, maybe]", "'maybe' cannot stand"),
        ("readings: [true, false]", "readings: [true, 2]", "2 cannot stand"),
        ("- purpose IN ('training', 'fine_tuning')\n", "- purpose IN ('trainings')\n",
         "'trainings' is not a value of `purpose`"),
        ("when: {startup: [true]}", "when: {startup: [true, false]}", "both cover startup = false"),
        ("when: {startup: [false]}", "when: {startup: [true]}", "No row covers startup = false"),
        ("when: {startup: [true]}", "when: {startup: [yes]}", "needs a list of boolean values"),
        ("when: {startup: [true]}", "when: {startup: {from: 0}}", "needs a list of boolean"),
        ("by: [startup]", "by: [start_up]", "no fact `start_up`. Did you mean `startup`?"),
        ("by: [startup]", "by: [startup, related_party]", "differ about `related_party`"),
        (("value: null\n  clause: the texts read do not say\n  sources: [sz_text, sz_sql]\n"
         "  confidence: medium\nredeem:"),
         "value: included\n  clause: x\n  sources: [sz_text]\n  confidence: medium\nredeem:",
         "`tax.value` is not a field that is open"),
        ("  - id: tax\n    field: tax.value", "  - id: tax\n    field: redeem.value",
         "`tax.value` is open, but no open item asks about it"),
        ("conditions:\n", "facts:\n  purpose: {type: text, en: x, zh: x}\nconditions:\n",
         "`purpose` is in the vocabulary already"),
        ("amount_yuan: 10000000\n",
         "amount_yuan: [{from: 2026-01-01, value: 5}, {from: 2025-01-01, value: 6}]\n",
         "2025-01-01 does not come after 2026-01-01"),
        ("readings: [12 months, until 2026-12-17]", "readings: [a year]", "'a year' cannot stand"),
        ("first_day: 2026-05-06", "first_day: 2026-02-30", "`2026-02-30` is not possible"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_remedy(tmp_path: Path, old: str, new: str, told: str) -> None:
    mistakes = _mistakes(tmp_path, (old, new))

    assert any(told in mistake for mistake in mistakes), mistakes


def test_a_misspelt_value_of_a_row_is_told_with_the_nearest(tmp_path: Path) -> None:
    mistakes = _mistakes(
        tmp_path,
        ("by: [startup]", "by: [purpose]"),
        ("when: {startup: [true]}", "when: {purpose: [trainings]}"),
        ("when: {startup: [false]}", "when: {purpose: [inference]}"),
    )

    told = "`trainings` is not a value of `purpose`. Did you mean `training`?"
    assert any(told in mistake for mistake in mistakes), mistakes


def test_a_gap_between_intervals_is_found_at_its_boundary(tmp_path: Path) -> None:
    mistakes = _mistakes(
        tmp_path,
        ("by: [startup]", "by: [company_age_months]"),
        ("when: {startup: [true]}", "when: {company_age_months: {from: 0, below: 12}}"),
        ("when: {startup: [false]}", "when: {company_age_months: {from: 13}}"),
    )

    assert any("No row covers company_age_months = 12." in mistake for mistake in mistakes)


def test_an_overlap_of_intervals_is_found_at_its_boundary(tmp_path: Path) -> None:
    mistakes = _mistakes(
        tmp_path,
        ("by: [startup]", "by: [contract_fen]"),
        ("when: {startup: [true]}", "when: {contract_fen: {below_yuan: 501}}"),
        ("when: {startup: [false]}", "when: {contract_fen: {from_yuan: 500}}"),
    )

    assert any("both cover contract_fen = 50000." in mistake for mistake in mistakes)


def test_amounts_and_plain_numbers_are_not_mixed_in_a_row(tmp_path: Path) -> None:
    mistakes = _mistakes(
        tmp_path,
        ("by: [startup]", "by: [contract_fen]"),
        ("when: {startup: [true]}", "when: {contract_fen: {below: 501}}"),
        ("when: {startup: [false]}", "when: {contract_fen: {from_yuan: 9, below_yuan: 9}}"),
    )

    assert any("needs an interval of amounts" in mistake for mistake in mistakes)
    assert any("has an empty interval" in mistake for mistake in mistakes)


def test_a_file_is_named_like_its_programme(tmp_path: Path) -> None:
    assert any("the file is named other.yaml" in m for m in _mistakes(tmp_path, name="other.yaml"))


def test_two_files_cannot_share_an_id(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / GOOD.name).write_bytes(GOOD.read_bytes())

    mistakes = check([tmp_path / "a" / GOOD.name, tmp_path / "b" / GOOD.name]).mistakes

    assert ["is the id of" in str(mistake) for mistake in mistakes] == [True]


def test_a_report_takes_what_it_does_not_contradict_from_the_issued_text() -> None:
    issued, reported = read_programme(GOOD), read_programme(REPORTED)

    assert reported.conditions == issued.conditions
    assert reported.budget != issued.budget
    assert {*issued.sources} < {*reported.sources}


def test_the_checker_doubts_a_report_whose_currencies_disagree() -> None:
    warnings = check([REPORTED]).warnings

    assert any("73.53 yuan to the dollar" in str(warning) for warning in warnings)


def test_a_report_without_its_issued_text_cannot_be_read(tmp_path: Path) -> None:
    alone = tmp_path / REPORTED.name
    alone.write_bytes(REPORTED.read_bytes())

    with pytest.raises(FileError, match="The issued edition cannot be read: No such file"):
        read_programme(alone)


def test_a_file_that_is_a_list_is_not_a_programme(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1", encoding="utf-8")

    with pytest.raises(FileError, match="not a programme"):
        read_programme(path)


def test_the_schema_for_editors_knows_every_field_of_the_example() -> None:
    example = yaml.safe_load(GOOD.read_text(encoding="utf-8"))

    assert set(example) <= set(json_schema()["properties"])
