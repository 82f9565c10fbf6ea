"""Working: what nobody waits for and has to happen all the same, task by task, at its pace.

Nothing here is trusted to happen in time: a hold that is overdue pays nothing, a voucher
whose time is over buys nothing, and an intent goes on whoever asks next. A worker sees to it
that what was left lying does not lie for ever.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.job import JobState
from tallygrid.core.turn import Turn
from tallygrid.files.keys import published_folder, signing_key
from tallygrid.service import buying, ending, intent, pricing, publishing, running
from tallygrid.service import purchase as purchases
from tallygrid.service.each import each
from tallygrid.service.evidence import HistoryError
from tallygrid.service.holding import is_open
from tallygrid.service.office import Office
from tallygrid.service.purchase import Purchase

_HOLDS_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Task:
    """Something that is done again and again, and how often."""

    name: str
    every: timedelta
    do: Callable[[datetime], int]
    """Does it as of an instant; returns how much there was to do."""


@dataclass(frozen=True)
class Done:
    """What a turn came to: how much was done, or why it failed and when it is tried again."""

    task: str
    count: int = 0
    error: Exception | None = None
    again: datetime | None = None


def tasks(office: Office, home: Path) -> tuple[Task, ...]:
    """Return what a worker does, in the order in which it is done when all of it is due."""
    return tuple(Task(name, every, partial(do, office, home)) for name, every, do in _TASKS)


def work(
    wanted: Iterable[Task],
    *,
    now: Callable[[], datetime],
    since: Callable[[], timedelta],
    wait: Callable[[timedelta], bool],
    tell: Callable[[Done], None],
) -> None:
    """Do every task when it is due, one at a time, until told to stop.

    Args:
        wanted: The tasks; all of them are due at once.
        now: Tells the time, as of which a task is done.
        since: Tells how long ago something was that stays what it is. What is due follows from
            this alone: the clock may be set back or forward.
        wait: Waits for so long, or until work shall stop; returns whether it shall.
        tell: Is told of every turn. A task that failed is tried again, ever more slowly.
    """
    turns = {task: Turn(since()) for task in wanted}
    while True:
        task = min(turns, key=lambda one: turns[one].due)  # the first of those that are due
        if wait(max(timedelta(0), turns[task].due - since())):
            return
        done = attempt(task, now())
        failed = done.error is not None
        turns[task] = turns[task].after(every=task.every, failed=failed, at=since())
        again = now() + (turns[task].due - since()) if failed else None
        tell(Done(task.name, done.count, done.error, again))


def attempt(task: Task, at: datetime) -> Done:
    """Let a task have its turn; what it raises is told and harms no other."""
    try:
        return Done(task.name, task.do(at))
    except Exception as error:  # noqa: BLE001  # whatever it is, the others go on
        return Done(task.name, error=error)


def finish_jobs(office: Office) -> int:
    """Settle the jobs of this site that have ended and that nobody follows; return how many."""
    begun = office.transact("web", lambda connection: purchases.of_state(connection, "running"))
    site = office.site.identity
    others = office.transact("web", lambda it: purchases.served_elsewhere(it, site))
    ours = [
        one
        for one in begun
        if "command" in one.workload and not one.is_staged and one.id not in others
    ]
    followed = each(ours, lambda one: running.follow(office, one))
    return sum(1 for one in followed if one.ended or one.state is JobState.UNKNOWN)


def expire_holds(office: Office) -> int:
    """Expire overdue holds in every programme's books; return how many.

    Every posting expires holds by itself; this is for programmes that lie still.
    """
    books = office.transact("worker", ledger.programmes)
    return sum(each(books, lambda programme: _expired(office, programme)))


def give_up_lapsed(office: Office, at: datetime) -> int:
    """Give up the purchases whose holds have expired before they began; return how many.

    That frees the cards that were reserved, and gives back what was paid in.
    """
    lapsed = office.transact("web", _lapsed)
    why = "its hold expired before it began"
    return len(each(lapsed, lambda one: buying.give_up(office, one, at=at, why=why)))


def expire_vouchers(office: Office, at: datetime) -> int:
    """End the vouchers of every programme whose validity is over; return how many."""
    known = publishing.published(office)
    ended = each(known, lambda programme: ending.expire(office, programme, at=at))
    return sum(len(some) for some in ended)


def publish_heads(office: Office, home: Path, at: datetime) -> int:
    """Sign and publish the heads that are new; return how many.

    Raises:
        HistoryError: The books contradict a head that was published; the others are published.
    """
    key, folder = signing_key(home, at=at), published_folder(home)
    new, problems = office.transact("auditor", lambda it: ledger.publish(it, folder, key, at=at))
    if problems:
        raise HistoryError(problems)
    return len(new)


def _priced(office: Office, at: datetime) -> int:
    worth = pricing.solve_prices(office, at=at).worth
    return len(worth.pools_fen) + len(worth.budgets_bp)


def _expired(office: Office, programme: str) -> int:
    """Expire all that is overdue in one programme's books, so many at a time."""
    count = 0
    while some := office.transact(
        "worker", lambda it: ledger.expire_holds(it, programme, limit=_HOLDS_AT_ONCE)
    ):
        count += some
    return count


def _lapsed(connection: Connection) -> tuple[Purchase, ...]:
    """Return the purchases that have not begun and for which no more than a part is held."""
    held = purchases.of_state(connection, "held")
    return tuple(one for one in held if not all(is_open(connection, share) for share in one.shares))


_MINUTE: Final = timedelta(minutes=1)
_TASKS: Final[tuple[tuple[str, timedelta, Callable[[Office, Path, datetime], int]], ...]] = (
    ("outcomes", _MINUTE / 6, lambda office, _, __: intent.recover(office)),
    ("jobs", _MINUTE / 6, lambda office, _, __: finish_jobs(office)),
    ("holds", _MINUTE, lambda office, _, __: expire_holds(office)),
    ("purchases", _MINUTE, lambda office, _, at: give_up_lapsed(office, at)),
    ("vouchers", 60 * _MINUTE, lambda office, _, at: expire_vouchers(office, at)),
    ("heads", 10 * _MINUTE, publish_heads),
    ("prices", 60 * _MINUTE, lambda office, _, at: _priced(office, at)),
)
NAMES: Final = tuple(name for name, _, _ in _TASKS)
"""What the tasks are called."""
