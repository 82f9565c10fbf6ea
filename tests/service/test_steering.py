"""Where the work went, what cards are worth, and what sites tell: as the books know it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from desk import AT, CATALOGUE, CITY, FACTS, FIRM, Desk, scheme, used, wanted
from psycopg import Connection

from tallygrid.core import steering as core
from tallygrid.core.placement import Request
from tallygrid.core.rating import Grant
from tallygrid.core.steering import Placed, class_of
from tallygrid.core.workload import Gang, Workload
from tallygrid.placement.capacity import pools
from tallygrid.placement.forecast import DAY, NONE, WEEK, History
from tallygrid.placement.nodes import Reservation
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf
from tallygrid.report.steering import steering_page
from tallygrid.service import asking, buying, lines, pricing, reservations, steering
from tallygrid.service.plain import dump
from tallygrid.service.prospect import prospect
from tallygrid.service.purchase import Cards
from tallygrid.service.quoting import Admission, Counter, Purse, admitted

JOB = Request(cards=64, seconds=86_400, place="zhongwei", models=frozenset({"H100"}))


@pytest.fixture
def counter(funded: Desk) -> Counter:
    return Counter(funded.office, {CITY: scheme(CITY)})


def bought(desk: Desk, counter: Counter, name: str, *vouchers: str) -> str:
    """Place a job and buy it; return where it went."""
    proposal = counter.place(JOB, (), at=AT)
    assert proposal.offer is not None
    desk.buy(
        wanted(
            name,
            *vouchers,
            offer=proposal.offer.id,
            quantity=Fraction(64 * 24),
            cards=Cards("H100", 64, JOB.seconds),
            placement=dump(proposal.placement),
        )
    )
    return proposal.offer.site


def test_all_work_and_all_cards_are_told_once_in_every_way(funded: Desk, counter: Counter) -> None:
    """One job ends at half its time: as much work and money is told, and its cards are free."""
    voucher = funded.voucher(CITY, "A-1", 60_000_000, contract="C-1")
    sites = [bought(funded, counter, f"R-{n}", *([voucher] if n == 0 else [])) for n in range(5)]
    half = replace(used(1, Fraction(64 * 12), final=True), used_at=AT + DAY / 2)
    assert lines.capture(funded.office, funded.purchase("R-0"), half).accepted

    found = steering.placements(funded.office, start=AT - DAY, end=AT + 2 * DAY)

    assert set(found.by) == {"site", "province", "side", "provider", "class"}
    for way, shares in found.by.items():
        assert sum(one.jobs for one in shares) == 5, way
        assert sum(one.card_hours for one in shares) == 64 * (4 * 24 + 12), way
        assert sum(one.subsidy_fen for one in shares) == 200_000, way
    by_site = {one.name: one for one in found.by["site"]}
    assert {name for name, one in by_site.items() if one.jobs} == set(sites)
    assert len(by_site) == len(CATALOGUE.sites)
    assert [one.name for one in found.by["class"]] == [class_of(JOB)] == ["gang"]
    left = funded.office.transact(
        "web", lambda it: reservations.between(it, AT + DAY / 2, AT + DAY)
    )
    assert len(left) == 4


def test_only_the_part_of_a_job_within_the_period_counts(funded: Desk, counter: Counter) -> None:
    bought(funded, counter, "R-1")

    found = steering.placements(funded.office, start=AT + DAY / 2, end=AT + 5 * DAY)

    assert sum(one.card_hours for one in found.by["side"]) == 64 * 12
    none = steering.placements(funded.office, start=AT + DAY, end=AT + 5 * DAY)
    assert sum(one.jobs for one in none.by["side"]) == 0


def test_the_page_loads_nothing_and_names_every_site(funded: Desk, counter: Counter) -> None:
    bought(funded, counter, "R-1")
    found = steering.placements(funded.office, start=AT, end=AT + DAY)

    for language in ("en", "zh"):
        page = steering_page(found, CATALOGUE, language)
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "<svg" in page
        for site in CATALOGUE.sites.values():
            name = site.name.zh if language == "zh" else site.name.en
            assert name.replace("'", "&#39;") in page


def test_prices_are_kept_and_count_for_two_days(funded: Desk, counter: Counter) -> None:
    for n in range(10):
        bought(funded, counter, f"R-{n}")
    week = 7 * DAY

    solved = pricing.solve_prices(funded.office, at=AT + DAY, days=1)

    def told(at: object) -> object:
        return funded.office.transact("web", lambda it: pricing.latest(it, at))  # type: ignore[arg-type]  # a moment

    assert told(AT + DAY) == solved
    assert told(AT + 2 * DAY) == solved
    assert told(AT) is None
    assert told(AT + week) is None


def test_a_price_moves_the_work_away(funded: Desk, counter: Counter) -> None:
    first = counter.place(JOB, (), at=AT)
    assert first.offer is not None
    solution = "INSERT INTO service.price_solution VALUES (%s, 168, 1, 1)"
    price = "INSERT INTO service.price VALUES (%s, 'pool', %s, 'H100', 100000)"
    row = (AT - DAY, first.offer.site)
    funded.office.transact("web", lambda connection: connection.execute(solution, row[:1]))
    funded.office.transact("web", lambda connection: connection.execute(price, row))

    second = counter.place(JOB, (), at=AT)

    assert second.offer is not None
    assert second.offer.site != first.offer.site


def paying(rate_bp: int) -> Purse:
    """A voucher that any offer takes, and that never runs out."""
    grant = Grant(programme=CITY, voucher="V", rate_bp=rate_bp, room_fen=10**14)
    return Purse("V", "C", grant, Admission(frozenset(CATALOGUE.offers), {}))


def test_a_provider_that_asks_fifty_times_as_much_since_all_is_paid_gets_no_work(
    funded: Desk, counter: Counter
) -> None:
    """With a voucher of 100 % the choice is the one without any, and the greedy site loses."""
    plain = counter.place(JOB, (), at=AT)
    paid = counter.place(JOB, (paying(10_000),), at=AT)
    assert plain.offer is not None
    assert paid.offer == plain.offer
    assert paid.quote is not None
    assert paid.quote.co_payment_fen == 0
    site = plain.offer.site
    offers = {
        name: replace(one, price=replace(one.price, amount_fen=one.price.amount_fen * 50))
        if one.site == site
        else one
        for name, one in CATALOGUE.offers.items()
    }
    greedy = replace(funded.office, catalogue=replace(CATALOGUE, offers=offers))

    after = Counter(greedy, counter.schemes).place(JOB, (paying(10_000),), at=AT)

    assert after.offer is not None
    assert after.offer.site != site
    assert after.placement is not None
    costs = {one.offer: one.cost.total_fen for one in after.placement.verdicts if one.cost}
    assert costs[after.offer.id] == min(costs.values())


def test_quote_and_run_choose_what_the_kernel_does_as_nodes_fill(
    funded: Desk, counter: Counter
) -> None:
    """Gangs of all sizes, bought one after another: each is quoted, placed by hand, and run."""
    shelf, facts = Shelf.of(CATALOGUE), {**FACTS, "credit_code": FIRM}
    by_hour = Shelf(
        tuple(e for e in shelf.entries if CATALOGUE.offers[e.offer].unit == "card_hour")
    )
    went = set()
    for n, (each, nodes) in enumerate([(5, 1), (8, 3), (5, 20), (8, 28), (1, 1), (7, 2), (3, 1)]):
        work = Workload(f"w-{n}", "compute", Gang(("H100",), each, nodes, Fraction(24)))
        quoted = prospect(counter, work, facts, at=AT).proposal
        assert quoted.placement is not None
        asked = quoted.placement.request
        taken = funded.office.transact("web", lambda it: reservations.between(it, AT, AT + DAY))
        state = pools(CATALOGUE, taken, at=AT, lasting=DAY, wanted=asked.cards)

        ran = asking.ask(counter, asking.Ask(f"R-{n}", work, FIRM, facts), at=AT)

        assert ran.answer is not None
        assert ran.answer.accepted
        assert ran.proposal.placement is not None
        assert place(asked, by_hour, state) == quoted.placement
        assert ran.proposal.placement.verdicts == quoted.placement.verdicts
        assert ran.proposal.offer == quoted.offer
        went.add(quoted.placement.chosen)
    assert len(went) > 1


def test_an_old_report_is_doubted_and_a_very_old_one_is_none(
    funded: Desk, counter: Counter
) -> None:
    """At first it wins by its report; then a like site is preferred; then it is left out."""
    first = counter.place(JOB, (), at=AT)
    assert first.offer is not None
    site = first.offer.site
    pricing.report(funded.office, site, 0, at=AT - timedelta(hours=2))

    stale = counter.place(JOB, (), at=AT)
    pricing.report(funded.office, site, 0, at=AT)
    fresh = counter.place(JOB, (), at=AT)
    silent = counter.place(JOB, (), at=AT + 2 * DAY)

    assert stale.offer is not None
    assert stale.offer.site != site
    assert fresh.offer is not None
    assert fresh.offer.site == site
    assert silent.placement is not None
    reasons = {one.site: one.codes for one in silent.placement.verdicts}
    assert "no_report" in reasons[site]


def test_an_older_report_that_comes_late_replaces_nothing(funded: Desk) -> None:
    pricing.report(funded.office, "zhongwei", 5_000, at=AT)
    pricing.report(funded.office, "zhongwei", 100, at=AT - DAY)

    told = funded.office.transact("web", lambda it: pricing.told(it, AT))

    assert told.utilisation_bp == {"zhongwei": 5_000}


def test_every_offer_is_admitted_or_refused_by_a_clause() -> None:
    found = admitted(CATALOGUE, scheme(CITY), FACTS, at=AT)

    compute = {one.id for one in CATALOGUE.offers_of("compute")}
    assert found.offers | set(found.refused) == compute
    assert not found.offers & set(found.refused)
    assert all(found.refused.values())


def test_prices_rest_on_whole_weeks_once_there_are_any(funded: Desk, counter: Counter) -> None:
    """Nothing within a day of the first placement, days within a week, then weeks."""
    bought(funded, counter, "R-1")
    ends = [AT + timedelta(hours=20), AT + 3 * DAY, AT + 16 * DAY]

    found = [pricing.solve_prices(funded.office, at=at).history for at in ends]

    assert found == [History(NONE, 0, 0), History(DAY, 3, 1), History(WEEK, 2, 0)]


def test_what_came_at_these_hours_before_gives_scarce_cards_their_price(
    funded: Desk, counter: Counter
) -> None:
    """The site's cards are taken for the week that is priced, and the same is expected again."""
    for n in range(20):
        bought(funded, counter, f"R-{n}")
    busy = Reservation("x", "H100", 1, AT, AT + DAY)  # of a site that is listed no longer
    funded.office.transact("web", lambda it: reservations.keep(it, "L", busy))
    _fill(funded, AT + 7 * DAY, AT + 14 * DAY)

    solved = pricing.solve_prices(funded.office, at=AT + 7 * DAY)

    assert solved.history == History(WEEK, 1, 20)
    assert {model for (_, model), fen in solved.worth.pools_fen.items() if fen} == {"H100"}


def test_a_job_that_ended_early_is_expected_to_be_as_short_again(
    funded: Desk, counter: Counter
) -> None:
    for name in ("R-1", "R-2", "R-3"):
        bought(funded, counter, name)
    quarter = replace(used(1, Fraction(64 * 6), final=True), used_at=AT + DAY / 4)
    lines.capture(funded.office, funded.purchase("R-1"), quarter)
    buying.give_up(funded.office, funded.purchase("R-2"), at=AT, why="a test")

    found = funded.office.transact("web", lambda it: pricing.came(it, AT, AT + DAY))

    assert [one.request.seconds for one in found] == [6 * 3_600, 86_400, 86_400]


def test_what_found_no_place_is_expected_again_where_a_voucher_stands_behind_it(
    funded: Desk, counter: Counter
) -> None:
    """Asked twice it is once; bought in the end it is the purchase; a wish alone is nothing."""
    funded.voucher(CITY, "A-1", 60_000_000, contract="C-W-1")
    _fill(funded, AT, AT + 2 * DAY)
    work = Workload("w", "compute", Gang(("H100",), 8, 1, Fraction(24)))
    facts = {**FACTS, "credit_code": FIRM}
    asked = [("W-1", AT), ("W-1", AT + DAY), ("IDLE-1", AT), ("IDLE-2", AT)]

    for name, at in asked:
        assert asking.ask(counter, asking.Ask(name, work, FIRM, facts), at=at).answer is None
    found = pricing.solve_prices(funded.office, at=AT + 7 * DAY)
    later = asking.ask(counter, asking.Ask("W-1", work, FIRM, facts), at=AT + 2 * DAY)
    after = pricing.solve_prices(funded.office, at=AT + 8 * DAY)

    assert found.history == History(WEEK, 1, 1)
    assert found.worth.budgets_bp.keys() == {CITY}
    assert later.answer is not None
    assert after.history == History(WEEK, 1, 1)
    kept = funded.rows("SELECT id, document #> '{placement,verdicts,0,3}' FROM service.unplaced")
    assert [name for name, reasons in kept if reasons] == ["W-1", "IDLE-1", "IDLE-2"]


def _fill(desk: Desk, start: datetime, end: datetime) -> None:
    """Take every H100 for a time."""

    def keep(connection: Connection) -> None:
        for n, one in enumerate(_everywhere(start, end)):
            reservations.keep(connection, f"L-{start}-{n}", one)

    desk.office.transact("web", keep)


def _everywhere(start: datetime, end: datetime) -> Iterator[Reservation]:
    for site in CATALOGUE.sites.values():
        if cards := site.cards.get("H100"):
            yield Reservation(site.id, "H100", cards, start, end)


def test_work_at_a_site_that_is_listed_no_longer_is_told_too() -> None:
    placed = [Placed("gone", 3_600, 10, 5, None), Placed("zhongwei", 7_200, 10, 5, None)]

    found = core.steering(CATALOGUE, placed, start=AT, end=AT + DAY)

    for way in ("site", "province", "side", "provider"):
        assert {one.name: one.card_hours for one in found.by[way] if one.jobs}["unlisted"] == 1
    assert "sites no longer listed" in steering_page(found, CATALOGUE, "en")


def test_the_page_is_drawn_for_wide_and_narrow_and_names_provinces_in_its_language() -> None:
    found = core.steering(CATALOGUE, [], start=AT, end=AT + DAY)

    page = steering_page(found, CATALOGUE, "zh")

    for width in ("wide", "narrow"):
        assert page.count(f'<figure class="{width}">') == 4
    assert not {one.province for one in CATALOGUE.places.values() if one.province in page}
