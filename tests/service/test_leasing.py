"""Leasing: two who want the same cards do not both get them, and none is kept for nobody."""

import multiprocessing
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import racing
from desk import AT, FIRM, Desk, wanted
from patience import PATIENCE_S
from psycopg import Connection, OperationalError

from tallygrid.core.books import Event, Outcome
from tallygrid.service import buying, intent, leasing, reservations
from tallygrid.service.leasing import CardsError
from tallygrid.service.office import Office
from tallygrid.service.purchase import Cards

HOUR_S = 3_600
LISTED = 256
"""H100 at the site that all want."""


def cards(n: int, hours: int = 24) -> Cards:
    return Cards("H100", n, hours * HOUR_S)


def test_processes_that_race_for_one_site_never_share_a_card(funded: Desk) -> None:
    """Four processes, twelve wishes each, of which ten fit: three nodes each of thirty-two."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    runners = [
        context.Process(target=racing.race, args=(funded.server, barrier, n, 12, cards(24), AT))
        for n in range(4)
    ]
    for one in runners:
        one.start()
    for one in runners:
        one.join(timeout=PATIENCE_S)

    assert [one.exitcode for one in runners] == [0] * 4
    kept = funded.rows("SELECT cards, nodes FROM service.reservation")
    used = Counter(node for _, nodes in kept for node in nodes)
    assert len(kept) == LISTED // 8 // 3
    assert set(used.values()) == {1}
    assert all(len(nodes) == 3 for _, nodes in kept)


@dataclass(frozen=True)
class CutOffice(Office):
    """An office that loses its connection before it learns what came of a posting."""

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Lose the connection."""
        raise OperationalError(f"{role}, {programme}: {len(events)} events")


def test_what_is_settled_while_another_looks_is_not_overlooked(
    funded: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = CutOffice(funded.office.sessions, funded.office.catalogue, funded.office.site)
    with pytest.raises(OperationalError):
        buying.buy(cut, wanted("FIRST", cards=cards(LISTED)), at=AT)
    between = reservations.between

    def settled_meanwhile(connection: Connection, *period: datetime, purchase: str) -> object:
        found = between(connection, *period, purchase=purchase)
        assert intent.recover(funded.office) == 1
        return found

    monkeypatch.setattr(reservations, "between", settled_meanwhile)

    assert not leasing.lease(funded.office, "OTHER", cards(1), "zhongwei", at=AT)


def test_a_lease_keeps_the_cards_for_its_purchase_only(funded: Desk) -> None:
    assert leasing.lease(funded.office, "MINE", cards(LISTED), "zhongwei", at=AT)

    assert not leasing.lease(funded.office, "OTHER", cards(1), "zhongwei", at=AT)
    with pytest.raises(CardsError, match="of which 0 are free"):
        funded.buy(wanted("OTHER", cards=cards(1)))
    later = AT + timedelta(hours=24)
    assert leasing.lease(funded.office, "LATER", cards(1), "zhongwei", at=later)
    assert funded.buy(wanted("MINE", cards=cards(LISTED))).reserved == cards(LISTED)


def test_a_lease_asked_for_again_is_the_same_lease(funded: Desk) -> None:
    for _ in range(2):
        assert leasing.lease(funded.office, "MINE", cards(200), "zhongwei", at=AT)

    assert funded.rows("SELECT purchase, cards FROM service.lease") == [("MINE", 200)]


def test_cards_are_free_again_when_a_lease_is_let_go_or_expires(funded: Desk) -> None:
    assert leasing.lease(funded.office, "FIRST", cards(LISTED), "zhongwei", at=AT)
    leasing.let_go(funded.office, "FIRST")
    assert leasing.lease(funded.office, "SECOND", cards(LISTED), "zhongwei", at=AT)
    funded.administer("UPDATE service.lease SET expires_at = clock_timestamp()")

    assert leasing.lease(funded.office, "THIRD", cards(LISTED), "zhongwei", at=AT)
    assert funded.rows("SELECT purchase FROM service.lease") == [("THIRD",)]


def test_a_purchase_that_is_given_up_frees_its_nodes_at_once(funded: Desk) -> None:
    assert leasing.lease(funded.office, "MINE", cards(LISTED), "zhongwei", at=AT)
    bought = funded.buy(wanted("MINE", cards=cards(LISTED)))

    buying.give_up(funded.office, bought, at=AT, why="a test")

    end = AT + timedelta(hours=1)
    taken = funded.office.transact("web", lambda it: reservations.between(it, AT, end))
    assert bought.applicant == FIRM
    assert taken == ()


def test_a_gang_that_no_node_can_hold_is_refused_though_cards_are_free(funded: Desk) -> None:
    """Thirty-two jobs of five cards leave three on each node: 96 cards, and none for four."""
    for n in range(LISTED // 8):
        assert leasing.lease(funded.office, f"R-{n}", cards(5), "zhongwei", at=AT)

    with pytest.raises(CardsError, match=r"of which 96 are free for so long, 3 of them on one"):
        funded.buy(wanted("GANG", cards=cards(4)))
