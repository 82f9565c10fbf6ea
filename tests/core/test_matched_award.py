"""A programme that adds to what another awards is valued after it, whatever their levels."""

from datetime import date
from pathlib import Path
from typing import Final

from tallygrid.core.assumptions import Assumptions
from tallygrid.core.decision import decide_all
from tallygrid.core.programme import Place, Programme, Scalar
from tallygrid.core.stacking import Combination, best, relation
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import read_scenarios

FOLDER: Final = Path(__file__).parents[1] / "invented"
PROGRAMMES: Final = {one.id: one for one in read_programmes(FOLDER)}
CITY: Final = PROGRAMMES["example-city-compute-issued"]
DISTRICT: Final = PROGRAMMES["example-district-match-issued"]
FACTS: Final = read_scenarios(FOLDER / "scenarios" / "example-city-compute.yaml", [CITY])[0].facts
ANSWERED: Final = Assumptions.for_one(CITY.id, {"last": "whole", "counts": False})


def _best(*programmes: Programme, **facts: Scalar) -> Combination:
    decisions = decide_all(
        programmes, {**FACTS, **facts}, at=date(2026, 3, 10), assumptions=ANSWERED
    )
    return best(decisions, programmes)


def _parts(found: Combination) -> list[tuple[str, int, int, str]]:
    return [(p.programme, p.base_fen, p.amount_fen, p.bound_by) for p in found.parts]


def test_a_base_that_names_another_level_allows_the_two_together() -> None:
    elsewhere = DISTRICT.model_copy(
        update={"place": Place(code="980102", level="district", zone="Asia/Shanghai")}
    )

    assert relation(CITY, DISTRICT) == relation(DISTRICT, CITY) == "allowed"
    silent = CITY.model_copy(update={"stacking": DISTRICT.stacking})
    assert relation(silent, DISTRICT) == "allowed"
    assert relation(silent, elsewhere) == "silent"


def test_half_of_what_the_city_would_award_is_added_before_it_has_awarded() -> None:
    found = _best(DISTRICT, CITY)

    assert _parts(found) == [
        (CITY.id, 100_000_000, 30_000_000, ""),
        (DISTRICT.id, 30_000_000, 15_000_000, ""),
    ]
    assert found.certain


def test_the_combined_ceiling_is_a_share_of_the_contract() -> None:
    found = _best(CITY, DISTRICT, hardware_origin="domestic")

    assert _parts(found) == [
        (CITY.id, 100_000_000, 45_000_000, ""),
        (DISTRICT.id, 45_000_000, 5_000_000, "combined"),
    ]


def test_where_the_first_fills_the_ceiling_it_stands_alone() -> None:
    assert [part.programme for part in _best(CITY, DISTRICT, company_age_months=1).parts] == [
        CITY.id
    ]


def test_without_the_award_that_it_matches_nothing_is_added() -> None:
    assert _best(DISTRICT).parts == ()
    refused = _best(CITY, DISTRICT, related_party=True)
    assert refused.parts == ()


def test_an_award_that_is_known_needs_nobody_to_work_it_out() -> None:
    found = _best(DISTRICT, other_award_fen=20_000_000, other_fiscal_fen=20_000_000)

    assert _parts(found) == [(DISTRICT.id, 20_000_000, 10_000_000, "")]


def test_what_lacks_other_facts_besides_is_not_counted_on() -> None:
    decisions = decide_all(
        [CITY, DISTRICT],
        {name: value for name, value in FACTS.items() if name != "other_fiscal_fen"},
        at=date(2026, 3, 10),
        assumptions=ANSWERED,
    )

    assert DISTRICT.id not in {part.programme for part in best(decisions, [CITY, DISTRICT]).parts}


def test_a_higher_level_may_match_a_lower_one() -> None:
    province = DISTRICT.model_copy(
        update={
            "place": Place(code="990000", level="province", zone="Asia/Shanghai"),
            "conditions": DISTRICT.conditions[1:],
        }
    )
    city = CITY.model_copy(
        update={"stacking": CITY.stacking.model_copy(update={"higher_only": None})}
    )

    found = _best(province, city)

    assert [(p.programme, p.amount_fen) for p in found.parts] == [
        (city.id, 30_000_000),
        (province.id, 15_000_000),
    ]
