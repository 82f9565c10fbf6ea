"""A reform is the difference to a text: checked like it, citing nobody, with a hash of its own."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallygrid.core.programme import Programme
from tallygrid.files.document import Document, FileError
from tallygrid.files.programme import read_programmes
from tallygrid.files.reform import reformed

BY_ID = {one.id: one for one in read_programmes()}
SHANGHAI = BY_ID["shanghai-compute-issued"]
SHENZHEN = BY_ID["shenzhen-compute-issued"]
NOWHERE = Document("scenario.yaml", {}, {(): (1, 1), ("set",): (7, 3)})


def _reformed(changes: dict[str, object], programme: Programme = SHANGHAI) -> Programme:
    return reformed(programme, changes, NOWHERE, ("set",))


def _told(changes: dict[str, object], programme: Programme = SHANGHAI) -> list[str]:
    with pytest.raises(FileError) as caught:
        _reformed(changes, programme)
    return [str(one) for one in caught.value.mistakes]


@given(st.sampled_from(sorted(BY_ID)), st.integers(0, 10_000))
def test_a_rate_is_what_was_set_and_everything_else_as_it_was(name: str, rate_bp: int) -> None:
    programme = BY_ID[name]
    tier = programme.rate.tiers[0].id
    whole, odd = divmod(rate_bp, 100)
    found = _reformed({f"rate.tiers.{tier}.rate": f"{whole}.{odd:02d}%"}, programme)
    assert [step.value for step in found.rate.tiers[0].rate or ()] == [rate_bp]
    assert found.rate.tiers[0].sources == ("set-by-a-scenario",)
    assert found.rate.tiers[1:] == programme.rate.tiers[1:]
    assert (found.caps, found.conditions, found.base) == (
        programme.caps, programme.conditions, programme.base,
    )  # fmt: skip
    assert found.hash != programme.hash


def test_what_is_changed_cites_nobody_and_what_is_not_keeps_its_clause() -> None:
    before = SHANGHAI.hash
    found = _reformed({"rate.tiers.all.rate": "45%", "budget.amount_yuan": 700_000_000})
    assert found.rate.tiers[0].clause == found.budget.clause == "set by a scenario"
    assert (found.budget.as_written, found.budget.note) == ("", "")
    assert found.redeem == SHANGHAI.redeem
    assert SHANGHAI.hash == before


def test_a_figure_that_the_text_leaves_open_is_open_no_more() -> None:
    found = _reformed({"caps.limits.applicant.amount_yuan": 3_000_000})
    assert {one.id for one in SHANGHAI.open} - {one.id for one in found.open} == {"cap"}


def test_windows_groups_and_caps_may_be_added() -> None:
    changes = {
        "windows.1.first_day": date(2026, 3, 1),
        "windows.1.last_day": date(2026, 4, 1),
        "budget.groups.small": {"when": "sme_class = 'small'", "amount_yuan": 1},
        "budget.groups.small.amount_yuan": 2_000_000,
        "caps.limits.contract": {
            "per": "contract",
            "amount_yuan": 500_000,
            "strength": "at_most",
        },
    }
    found = _reformed(changes)
    assert [(one.first_day, one.last_day) for one in found.windows] == [
        (date(2026, 3, 1), date(2026, 4, 1))
    ]
    assert [(one.id, (one.amount_yuan or ())[0].value) for one in found.budget.groups] == [
        ("small", 2_000_000)
    ]
    assert found.budget.clause == SHANGHAI.budget.clause
    assert [one.id for one in found.caps.limits] == ["applicant", "contract"]


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        ({"rates.tiers.all.rate": "45%"}, "`rates` cannot be changed", "`rate`"),
        ({"rate.tiers.al.rate": "45%"}, "`rate.tiers` has no `al`", "`all`"),
        ({"rate.tiers.all.rat": "45%"}, "`rate.tiers.all` has no `rat`", "`rate`"),
        ({"rate.tiers.all.rate.value": "45%"}, "has no `value`", ""),
        ({"rate.tiers.all.rate": 45}, "is 45", "45%"),
        ({"rate.tiers.all.rate": "45.123%"}, "45.123%", "two decimals"),
        ({"caps.limits.applicant.amount_yuan": 9 * 10**8}, "more than the budget", "zeros"),
        ({"caps.limits.applicant.amount_yuan": 0.5}, "is 0.5", "digits alone"),
        ({"windows.1": {"first_day": date(2026, 3, 1), "last_day": date(2026, 2, 1)}},
         "is before", "Exchange"),
        ({"conditions.registered.when": "sectr = 'x'"}, "no fact `sectr`", "`sector`"),
        ({"id": "mine"}, "`id` cannot be changed", "Known are"),
        ({"sources": {}}, "`sources` cannot be changed", ""),
        ({"": 1}, "`` cannot be changed", "Known are"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_a_remedy(
    change: dict[str, object], problem: str, remedy: str
) -> None:
    told = _told(change)
    assert any(problem in one and remedy in one for one in told), told
    assert all(one.startswith("scenario.yaml:") for one in told)


def test_all_ways_that_lead_nowhere_are_told_at_once() -> None:
    told = _told({"rate.tiers.x.rate": "1%", "caps.limits.x.amount_yuan": 1}, SHENZHEN)
    assert len(told) == 2


def test_every_change_is_named_where_its_line_is(tmp_path: Path) -> None:
    from tallygrid.lab.scenario import open_scenario  # noqa: PLC0415  # compiles a kernel

    file = tmp_path / "s.yaml"
    file.write_text(
        "id: s\nname: {en: S, zh: 甲}\nfirst_day: 2026-01-01\nassume: demonstration\n"
        "programmes:\n  - id: shanghai-compute-issued\n    set:\n"
        "      rate.tiers.all.rate: 45\n      rate.tiers.none.rate: 45%\n",
        encoding="utf-8",
    )
    with pytest.raises(FileError) as caught:
        open_scenario(str(file))
    assert [(one.line, one.problem) for one in caught.value.mistakes] == [
        (8, "`rate.tiers.all.rate` is 45."),
        (9, "`rate.tiers` has no `none`."),
    ]
