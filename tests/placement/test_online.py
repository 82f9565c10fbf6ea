"""The online choice: the least-used suitable site wins, and every other learns why not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import REASONS, Cost, Placement, Pool, Request, Verdict, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf
from tallygrid.text import catalogue as messages
from tallygrid.text import placement as words

AT = datetime(2026, 3, 1, tzinfo=UTC)
MONTH_S = 30 * 24 * 3_600
JOB = Request(cards=64, seconds=MONTH_S, place="shenzhen", models=frozenset({"H100"}))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue()


@pytest.fixture(scope="module")
def shelf(catalogue: Catalogue) -> Shelf:
    return Shelf.of(catalogue)


@pytest.fixture
def idle(catalogue: Catalogue) -> dict[tuple[str, str], Pool]:
    """Every pool wholly free, as used as its site."""
    return {
        (site.id, model): Pool(cards, cards // 8, 0, site.utilisation_bp)
        for site in catalogue.sites.values()
        for model, cards in site.cards.items()
    }


def verdict_on(placement: Placement, offer: str) -> Verdict:
    return next(one for one in placement.verdicts if one.offer == offer)


def codes(placement: Placement, offer: str) -> tuple[str, ...]:
    return verdict_on(placement, offer).codes


def test_of_equal_rents_the_least_used_site_wins(
    shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    placement = place(JOB, shelf, idle)

    assert placement.chosen == "horinger.h100"
    assert verdict_on(placement, "horinger.h100").cost == Cost(
        price_fen=60_000_000,
        transfer_fen=0,
        energy_fen=147_088,
        carbon_fen=265_145,
        latency_fen=28_800,
        wait_fen=0,
        pressure_fen=1_843_200,
    )


def test_a_busier_site_loses_the_work(shelf: Shelf, idle: dict[tuple[str, str], Pool]) -> None:
    pool = idle["horinger", "H100"]
    idle["horinger", "H100"] = pool._replace(utilisation_bp=9_000)

    assert place(JOB, shelf, idle).chosen == "qingyang.h100"


def test_a_shadow_price_sends_work_elsewhere(
    shelf: Shelf, idle: dict[tuple[str, str], Pool]
) -> None:
    idle["horinger", "H100"] = idle["horinger", "H100"]._replace(shadow_fen_per_card_hour=1_000)

    assert place(JOB, shelf, idle).chosen == "qingyang.h100"


def test_much_data_stays_near(shelf: Shelf, idle: Mapping[tuple[str, str], Pool]) -> None:
    far = place(replace(JOB, cards=8, seconds=3_600), shelf, idle)
    near = place(replace(JOB, cards=8, seconds=3_600, data_gb=10_000), shelf, idle)

    assert far.chosen == "horinger.h100"
    assert near.chosen == "shenzhen.h100"


def test_domestic_means_domestic(shelf: Shelf, idle: Mapping[tuple[str, str], Pool]) -> None:
    placement = place(replace(JOB, models=frozenset(), origin="domestic"), shelf, idle)

    assert placement.chosen == "horinger.ascend-910b2"
    assert codes(placement, "horinger.h100") == ("origin",)


def test_all_reasons_are_told_not_only_the_first(
    shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    request = replace(
        JOB,
        models=frozenset({"Ascend-910B2"}),
        origin="domestic",
        memory_gb_min=96,
        sites=frozenset({"shanghai"}),
        latency_ms_max=5,
        providers=frozenset(),
        related=frozenset({"operator-qingyang"}),
    )

    found = codes(place(request, shelf, idle), "qingyang.h100")

    assert found == (
        "card_model",
        "memory",
        "origin",
        "residency",
        "latency",
        "provider_not_admitted",
        "related_party",
    )


def test_a_latency_limit_is_inclusive(shelf: Shelf, idle: Mapping[tuple[str, str], Pool]) -> None:
    placement = place(replace(JOB, latency_ms_max=5), shelf, idle)

    assert {one.site for one in placement.ranked()} == {"shenzhen", "shaoguan"}


def test_a_job_larger_than_every_site_is_placed_nowhere(
    catalogue: Catalogue, shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    placement = place(replace(JOB, cards=100_000), shelf, idle)

    assert placement.chosen is None
    assert codes(placement, "horinger.h100") == ("too_large",)
    assert words.choice(placement, catalogue, "en") == "No offer is suitable."


def test_a_gang_needs_whole_nodes_not_scattered_cards(
    shelf: Shelf, idle: dict[tuple[str, str], Pool]
) -> None:
    """Many cards are free, but only three nodes are wholly so: fragmentation is real."""
    idle["horinger", "H100"] = Pool(256, 3, 7, 2_000, wait_seconds=None)

    assert codes(place(replace(JOB, cards=32), shelf, idle), "horinger.h100") == ("full",)
    assert codes(place(replace(JOB, cards=31), shelf, idle), "horinger.h100") == ()


def test_a_pool_that_has_not_reported_gets_nothing(
    shelf: Shelf, idle: dict[tuple[str, str], Pool]
) -> None:
    del idle["horinger", "H100"]

    placement = place(JOB, shelf, idle)

    assert codes(placement, "horinger.h100") == ("no_report",)
    assert placement.chosen == "qingyang.h100"


def test_a_job_that_may_wait_pays_for_the_wait(
    shelf: Shelf, idle: dict[tuple[str, str], Pool]
) -> None:
    full = Pool(256, 0, 0, 2_000, wait_seconds=7_200)
    state = dict.fromkeys(idle, full)

    now = place(JOB, shelf, state)
    later = place(replace(JOB, wait_seconds_max=7_200), shelf, state)

    assert now.chosen is None
    assert later.chosen is not None
    assert later.verdict is not None
    assert later.verdict.cost is not None
    assert later.verdict.cost.wait_fen == 2 * 64 * 300


def test_a_tie_goes_to_the_least_used(shelf: Shelf, idle: dict[tuple[str, str], Pool]) -> None:
    """Where use weighs nothing it still settles ties, before anything is drawn."""
    twins = replace(JOB, sites=frozenset({"zhongwei", "horinger"}))
    free = Weights(0, 0, 0, 0, 0)
    idle["zhongwei", "H100"] = idle["zhongwei", "H100"]._replace(utilisation_bp=1_999)

    for seed in range(20):
        chosen = place(replace(twins, seed=seed), shelf, idle, free).verdict
        assert chosen is not None
        assert chosen.site == "zhongwei"


def test_a_tie_of_equals_is_drawn_by_the_request_not_by_the_name(
    shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    only = replace(JOB, sites=frozenset({"zhongwei"}))
    chosen = [place(replace(only, seed=seed), shelf, idle).chosen for seed in range(200)]

    assert {*chosen} == {"zhongwei.h100", "zhongwei.h100-server"}
    assert 60 < chosen.count("zhongwei.h100") < 140


def test_a_providers_discount_counts_since_nobody_pays_it(
    shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    request = replace(JOB, models=frozenset({"A100-80GB"}), cards=8)

    cost = verdict_on(place(request, shelf, idle), "beijing.a100-80gb").cost

    assert cost is not None
    assert cost.price_fen == 3_800_000 // 2


def test_the_table_of_runners_up_names_every_other_offer(
    catalogue: Catalogue, shelf: Shelf, idle: dict[tuple[str, str], Pool]
) -> None:
    idle["qingyang", "H100"] = Pool(192, 0, 0, 2_500, wait_seconds=86_400)
    placement = place(replace(JOB, origin="domestic", models=frozenset()), shelf, idle)

    rows = {row.offer: row for row in words.runners_up(placement, catalogue, "en", at=AT)}

    assert len(rows) == len(shelf.entries) - 1
    assert rows["qingyang.h100"].why.startswith(
        "foreign accelerators are not allowed; queue 1 d 0 h, free from 2 Mar 2026"
    )
    assert rows["zhongwei.ascend-910b2"].why == "dearer by CN¥4,500.01 in all"
    assert rows["zhongwei.ascend-910b2"].total_fen is not None
    assert rows["zhongwei.h100"].total_fen is None
    barred = [row.why.count("; ") for row in rows.values() if row.total_fen is None]
    assert barred == sorted(barred), "what lacks least comes first"
    assert max(barred) > 0


def test_the_choice_and_the_rows_are_said_in_chinese(
    catalogue: Catalogue, shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    placement = place(JOB, shelf, idle)
    rows = words.runners_up(placement, catalogue, "zh", at=AT)

    assert words.choice(placement, catalogue, "zh").startswith("选定和林格尔集群 NVIDIA H100 80G")
    assert words.sentence(rows[0], "zh") == "庆阳集群 NVIDIA H100 80G：综合成本高出 ¥3,880.30"


def test_what_scarcity_costs_is_named_with_the_choice(
    catalogue: Catalogue, shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    scarce = {key: pool._replace(shadow_fen_per_card_hour=100) for key, pool in idle.items()}

    told = [words.choice(place(JOB, shelf, one), catalogue, "en") for one in (idle, scarce)]

    assert [one.endswith("pressure on the site and what is scarce.") for one in told] == [
        False,
        True,
    ]


def test_the_parts_of_a_cost_have_names_and_sum_to_the_whole(
    shelf: Shelf, idle: Mapping[tuple[str, str], Pool]
) -> None:
    chosen = place(JOB, shelf, idle).verdict

    assert chosen is not None
    assert chosen.cost is not None
    parts = words.parts(chosen, "en")
    assert dict(parts)["pressure on the site"] == 1_843_200
    assert sum(fen for _, fen in parts) == chosen.cost.total_fen


def test_every_reason_has_a_sentence() -> None:
    assert {f"placement.{code}" for code in REASONS} <= messages().keys()
