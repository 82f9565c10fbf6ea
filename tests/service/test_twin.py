"""The same story in the live service and in the laboratory: the same to the fen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Final

import numpy as np
import pytest
from desk import (
    ASSUMPTIONS,
    AT,
    CATALOGUE,
    CITY,
    FACTS,
    FIRM,
    OTHER_FIRM,
    PROGRAMMES,
    PROVINCE,
    REIMBURSED,
    Desk,
    request,
    scheme,
)

from tallygrid.core.condition import Facts
from tallygrid.core.placement import Request
from tallygrid.core.programme import Scalar
from tallygrid.files.programme import known_facts
from tallygrid.lab.network import rows
from tallygrid.lab.network.office import Application, Office
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.schemes import Scheme, answers
from tallygrid.lab.network.world import Sites, World
from tallygrid.service import applying, buying, lines, voucher
from tallygrid.service.buying import Wanted
from tallygrid.service.lines import Accepted
from tallygrid.service.purchase import Cards
from tallygrid.service.quoting import Counter

SCHEMES: Final = (PROVINCE, CITY, REIMBURSED)
FIRMS: Final = (FIRM, OTHER_FIRM)
HOMES: Final[tuple[Mapping[str, Scalar], ...]] = ({}, {"registered_in": "310115"})
MONEY: Final[Mapping[str, int]] = {PROVINCE: 700_000, CITY: 90_000_000, REIMBURSED: 40_000_000}
VOCABULARY: Final = known_facts(tuple(PROGRAMMES.values()))
MODELS: Final = (frozenset[str](), frozenset({"H100"}), frozenset({"H100", "A100-80GB"}))
JOBS: Final = 24


@dataclass(frozen=True)
class Asked:
    """One application of the story."""

    name: str
    firm: int
    programme: str
    contract_fen: int
    at: datetime
    home: Mapping[str, Scalar]


@dataclass(frozen=True)
class Job:
    """One job of the story."""

    firm: int
    at: datetime
    request: Request


Story = tuple[
    list[tuple[str, str, int]], list[str | None], list[tuple[int, int]], dict[str, tuple[int, ...]]
]
"""Answers; offers; what each job paid in all and how much of it was public; balances."""


@pytest.mark.parametrize("seed", range(3))
def test_the_service_and_the_laboratory_tell_the_same_story(desk: Desk, seed: int) -> None:
    random = Random(seed)  # noqa: S311  # a story must repeat
    asked, jobs = _applications(random), _jobs(random)
    live, lab = _live(desk, asked, jobs), _laboratory(asked, jobs)
    assert {result for result, _, _ in live[0]} >= {"awarded", "barred", "waiting"}
    assert any(public for _, public in live[2])
    for part in range(4):
        assert lab[part] == live[part]
    assert desk.problems() == ()


def _applications(random: Random) -> list[Asked]:
    """Return applications in the order of time: two that go together, and some that cannot."""
    worth = [random.randrange(1_000_000, 9_000_000) for _ in FIRMS]
    found = []
    for n, (firm, programme) in enumerate(
        [(0, PROVINCE), (1, REIMBURSED), (0, CITY), (0, REIMBURSED), (0, PROVINCE), (1, CITY)]
    ):
        at = AT + timedelta(hours=6 * n + random.randrange(5))
        found.append(Asked(f"A-{n}", firm, programme, worth[firm], at, HOMES[firm]))
    return found


def _jobs(random: Random) -> list[Job]:
    found = [
        Job(
            firm=random.randrange(2),
            at=AT + timedelta(seconds=random.randrange(5 * 24 * 3600)),
            request=Request(
                cards=random.choice([1, 2, 5, 8, 24, 64, 128]),
                seconds=random.randrange(600, 40 * 3600),
                place=random.choice(["shanghai", "zhengzhou"]),
                models=random.choice(MODELS),
                data_gb=random.choice([0, 500]),
            ),
        )
        for _ in range(JOBS)
    ]
    return sorted(found, key=lambda one: one.at)


def _facts(asked: Asked) -> Facts:
    return request(asked.name, contract_fen=asked.contract_fen, **asked.home).facts


def _contract(firm: int) -> str:
    return f"C-{firm}"


def _live(desk: Desk, asked: Sequence[Asked], jobs: Sequence[Job]) -> Story:
    """Play the story through the service, on a clock that the story sets."""
    for programme, amount_fen in MONEY.items():
        desk.fund(programme, amount_fen)
    counter = Counter(desk.office, {name: scheme(name) for name in SCHEMES})
    told: list[tuple[str, str, int]] = []
    offers: list[str | None] = []
    underway: list[tuple[datetime, int, str]] = []
    moments: list[tuple[datetime, int, int]] = [(one.at, 0, n) for n, one in enumerate(asked)]
    moments += [(one.at, 1, n) for n, one in enumerate(jobs)]
    for at, what, n in sorted(moments):
        underway = _ended(desk, underway, at)
        if what == 0:
            told.append(_applied(desk, asked[n]))
            continue
        offer = _bought(desk, counter, n, jobs[n])
        offers.append(offer)
        if offer is not None:
            underway.append((at + timedelta(seconds=jobs[n].request.seconds), n, f"J-{n:03d}"))
    _ended(desk, underway, AT + timedelta(days=400))
    return told, offers, _paid(desk, jobs), {name: _balances(desk, name) for name in SCHEMES}


def _applied(desk: Desk, asked: Asked) -> tuple[str, str, int]:
    applied = applying.apply(
        desk.office,
        scheme(asked.programme),
        replace(
            request(asked.name, contract_fen=asked.contract_fen, **asked.home),
            applicant=FIRMS[asked.firm],
            contract=_contract(asked.firm),
        ),
        at=asked.at,
    )
    if applied.voucher is None:
        result = "barred" if applied.barred else applied.state
        return result, asked.programme, 0
    found = desk.office.transact("web", lambda it: voucher.find(it, str(applied.voucher)))
    assert found is not None
    return applied.state, asked.programme, found.face_fen


def _bought(desk: Desk, counter: Counter, n: int, job: Job) -> str | None:
    name, firm = f"J-{n:03d}", FIRMS[job.firm]
    purses = counter.purses(firm, {**FACTS, **HOMES[job.firm]}, kind="compute", at=job.at)
    proposal = counter.place(job.request, purses, at=job.at)
    if proposal.offer is None or proposal.quote is None:
        return None
    wanted = Wanted(
        id=name,
        applicant=firm,
        contract=_contract(job.firm),
        offer=proposal.offer.id,
        quantity=proposal.quote.quantity,
        vouchers=proposal.vouchers,
        cards=Cards(proposal.offer.model, job.request.cards, job.request.seconds),
    )
    purchase = desk.buy(wanted, at=job.at)
    assert buying.begin(desk.office, purchase, at=job.at).accepted
    return proposal.offer.id


def _ended(
    desk: Desk, underway: list[tuple[datetime, int, str]], at: datetime
) -> list[tuple[datetime, int, str]]:
    """Settle all that has ended by now, in the order of the ends."""
    for end, _, name in sorted(one for one in underway if one[0] <= at):
        purchase = desk.purchase(name)
        accepted = Accepted(
            n=1,
            quantity=purchase.quantity,
            used_at=end,
            evidence={},
            document=sha256(name.encode()).hexdigest(),
            final=True,
        )
        assert lines.capture(desk.office, purchase, accepted).accepted
    return [one for one in underway if one[0] > at]


def _paid(desk: Desk, jobs: Sequence[Job]) -> list[tuple[int, int]]:
    bills = dict(desk.rows("SELECT purchase, bill FROM service.line"))
    found = []
    for n in range(len(jobs)):
        bill = bills.get(f"J-{n:03d}")
        found.append(
            (0, 0)
            if bill is None
            else (
                bill["gross_fen"] - bill["discount_fen"],
                sum(part["subsidy_fen"] for part in bill["subsidies"]),
            )
        )
    return found


def _balances(desk: Desk, programme: str) -> tuple[int, ...]:
    """Return what is available, committed and owed."""
    sums = dict(
        desk.rows(
            f"""
            SELECT account.kind, sum(in_fen - out_fen)::bigint FROM books.account
            JOIN books.programme ON programme.id = account.programme
            WHERE programme.code = '{programme}' GROUP BY account.kind
            """  # noqa: S608  # a name of ours
        )
    )
    return tuple(int(sums.get(kind, 0)) for kind in ("available", "committed", "payable"))


def _laboratory(asked: Sequence[Asked], jobs: Sequence[Job]) -> Story:
    """Play the same story through the kernel, its decisions from the table."""
    run, office = _opened(jobs)
    for programme, amount_fen in MONEY.items():
        office.appropriate(programme, amount_fen)
    for one in asked:
        run.play(office.second(one.at))
        (alone,) = answers(office.schemes[one.programme], [(_facts(one), one.at)], VOCABULARY)
        office.apply(
            Application(
                one.name, one.firm, one.programme, _contract(one.firm), _facts(one), one.at, alone
            ),
            at=one.at,
        )
    run.play(office.second(AT + timedelta(days=50)))
    told = [(_state(one.result), one.application.programme, one.amount_fen)
            for one in office.answered]  # fmt: skip
    names = run.world.names
    offers = [None if offer < 0 else names[offer] for offer in run.fates[:, rows.OFFER]]
    paid = run.fates[:, rows.FIRST_PAID_FEN] + run.fates[:, rows.SECOND_PAID_FEN]
    bills = list(zip(run.fates[:, rows.BILLED_FEN].tolist(), paid.tolist(), strict=True))
    columns = [rows.AVAILABLE, rows.COMMITTED, rows.PAYABLE]
    balances = {
        name: tuple(run.budgets[n, columns].tolist()) for n, name in enumerate(run.programmes)
    }
    return told, offers, bills, balances


def _state(result: str) -> str:
    return {"undecided": "submitted"}.get(result, result)


def _opened(jobs: Sequence[Job]) -> tuple[Run, Office]:
    kinds: list[Request] = []
    for asked in (replace(j.request, cards=1, seconds=1, data_gb=0) for j in jobs):
        kinds += [] if asked in kinds else [asked]
    table = np.zeros((len(jobs), rows.JOB_COLUMNS), dtype=np.int64)
    for n, job in enumerate(jobs):
        kind = kinds.index(replace(job.request, cards=1, seconds=1, data_gb=0))
        table[n, rows.ARRIVAL] = (job.at - AT).total_seconds()
        table[n, [rows.FIRM, rows.KIND, rows.WORTH_FEN]] = job.firm, kind, rows.NEVER
        table[n, [rows.GANG, rows.RUN]] = job.request.cards, job.request.seconds
        table[n, rows.DATA_GB] = job.request.data_gb
    firms = np.full((2, rows.FIRM_COLUMNS), rows.NOBODY, dtype=np.int64)
    firms[:, rows.CASH_FEN] = rows.NEVER
    run = Run(World(CATALOGUE, Sites(nodes=True)), table, firms, kinds, SCHEMES, vouchers_max=10)
    schemes = {name: Scheme(PROGRAMMES[name], ASSUMPTIONS) for name in SCHEMES}
    return run, Office(run, schemes, AT)
