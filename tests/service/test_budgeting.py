"""Budgets come in tranches, are taken back while they are free, and move between programmes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from desk import AT, CITY, PROVINCE, Desk, DiedError, scheme

from tallygrid import ledger
from tallygrid.service import budgeting, intent, publishing
from tallygrid.service.budgeting import FunderError, Tranche
from tallygrid.service.intent import ConflictError
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Answer

YEAR = AT.year


@pytest.fixture
def published(desk: Desk) -> Desk:
    for name in (PROVINCE, CITY):
        publishing.publish(desk.office, scheme(name), at=AT)
    return desk


def _reduce(desk: Desk, amount_fen: int, number: str) -> Answer:
    tranche = Tranche(YEAR, number, {"city": amount_fen})
    return budgeting.reduce(desk.office, scheme(CITY), tranche, at=AT)


def _move(desk: Desk, giving: str, taking: str, amount_fen: int, number: str) -> Answer:
    parts = budgeting.divided(scheme(giving), amount_fen)
    tranche = Tranche(YEAR, number, parts)
    return budgeting.transfer(desk.office, scheme(giving), scheme(taking), tranche, at=AT)


def _free(desk: Desk, programme: str, funder: str) -> int:
    return desk.balance(programme, f"available::{funder}").free_fen


def _both(desk: Desk) -> tuple[int, int]:
    """Return what the province's programme has free: of the city, of the province."""
    return _free(desk, PROVINCE, "city"), _free(desk, PROVINCE, "province")


def test_tranches_add_up_and_a_document_counts_once(published: Desk) -> None:
    for number, amount_fen in (("1", 1_000), ("2", 501), ("1", 1_000)):
        assert published.appropriate(PROVINCE, amount_fen, name=number).accepted

    assert _both(published) == (751, 750)
    with pytest.raises(ConflictError):
        published.appropriate(PROVINCE, 999, name="1")


def test_one_funder_alone_may_bring_its_part(published: Desk) -> None:
    tranche = Tranche(YEAR, "P-1", {"province": 300})

    assert budgeting.appropriate(published.office, scheme(PROVINCE), tranche, at=AT).accepted

    assert _both(published) == (0, 300)
    stranger = Tranche(YEAR, "P-2", {"nobody": 300})
    with pytest.raises(FunderError, match="no funder nobody"):
        budgeting.appropriate(published.office, scheme(PROVINCE), stranger, at=AT)


def test_only_what_is_free_is_taken_back(published: Desk) -> None:
    published.appropriate(CITY, 10_000_000, name="1")
    published.voucher(CITY, "A-1", 7_500_000)

    refused = _reduce(published, 8_500_001, "R-1")
    assert refused.refused is not None
    assert refused.refused.detail["available_fen"] == 8_500_000
    assert _reduce(published, 8_500_000, "R-2").accepted

    assert _free(published, CITY, "city") == 0
    assert published.problems() == ()


def test_a_transfer_arrives_whole_and_nets_to_zero(published: Desk) -> None:
    published.appropriate(CITY, 1_001, name="1")

    assert _move(published, CITY, PROVINCE, 1_001, "T-1").accepted
    assert _move(published, CITY, PROVINCE, 1_001, "T-1").accepted

    assert _free(published, CITY, "city") == 0
    assert _both(published) == (501, 500)
    assert published.problems() == ()


def test_a_transfer_of_more_than_is_free_moves_nothing(published: Desk) -> None:
    published.appropriate(CITY, 1_000, name="1")

    assert not _move(published, CITY, PROVINCE, 1_001, "T-1").accepted
    with pytest.raises(ToldError, match="cannot transfer money to itself"):
        _move(published, CITY, CITY, 1, "T-2")

    assert _free(published, CITY, "city") == 1_000
    assert _free(published, PROVINCE, "city") == 0


@pytest.mark.parametrize("transactions", range(6))
def test_a_transfer_that_is_interrupted_anywhere_arrives(
    published: Desk, transactions: int
) -> None:
    published.appropriate(CITY, 1_000, name="1")
    dying: Callable[[], Answer] = lambda: budgeting.transfer(  # noqa: E731  # called once
        published.dying(transactions),
        scheme(CITY),
        scheme(PROVINCE),
        Tranche(YEAR, "T-1", {"city": 400}),
        at=AT,
    )
    with pytest.raises(DiedError):
        dying()

    intent.recover(published.office)
    tranche = Tranche(YEAR, "T-1", {"city": 400})
    giving, taking = scheme(CITY), scheme(PROVINCE)
    assert budgeting.transfer(published.office, giving, taking, tranche, at=AT).accepted

    assert _free(published, CITY, "city") == 600
    assert _free(published, PROVINCE, "city") + _free(published, PROVINCE, "province") == 400
    assert published.problems() == ()


def test_money_moved_both_ways_at_once_never_waits_for_itself(published: Desk) -> None:
    """Opposed moves of many callers: no deadlock, and not a fen too many or too few."""
    for name in (CITY, PROVINCE):
        published.appropriate(name, 1_000, name="1")

    def move(n: int) -> bool:
        one, other = (CITY, PROVINCE) if n % 2 else (PROVINCE, CITY)
        return _move(published, one, other, 10 + n, f"T-{n}").accepted

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(move, range(24)))

    assert all(done)
    with published.server.connect("auditor") as auditor:
        found = [ledger.balances(auditor, name) for name in (CITY, PROVINCE)]
    total = sum(
        balance.free_fen
        for balances in found
        for account, balance in balances.items()
        if account.kind == "available"
    )
    assert total == 2_000
    seen = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert published.rows(seen) == [(0,)]
    assert published.problems() == ()
