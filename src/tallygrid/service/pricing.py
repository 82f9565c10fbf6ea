"""Pricing: what cards and budgets are worth to later work, solved anew from time to time.

Work is what the last weeks let expect, hour by hour of the week, found it a place or not;
there is room where nothing is placed or queues, and as much money as the year has left for
so many days.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Request
from tallygrid.placement.capacity import Told
from tallygrid.placement.forecast import WEEK, WEEKS_MAX, Came, Forecast, History, forecast
from tallygrid.placement.nodes import Reservation
from tallygrid.placement.prices import Worth, solve
from tallygrid.placement.shelf import PoolKey, Shelf
from tallygrid.service import reservations, unplaced
from tallygrid.service.office import Office
from tallygrid.service.plain import load

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
    history: History
    """What the forecast rested on."""


def solve_prices(office: Office, *, at: datetime, days: int = 7) -> Solved:
    """Solve the prices of the next days on queue and forecast, and keep them."""
    until = at + timedelta(days=days)

    def load_all(
        connection: Connection,
    ) -> tuple[Forecast, Mapping[PoolKey, float], Mapping[str, int]]:
        before = came(connection, at - WEEK * WEEKS_MAX, at)
        found = forecast(before, since=_first(connection), at=at, until=until)
        taken = reservations.between(connection, at, until)
        free = _free(office.catalogue, taken, at, until)
        budgets = {
            name: _spendable_fen(connection, name, at, until - at)
            for name in sorted({one.programme for one in found.expected if one.programme})
        }
        return found, free, budgets

    found, free, budgets = office.transact("web", load_all)
    worth = solve(Shelf.of(office.catalogue), found.expected, free, budgets)
    solved = Solved(at, worth, found.history)
    office.transact("web", lambda connection: _keep(connection, solved))
    return solved


def latest(connection: Connection, at: datetime) -> Solved | None:
    """Return the prices that count at an instant; none if none were solved lately."""
    solution = connection.execute(
        """
        SELECT solved_at, period_h, periods, jobs FROM service.price_solution
        WHERE solved_at <= %s AND solved_at > %s ORDER BY solved_at DESC LIMIT 1
        """,
        (at, at - VALID),
    ).fetchone()
    if solution is None:
        return None
    solved_at, period_h, periods, jobs = solution
    rows = connection.execute(
        "SELECT kind, site, model, worth FROM service.price WHERE solved_at = %s", (solved_at,)
    ).fetchall()
    worth = Worth(
        {(site, model): worth for kind, site, model, worth in rows if kind == "pool"},
        {name: worth for kind, name, _, worth in rows if kind == "budget"},
    )
    history = History(timedelta(hours=period_h), periods, jobs)
    return Solved(solved_at.astimezone(at.tzinfo), worth, history)


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


def came(connection: Connection, start: datetime, end: datetime) -> tuple[Came, ...]:
    """Return the jobs that came in a period, and found a place or had a voucher for it."""
    return (*_placed(connection, start, end), *unplaced.wishes(connection, start, end))


def _placed(connection: Connection, start: datetime, end: datetime) -> Iterator[Came]:
    """Yield the jobs that were placed in a period, whatever became of them.

    One that has ended took as long as it did, not as long as was asked for it.
    """
    rows = connection.execute(
        """
        SELECT
            placed_at,
            extract(epoch FROM ends_at - starts_at)::integer,
            document #> '{placement,request}',
            document #> '{terms,grants,0}'
        FROM service.purchase LEFT JOIN service.reservation ON reservation.purchase = purchase.id
        WHERE placed_at >= %s AND placed_at < %s AND document #> '{placement,request}' IS NOT NULL
        ORDER BY placed_at, id
        """,
        (start, end),
    ).fetchall()
    for at, seconds, asked, grant in rows:
        request = load(Request, asked)
        request = replace(
            request, seconds=seconds or request.seconds, wait_seconds_max=0, budget_bp=0
        )
        programme, rate_bp = (grant["programme"], grant["rate_bp"]) if grant else ("", 0)
        yield Came(at, request, programme, rate_bp)


def _first(connection: Connection) -> datetime | None:
    """Return when the first job of all came: what came before nobody knows."""
    row = connection.execute(
        """
        SELECT least(min(placed_at), (SELECT min(asked_at) FROM service.unplaced))
        FROM service.purchase WHERE document #> '{placement,request}' IS NOT NULL
        """
    ).fetchone()
    return row[0] if row else None


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
        if (one.site, one.model) in free:  # else it is listed no longer
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
    history = solved.history
    period_h = history.period // timedelta(hours=1)
    connection.execute(
        "INSERT INTO service.price_solution VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (solved.at, period_h, history.times, history.jobs),
    )
    rows = [
        *((solved.at, "pool", *key, fen) for key, fen in solved.worth.pools_fen.items()),
        *((solved.at, "budget", name, "", bp) for name, bp in solved.worth.budgets_bp.items()),
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO service.price VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING", rows
        )
