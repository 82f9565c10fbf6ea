"""Asking: interrupted, repeated or asked by several at once, one name is one purchase."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import TypeVar

import pytest
from desk import AT, CITY, FACTS, FIRM, PROVINCE, Desk, DiedError, scheme
from psycopg import Connection

from tallygrid.core.workload import Gang, Order, Workload
from tallygrid.service import asking, buying
from tallygrid.service.asking import Ask
from tallygrid.service.intent import ConflictError
from tallygrid.service.office import Office
from tallygrid.service.quoting import Counter

SCHEMES = {name: scheme(name) for name in (PROVINCE, CITY)}
JOB = Workload("job", "compute", Gang(("H100",), 8, 1, Fraction(720)))
SERVERS = replace(JOB, order=Order("server_month", Fraction(1)))
SERVER = Workload("server", "compute", order=Order("server_month", Fraction(1, 2)))
BOTH = [(PROVINCE, "awarded"), (CITY, "awarded")]

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class OneVoucherOffice(Office):
    """An office whose process dies as soon as there is a voucher."""

    def transact(self, role: str, work: Callable[[Connection], _Found]) -> _Found:
        """Run work, or die before it."""
        query = "SELECT EXISTS (SELECT FROM service.voucher)"
        if super().transact("web", lambda it: it.execute(query).fetchone()) == (True,):
            raise DiedError
        return super().transact(role, work)


def _ask(name: str, workload: Workload = SERVER, **facts: str) -> Ask:
    return Ask(name, workload, FIRM, {**FACTS, "credit_code": FIRM, **facts})


def _apply(office: Office, name: str, at: datetime = AT) -> list[tuple[str, str]]:
    _, applied = asking.apply(Counter(office, SCHEMES), _ask(name), at=at)
    return [(one.decision.programme, one.state) for one in applied]


def _run(office: Office, name: str, at: datetime = AT) -> list[tuple[str, str]]:
    asking.ask_once(Counter(office, SCHEMES), _ask(name), at=at)
    shares = buying.found(office, name).shares
    return [(one.programme, "awarded") for one in shares]


@pytest.mark.parametrize("act", [_apply, _run])
def test_a_second_voucher_is_not_lost_where_the_first_was_all_that_was_made(
    funded: Desk, act: Callable[[Office, str, datetime], object]
) -> None:
    """It is asked for on the facts and the day of the first, though it is another day now."""
    base = funded.office
    with pytest.raises(DiedError):
        act(OneVoucherOffice(base.sessions, base.catalogue, base.site), "one", AT)
    assert funded.rows("SELECT programme FROM service.voucher") == [(PROVINCE,)]

    other = _ask("one", sector="manufacturing")
    with pytest.raises(ConflictError, match="application for contract C-one was asked for before"):
        asking.apply(Counter(base, SCHEMES), other, at=AT)

    assert act(base, "one", AT + timedelta(days=1)) == BOTH
    assert act(base, "one", AT + timedelta(days=2)) == BOTH
    assert funded.rows("SELECT DISTINCT submitted_at FROM service.application") == [(AT,)]
    assert not funded.problems()


@pytest.mark.soak
@pytest.mark.parametrize("act", [_apply, _run])
def test_killed_anywhere_it_comes_to_the_same_vouchers_and_the_same_bill(
    funded: Desk, act: Callable[[Office, str], object]
) -> None:
    for transactions in count():
        name = f"k-{transactions}"
        dying = funded.dying(transactions)
        with suppress(DiedError):
            act(dying, name)
        assert act(funded.office, name) == BOTH, transactions
        _run(funded.office, name)
        if dying.lifetime[0]:
            break
    bills = [funded.purchase(one).bill for one in _names(funded)]
    assert len({(one.gross_fen, one.subsidy_fen, one.co_payment_fen) for one in bills}) == 1
    assert not funded.problems()


def _names(desk: Desk) -> list[str]:
    return [name for (name,) in desk.rows("SELECT id FROM service.purchase")]


@pytest.mark.parametrize("workload", [JOB, SERVERS])
def test_who_asks_the_same_at_once_gets_the_one_purchase(funded: Desk, workload: Workload) -> None:
    """What the first has taken changes what the others would be offered: they are offered none."""
    counter = Counter(funded.office, SCHEMES)

    with ThreadPoolExecutor(4) as pool:
        moments = [AT + timedelta(seconds=n) for n in range(4)]
        asked = [
            pool.submit(asking.ask_once, counter, _ask("same", workload), at=at) for at in moments
        ]
    done = [one.result() for one in asked]

    assert [one.answer.accepted for one in done if one and one.answer] == [True]
    assert done.count(None) == 3
    assert _names(funded) == ["same"]
    assert [one.programme for one in funded.purchase("same").shares] == [PROVINCE, CITY]
