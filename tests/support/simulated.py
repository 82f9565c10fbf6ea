"""Applications that the laboratory's own firms make, as a table of them would tell."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from tallygrid.core.programme import Programme, Window
from tallygrid.files.document import parse
from tallygrid.files.programme import known_facts
from tallygrid.lab.calibrate.history import History, Row, history_of
from tallygrid.lab.network.applying import Applicants, Attempt
from tallygrid.lab.network.population import population
from tallygrid.lab.network.simulate import Stage, stage_of
from tallygrid.lab.scenario import scenario_of

FIRST, LAST = date(2026, 1, 5), date(2026, 3, 5)
_SCENARIO = """
id: simulated
name: {en: Simulated, zh: 模拟}
first_day: 2026-01-01
days: 150
demand: {jobs: 6000, firms: 1200, load: 60%}
assume: demonstration
behaviour: {aware_bp: 10000, half_benefit_yuan: 1000, hour_cost_yuan: 20, claim_hours: 0, BEHAVIOUR}
programmes: [{id: shanghai-compute-issued, decision_days: 30, fills: {place: "TRUE"}}]
"""


def stage(**behaviour: int) -> Stage:
    """Return a stage on which one programme has a window of sixty days."""
    said = ", ".join(f"{name}: {value}" for name, value in behaviour.items())
    text = _SCENARIO.replace("BEHAVIOUR", said)
    scenario = scenario_of(parse(text, file="simulated.yaml"), folder=Path())
    (one,) = scenario.programmes
    window = Window(
        first_day=FIRST, last_day=LAST, clause="invented", sources=("sh_text",), confidence="low"
    )
    changed = one.programme.model_copy(update={"windows": (window,)})
    return stage_of(replace(scenario, programmes=(replace(one, programme=changed),)))


def programme(on: Stage) -> Programme:
    """Return the programme of a stage."""
    return on.scenario.programmes[0].programme


def history(on: Stage, seed: int) -> History:
    """Return what the firms of a seed do, as an office with a table of it would know."""
    people = population(on.world, on.wanted, on.behaviour, seed=seed)
    facts = known_facts([programme(on)])
    found = Applicants(people, on.schemes, on.behaviour, on.calendar, on.world.catalogue, facts)
    rows = [row for one in found.intake().attempts for row in _row(one)]
    return history_of(rows, seen_on=LAST + timedelta(days=200))


def _row(one: Attempt) -> Iterator[Row]:
    """Yield what is known of a firm that submits; the laboratory keeps no day of those who left."""
    if one.application and one.answered_at:
        yield {
            "id": one.application.id,
            "submitted": one.application.at.date(),
            "decided": _day(one.answered_at),
        }


def _day(at: datetime) -> date:
    return at.date()
