"""Pricing: what cards and budgets are worth to later work, solved anew from time to time.

What was placed in the last days is expected again in the next; there is room where nothing
is reserved, and as much money as the year has left for so many days.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Placement
from tallygrid.placement.capacity import Told
from tallygrid.placement.nodes import Reservation
from tallygrid.placement.prices import Expected, Worth, solve
from tallygrid.placement.shelf import PoolKey, Shelf
from tallygrid.service import reservations
from tallygrid.service.office import Office
from tallygrid.service.plain import load
from tallygrid.service.purchase import Purchase, recent

VALID: Final = timedelta(days=2)
"""How long prices count after they were solved."""
STALE: Final = timedelta(hours=1)
SILENT: Final = timedelta(days=1)
"""A report older than this says nothing any more."""


@dataclass(frozen=True)
class Solved:
    """Prices, and when they were solved."""

    at: datetime
    worth: Worth


def solve_prices(office: Office, *, at: datetime, days: int = 7) -> Solved:
    """Solve the prices of the next days on what came in the last, and keep them."""
    span = timedelta(days=days)
    shelf = Shelf.of(office.catalogue)

    def load_all(connection: Connection) -> Solved:
        came = recent(connection, at - span, at)
        expected = [one for purchase in came for one in _expected(purchase, at)]
        taken = reservations.between(connection, at, at + span)
        free = _free(office.catalogue, taken, at, at + span)
        budgets = {
            name: _spendable_fen(connection, name, at, span)
            for name in sorted({one.programme for one in expected if one.programme})
        }
        return Solved(at, solve(shelf, expected, free, budgets))

    solved = office.transact("web", load_all)
    office.transact("web", lambda connection: _keep(connection, solved))
    return solved


def latest(connection: Connection, at: datetime) -> Solved | None:
    """Return the prices that count at an instant; none if none were solved lately."""
    rows = connection.execute(
        """
        SELECT solved_at, kind, site, model, worth FROM service.price
        WHERE solved_at = (
            SELECT max(solved_at) FROM service.price WHERE solved_at <= %s AND solved_at > %s
        )
        """,
        (at, at - VALID),
    ).fetchall()
    if not rows:
        return None
    return Solved(
        rows[0][0].astimezone(at.tzinfo),
        Worth(
            {(site, model): worth for _, kind, site, model, worth in rows if kind == "pool"},
            {name: worth for _, kind, name, _, worth in rows if kind == "budget"},
        ),
    )


def report(office: Office, site: str, used_bp: int, *, at: datetime) -> None:
    """Keep what a site tells of its use; an older report never replaces a newer one."""

    def keep(connection: Connection) -> None:
        connection.execute(
            """
            INSERT INTO service.site_report AS old VALUES (%s, %s, %s)
            ON CONFLICT (site) DO UPDATE
            SET used_bp = EXCLUDED.used_bp, reported_at = EXCLUDED.reported_at
            WHERE old.reported_at < EXCLUDED.reported_at
            """,
            (site, used_bp, at),
        )

    office.transact("web", keep)


def told(connection: Connection, at: datetime) -> Told:
    """Return what is known of the pools at an instant, beside reservations.

    A site that reported once is expected to go on: an old report counts as one of a site
    wholly in use, and after a day as none.
    """
    rows = connection.execute(
        "SELECT site, used_bp, reported_at FROM service.site_report WHERE reported_at <= %s", (at,)
    ).fetchall()
    solved = latest(connection, at)
    return Told(
        shadow_fen_per_card_hour=solved.worth.pools_fen if solved else {},
        stale=frozenset(site for site, _, since in rows if at - since > STALE),
        silent=frozenset(site for site, _, since in rows if at - since > SILENT),
        utilisation_bp={site: used_bp for site, used_bp, _ in rows},
    )


def _expected(purchase: Purchase, at: datetime) -> Iterable[Expected]:
    """Yield a purchase as it may come again, as much later as the horizon, and cut off there."""
    if not purchase.placement or purchase.reserved is None:
        return
    request = load(Placement, purchase.placement).request
    lasting = timedelta(seconds=request.seconds)
    within = min(1.0, (at - purchase.placed_at) / lasting)
    grants = purchase.terms.grants
    programme, rate_bp = (grants[0].programme, grants[0].rate_bp) if grants else ("", 0)
    if within:
        again = replace(request, wait_seconds_max=0, budget_bp=0)
        yield Expected(again, within, programme, rate_bp)


def _free(
    catalogue: Catalogue, taken: Iterable[Reservation], start: datetime, end: datetime
) -> Mapping[PoolKey, float]:
    """Return the card-hours of every pool that nothing is reserved for."""
    hours = (end - start) / timedelta(hours=1)
    free = {
        (site.id, model): cards * hours
        for site in catalogue.sites.values()
        for model, cards in site.cards.items()
    }
    for one in taken:
        overlap = min(one.end, end) - max(one.start, start)
        free[one.site, one.model] -= one.cards * (overlap / timedelta(hours=1))
    return {key: max(0.0, left) for key, left in free.items()}


def _spendable_fen(connection: Connection, programme: str, at: datetime, span: timedelta) -> int:
    """Return what a programme may spend in a span, if what is left lasts to the year's end."""
    balances = ledger.balances(connection, programme)
    left_fen = sum(
        balance.free_fen
        for account, balance in balances.items()
        if account.family == "money" and account.kind in {"available", "reserved", "committed"}
    )
    year_left = at.replace(month=12, day=31, hour=23) - at
    return int(left_fen * min(1.0, span / max(year_left, span)))


def _keep(connection: Connection, solved: Solved) -> None:
    rows = [
        *((solved.at, "pool", *key, fen) for key, fen in solved.worth.pools_fen.items()),
        *((solved.at, "budget", name, "", bp) for name, bp in solved.worth.budgets_bp.items()),
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO service.price VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING", rows
        )
