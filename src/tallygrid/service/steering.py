"""Steering: what the books and reservations say of where work went."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from psycopg import Connection

from tallygrid.core.placement import Placement
from tallygrid.core.steering import Placed, Steering, steering
from tallygrid.service.office import Office
from tallygrid.service.plain import load
from tallygrid.service.purchase import Purchase, recent

_LONGEST = timedelta(days=3660)
"""Purchases placed earlier than this before a period no longer run in it."""
_UNDONE = frozenset({"released", "failed"})


def placements(office: Office, *, start: datetime, end: datetime) -> Steering:
    """Return how the work of a period split; what was given up does not count."""

    def load_all(connection: Connection) -> list[Placed]:
        came = recent(connection, start - _LONGEST, end)
        return [found for one in came for found in _placed(one, start, end)]

    found = office.transact("web", load_all)
    return steering(office.catalogue, found, start=start, end=end)


def _placed(purchase: Purchase, start: datetime, end: datetime) -> Iterator[Placed]:
    """Yield a purchase's part in a period: its money in proportion to its time."""
    cards = purchase.reserved
    if cards is None or purchase.state in _UNDONE:
        return
    over = purchase.placed_at + timedelta(seconds=cards.seconds)
    within = int((min(over, end) - max(purchase.placed_at, start)).total_seconds())
    if within > 0:
        bill = purchase.bill
        yield Placed(
            site=purchase.site,
            card_seconds=cards.cards * within,
            gross_fen=bill.gross_fen * within // cards.seconds,
            subsidy_fen=bill.subsidy_fen * within // cards.seconds,
            request=load(Placement, purchase.placement).request if purchase.placement else None,
        )
