"""The size class follows from the national standard, sector by sector."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.condition import Facts
from tallygrid.core.sizes import SIZE_SOURCES, SizeRow, size_class, size_column, with_size
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.files.sizes import packaged_sizes

STANDARD = packaged_sizes()
TEN_THOUSAND_YUAN = 1_000_000
CLASSES = ("large", "medium", "small", "micro")


def _at(row: SizeRow, place: int, less: str = "") -> Facts:
    """Return the facts of a firm at the lower limits of a class, one of them just missed."""
    floors = {name: limits[place] - (name == less) for name, limits in row.floors.items()}
    return {"sector": row.sectors[0], **floors}


@pytest.mark.parametrize("row", STANDARD.rows, ids=lambda row: row.id)
def test_each_class_needs_every_indicator_to_reach_its_limit(row: SizeRow) -> None:
    for place in range(3):
        assert size_class(STANDARD, _at(row, place)) == CLASSES[place]
        for name in row.floors:
            assert size_class(STANDARD, _at(row, place, less=name)) == CLASSES[place + 1]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        # as the text words its items 2, 3, 12, 13, 15 and 16
        (("manufacturing", 1000, 40_000, None), "large"),
        (("manufacturing", 999, 40_000, None), "medium"),
        (("manufacturing", 20, 299, None), "micro"),
        (("construction", None, 6_000, 5_000), "medium"),
        (("software_information", 99, 9_000, None), "small"),
        (("software_information", 10, 50, None), "small"),
        (("real_estate", None, 200_000, 10_000), "large"),
        (("real_estate", None, 200_000, 1_999), "micro"),
        (("leasing_business", 300, None, 8_000), "medium"),
        (("technology_services", 100, None, None), "medium"),
    ],
)
def test_a_firm_has_the_class_that_the_text_gives_it(
    facts: tuple[str, int | None, int | None, int | None], found: str
) -> None:
    sector, employees, revenue, assets = facts
    given: Facts = {
        "sector": sector,
        **({} if employees is None else {"employees": employees}),
        **({} if revenue is None else {"revenue_year_fen": revenue * TEN_THOUSAND_YUAN}),
        **({} if assets is None else {"assets_fen": assets * TEN_THOUSAND_YUAN}),
    }

    assert size_class(STANDARD, given) == found


def test_one_indicator_below_small_decides_without_the_others() -> None:
    assert size_class(STANDARD, {"sector": "software_information", "employees": 9}) == "micro"
    assert size_class(STANDARD, {"sector": "software_information", "employees": 10}) is None


def test_nothing_follows_without_a_sector_or_from_one_with_a_standard_of_its_own() -> None:
    assert size_class(STANDARD, {"employees": 3, "revenue_year_fen": 0}) is None
    assert size_class(STANDARD, {"sector": "finance", "employees": 3}) is None


def test_what_is_given_wins() -> None:
    facts: Facts = {"sector": "other", "employees": 3, "sme_class": "small"}

    assert with_size(STANDARD, facts) == facts


def test_every_sector_of_the_vocabulary_has_one_row_except_finance() -> None:
    rows = [sector for row in STANDARD.rows for sector in row.sectors]

    assert sorted([*rows, "finance"]) == sorted(packaged_vocabulary()["sector"].values)


def test_the_limits_of_a_row_fall_from_large_to_small() -> None:
    for row in STANDARD.rows:
        assert row.floors
        for limits in row.floors.values():
            assert limits[0] > limits[1] > limits[2] > 0


LIMITS = sorted(
    {
        edge + step
        for row in STANDARD.rows
        for limits in row.floors.values()
        for edge in limits
        for step in (-1, 0)
    }
)
NUMBERS = st.none() | st.sampled_from(LIMITS)
SECTORS = st.none() | st.sampled_from([name for row in STANDARD.rows for name in row.sectors])
FIRMS = st.tuples(SECTORS | st.just("finance"), NUMBERS, NUMBERS, NUMBERS)


@settings(deadline=None)  # the first example loads the library
@given(st.lists(FIRMS, min_size=1, max_size=20))
def test_a_table_gives_every_firm_the_class_that_it_has_alone(firms: list[tuple[Any, ...]]) -> None:
    schema = {name: pl.String() if name == "sector" else pl.Int64() for name in SIZE_SOURCES}
    table = pl.DataFrame(firms, schema=schema, orient="row")
    alone = [dict(zip(SIZE_SOURCES, firm, strict=True)) for firm in firms]

    found = table.select(size_column(STANDARD, pl.col).alias("class"))["class"].to_list()

    assert found == [
        size_class(STANDARD, {name: value for name, value in firm.items() if value is not None})
        for firm in alone
    ]
