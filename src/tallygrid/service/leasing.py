"""Leasing: cards are kept for a purchase from its placement on, so that no two race for them.

Whoever takes cards of a pool first locks it, so that one at a time sees what is free and
takes it: by a lease while the purchase is made, then by the intent to buy, then by the
reservation that its posting leaves behind.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from tallygrid.placement.nodes import Reservation, fitted, free_nodes
from tallygrid.service import reservations
from tallygrid.service.intent import settle_first, unsettled
from tallygrid.service.office import Office
from tallygrid.service.purchase import Cards
from tallygrid.service.told import ToldError


class CardsError(ToldError):
    """The cards that were quoted have been taken meanwhile."""

    def __init__(self, purchase: str, cards: Cards, site: str, free: list[int]) -> None:
        counts = {"cards": cards.cards, "free": sum(free), "most": max(free, default=0)}
        super().__init__("no_cards", purchase=purchase, model=cards.model, site=site, **counts)


def lease(office: Office, purchase: str, cards: Cards, site: str, *, at: datetime) -> bool:
    """Keep cards for a purchase for some minutes; tell whether they were still free."""

    def taken(connection: Connection) -> bool:
        try:
            nodes = take(connection, office, purchase, cards, site, at=at)
        except CardsError:
            return False
        end = at + timedelta(seconds=cards.seconds)
        kept = Reservation(site, cards.model, cards.cards, at, end, nodes)
        reservations.keep(connection, purchase, kept)
        return True

    return office.transact("web", taken)


def let_go(office: Office, purchase: str) -> None:
    """Give back what was kept for a purchase that is not made."""
    office.transact("web", lambda connection: reservations.let_go(connection, purchase))


def take(
    connection: Connection, office: Office, purchase: str, cards: Cards, site: str, *, at: datetime
) -> tuple[int, ...]:
    """Return the nodes that a purchase may have; nobody else gets them in this transaction.

    Raises:
        CardsError: Others have taken the cards since they were quoted.
    """
    settle_first(connection, f"cards {site} {cards.model}")
    end = at + timedelta(seconds=cards.seconds)
    kept = reservations.leased(connection, purchase)
    if kept is not None and kept == Reservation(
        site, cards.model, cards.cards, at, end, kept.nodes
    ):
        return kept.nodes
    others = _taken(connection, office, purchase, at, end)
    taken = [one for one in others if (one.site, one.model) == (site, cards.model)]
    listed = office.catalogue.sites[site].cards[cards.model]
    free = free_nodes(listed, taken, start=at, end=end)
    nodes = fitted(free, cards.cards)
    if nodes is None:
        raise CardsError(purchase, cards, site, free)
    return nodes


def _taken(
    connection: Connection, office: Office, purchase: str, at: datetime, end: datetime
) -> tuple[Reservation, ...]:
    """Return what others have or are promised; each once, where it is known on which nodes.

    Promises are read first: one that is settled between the two readings, which needs no lock
    of the pool, is then seen twice and not overlooked.
    """
    promised = tuple(_promised(connection, office, purchase))
    reserved = reservations.between(connection, at, end, purchase=purchase)
    return (*reserved, *(one for one in promised if not one.nodes or one not in reserved))


def _promised(connection: Connection, office: Office, purchase: str) -> Iterator[Reservation]:
    """Yield the cards that intents to buy will reserve: promised, though not settled yet."""
    for intent in unsettled(connection, "buy"):
        body, cards = intent.wish.body, intent.wish.body["cards"]
        if cards is None or body["id"] == purchase:
            continue
        at = datetime.fromisoformat(body["at"])
        yield Reservation(
            site=office.catalogue.offers[body["offer"]].site,
            model=cards["model"],
            cards=cards["cards"],
            start=at,
            end=at + timedelta(seconds=cards["seconds"]),
            nodes=_nodes(intent.postings[-1].events[-1].outbox if intent.postings else None),
        )


def _nodes(payload: Mapping[str, Any] | None) -> tuple[int, ...]:
    reservation = (payload or {}).get("reservation")
    return tuple(reservation["nodes"]) if reservation else ()
