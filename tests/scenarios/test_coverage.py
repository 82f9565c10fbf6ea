"""Every rule of every issued programme is met by one case and missed by another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallygrid.core.condition import Node
from tallygrid.core.decision import Decision, Reading
from tallygrid.core.facts import derived
from tallygrid.core.programme import Programme
from tallygrid.core.rules import compiled
from tallygrid.core.window import day_of
from tallygrid.files.programme import read_programmes
from tallygrid.files.scenario import Scenario, read_scenarios

PROGRAMMES = tuple(p for p in read_programmes() if p.edition == "issued")
FOLDER = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes" / "scenarios"
CASES = [
    case
    for file in sorted(FOLDER.glob("*.yaml"))
    for case in read_scenarios(file, read_programmes())
]
SIDES = {"<": "below", ">=": "below", "<=": "above", ">": "above"}
"""On which side of its number a comparison's edge lies: `< 5` parts 4 from 5, `<= 5` 5 from 6."""


def _cases(programme: Programme) -> list[tuple[Scenario, Decision]]:
    return [(case, case.decided()) for case in CASES if case.programme.id == programme.id]


@pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda programme: programme.id)
def test_every_threshold_has_a_case_on_both_sides(programme: Programme) -> None:
    cases = [case for case, _ in _cases(programme)]
    untried = []
    for name, op, edge in sorted(set(_edges(programme)), key=str):
        values = {value for case in cases if (value := _facts(case).get(name)) is not None}
        under = any(v < edge if SIDES[op] == "below" else v <= edge for v in values)
        over = any(v >= edge if SIDES[op] == "below" else v > edge for v in values)
        untried += [] if under and over else [f"{name} {op} {edge}: seen {sorted(values)}"]

    assert not untried


@pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda programme: programme.id)
def test_every_rule_passes_one_case_and_fails_another(programme: Programme) -> None:
    cases = _cases(programme)
    untried = []
    for kind, rules in (("condition", programme.conditions), ("exclusion", programme.exclusions)):
        for rule in rules:
            seen = {
                finding.status
                for _, decision in cases
                for finding in decision.findings
                if (finding.kind, finding.id) == (kind, rule.id)
            }
            missing = {"passed", "failed"} - seen
            untried += [f"{kind} {rule.id}: no case {how}" for how in sorted(missing)]

    assert not untried


@pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda programme: programme.id)
def test_every_row_applies_and_every_cap_binds_somewhere(programme: Programme) -> None:
    readings = [reading for _, decision in _cases(programme) for reading in decision.readings]
    rows = {line.values["tier"] for r in readings for line in r.lines if line.code == "rate"}
    bound = {cap for reading in readings for cap in _binding(reading)}

    assert {tier.id for tier in programme.rate.tiers} <= rows
    assert {cap.id for cap in programme.caps.limits if cap.amount_yuan} <= bound


def _binding(reading: Reading) -> Iterator[str]:
    """Yield the caps that bind, also those that bind only what may be granted exceptionally."""
    most = {line.values["high_fen"] for line in reading.lines if line.code == "exceptional"}
    for line in reading.lines:
        if line.code == "bound":
            yield str(line.values["by"])
        if line.code == "cap" and line.values["high_fen"] in most:
            yield str(line.values["id"])


def _facts(case: Scenario) -> dict[str, Any]:
    return dict(derived(case.facts, on=day_of(case.at, case.programme.place.zone)))


def _edges(programme: Programme) -> Iterator[tuple[str, str, int]]:
    for node in compiled(programme).nodes:
        yield from _comparisons(node)


def _comparisons(node: Node) -> Iterator[tuple[str, str, int]]:
    if node.op in SIDES and node.args[0].op == "fact" and node.args[1].op == "literal":
        yield str(node.args[0].value), node.op, node.args[1].value  # type: ignore[misc]  # only numbers have an order here
    for arg in node.args:
        yield from _comparisons(arg)
