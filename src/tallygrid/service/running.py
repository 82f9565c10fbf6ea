"""Running: a purchase of cards becomes a job at its site, and what it used becomes a line.

No call to a site is made inside a transaction. The key of every attempt follows from the
purchase, so whoever takes over after a crash asks for the same job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from tallygrid.core.job import JobOrder, JobState, Status, Usage
from tallygrid.core.key import key_of
from tallygrid.service import buying, lines
from tallygrid.service import purchase as purchases
from tallygrid.service.intent import PendingError, resume, settle_first
from tallygrid.service.lines import Accepted
from tallygrid.service.office import Office
from tallygrid.service.purchase import Purchase
from tallygrid.service.wish import Answer

ATTEMPTS_MAX: Final = 3
"""A job whose meter died is run again, under a key of its own, so many times in all."""

_BILLED: Final = frozenset({JobState.DONE, JobState.FAILED, JobState.TIMED_OUT})
"""The cards were held and measured, however the program ended."""


@dataclass(frozen=True)
class Followed:
    """How a purchase's job stands, and what was done about it."""

    state: JobState
    attempt: int
    usage: Usage | None = None
    answer: Answer | None = None

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will happen."""
        return self.answer is not None


def start(office: Office, purchase: Purchase, *, at: datetime) -> Answer:
    """Tell the books that work begins, then hand the job to its site.

    The answer is a refusal if a hold has expired meanwhile: then no job is submitted, for
    nothing is set aside to pay for it, and the purchase is given up.

    Raises:
        ToldError: Another site runs the job.
    """
    begun = buying.begin(office, purchase, at=at)
    if not begun.accepted:
        buying.give_up(office, purchase, at=at, why="its hold expired before it began")
        return begun
    ours = office.site.identity
    office.transact("web", lambda it: purchases.require_site(it, purchase.id, ours))
    attempt, status = _latest(office, purchase)
    if status.state is JobState.UNKNOWN:
        office.site.submit(_order(purchase, attempt))
    return begun


def follow(office: Office, purchase: Purchase) -> Followed:
    """Ask how a job stands; settle it if it has ended, run it again if it was lost.

    Call it as often as you like: what was settled stays settled.

    Raises:
        ToldError: Another site runs the job: this one must neither begin nor settle it.
    """
    attempt, status = _latest(office, purchase)
    if status.state is JobState.UNKNOWN:
        begun = start(office, purchase, at=purchase.placed_at)
        return Followed(status.state, attempt, None, None if begun.accepted else begun)
    if not status.state.ended:
        return Followed(status.state, attempt)
    usage, ours = status.usage, office.site.identity
    if status.state in _BILLED and usage is not None and _is_as_expected(purchase, usage):
        answer = lines.capture(office, purchase, _accepted(purchase, usage), site=ours)
    else:
        why = f"job ended as {status.state}; nothing that can be accepted was measured"
        answer = buying.give_up(office, purchase, at=purchase.placed_at, why=why, site=ours)
    return Followed(status.state, attempt, usage, answer)


def take_over(office: Office, purchase: Purchase) -> None:
    """Let this site run a purchase's job anew, because the one that ran it is lost for good.

    What that one has settled by now stands.

    Raises:
        StateError: Its work has not begun, or is over.
    """
    ours, ends = office.site.identity, ("capture", "give_up")

    def taken(connection: Connection) -> None:
        settle_first(connection, purchase.id, *ends, purchase=purchase.id)
        purchases.require_state(connection, purchase, "running")
        purchases.give_to(connection, purchase.id, ours)

    while True:
        resume(office, *ends, purchase=purchase.id)
        try:
            return office.transact("web", taken)
        except PendingError:
            continue  # its site began to settle it in between; that is finished first


def _latest(office: Office, purchase: Purchase) -> tuple[int, Status]:
    """Return the attempt that counts: the first that was not lost."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        status = office.site.find(job_key(purchase, attempt))
        if status.state is not JobState.LOST:
            break
    return attempt, status


def job_key(purchase: Purchase, attempt: int = 1) -> UUID:
    """Return the key under which a site knows an attempt at a purchase's job."""
    assert purchase.job is not None, purchase.id
    return key_of(purchase.job, attempt)


def _order(purchase: Purchase, attempt: int) -> JobOrder:
    workload: Mapping[str, Any] = purchase.workload
    return JobOrder(
        key=job_key(purchase, attempt),
        site=purchase.site,
        cards=workload["cards"],
        command=tuple(workload["command"]),
        time_limit_s=workload["time_limit_s"],
        environment=dict(workload.get("environment", {})),
        attempt=attempt,
    )


def _is_as_expected(purchase: Purchase, usage: Usage) -> bool:
    """Hold the output against the known answer, where the workload has one."""
    expected = purchase.workload.get("expected_sha256", "")
    return not expected or expected == usage.output_sha256


def _accepted(purchase: Purchase, usage: Usage) -> Accepted:
    """Turn measured use into a line, on the clock that the purchase was made on.

    One measured second is one second, but in a demonstration that says otherwise.
    """
    clock = int(purchase.workload.get("clock", 1))
    return Accepted(
        n=1,
        quantity=purchase.terms.price.quantity_of(usage.card_ms * clock),
        used_at=purchase.placed_at + timedelta(milliseconds=usage.wall_ms * clock),
        evidence={**usage.as_json(), "clock": clock},
        document=usage.evidence_sha256,
        final=True,
    )
