"""The rows of vouchers keep to the table of their life in the core."""

from fractions import Fraction
from itertools import pairwise

from desk import CITY, PROVINCE, Desk, wanted

from tallygrid.core.voucher import VoucherState, act_of, voucher_after
from tallygrid.service import buying, voucher
from tallygrid.service.voucher import Voucher

CONTRACT_FEN = 60_000_000
PARTS = (Fraction(2), Fraction(2), Fraction(4))


def test_a_voucher_is_used_in_part_and_then_up_as_its_table_allows(funded: Desk) -> None:
    """Each state in its row follows from the one before by an act that the table knows."""
    name = funded.voucher(CITY, "A-1", CONTRACT_FEN, contract="C-1")
    purchase = funded.buy(wanted("R-1", name, quantity=8))
    buying.begin(funded.office, purchase, at=purchase.placed_at)

    seen = [(0, _row(funded, name).state)]
    for n, part in enumerate(PARTS, start=1):
        funded.deliver(purchase, n, part, final=n == len(PARTS))
        spent_fen = funded.balance(CITY, f"committed:{name}:city").out_fen
        seen.append((spent_fen, _row(funded, name).state))

    assert [state for _, state in seen] == ["issued", "part_used", "part_used", "used_up"]
    face_fen = _row(funded, name).face_fen
    for (before_fen, before), (after_fen, after) in pairwise(seen):
        act = act_of(face_fen=face_fen, used_before_fen=before_fen, used_fen=after_fen)
        assert voucher_after(VoucherState(before), act) == after


def test_a_voucher_that_paid_nothing_of_a_line_stays_as_it_was(funded: Desk) -> None:
    """A use too short for a fen of subsidy is a line, and no use of the voucher."""
    name = funded.voucher(PROVINCE, "A-1", CONTRACT_FEN, contract="C-1")
    purchase = funded.buy(wanted("R-1", name, quantity=1))
    buying.begin(funded.office, purchase, at=purchase.placed_at)

    funded.deliver(purchase, 1, Fraction(1, 10**9), final=True)

    assert _row(funded, name).state == "issued"


def _row(desk: Desk, name: str) -> Voucher:
    found = desk.office.transact("web", lambda connection: voucher.find(connection, name))
    assert found is not None, name
    return found
