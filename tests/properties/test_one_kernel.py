"""One kernel, one result: a story told by the service's own steps, and by the laboratory.

Quote and run place by `capacity.pools`, `online.place` and `nodes.fitted`, on what is reserved;
the laboratory has an event loop of its own, and weighs only the offers that may be the
cheapest. Jobs of all sizes come and go until nodes are scattered, under any weights, at prices
of odd fen and at prices that are all alike; every choice must be the same, by the plain kernel
and by the compiled one.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.catalogue import Catalogue, Price
from tallygrid.core.placement import Request, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.lab.network import rows
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.world import Sites, World
from tallygrid.placement.capacity import pools
from tallygrid.placement.nodes import Reservation, fitted, free_nodes
from tallygrid.placement.online import Router
from tallygrid.placement.shelf import Shelf

AT = datetime(2026, 5, 11, tzinfo=UTC)
WHOLE = read_catalogue()
KEPT = ("zhongwei", "guian", "shanghai", "wuhu")
Job = tuple[int, Request]
"""When it comes, in seconds, and what it asks."""


def small(random: Random) -> Catalogue:
    """A network of a few sites of one to four nodes each, as used as chance will have it.

    In one of two all offers have one price, so that the least used site, and then luck, wins.
    """
    price = random.choice([None, Price(random.randrange(1, 10**7), "card_hour", 7)])
    sites = {
        name: replace(
            WHOLE.sites[name],
            cards={model: random.choice([8, 16, 32]) for model in WHOLE.sites[name].cards},
            utilisation_bp=random.randrange(9_000),
        )
        for name in KEPT
    }
    offers = {
        name: replace(
            one,
            price=price or Price(random.randrange(1, 10**7), "card_hour", 5_760),
            discount_bp=0 if price else random.choice([0, 333]),
        )
        for name, one in WHOLE.offers.items()
        if one.site in sites and one.unit == "card_hour"
    }
    return replace(WHOLE, sites=sites, offers=offers)


def some_weights(random: Random) -> Weights:
    return Weights(
        energy_bp=random.choice([0, 1_000, 10**5]),
        carbon_fen_per_tonne=random.choice([0, 10_000, 10**6]),
        latency_fen_per_ms_hour=random.choice([0, 2, 10**4]),
        pressure_fen_per_card_hour=random.choice([0, 200, 10**5]),
    )


def some_jobs(random: Random, count: int) -> list[Job]:
    return [
        (
            at,
            Request(
                cards=random.choice([1, 2, 3, 5, 7, 8, 9, 12, 16, 24, 32]),
                seconds=random.randrange(600, 20_000),
                place=random.choice(["shanghai", "zhongwei"]),
                models=random.choice([frozenset[str](), frozenset({"H100", "A100-80GB"})]),
                memory_gb_min=random.choice([0, 0, 80]),
                origin=random.choice(["any", "any", "domestic"]),
                sites=random.choice([frozenset[str](), frozenset(KEPT[:2])]),
                latency_ms_max=random.choice([None, None, 5]),
                data_gb=random.choice([0, 200]),
                seed=random.randrange(2**31),
            ),
        )
        for at in sorted(random.randrange(60) * 300 for _ in range(count))
    ]


def live(catalogue: Catalogue, weights: Weights, jobs: Sequence[Job]) -> list[str | None]:
    """Place and reserve one after another, as quote and run do, by either kernel."""
    shelf = Shelf.of(catalogue)
    routers = [Router(shelf, weights, compiled=compiled) for compiled in (False, True)]
    held: list[Reservation] = []
    chosen = []
    for second, asked in jobs:
        start, lasting = AT + timedelta(seconds=second), timedelta(seconds=asked.seconds)
        state = pools(catalogue, held, at=start, lasting=lasting, wanted=asked.cards)
        offer, again = (one.choose(asked, one.board(state)).offer for one in routers)
        assert again == offer
        chosen.append(offer)
        if offer is not None:
            sold = catalogue.offers[offer]
            mine = [one for one in held if (one.site, one.model) == (sold.site, sold.model)]
            cards = catalogue.sites[sold.site].cards[sold.model]
            free = free_nodes(cards, mine, start=start, end=start + lasting)
            nodes = fitted(free, asked.cards)
            assert nodes is not None, "what is chosen has room"
            held.append(
                Reservation(sold.site, sold.model, asked.cards, start, start + lasting, nodes)
            )
    return chosen


def laboratory(catalogue: Catalogue, weights: Weights, jobs: Sequence[Job]) -> list[str | None]:
    """Play the same through the laboratory's loop, on nodes."""
    kinds: list[Request] = []
    table = np.zeros((len(jobs), rows.JOB_COLUMNS), dtype=np.int64)
    for n, (second, asked) in enumerate(jobs):
        kind = replace(asked, cards=1, seconds=1, data_gb=0, seed=0)
        kinds += [] if kind in kinds else [kind]
        table[n, [rows.ARRIVAL, rows.KIND, rows.WORTH_FEN]] = second, kinds.index(kind), rows.NEVER
        table[n, [rows.GANG, rows.RUN, rows.DATA_GB]] = asked.cards, asked.seconds, asked.data_gb
        table[n, rows.SEED] = asked.seed
    firms = np.full((1, rows.FIRM_COLUMNS), rows.NOBODY, dtype=np.int64)
    firms[:, rows.CASH_FEN] = rows.NEVER
    world = World(catalogue, Sites(nodes=True), weights)
    run = Run(world, table, firms, kinds, [], vouchers_max=0)
    run.play()
    names = run.world.names
    return [None if offer < 0 else names[offer] for offer in run.fates[:, rows.OFFER]]


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_live_and_laboratory_choose_alike_on_scattered_nodes(seed: int) -> None:
    agree(seed)


@pytest.mark.soak
@settings(max_examples=2_000)
@given(st.integers(0, 2**32))
def test_they_do_so_in_thousands_of_stories(seed: int) -> None:
    agree(seed)


def agree(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # a case must repeat
    catalogue, weights, jobs = small(random), some_weights(random), some_jobs(random, 50)

    told = laboratory(catalogue, weights, jobs)

    assert live(catalogue, weights, jobs) == told
    assert None in told
    assert len({one for one in told if one}) > 1
