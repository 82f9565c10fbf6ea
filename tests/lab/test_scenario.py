"""Scenarios: what is wrong in a file is told at once; the same seed gives the same world."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tallygrid.files.mistake import FileError
from tallygrid.lab.behaviour import behaviour, parameters
from tallygrid.lab.network import rows
from tallygrid.lab.network.results import saturated, tables_of
from tallygrid.lab.network.simulate import catalogue_of, play, stage_of
from tallygrid.lab.network.summary import summary_of
from tallygrid.lab.scenario import Scenario, open_scenario, packaged
from tallygrid.lab.writing import summary

SMALL = """
id: small
name: {en: Small, zh: 小}
first_day: 2026-01-01
days: 120
seeds: [1]
demand: {jobs: 400, firms: 40, load: 20%}
assume: demonstration
behaviour: {aware_bp: 10000, hazard_per_day_bp: 1500, paperwork_hours: 8}
programmes:
  - {id: PROGRAMME, budget_yuan: BUDGET, decision_days: 5}
"""
UNFUNDED = (
    'beijing-compute-2026-issued, fills: {rate: "10%", cap: 300000, tax: included,'
    " validity: 12 months, allocation: review}"
)


def _written(folder: Path, text: str, name: str = "scenario.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def _small(folder: Path, budget: int = 1_000_000, programme: str = "shanghai-compute-issued",
           more: str = "") -> Scenario:  # fmt: skip
    text = SMALL.replace("BUDGET", str(budget)).replace("PROGRAMME", programme) + more
    return open_scenario(str(_written(folder, text)))


def _problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(FileError) as caught:
        open_scenario(str(_written(folder, text)))
    return [str(one) for one in caught.value.mistakes]


def test_a_file_that_is_a_list_is_no_scenario(tmp_path: Path) -> None:
    (told,) = _problems(tmp_path, "[one, two]")
    assert "`name: value` pairs" in told


def test_a_seed_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    text = re.sub("seeds: .*", "seeds: [1, 1, 2]", SMALL).replace("BUDGET", "1000000")
    (told,) = _problems(tmp_path, text.replace("PROGRAMME", "shanghai-compute-issued"))
    line = 1 + text[: text.index("seeds:")].count("\n")
    assert f":{line}:" in told
    assert "Write each seed once; here more often: 1." in told


def test_everything_wrong_in_a_scenario_is_told_at_once_with_line_and_remedy(
    tmp_path: Path,
) -> None:
    told = _problems(
        tmp_path,
        """
id: wrong
name: {en: Wrong, zh: 错}
first_day: 2026-01-01
demand:
  source: nowhere.csv
  kinds: [{id: a, share: 50%, models: [H1000]}]
network:
  only: [zhongwey]
  sites: {guian: {cards: {H1000: 8}}}
assume: demonstrations
behaviour: {elasticity: 800, aware_bp: 20000}
programmes:
  - {id: shanghai-computer-issued}
  - {id: shanghai-model-issued}
  - {}
""",
    )
    wanted = [
        (6, "no trace `nowhere.csv`", "`fitted`"),
        (7, "come to 50 %", "100 %"),
        (7, "no accelerator `H1000`", "`H100`"),
        (9, "no site `zhongwey`", "`zhongwei`"),
        (10, "lists no `H1000`", "`H100`"),
        (11, "no assumptions `demonstrations`", "`demonstration`"),
        (12, "no parameter `elasticity`", "`elasticity_milli`"),
        (12, "`aware_bp` is 20000", "between 500 and 10000"),
        (14, "no programme `shanghai-computer-issued`", "`shanghai-compute-issued`"),
        (15, "pays for model", "compute"),
        (16, "named by `id` or by `file`", "one of them"),
    ]
    for line, problem, remedy in wanted:
        assert [one for one in told if f":{line}:" in one and problem in one and remedy in one], (
            line, problem, told,
        )  # fmt: skip


def test_a_value_of_the_wrong_shape_hides_nothing_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    told = _problems(
        tmp_path,
        """
id: wrong
name: {en: Wrong, zh: 错}
first_day: 2026-07-01
days: 30
demand: {jobs: 100, firms: -5, load: 0%}
network: {sides: {north: {utilisation: 25%}}, sites: {guiann: {}}}
behaviour: {aware_bp: .nan, elasticity_milli: -3, paperwork_hours: 8.5, hour_cost: 1}
assume: demonstration
programmes:
  - {id: henan-compute-issued, budget_yuan: 0}
  - {id: henan-compute-issued}
  - {id: shanghai-computer-issued, decision_days: -1}
  - {id: shenzhen-compute-issued}
""",
    )
    wanted = [
        (6, "`demand.firms` is -5", "1"),
        (6, "Nothing is asked for", "25%"),
        (7, "is 'north'", "'east' or 'west'"),
        (7, "no site `guiann`", "`guian`"),
        (8, "`behaviour.aware_bp` is '.nan'", "whole number"),
        (8, "`elasticity_milli` is -3", "between 300 and 1500"),
        (8, "`behaviour.paperwork_hours` is 8.5", "whole number"),
        (8, "no parameter `hour_cost`", "`hour_cost_yuan`"),
        (11, "`programmes.henan-compute-issued.budget_yuan` is 0", "1"),
        (12, "stands twice", "Keep one"),
        (13, "no programme `shanghai-computer-issued`", "`shanghai-compute-issued`"),
        (13, "`programmes.shanghai-computer-issued.decision_days` is -1", "0"),
        (14, "takes no application from 2026-07-01 to 2026-07-30",
         "from 2026-05-06 to 2026-06-05"),
    ]  # fmt: skip
    for line, problem, remedy in wanted:
        assert [one for one in told if f":{line}:" in one and problem in one and remedy in one], (
            line, problem, told,
        )  # fmt: skip
    assert len(told) == len(wanted)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SMALL.replace("first_day: 2026-01-01", "first_day: 2019-01-01")
         .replace("BUDGET", "5").replace("PROGRAMME", "shanghai-compute-issued"),
         "It does from 2025-07-28 on"),
        (SMALL[: SMALL.index("programmes:")] + "network: {only: [qingyang], origin: domestic, "
         "sites: {qingyang: {cards: {Ascend-910C: 0}}}}\n", "No site that is left offers"),
        (SMALL.replace("BUDGET", "0").replace("PROGRAMME", "shanghai-compute-issued"), "is 0"),
        (SMALL.replace("PROGRAMME, budget_yuan: BUDGET", UNFUNDED), "has no budget"),
        (SMALL.replace("BUDGET", "5").replace("PROGRAMME", "shanghai-compute-reported"),
         "leaves `validity` open"),
        (SMALL.replace("jobs: 400", "jobs: 20000000"), "`demand.jobs` is 20000000"),
        (SMALL.replace("days: 120", "days: 4000"), "`days` is 4000"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused_in_a_sentence(
    tmp_path: Path, text: str, problem: str
) -> None:
    assert any(problem in one for one in _problems(tmp_path, text))


def test_every_scenario_that_comes_with_the_package_can_be_opened() -> None:
    assert len(packaged()) >= 9
    for name in packaged():
        scenario = open_scenario(name)
        assert scenario.id == name
        assert len(scenario.seeds) >= 10


def test_every_parameter_has_a_range_a_source_and_both_languages() -> None:
    assert set(parameters()) == set(behaviour({}).model_dump())
    for one in parameters().values():
        assert one.source
        assert one.en
        assert one.zh
        assert one.range[0] < one.range[1]


def test_a_seed_gives_the_same_tables_again_and_another_seed_others(tmp_path: Path) -> None:
    stage = stage_of(_small(tmp_path))
    first, again, other = (tables_of(stage, play(stage, seed)) for seed in (1, 1, 2))
    for name, table in first.items():
        assert_frame_equal(table, again[name])
    assert not first["jobs"].equals(other["jobs"])


def test_with_and_without_meet_the_same_firms_jobs_and_luck(tmp_path: Path) -> None:
    """What comes without a programme does not depend on which programme it is."""
    dear, cheap = (
        tables_of(stage, play(stage, 1))["jobs"]
        for stage in map(stage_of, (_small(tmp_path), _small(tmp_path, 50_000)))
    )
    same = ["arrival_s", "cards", "run_s", "worth_milli", "state_without", "start_without_s"]
    assert_frame_equal(dear.select(same), cheap.select(same))
    assert (dear["effect"] == "additional").sum() > 0


def test_without_programmes_nothing_is_added_displaced_or_paid(tmp_path: Path) -> None:
    text = SMALL[: SMALL.index("programmes:")]
    stage = stage_of(open_scenario(str(_written(tmp_path, text))))
    found = summary_of(tables_of(stage, play(stage, 1)))["figures"]
    for name in ("additional_card_hours", "displaced_card_hours", "public_fen"):
        assert found[name]["mean"] == 0
    assert found["card_hours"]["mean"] == found["card_hours_without"]["mean"] > 0


def test_a_budget_is_never_overspent_and_runs_out_on_a_day(tmp_path: Path) -> None:
    stage = stage_of(_small(tmp_path, 50_000))
    played = play(stage, 1)
    tables = tables_of(stage, played)
    money = [name for name in tables["budgets"].columns if name.endswith("_fen")]
    sums = tables["budgets"].select(pl.sum_horizontal(money)).to_series()
    assert sums.unique().to_list() == [5_000_000]
    assert (tables["budgets"].select(money).min_horizontal() >= 0).all()
    assert summary_of(tables)["runs_out"]["shanghai-compute-issued"]["seeds"] == 1
    assert tables["jobs"]["subsidy_fen"].sum() <= 5_000_000


def test_one_budget_may_run_out_and_another_not(tmp_path: Path) -> None:
    text = SMALL.replace("BUDGET", "50000").replace("PROGRAMME", "shanghai-compute-issued")
    stage = stage_of(
        open_scenario(str(_written(tmp_path, text + "  - {id: henan-compute-issued}\n")))
    )
    found = summary_of(tables_of(stage, play(stage, 1)))["runs_out"]
    assert found["shanghai-compute-issued"]["first"] is not None
    assert found["henan-compute-issued"] == {
        "seeds": 0, "first": None, "median": None, "last": None,
    }  # fmt: skip


def test_providers_that_raise_prices_take_a_part_of_the_subsidy(tmp_path: Path) -> None:
    still = stage_of(_small(tmp_path))
    text = SMALL.replace("BUDGET", "1000000").replace("PROGRAMME", "shanghai-compute-issued")
    text = text.replace("paperwork_hours: 8", "paperwork_hours: 8, pass_through_bp: 5000")
    greedy = stage_of(open_scenario(str(_written(tmp_path, text))))
    one, other = play(still, 1), play(greedy, 1)
    assert one.world.offers[0, 1] / one.world.offers[0, 2] < (
        other.world.offers[0, 1] / other.world.offers[0, 2]
    )
    assert (one.without.fates == other.without.fates).all()


def test_providers_that_list_more_cards_do_so_only_with_the_programmes(tmp_path: Path) -> None:
    still = stage_of(_small(tmp_path))
    text = SMALL.replace("BUDGET", "1000000").replace("PROGRAMME", "shanghai-compute-issued")
    text = text.replace("paperwork_hours: 8", "paperwork_hours: 8, capacity_response_bp: 10000")
    growing = stage_of(open_scenario(str(_written(tmp_path, text))))
    one, other = play(still, 1), play(growing, 1)
    assert sum(other.world.shelf.cards.values()) > sum(one.world.shelf.cards.values())
    assert other.with_.tables["pools"][:, rows.CARDS].sum() > (
        one.with_.tables["pools"][:, rows.CARDS].sum()
    )
    assert (one.without.fates == other.without.fates).all()


def test_a_price_of_a_side_holds_for_a_site_that_changes_something_else(tmp_path: Path) -> None:
    more = "network: {sides: {west: {price: 900}}, sites: {guian: {pue_milli: 1150}}}\n"
    scenario = _small(tmp_path, more=more)
    catalogue, factors = catalogue_of(scenario)
    west = {id_ for id_, offer in catalogue.offers.items()
            if catalogue.sites[offer.site].side == "west"}  # fmt: skip
    assert set(factors) == west
    assert set(factors.values()) == {900}
    assert catalogue.sites["guian"].pue_milli == 1150


def test_a_city_and_its_districts_stand_beside_one_another_by_their_own_terms() -> None:
    """Both pay a share of the same rent, and never more than all of it."""
    scenario = open_scenario("shanghai-30-and-district")
    small = scenario.demand.model_copy(update={"jobs": 800, "firms": 60})
    eager = {"aware_bp": 10_000, "hazard_per_day_bp": 2_000, "paperwork_hours": 1}
    stage = stage_of(replace(scenario, demand=small, behaviour=eager))
    tables = tables_of(stage, play(stage, 1))
    steps, jobs = tables["steps"], tables["jobs"]

    both = steps.filter(pl.col("paid_fen") > 0).group_by("firm").len().filter(pl.col("len") == 2)
    assert len(both) > 0
    # Amounts are rounded on the contract's running total, so the whole counts and not the line.
    bills = jobs.group_by("firm").agg(pl.col("subsidy_fen", "billed_fen").sum())
    assert (bills["subsidy_fen"] <= bills["billed_fen"]).all()
    assert (jobs["subsidy_fen"] > jobs["billed_fen"] * 0.9).any()
    told = {one["id"]: one["is_published"] for one in summary(stage.scenario, tables)["programmes"]}
    assert told == {"shanghai-compute-issued": True, "shanghai-districts-assumed": False}
    used = steps["step"].cast(pl.String).is_in(["used", "claimed"])
    assert used.to_list() == (steps["paid_fen"] > 0).to_list()


def test_a_budget_of_the_scenario_answers_what_the_text_leaves_open(tmp_path: Path) -> None:
    scenario = _small(tmp_path, 300_000, "ningbo-compute-issued")
    (one,) = scenario.programmes
    assert one.budget_fen == 30_000_000
    assert one.assumptions.of(one.programme.id)["budget"] == 300_000


@pytest.mark.parametrize(
    ("waits", "is_saturated"),
    [
        (np.arange(100) * np.arange(100), True),  # it grows to the end, and all wait
        (np.where(np.arange(100) % 3, 0, np.arange(100) ** 2), True),  # only the wide ones wait
        (np.repeat([0, 9_000_000], [97, 3]), False),  # three late ones, however long
        (np.arange(49) * np.arange(49), False),  # too few to tell
        (np.repeat([0, 119], [80, 20]), False),  # less than two minutes
        (np.repeat([0, 121], [80, 20]), True),
        (np.repeat([5_000, 10_000], [60, 40]), False),  # twice, and no more
    ],
)
def test_a_queue_that_grows_is_saturated_and_a_burst_is_not(
    waits: np.ndarray, *, is_saturated: bool
) -> None:
    assert saturated(waits) is is_saturated
