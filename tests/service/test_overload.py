"""A full queue is an answer: nothing is begun, and the same name may succeed later."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from desk import AT, CITY, PROVINCE, Desk, scheme, wanted

from tallygrid.core.books import Event, Outcome
from tallygrid.ledger.queue import OverloadError
from tallygrid.service import budgeting, buying, intent
from tallygrid.service.budgeting import Tranche
from tallygrid.service.office import Office


@dataclass(frozen=True)
class BusyOffice(Office):
    """An office whose queue is full after so many postings."""

    room: list[int] = field(default_factory=lambda: [0])

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Post, or say when to come again."""
        if not self.room[0]:
            raise OverloadError(programme, waiting=4096, retry_after_s=3)
        self.room[0] -= 1
        return super().post(role, programme, events)


def _busy(desk: Desk, room: int) -> BusyOffice:
    return BusyOffice(desk.office.sessions, desk.office.catalogue, desk.office.site, room=[room])


def test_what_was_not_begun_is_refused_for_now_and_not_done_behind_ones_back(
    funded: Desk,
) -> None:
    voucher = funded.voucher(CITY, "A-1", 7_500_000, contract="C-1")
    asked = wanted("O-1", voucher)

    answer = buying.buy(_busy(funded, 0), asked, at=AT)

    assert answer.refused is not None
    assert (answer.refused.code, answer.attempt, answer.final) == ("overload", 1, False)
    assert answer.refused.detail["retry_after_s"] == 3
    assert intent.recover(funded.office) == 0
    assert funded.held_fen(CITY) == 0
    again = buying.buy(funded.office, asked, at=AT)
    assert (again.accepted, again.attempt) == (True, 2)
    assert funded.problems() == ()


def test_what_was_begun_is_carried_to_its_end(funded: Desk) -> None:
    parts = budgeting.divided(scheme(CITY), 1_000)
    free_fen = funded.balance(CITY, "available::city").free_fen
    move = (scheme(CITY), scheme(PROVINCE), Tranche(AT.year, "T-1", parts))

    with pytest.raises(OverloadError):
        budgeting.transfer(_busy(funded, 1), *move, at=AT)
    assert funded.balance(CITY, "transferred_out::city").free_fen == 1_000

    assert intent.recover(funded.office) == 1
    assert budgeting.transfer(funded.office, *move, at=AT).accepted
    assert funded.balance(CITY, "available::city").free_fen == free_fen - 1_000
    assert funded.balance(PROVINCE, "transferred_in::city").total_fen == -500
    assert funded.problems() == ()
