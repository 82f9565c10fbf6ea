"""What applicants still owe of their own is received once, the late part first."""

from uuid import uuid4

import pytest
from desk import AT, CITY, FIRM, Desk

from tallygrid.core.books import Account, Event, Leg
from tallygrid.service import copaying
from tallygrid.service.copaying import OwnShare, OwnShareError
from tallygrid.service.intent import ConflictError


@pytest.fixture
def owing(funded: Desk) -> Desk:
    """The firm owes 300 fen of its own of last year, and 500 of this year."""
    for year, fen in ((AT.year - 1, 300), (AT.year, 500)):
        way = Account("copay_source", year), Account("copay_due", year, holder=FIRM)
        event = Event(uuid4(), "copay", (Leg(*way, fen),), AT)
        (outcome,) = funded.office.post("worker", CITY, [event])
        assert outcome.accepted
    return funded


def _receive(desk: Desk, amount_fen: int, receipt: str) -> None:
    copaying.receive(desk.office, CITY, FIRM, amount_fen=amount_fen, receipt=receipt, at=AT)


def _where(desk: Desk, year: int) -> list[int]:
    kinds = ("copay_due", "copay_overdue", "copay_received")
    return [desk.balance(CITY, f"{kind}:{FIRM}@{year}").total_fen for kind in kinds]


def test_money_that_comes_in_settles_the_oldest_first_and_once(owing: Desk) -> None:
    for _ in range(2):
        _receive(owing, 400, "R-1")

    assert _where(owing, AT.year - 1) == [0, 0, 300]
    assert _where(owing, AT.year) == [400, 0, 100]
    assert copaying.outstanding(owing.office) == (OwnShare(FIRM, CITY, 400, 0),)
    with pytest.raises(ConflictError):
        _receive(owing, 401, "R-1")
    assert owing.problems() == ()


def test_more_than_is_owed_is_not_booked(owing: Desk) -> None:
    with pytest.raises(OwnShareError, match="is more"):
        _receive(owing, 801, "R-1")

    assert copaying.outstanding(owing.office) == (OwnShare(FIRM, CITY, 800, 0),)


def test_what_is_late_is_told_apart_and_settled_all_the_same(owing: Desk) -> None:
    for _ in range(2):
        copaying.note_late(owing.office, CITY, FIRM, notice="N-1", at=AT)
    assert copaying.outstanding(owing.office) == (OwnShare(FIRM, CITY, 0, 800),)
    with pytest.raises(OwnShareError, match="owes nothing"):
        copaying.note_late(owing.office, CITY, FIRM, notice="N-2", at=AT)

    _receive(owing, 800, "R-1")

    assert copaying.outstanding(owing.office) == ()
    assert owing.problems() == ()
