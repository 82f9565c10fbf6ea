"""The rules of allocation on cases small enough to work out by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tallygrid.core.allocation import (
    Award,
    Claim,
    KeptError,
    Money,
    OverspentError,
    SeedError,
    allocate,
)
from tallygrid.core.programme import Allocation

PAGE: Final = Path(__file__).parents[2] / "docs" / "algorithms" / "allocation.md"
CITED: Final[dict[str, Any]] = {"clause": "x", "sources": ("x",), "confidence": "high"}
COLUMNS: Final[tuple[dict[str, Any], ...]] = (
    {"value": "first_come"},
    {"value": "first_come", "last": {"value": "part", **CITED}},
    {"value": "ranked"},
    {"value": "ranked", "ties": "shared"},
    {"value": "pro_rata"},
)
ORDINALS: Final = {1: "1st", 2: "2nd"}


def _rule(**fields: Any) -> Allocation:  # noqa: ANN401  # Allocation's own fields
    return Allocation.model_validate({**fields, **CITED})


def _claim(name: str, asked_fen: int, *, minute: int = 0, score: int = 0, group: str = "") -> Claim:
    return Claim(name, asked_fen, datetime(2026, 6, 1, 9, minute, tzinfo=UTC), score, group)


def _told(award: Award) -> str:
    if award.place:
        return f"waits, {ORDINALS[award.place]}"
    return f"{award.amount_fen // 100}{' in part' if award.result == 'part' else ''}"


def test_the_worked_table_of_the_page_is_true() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## A worked table")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    page = {row[0]: row for row in rows[2:]}
    claims = [
        _claim(name, int(row[1]) * 100, minute=int(row[2][-2:]), score=int(row[3]))
        for name, row in page.items()
    ]

    for column, rule in enumerate(COLUMNS, start=4):
        awards = allocate(claims, _rule(**rule), Money(10_000), unit_fen=100)
        assert {one.claim.id: _told(one) for one in awards} == {
            name: row[column] for name, row in page.items()
        }, rule


def test_a_group_that_is_rich_lends_nothing_to_one_that_is_poor() -> None:
    claims = [_claim("a", 10, group="young"), _claim("b", 10, minute=1), _claim("c", 1, minute=2)]

    awards = allocate(claims, _rule(value="first_come"), Money(100, {"young": 95}))

    assert {one.claim.id: one.amount_fen for one in awards} == {"a": 10, "b": 0, "c": 0}
    assert [one.place for one in awards if one.claim.group == ""] == [1, 2]


def test_more_than_there_is_cannot_be_kept_for_groups() -> None:
    with pytest.raises(KeptError, match="110 fen are kept"):
        Money(100, {"young": 60, "old": 50})


@pytest.mark.parametrize("value", ["review", "apply_free"])
def test_no_rule_is_invented_for_amounts_that_do_not_fit(value: str) -> None:
    claims = [_claim("a", 60), _claim("b", 60)]

    with pytest.raises(OverspentError, match="120 fen were decided"):
        allocate(claims, _rule(value=value), Money(119))
    assert [one.amount_fen for one in allocate(claims, _rule(value=value), Money(120))] == [60, 60]


def test_no_lots_are_drawn_without_a_seed() -> None:
    with pytest.raises(SeedError):
        allocate([_claim("a", 60)], _rule(value="lottery"), Money(119))


def test_another_seed_draws_in_another_order() -> None:
    claims = [_claim(str(n), 1) for n in range(20)]

    drawn = {
        tuple(one.claim.id for one in allocate(claims, _rule(value="lottery"), Money(9), seed=seed))
        for seed in ("1", "2", "3")
    }

    assert len(drawn) == 3


def test_who_scores_too_low_gets_nothing_however_much_there_is() -> None:
    rule = _rule(value="ranked", score_min=60)

    awards = allocate([_claim("a", 1, score=60), _claim("b", 1, score=59)], rule, Money(100))

    assert [(one.claim.id, one.result) for one in awards] == [
        ("a", "granted"),
        ("b", "below_score"),
    ]


def test_nobody_asks_and_nobody_gets() -> None:
    assert allocate([], _rule(value="pro_rata"), Money(100)) == ()
