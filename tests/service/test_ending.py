"""A voucher ends when its time is over or when it is taken back; what is left goes back."""

import itertools
from contextlib import suppress
from datetime import datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from desk import AT, CITY, FIRM, Desk, DiedError, wanted

from tallygrid.core.books import REGISTRY
from tallygrid.service import buying, ending, intent, outbox, voucher
from tallygrid.service.ending import Ended
from tallygrid.service.office import Office
from tallygrid.service.told import ToldError
from tallygrid.service.voucher import Voucher

CONTRACT_FEN = 60_000_000
FACE_FEN = 12_000_000


def _row(desk: Desk, name: str) -> Voucher:
    found = desk.office.transact("web", lambda connection: voucher.find(connection, name))
    assert found is not None, name
    return found


def _over(desk: Desk, name: str) -> datetime:
    """Return the first instant at which a voucher's time is over."""
    row = _row(desk, name)
    return datetime.combine(row.valid_until, time(), ZoneInfo(row.zone))


def _expire(desk: Desk, at: datetime) -> tuple[Ended, ...]:
    return ending.expire(desk.office, CITY, at=at)


def test_a_voucher_expires_on_its_last_day_and_not_before(funded: Desk) -> None:
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN)
    over = _over(funded, name)

    assert _expire(funded, over - timedelta(seconds=1)) == ()
    assert _expire(funded, over) == (Ended(name, "expired", FACE_FEN),)

    assert _row(funded, name).state == "expired"
    assert funded.balance(CITY, f"committed:{name}:city").total_fen == 0
    assert _expire(funded, over) == ()
    assert funded.problems() == ()


def test_what_goes_back_within_its_year_may_be_promised_again_and_later_lapses(
    funded: Desk,
) -> None:
    first = funded.voucher(CITY, "A-1", CONTRACT_FEN)
    second = funded.voucher(CITY, "A-2", CONTRACT_FEN)
    free_fen = funded.balance(CITY, "available::city").free_fen

    ending.revoke(funded.office, first, at=AT, why="a false statement")
    _expire(funded, AT.replace(year=AT.year + 2))

    assert funded.balance(CITY, "available::city").free_fen == free_fen + FACE_FEN
    assert funded.balance(CITY, "lapsed::city").free_fen == FACE_FEN
    assert (_row(funded, first).state, _row(funded, second).state) == ("revoked", "expired")


def test_caps_and_the_contract_count_no_more_what_went_back(funded: Desk) -> None:
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN)
    used = funded.rows("SELECT code FROM books.account WHERE kind IN ('cap_used', 'ceiling_used')")
    assert used

    ending.revoke(funded.office, name, at=AT, why="a false statement")

    still = funded.rows(
        "SELECT code FROM books.account"
        " WHERE kind IN ('cap_used', 'ceiling_used') AND in_fen <> out_fen"
    )
    assert still == []
    assert funded.balance(REGISTRY, f"ceiling_room:{FIRM}.A-1@9999").free_fen == CONTRACT_FEN
    assert funded.voucher(CITY, "A-3", CONTRACT_FEN, contract="A-1")
    assert funded.problems() == ()


def test_work_that_has_not_begun_is_given_up_when_its_voucher_is_revoked(funded: Desk) -> None:
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    funded.buy(wanted("R-1", name, quantity=2))

    done = ending.revoke(funded.office, name, at=AT, why="a false statement")

    assert done == Ended(name, "revoked", FACE_FEN)
    assert funded.purchase("R-1").state == "failed"
    assert funded.balance(CITY, f"copay_received:{FIRM}").total_fen == 0


def test_a_revocation_that_dies_anywhere_is_finished_by_whoever_asks_again(funded: Desk) -> None:
    """Killed after each of its transactions, while others carry over what the books have left."""

    def revoke(office: Office, name: str) -> Ended:
        return ending.revoke(office, name, at=AT, why="a false statement")

    for lifetime in itertools.count(1):
        name = funded.voucher(CITY, f"A-{lifetime}", CONTRACT_FEN)
        funded.buy(wanted(f"R-{lifetime}", name, quantity=2, contract=f"A-{lifetime}"))
        has_died = True
        with suppress(DiedError):
            revoke(funded.dying(lifetime), name)
            has_died = False
        funded.office.transact("web", outbox.drain)
        assert revoke(funded.office, name) == Ended(name, "revoked", FACE_FEN)
        assert funded.office.transact("web", intent.unsettled) == ()
        if not has_died:
            break
    assert lifetime > 10, "it takes many"
    assert funded.problems() == ()


def test_work_that_has_begun_is_finished_and_paid_and_the_rest_goes_back_then(
    funded: Desk,
) -> None:
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    purchase = funded.buy(wanted("R-1", name, quantity=2))
    buying.begin(funded.office, purchase, at=AT)
    held_fen = funded.balance(CITY, f"committed:{name}:city").held_fen

    done = ending.revoke(funded.office, name, at=AT, why="a false statement")
    assert done.back_fen == FACE_FEN - held_fen
    assert funded.deliver(purchase, 1, Fraction(1), final=True).accepted

    owed_fen = funded.balance(CITY, f"payable:{purchase.provider}:city").free_fen
    assert owed_fen == 1_500_000
    assert _expire(funded, AT) == (Ended(name, "revoked", held_fen - owed_fen),)
    again = ending.revoke(funded.office, name, at=AT, why="a false statement")
    assert again.back_fen == FACE_FEN - owed_fen, "all that ever went back"
    assert _row(funded, name).state == "revoked"
    assert funded.problems() == ()


def test_a_claim_that_was_used_stays_made(funded: Desk) -> None:
    """One contract, one claim: what was paid on it once is not claimed again."""
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    purchase = funded.buy(wanted("R-1", name, quantity=1))
    funded.deliver(purchase, 1, Fraction(1), final=True)

    ending.revoke(funded.office, name, at=AT, why="a false statement")

    assert funded.balance(REGISTRY, f"ceiling_used:{FIRM}.C-1@9999").total_fen == 1_500_000
    assert funded.balance(REGISTRY, f"ceiling_used:{CITY}.{FIRM}.C-1@9999").total_fen == 1


def test_a_voucher_that_is_used_up_cannot_be_taken_back(funded: Desk) -> None:
    name = funded.voucher(CITY, "A-1", 7_500_000, contract="C-1")
    funded.deliver(funded.buy(wanted("R-1", name)), 1, Fraction(1), final=True)

    with pytest.raises(ToldError, match="is used up"):
        ending.revoke(funded.office, name, at=AT, why="too late")
