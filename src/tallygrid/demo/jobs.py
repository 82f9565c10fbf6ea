"""Jobs: each is placed, held for, really run, metered and settled, a few at a time."""

from collections import Counter, deque
from dataclasses import replace
from datetime import datetime, timedelta
from time import sleep
from typing import Any, Final

from tallygrid.core.demand import JobRequest
from tallygrid.core.placement import Placement
from tallygrid.demo.applications import contract_of
from tallygrid.demo.cast import placement_request
from tallygrid.demo.stage import Stage, wanted
from tallygrid.service import running
from tallygrid.service.plain import dump
from tallygrid.service.purchase import Cards, Purchase
from tallygrid.sites.payload import SEEDS, expected, training_step

TIME_LIMIT_S: Final = 120
"""How long the real process of a job may take; it needs a fraction of a second."""

_UNDERWAY_MAX: Final = 6
"""Jobs handed over and not settled; more than the site has slots, so that none stands idle."""

_POLL_S: Final = 0.02


def play(stage: Stage) -> None:
    """Play the scene: jobs start in the order in which they arrived, and end when they end."""
    jobs = [*stage.demand.jobs, *_oversize(stage)]
    underway: deque[Purchase] = deque()
    ended = 0
    stage.watch("run", ended, len(jobs))
    for job in jobs:
        while len(underway) >= _UNDERWAY_MAX:
            ended += _settle(stage, underway)
            stage.watch("run", ended, len(jobs))
        purchase = _start(stage, job)
        if purchase is None:
            ended += 1
        else:
            underway.append(purchase)
    while underway:
        ended += _settle(stage, underway)
        stage.watch("run", ended, len(jobs))


def _start(stage: Stage, job: JobRequest) -> Purchase | None:
    """Place a job, hold money and cards for it, and hand it to its site."""
    name, at = f"J-{job.number:04d}", stage.opened_at + timedelta(seconds=job.arrival_s)
    purchase = stage.once(name, lambda: _buy(stage, name, job, at))
    if purchase is not None and purchase.state in {"held", "running"}:
        running.start(stage.office, purchase, at=at)
        return purchase
    return None


def _buy(stage: Stage, name: str, job: JobRequest, at: datetime) -> Purchase | None:
    contract = contract_of(stage, stage.firm(job.firm))
    request = placement_request(
        job, contract.facts, stage.office.catalogue, stage.script.wishes, seed=stage.seed
    )
    purses = stage.purses(contract, "compute", at=at)
    proposal = stage.counter.place(request, purses, at=at)
    assert proposal.placement is not None, name
    if proposal.offer is None:
        stage.note("unplaced", name, {"job": name, "cards": job.cards, **_why(proposal.placement)})
        return None
    cards = Cards(proposal.offer.model, job.cards, request.seconds)
    bought = wanted(name, contract, proposal, cards)
    return stage.buy(
        replace(bought, workload=_workload(stage, job), placement=_placement(proposal.placement)),
        at=at,
    )


def _workload(stage: Stage, job: JobRequest) -> dict[str, Any]:
    """Return the real work of a job: a training step with a known answer."""
    seed = job.number % SEEDS
    return {
        "cards": job.cards,
        "command": list(training_step(seed)),
        "time_limit_s": TIME_LIMIT_S,
        "expected_sha256": expected()[seed].output_sha256,
        "origin": job.origin,
        "clock": stage.script.clock,
    }


def _placement(placement: Placement) -> dict[str, Any]:
    """Return why a job went where it did: the request, and every offer's verdict."""
    plain: dict[str, Any] = dump(placement)
    return plain


def _settle(stage: Stage, underway: deque[Purchase]) -> int:
    """Settle those that have ended; if none has, wait a moment. Return how many ended."""
    before = len(underway)
    for _ in range(before):
        purchase = underway.popleft()
        if not running.follow(stage.office, purchase).ended:
            underway.append(purchase)
    if len(underway) == before:
        sleep(_POLL_S)
    return before - len(underway)


def _why(placement: Placement) -> dict[str, Any]:
    """Return how many offers each reason excluded."""
    reasons = Counter(code for one in placement.verdicts for code in one.codes)
    return {"reasons": dict(sorted(reasons.items()))}


def _oversize(stage: Stage) -> list[JobRequest]:
    """Return a job larger than every site, if the script asks for one."""
    cards, last = stage.script.oversize_cards, stage.demand.jobs[-1]
    if not cards:
        return []
    return [replace(last, number=last.number + 1, cards=cards, origin="synthetic")]
