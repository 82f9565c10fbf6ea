"""What a reform changes is found value by value, what moves money first."""

from pathlib import Path

import pytest

from tallygrid.core.difference import ORDER, difference, example
from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programme

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
NAME = "shenzhen-compute-issued.yaml"
BEFORE = read_programme(PROGRAMMES / NAME)


def _reform(tmp_path: Path, *changes: tuple[str, str]) -> Programme:
    text = (PROGRAMMES / NAME).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / NAME
    path.write_text(text, encoding="utf-8")
    return read_programme(path)


def test_a_programme_does_not_differ_from_itself() -> None:
    assert difference(BEFORE, BEFORE) == ()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("rate: 60%", "rate: 50%", "rate.tiers.startup.rate"),
        ("amount_yuan: 10000000", "amount_yuan: 5000000", "caps.limits.year.amount_yuan"),
        ("strength: at_most", "strength: in_principle", "caps.limits.year.strength"),
        ("period: annual", "period: total", "budget.period"),
        ("value: contract\n", "value: rent\n", "base.value"),
        ("company_age_months < 12", "company_age_months < 24", "defines.startup.when"),
        (">= yuan(500000)", ">= yuan(100000)", "conditions.minimum-spend.when"),
        ("last_day: 2026-06-05", "last_day: 2026-06-06", "windows.2026-05-06.last_day"),
        ("last_day: 2026-12-17", "last_day: 2026-12-18", "in_force.last_day"),
        ("value: reimburse", "value: deduct", "redeem.value"),
        ("  value: applicant\n", "  value: provider\n", "paid_to.value"),
        ("settles: per_batch", "settles: annual", "allocation.settles"),
        ("      rate: 50%\n      includes_this", "      rate: 40%\n      includes_this",
         "stacking.ceilings.fiscal.rate"),
        ("readings: [12 months, until", "readings: [6 months, until", "open.validity.readings"),
    ],
)  # fmt: skip
def test_a_figure_that_changes_is_one_change(
    tmp_path: Path, old: str, new: str, field: str
) -> None:
    after = _reform(tmp_path, (old, new))

    changes = difference(BEFORE, after)

    assert [(".".join(one.path), one.wording) for one in changes] == [(field, False)]


def test_a_rule_that_is_new_or_gone_is_one_change(tmp_path: Path) -> None:
    after = _reform(tmp_path, ("id: minimum-spend", "id: spend"))

    old, new = difference(BEFORE, after)

    assert (old.path, old.after) == (("conditions", "minimum-spend"), None)
    assert (new.path, new.before) == (("conditions", "spend"), None)


def test_words_and_sources_alone_come_last_and_are_known_as_such(tmp_path: Path) -> None:
    after = _reform(
        tmp_path,
        ("title: 深圳市打造人工智能先锋城市的若干措施\n", "title: x\n"),
        ("clause: 2026 guide, minimum rent", "clause: 2026 guide, least rent"),
        ("settles: per_batch", "settles: annual"),
        ("rate: 60%", "rate: 55%"),
    )

    changes = difference(BEFORE, after)

    assert [one.wording for one in changes] == [False, False, True, True]
    assert [one.section for one in changes[:2]] == ["rate", "allocation"]


def test_every_section_of_a_programme_has_its_place_in_the_order() -> None:
    about = {"name", "authority", "document", "sources", "claim", "facts", "place"}
    identity = {"id", "edition", "contradicts", "kind"}

    assert set(Programme.model_fields) == {*ORDER} | about | identity


def test_a_million_yuan_shows_what_a_rate_comes_to_under_the_caps(tmp_path: Path) -> None:
    lower = _reform(tmp_path, ("rate: 60%", "rate: 50%"))
    capped = _reform(tmp_path, ("amount_yuan: 10000000", "amount_yuan: 400000"))

    assert example(BEFORE, lower, "startup") == (60_000_000, 50_000_000)
    assert example(BEFORE, capped, "others") == (50_000_000, 40_000_000)
    assert example(BEFORE, lower, "others") is None
    assert example(BEFORE, lower, "none") is None
