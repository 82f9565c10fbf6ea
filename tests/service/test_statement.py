"""Statements: a month begins where the last one ended, and all of it is in the books."""

from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from desk import AT, CATALOGUE, CITY, OTHER_FIRM, PROVINCE, SERVER, Desk, used, wanted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallygrid.core.payment import Receipt
from tallygrid.core.statement import COLUMNS, Month, Statement, Sums, total
from tallygrid.service import lines, parties, paying
from tallygrid.service.statement import NoPartyError, statement

PROVIDER: Final = CATALOGUE.providers[CATALOGUE.offers[SERVER].provider].credit_code
ZONE: Final = ZoneInfo("Asia/Shanghai")
MONTHS: Final = [Month(2026, n) for n in range(4, 13)]


def drawn(desk: Desk, month: Month, party: str = PROVIDER) -> Statement:
    with desk.server.connect("auditor") as connection:
        return statement(connection, party, month, ZONE, at=AT)


def in_the_books(desk: Desk, party: str = PROVIDER) -> Sums:
    """Return what the books say of a party, all programmes, years and funders together."""
    rows: list[Any] = desk.rows(
        f"SELECT kind, (in_fen - out_fen)::bigint FROM books.account WHERE holder = '{party}'"  # noqa: S608  # our own name
    )
    return total(Sums.of(kind, fen) for kind, fen in rows)


def earn(desk: Desk, n: int, *, month: int, share: Fraction = Fraction(1, 3)) -> None:
    """Let a server be used, some months after it was ordered."""
    name = f"A-{n}"
    programme = (CITY, PROVINCE)[n % 2]
    voucher = desk.voucher(programme, name, 8_000_000)
    bought = desk.buy(wanted(f"O-{n}", voucher, contract=name))
    at = AT + timedelta(days=31 * month)
    accepted = used(1, share, final=True)
    moved = type(accepted)(**{**vars(accepted), "used_at": at, "document": f"{n:064x}"})
    assert lines.capture(desk.office, bought, moved).accepted


STEPS: Final = st.lists(
    st.tuples(st.sampled_from(["earn", "earn", "pay", "confirm", "fail"]), st.integers(0, 5)),
    min_size=4,
    max_size=10,
)


def test_every_month_begins_where_the_last_one_ended(funded: Desk) -> None:
    numbers = iter(range(1, 10_000))

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def play(steps: list[tuple[str, int]]) -> None:
        for what, month in steps:
            _step(funded, what, next(numbers), month)
        found = [drawn(funded, month) for month in MONTHS]

        assert found[0].opening == Sums()
        for before, after in pairwise(found):
            assert after.opening == before.closing
        assert found[-1].closing == in_the_books(funded)
        assert all(one.month == month for one, month in zip(found, MONTHS, strict=True))

    play()
    assert funded.problems() == ()


def _step(desk: Desk, what: str, n: int, month: int) -> None:
    at = AT + timedelta(days=31 * month)
    if what == "earn":
        earn(desk, n, month=month)
    elif what == "pay":
        paying.prepare(desk.office, programme=(CITY, PROVINCE)[n % 2], batch=f"B-{n}", at=at)
    else:
        waiting = [one for one in paying.payments(desk.office) if one.state == "sent"]
        receipts = [Receipt(one.id, f"T-{one.id}", one.amount_fen, what == "confirm")
                    for one in waiting[:1]]  # fmt: skip
        paying.confirm(desk.office, receipts, at=max([at, *(one.sent_at for one in waiting[:1])]))


def test_a_month_shows_what_happened_in_it(funded: Desk) -> None:
    earn(funded, 2, month=0)
    earn(funded, 4, month=1)
    may, june = (drawn(funded, Month(2026, month)) for month in (5, 6))

    assert [(one.event, one.voucher, one.reason) for one in may.movements] == [
        ("capture", "V-A-2", "line 1")
    ]
    named = [one for one in CATALOGUE.providers.values() if one.credit_code == PROVIDER]
    assert (may.name, may.party) == (named[0].name.zh, PROVIDER)
    assert june.opening == may.closing == Sums(payable_fen=may.movements[0].change.payable_fen)
    assert june.closing == in_the_books(funded)


def test_the_days_of_a_month_are_those_of_its_zone(funded: Desk) -> None:
    """Midnight between May and June in Shanghai is still May in UTC."""
    earn(funded, 2, month=0)
    funded.administer(
        "SET session_replication_role = replica;"
        "UPDATE books.event SET occurred_at = '2026-06-01 00:00+08' WHERE kind = 'capture'"
        " AND document = repeat('0', 63) || '2'"
    )

    assert drawn(funded, Month(2026, 5)).movements == ()
    assert len(drawn(funded, Month(2026, 6)).movements) == 1


def test_a_firm_that_is_known_by_its_code_is_called_so_and_one_by_its_name_stays_so(
    funded: Desk,
) -> None:
    for code, name in ((OTHER_FIRM, {"en": OTHER_FIRM}), (PROVIDER, {"en": PROVIDER})):
        parties.register(funded.office, code, name=name, facts={})
    new = "91410105MA0000003X"
    parties.register(funded.office, new, name={"en": new}, facts={})

    assert drawn(funded, Month(2026, 5), new).name == new
    named = [one for one in CATALOGUE.providers.values() if one.credit_code == PROVIDER]
    assert drawn(funded, Month(2026, 5)).name == named[0].name.zh
    assert (OTHER_FIRM,) in funded.rows("SELECT id FROM service.party WHERE facts <> '{}'")


def test_nobody_is_told_by_name(funded: Desk) -> None:
    with pytest.raises(NoPartyError, match="'X'"):
        drawn(funded, Month(2026, 5), "X")


def test_a_statement_has_a_column_for_every_account_of_a_party() -> None:
    from tallygrid.core.books import ACCOUNT_KINDS  # noqa: PLC0415  # this test alone needs it

    assert set(COLUMNS) == {
        name for name, kind in ACCOUNT_KINDS.items() if kind.holder_of == "party"
    }
