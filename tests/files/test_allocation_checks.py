"""What a file says about sharing out its money is complete, and fits the rule."""

from pathlib import Path
from typing import Final

import pytest

from tallygrid.files.programme import check

FOLDER: Final = Path(__file__).parents[1] / "invented"
CITY: Final = "example-city-compute-issued.yaml"
MODEL: Final = "example-province-model-issued.yaml"
MATCH: Final = "example-district-match-issued.yaml"


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        (CITY, "  rank_by: review_score\n", "", "Nothing says what is ranked by. Add `rank_by`."),
        (CITY, "rank_by: review_score", "rank_by: reviev_score", "Did you mean `review_score`?"),
        (CITY, "rank_by: review_score", "rank_by: own_facility", "is not a fact that is a whole"),
        (CITY, "value: ranked", "value: review", "`rank_by` is given, but nothing is ranked."),
        (CITY, "value: ranked", "value: review", "`ties` is given, but nothing is ranked."),
        (CITY, "value: ranked", "value: review", "`last` is given, but no claim is the last"),
        (CITY, "amount_yuan: 2000000,", "amount_yuan: 20000001,", "more than the budget of 20000"),
        (CITY, "- {id: one-person,", "- {id: year,", "`year` is the name of a limit already."),
        (MODEL, "seed_from: {", "settled_from: {", "Nothing says what the lottery is drawn with"),
        (MODEL, "value: lottery", "value: pro_rata", "`seed_from` is given, but there is no lot"),
        (MATCH, ", levels: [city], clause", ", clause", "Nothing says whose award the rate"),
        (MATCH, "value: other_award", "value: contract", "belong to the base `other_award`"),
        (MATCH, "tax: {value: included", "tax: {value: excluded", "An award contains no tax"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(
    tmp_path: Path, name: str, old: str, new: str, told: str
) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1).replace("settled_from: {", "# {", 1)
    (tmp_path / name).write_text(text, encoding="utf-8")

    mistakes = [str(mistake) for mistake in check([tmp_path / name]).mistakes]

    assert any(told in mistake for mistake in mistakes), mistakes
    assert not any(":1:1:" in mistake for mistake in mistakes)


def test_the_invented_programmes_have_no_mistake() -> None:
    assert check(sorted(FOLDER.glob("*.yaml"))).mistakes == ()
