"""A table decides every row as `decide` decides that row alone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import schemes
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import differences, single, together

from tallygrid.core.arithmetic import Used
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Facts
from tallygrid.core.programme import FactSpec, Programme
from tallygrid.files.programme import known_facts, read_programmes
from tallygrid.files.scenario import read_scenarios

INVENTED = Path(__file__).parents[1] / "invented"
PROGRAMMES = (*read_programmes(), *read_programmes(INVENTED))
SCENARIOS = sorted(
    file
    for folder in (Path(__file__).parents[2] / "src/tallygrid/programmes", INVENTED)
    for file in (folder / "scenarios").glob("*.yaml")
)
VOCABULARY = known_facts(PROGRAMMES)
DAYS = (date(2026, 5, 20), date(2023, 1, 1), datetime(2026, 6, 5, 15, 59, 59, tzinfo=UTC))

_fen = st.one_of(st.integers(0, 300), st.integers(0, 10**12), st.just(9 * 10**14 - 1))
used = st.builds(
    Used,
    contract_fen=_fen,
    applicant_year_fen=_fen,
    applicant_total_fen=_fen,
    group_fen=_fen,
    budget_fen=st.none() | _fen,
)
_days = st.dates(date(2015, 1, 1), date(2027, 1, 1))


def _value(spec: FactSpec) -> st.SearchStrategy[Any]:
    """Return values of a fact, those at which programmes divide among them."""
    if spec.values:
        return st.sampled_from(sorted(spec.values))
    if spec.type == "boolean":
        return st.booleans()
    if spec.type == "date":
        return _days
    if spec.type == "text":
        return st.sampled_from(["440305", "440000", "310115", "110106", "110108", "410105"])
    return _fen if spec.unit == "fen" else st.integers(0, 150)


def facts_of(specs: Mapping[str, FactSpec]) -> st.SearchStrategy[Facts]:
    """Return cases in which any fact may be missing."""
    return st.fixed_dictionaries({}, optional={n: _value(spec) for n, spec in specs.items()})


def _agree(
    programme: Programme,
    rows: list[tuple[Facts, Used]],
    specs: Mapping[str, FactSpec],
    at: date | datetime,
    assumed: Assumptions | None = None,
) -> None:
    found = together(programme, rows, specs, at=at, assumptions=assumed)
    for (facts, drawn), row in zip(rows, found, strict=True):
        one = single(programme, facts, at=at, used=drawn, assumptions=assumed)
        assert list(differences(one, row)) == []


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_packaged_scenario_is_decided_alike(file: Path) -> None:
    for case in read_scenarios(file, PROGRAMMES):
        if case.used.by_id:
            continue  # a table knows what was drawn by its sort alone
        rows = [(case.facts, case.used)]
        _agree(case.programme, rows, known_facts([case.programme]), case.at, case.assumptions)


@settings(max_examples=40, deadline=None)
@given(
    index=st.integers(0, len(PROGRAMMES) - 1),
    rows=st.lists(st.tuples(facts_of(VOCABULARY), used), min_size=1, max_size=4),
    at=st.sampled_from(DAYS),
    data=st.data(),
)
def test_every_packaged_programme_decides_a_table_as_one_case(
    index: int, rows: list[tuple[Facts, Used]], at: date | datetime, data: st.DataObject
) -> None:
    programme = PROGRAMMES[index]
    items = [item for item in programme.open if item.readings]
    chosen = data.draw(st.lists(st.sampled_from(items), unique_by=lambda i: i.id)) if items else []
    fills = {item.id: data.draw(st.sampled_from(item.readings)) for item in chosen}

    _agree(programme, rows, VOCABULARY, at, Assumptions.for_one(programme.id, fills))


@settings(max_examples=60, deadline=None)
@given(
    programme=schemes.programmes(),
    rows=st.lists(st.tuples(schemes.facts, used), min_size=1, max_size=6),
    at=st.sampled_from((date(2026, 5, 20), datetime(2026, 5, 19, 16, tzinfo=UTC))),
)
def test_a_programme_that_nobody_published_decides_a_table_as_one_case(
    programme: Programme, rows: list[tuple[Facts, Used]], at: date | datetime
) -> None:
    _agree(programme, rows, schemes.SPECS, at)
