"""What became of an application, as the analysts read it."""

from datetime import timedelta

from desk import AT, PROVINCE, Desk, wanted

from tallygrid.service import history


def test_a_row_tells_the_days_of_the_steps_and_the_numbers_but_not_who(funded: Desk) -> None:
    voucher = funded.voucher(PROVINCE, "C-1", 10_000_000)
    funded.apply(PROVINCE, "C-2", contract_fen=10_000_000, registered_in="310101")
    bought = AT + timedelta(days=3)
    funded.buy(wanted("J-1", voucher), at=bought)

    rows = funded.office.transact("auditor", lambda c: history.history(c, PROVINCE))

    used, refused = rows
    assert used["submitted"] == used["decided"] == used["issued"] == AT.date()
    assert used["first_used"] == bought.date()
    assert used["settled"] is None
    assert used["contract_fen"] == 10_000_000
    assert used["before_caps_fen"]
    assert refused["issued"] is None
    assert refused["first_used"] is None
    assert not {"applicant", "registered_in", "sound_finance"} & set(used)
