"""A flip is the nearest value of a weight at which another offer is chosen."""

from dataclasses import replace

import pytest

from tallygrid.core.placement import Pool, Request, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement.flip import flips
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf
from tallygrid.text.placement import explained

CATALOGUE = read_catalogue()
SHELF = Shelf.of(CATALOGUE)
IDLE = {
    (site.id, model): Pool(cards, cards // 8, 0, site.utilisation_bp)
    for site in CATALOGUE.sites.values()
    for model, cards in site.cards.items()
}
JOBS = [
    Request(cards=8, seconds=86_400, place=place, models=frozenset(models), data_gb=data_gb)
    for place in sorted(CATALOGUE.places)[:4]
    for models in ({"H100"}, {"A100-80GB"}, ())
    for data_gb in (0, 500)
]


@pytest.mark.parametrize("job", JOBS)
def test_at_a_flip_the_choice_changes_and_a_step_before_it_does_not(job: Request) -> None:
    weights = Weights()
    chosen = place(job, SHELF, IDLE, weights).chosen

    for one in flips(job, SHELF, IDLE, weights):
        before = one.at - 1 if one.at > one.now else one.at + 1
        moved = replace(weights, **{one.weight: one.at})
        short = replace(weights, **{one.weight: before})

        assert place(job, SHELF, IDLE, moved).chosen == one.offer != chosen
        assert place(job, SHELF, IDLE, short).chosen == chosen


def test_the_pressure_is_what_sends_work_to_the_least_used_of_like_sites() -> None:
    job = Request(cards=64, seconds=30 * 86_400, place="shenzhen", models=frozenset({"H100"}))

    found = {one.weight: one for one in flips(job, SHELF, IDLE, Weights()) if one.at < one.now}

    assert place(job, SHELF, IDLE).chosen == "horinger.h100"
    flip = found["pressure_fen_per_card_hour"]
    assert 0 < flip.at < Weights().pressure_fen_per_card_hour
    placement = place(job, SHELF, IDLE)
    told = explained(placement, [flip], Weights(), CATALOGUE, "en")
    assert any(
        line.endswith(f"{flip.at / 100:.2f} downwards, NVIDIA H100 80 GB, Qingyang cluster")
        for line in told
    )


def test_where_nothing_is_eligible_nothing_flips() -> None:
    job = Request(cards=100_000, seconds=60, place="shenzhen")

    assert flips(job, SHELF, IDLE, Weights()) == ()
