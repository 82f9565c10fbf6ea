"""The kernel of network runs tells what the slow reference tells, and never loses a fen."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracle.network import Job, Network, Voucher

from tallygrid.core.catalogue import Catalogue, Price
from tallygrid.core.placement import Request
from tallygrid.core.rating import Grant
from tallygrid.files.catalogue import read_catalogue
from tallygrid.lab import oracle as replay_oracle
from tallygrid.lab.network import rows
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.world import Sites, World

WHOLE: Final = read_catalogue()
KEPT: Final = ("zhongwei", "guian", "shanghai", "wuhu")
PROVIDERS: Final = sorted({WHOLE.sites[site].provider for site in KEPT})
SITES: Final = (Sites(), Sites(nodes=True), Sites(depth=3), Sites(nodes=True, depth=2))
NEVER: Final = rows.NEVER


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # a case must repeat


def small(random: Random, *, sites: Sequence[str] = KEPT) -> Catalogue:
    """Return a network of a few sites with few cards, at prices that end in odd fen."""
    kept = {
        name: replace(
            WHOLE.sites[name],
            cards={model: random.choice([8, 16, 24]) for model in WHOLE.sites[name].cards},
            utilisation_bp=random.randrange(0, 9_000),
        )
        for name in sites
    }
    offers = {
        name: replace(
            one,
            price=Price(random.randrange(1, 10**7), "card_hour", random.choice([1, 7, 5_760])),
            discount_bp=random.choice([0, 0, 333]),
        )
        for name, one in WHOLE.offers.items()
        if one.site in kept and one.kind == "compute" and one.unit == "card_hour"
    }
    return replace(WHOLE, sites=kept, offers=offers)


def doubled(random: Random, catalogue: Catalogue) -> Catalogue:
    """Return a network in which every site has a twin that costs the same to the fen."""
    sites, offers, routes = dict(catalogue.sites), dict(catalogue.offers), dict(catalogue.routes)
    for name, site in catalogue.sites.items():
        provider = random.choice([site.provider, *PROVIDERS])
        sites[f"{name}-2"] = replace(site, id=f"{name}-2", provider=provider)
    for name, one in catalogue.offers.items():
        offers[f"{name}-2"] = replace(one, id=f"{name}-2", site=f"{one.site}-2")
    for (place, name), route in catalogue.routes.items():
        routes[place, f"{name}-2"] = replace(route, site=f"{name}-2")
    return replace(catalogue, sites=sites, offers=offers, routes=routes)


def some_jobs(random: Random, count: int, firms: int) -> list[Job]:
    """Return jobs by arrival, many at once, some of them at odds with every site."""
    arrivals = sorted(random.randrange(0, 40) * 600 for _ in range(count))
    return [
        Job(
            arrival,
            random.randrange(firms),
            Request(
                cards=random.choice([1, 1, 2, 3, 5, 8, 9, 12, 16, 24]),
                seconds=random.choice([1, 600, 1_200, 3_600, random.randrange(1, 20_000)]),
                place=random.choice(["shanghai", "zhongwei"]),
                memory_gb_min=random.choice([0, 0, 80]),
                data_gb=random.choice([0, 10]),
                wait_seconds_max=random.choice([0, 5_000, 10**9]),
                seed=random.randrange(2**31),
            ),
            random.choice([NEVER, NEVER, random.randrange(1, 10**7)]),
        )
        for arrival in arrivals
    ]


def some_vouchers(random: Random, firms: int) -> list[Voucher]:
    """Return vouchers of which no firm has more than two."""
    found = []
    for firm in range(firms):
        for n in range(random.randrange(3)):
            grant = Grant(
                programme="p",
                voucher=f"{firm}-{n}",
                rate_bp=random.choice([1, 3_333, 5_000, 8_000, 10_000]),
                room_fen=random.choice([1, 99, 10**5, random.randrange(1, 10**8)]),
                redeem=random.choice(["deduct", "reimburse"]),
                tax=random.choice(["included", "excluded"]),
                unit_fen=random.choice([1, 100]),
            )
            start = random.choice([0, 3_000])
            admits = frozenset(random.sample(PROVIDERS, random.randrange(1, len(PROVIDERS) + 1)))
            end = start + random.choice([6_000, 12_001, NEVER // 2])
            found.append(Voucher(firm, grant, admits, start, end, lapses=random.random() < 0.5))
    return found


def played(  # noqa: PLR0913  # each is one thing the outcome depends on
    catalogue: Catalogue, sites: Sites, jobs: Sequence[Job], vouchers: Sequence[Voucher],
    *, cash_fen: int = NEVER, refund_bp: int = 9_000, stops: Sequence[int] = (),
) -> Run:  # fmt: skip
    """Play jobs through the kernel, in one go or stop by stop."""
    kinds: list[Request] = []
    for kind in (_kind(one.request) for one in jobs):
        kinds += [] if kind in kinds else [kind]
    table = np.zeros((len(jobs), rows.JOB_COLUMNS), dtype=np.int64)
    for n, one in enumerate(jobs):
        asked = one.request
        table[n] = (
            one.arrival_s, one.firm, asked.cards, asked.seconds, kinds.index(_kind(asked)),
            asked.data_gb, one.worth_fen, asked.wait_seconds_max, asked.seed,
        )  # fmt: skip
    firms = np.full((4, rows.FIRM_COLUMNS), rows.NOBODY, dtype=np.int64)
    firms[:, rows.CASH_FEN], firms[:, rows.REFUND_BP] = cash_fen, refund_bp
    run = Run(World(catalogue, sites), table, firms, kinds, ["p"], vouchers_max=len(vouchers))
    run.budgets[0, rows.AVAILABLE] = sum(one.grant.room_fen for one in vouchers)
    for voucher in vouchers:
        grant = voucher.grant
        run.issue(
            {
                rows.PROGRAMME: 0,
                rows.HOLDER: voucher.firm,
                rows.RATE_BP: grant.rate_bp,
                rows.FACE_FEN: grant.room_fen,
                rows.VALID_FROM: voucher.valid_from,
                rows.VALID_UNTIL: voucher.valid_until,
                rows.IS_DEDUCTED: int(grant.redeem == "deduct"),
                rows.UNIT_FEN: grant.unit_fen,
                rows.IS_NET: int(grant.tax == "excluded"),
                rows.ADMITS: run.admit(
                    [e.provider in voucher.providers for e in run.world.shelf.entries]
                ),
                rows.FUNDERS: 1,
                rows.LAPSES: int(voucher.lapses),
            }
        )
    for stop in sorted(stops):
        run.play(stop)
    run.play()
    return run


def _kind(request: Request) -> Request:
    return replace(request, cards=1, seconds=1, data_gb=0, wait_seconds_max=0, seed=0)


def story(run: Run) -> list[tuple[object, ...]]:
    """Return what became of each job, as the reference tells it."""
    names = run.world.names
    found: list[tuple[object, ...]] = []
    for fate in run.fates.tolist():
        offer = None if fate[rows.OFFER] < 0 else names[fate[rows.OFFER]]
        places = (rows.FIRST_VOUCHER, rows.SECOND_VOUCHER)
        used = [(fate[p], fate[p + 1], fate[p + 2]) for p in places if fate[p] >= 0]
        found.append(
            (rows.STATES[fate[rows.STATE]], offer, fate[rows.START], fate[rows.BILLED_FEN], used)
        )
    return found


@settings(deadline=None, max_examples=60)  # the first call compiles
@given(seed=st.integers(0, 2**32), sites=st.sampled_from(SITES), has_twins=st.booleans())
def test_a_network_is_what_the_slow_reference_makes_of_it(
    seed: int, sites: Sites, *, has_twins: bool
) -> None:
    random = _random(seed)
    catalogue, jobs = small(random), some_jobs(random, 40, 4)
    if has_twins:  # ties, which the least used site wins, and then luck
        catalogue = doubled(random, catalogue)
    vouchers = some_vouchers(random, 4)
    cash_fen = random.choice([NEVER, 10**6])
    run = played(catalogue, sites, jobs, vouchers, cash_fen=cash_fen)

    slow = Network(catalogue, jobs, vouchers, cash_fen, 9_000, nodes=sites.nodes, depth=sites.depth)
    slow.play()

    told = [
        (
            one.state, one.offer, one.start_s, one.billed_fen,
            list(zip(one.vouchers, one.paid_fen, one.held_fen, strict=True)),
        )
        for one in slow.fates
    ]  # fmt: skip
    assert story(run) == told
    columns = [rows.FREE_FEN, rows.HELD_FEN, rows.PAID_FEN, rows.LAPSED_FEN]
    assert run.vouchers[:, columns].tolist() == [
        [one.free_fen, one.held_fen, one.paid_fen, one.lapsed_fen] for one in vouchers
    ]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from(SITES))
def test_no_fen_appears_or_is_lost_and_no_voucher_pays_more_than_its_face(
    seed: int, sites: Sites
) -> None:
    random = _random(seed)
    catalogue, jobs = small(random), some_jobs(random, 60, 4)
    vouchers = some_vouchers(random, 4)
    run = played(catalogue, sites, jobs, vouchers)

    assert (run.budgets >= 0).all()
    assert run.budgets.sum() == sum(one.grant.room_fen for one in vouchers)
    parts = [rows.FREE_FEN, rows.HELD_FEN, rows.PAID_FEN, rows.LAPSED_FEN]
    assert (run.vouchers[:, parts].sum(axis=1) == run.vouchers[:, rows.FACE_FEN]).all()
    paid = run.fates[:, [rows.FIRST_PAID_FEN, rows.SECOND_PAID_FEN]].sum()
    assert paid == run.budgets[0, rows.PAYABLE]
    assert paid <= run.fates[:, rows.BILLED_FEN].sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(SITES), st.lists(st.integers(0, 40_000)))
def test_where_a_run_stops_on_the_way_makes_no_difference(
    seed: int, sites: Sites, stops: list[int]
) -> None:
    random = _random(seed)
    catalogue, jobs = small(random), some_jobs(random, 40, 4)
    vouchers = some_vouchers(random, 4)

    whole = played(catalogue, sites, jobs, vouchers)
    part = played(catalogue, sites, jobs, vouchers, stops=stops)

    assert (whole.fates == part.fates).all()
    assert (whole.budgets == part.budgets).all()


@pytest.mark.parametrize("sites", SITES, ids=str)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_one_site_alone_queues_as_replay_does(seed: int, sites: Sites) -> None:
    random = _random(seed)
    catalogue = small(random, sites=["zhongwei"])
    (name, *_) = catalogue.offers
    catalogue = replace(catalogue, offers={name: catalogue.offers[name]})
    cards = catalogue.sites["zhongwei"].cards[catalogue.offers[name].model]
    jobs = [
        replace(
            one,
            worth_fen=NEVER,
            request=replace(one.request, memory_gb_min=0, wait_seconds_max=10**12),
        )
        for one in some_jobs(random, 50, 4)
        if one.request.cards <= cards
    ]
    run = played(catalogue, sites, jobs, [])

    asked = [
        replay_oracle.Asked(one.arrival_s, one.request.cards, one.request.seconds) for one in jobs
    ]
    assert run.fates[:, rows.START].tolist() == replay_oracle.starts(
        asked, cards=cards, node_cards=8 if sites.nodes else None, depth=sites.depth or None
    )
