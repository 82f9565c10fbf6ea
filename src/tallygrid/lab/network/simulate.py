"""A scenario played for one seed: with its programmes and without them, on the same luck."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tallygrid.core.catalogue import Catalogue, Site
from tallygrid.files.programme import known_facts
from tallygrid.lab.behaviour import Behaviour, behaviour
from tallygrid.lab.network import rows
from tallygrid.lab.network.applying import Applicants, Calendar, Intake
from tallygrid.lab.network.kernel import Table
from tallygrid.lab.network.office import Answered, Office
from tallygrid.lab.network.population import Kind, Population, Shape, Wanted, population
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.schemes import Scheme
from tallygrid.lab.network.world import Sites, World, with_cards
from tallygrid.lab.scenario import Scenario, SiteGiven
from tallygrid.lab.traces.read import read_jobs

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""The zone in which the days of a scenario begin."""

KINDS: Final = (
    Kind("training", 2000, memory_gb_min=80, data_gb=200, cards_factor=8),
    Kind("fine-tuning", 4000, memory_gb_min=64, data_gb=50, cards_factor=2),
    Kind("inference", 3000, memory_gb_min=24, latency_ms_max=40, data_gb=5),
    Kind("domestic", 1000, memory_gb_min=64, origin="domestic", data_gb=50, cards_factor=8),
)
"""What is asked where a scenario does not say it. The shares are assumed."""


@dataclass(eq=False)
class Played:
    """One seed of a scenario, played."""

    seed: int
    world: World
    """As it is with the programmes: prices and cards may have answered to them."""
    population: Population
    with_: Run
    without: Run
    intake: Intake
    answered: tuple[Answered, ...]
    behaviour: Behaviour
    daily: NDArray[np.int64]
    """By day and programme, where the money is at the day's end."""


@dataclass(frozen=True)
class Stage:
    """What all seeds of a scenario share."""

    scenario: Scenario
    behaviour: Behaviour
    world: World
    schemes: tuple[tuple[Scheme, int], ...]
    wanted: Wanted
    calendar: Calendar

    @property
    def opened_at(self) -> datetime:
        """Second 0."""
        return datetime.combine(self.calendar.first_day, time(), ZONE)


def stage_of(scenario: Scenario) -> Stage:
    """Set a scenario's stage."""
    network = scenario.network
    kinds = tuple(
        Kind(
            one.id,
            one.share,
            frozenset(one.models),
            one.memory_gb_min,
            one.origin,
            one.latency_ms_max,
            one.data_gb,
            one.cards_factor,
        )
        for one in scenario.demand.kinds
    )
    catalogue, factors = catalogue_of(scenario)
    return Stage(
        scenario=scenario,
        behaviour=behaviour(scenario.behaviour),
        world=World(
            catalogue, Sites(network.nodes, network.depth), scenario.offered.weights, factors
        ),
        schemes=tuple(
            (Scheme(one.programme, one.assumptions, one.decision_days), one.batch_days)
            for one in scenario.programmes
        ),
        wanted=Wanted(
            jobs=scenario.demand.jobs,
            firms=scenario.demand.firms,
            days=scenario.days,
            kinds=kinds or KINDS,
            load_bp=scenario.demand.load,
            trace=_shape(scenario),
        ),
        calendar=Calendar(scenario.first_day, scenario.days),
    )


def _shape(scenario: Scenario) -> Shape | None:
    if scenario.trace is None:
        return None
    jobs = read_jobs(scenario.trace)
    return Shape(jobs.arrival_s, jobs.gang, jobs.run_s)


def catalogue_of(scenario: Scenario) -> tuple[Catalogue, Mapping[str, int]]:
    """Return the catalogue as a scenario changes it, and what prices are multiplied by."""
    catalogue, network = scenario.catalogue, scenario.network
    sites, factors = {}, {}
    for id_, site in catalogue.sites.items():
        if network.only and id_ not in network.only:
            continue
        changes = [network.sides.get(site.side), network.sites.get(id_)]
        for change in [one for one in changes if one is not None]:
            site = _changed(site, change)  # noqa: PLW2901  # the side first, then the site
            if change.price is not None:
                factors[id_] = change.price
        sites[id_] = site
    offers = {
        id_: offer
        for id_, offer in catalogue.offers.items()
        if offer.site in sites
        and (offer.kind != "compute" or sites[offer.site].cards.get(offer.model, 0) > 0)
        and (network.origin == "any" or offer.kind != "compute" or offer.origin == "domestic")
    }
    by_offer = {id_: factors[offer.site] for id_, offer in offers.items() if offer.site in factors}
    return replace(catalogue, sites=sites, offers=offers), by_offer


def _changed(site: Site, given: SiteGiven) -> Site:
    return replace(
        site,
        cards={**site.cards, **given.cards},
        utilisation_bp=_or(given.utilisation, site.utilisation_bp),
        pue_milli=_or(given.pue_milli, site.pue_milli),
        power_price_milli_yuan=_or(given.power_price_milli_yuan, site.power_price_milli_yuan),
    )


def _or(given: int | None, usual: int) -> int:
    return usual if given is None else given


def play(stage: Stage, seed: int) -> Played:
    """Play one seed: the counterfactual first, then the programmes."""
    by = stage.behaviour
    people = population(stage.world, stage.wanted, by, seed=seed)
    without = Run(stage.world, people.jobs, _firms(stage, people), people.requests)
    without.play()
    applicants = Applicants(
        people,
        stage.schemes,
        stage.behaviour,
        stage.calendar,
        stage.world.catalogue,
        known_facts([scheme.programme for scheme, _ in stage.schemes]),
    )
    intake = applicants.intake()
    world = _answering(stage, people, intake)
    run = Run(
        world,
        people.jobs,
        _firms(stage, people),
        people.requests,
        programmes=[scheme.id for scheme, _ in stage.schemes],
        vouchers_max=sum(one.application is not None for one in intake.attempts),
    )
    answered, daily = _played(stage, run, intake, seed)
    return Played(seed, world, people, run, without, intake, answered, by, daily)


def _firms(stage: Stage, people: Population) -> Table:
    firms = np.full((len(people.firms), rows.FIRM_COLUMNS), rows.NOBODY, dtype=np.int64)
    firms[:, rows.CASH_FEN] = people.cash_fen
    firms[:, rows.REFUND_BP] = stage.behaviour.refund_value_bp
    return firms


def _played(
    stage: Stage, run: Run, intake: Intake, seed: int
) -> tuple[tuple[Answered, ...], NDArray[np.int64]]:
    """Let the days pass: each instant at which the office answers, and each day's end."""
    office = Office(run, {one.id: one for one, _ in stage.schemes}, stage.opened_at, seed)
    for one in stage.scenario.programmes:
        office.appropriate(one.programme.id, one.budget_fen)
    moments = sorted(_moments(stage, office, intake), key=lambda one: one[0])
    daily = np.zeros((stage.scenario.days, *run.budgets.shape), dtype=np.int64)
    waiting = iter([*moments, (datetime.max.replace(tzinfo=ZONE), None)])
    at, act = next(waiting)
    for day in range(stage.scenario.days):
        end = stage.opened_at + timedelta(days=day + 1)
        while at < end and act is not None:
            run.play(office.second(at))
            act()
            at, act = next(waiting)
        run.play(office.second(end))
        daily[day] = run.budgets
    while act is not None:
        run.play(office.second(at))
        act()
        at, act = next(waiting)
    run.play()
    return tuple(office.answered), daily


def _moments(
    stage: Stage, office: Office, intake: Intake
) -> list[tuple[datetime, Callable[[], object]]]:
    """Return when the office does what: applications in the order of their answers."""
    found: list[tuple[datetime, Callable[[], object]]] = []
    batched = {s.id for s, _ in stage.schemes if s.applied.allocation.in_batches}
    for one in intake.attempts:
        given, at = one.application, one.answered_at
        if given is None or at is None:
            continue
        entered = given.at if given.programme in batched else at

        def act(given: object = given, entered: datetime = entered) -> object:
            return office.apply(given, at=entered)  # type: ignore[arg-type]  # bound above

        found.append((entered, act))
    for at, name in intake.closings:

        def close(name: str = name, at: datetime = at) -> object:
            return office.close_batch(name, at=at)

        found.append((at, close))
    return found


def _answering(stage: Stage, people: Population, intake: Intake) -> World:
    """Return the world as providers make it, knowing what is paid to whom on average.

    The average subsidy is what the applications would give if nobody else asked, over all
    that firms plan to spend.
    """
    by = stage.behaviour
    if not (by.pass_through_bp or by.capacity_response_bp):
        return stage.world
    hoped = sum(one.benefit_fen for one in intake.attempts if one.application is not None)
    average_bp = min(10_000, hoped * 10_000 // max(1, int(people.plan_fen.sum())))
    factor = 1000 + 1000 * by.pass_through_bp * average_bp // 10**8
    before = stage.world.price_factor_milli
    prices = {name: before.get(name, 1000) * factor // 1000 for name in stage.world.names}
    grown = {
        key: cards + cards * by.capacity_response_bp * average_bp // 10**8
        for key, cards in stage.world.shelf.cards.items()
    }
    catalogue = with_cards(stage.world.catalogue, grown)
    return World(catalogue, stage.world.sites, stage.world.weights, prices)
