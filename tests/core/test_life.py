"""The lives of vouchers and applications are what their tables say."""

import itertools

import pytest

from tallygrid.core.application import (
    NEXT_APPLICATION,
    ApplicationAct,
    ApplicationActError,
    ApplicationState,
    application_after,
)
from tallygrid.core.voucher import (
    NEXT_VOUCHER,
    VoucherAct,
    VoucherActError,
    VoucherState,
    act_of,
    voucher_after,
)


@pytest.mark.parametrize(
    ("state", "act"), list(itertools.product(VoucherState, VoucherAct)), ids=str
)
def test_a_voucher_does_what_the_table_allows_and_nothing_else(
    state: VoucherState, act: VoucherAct
) -> None:
    if (state, act) in NEXT_VOUCHER:
        assert voucher_after(state, act) is NEXT_VOUCHER[state, act]
    else:
        with pytest.raises(VoucherActError, match=f"is {state} cannot {act}"):
            voucher_after(state, act)


@pytest.mark.parametrize("state", [VoucherState.EXPIRED, VoucherState.REVOKED])
def test_nothing_happens_to_a_voucher_that_has_ended(state: VoucherState) -> None:
    with pytest.raises(VoucherActError, match="Nothing more can happen"):
        voucher_after(state, VoucherAct.USE_PART)


@pytest.mark.parametrize(
    ("before", "after", "act"),
    [
        (0, 40, VoucherAct.USE_PART),
        (40, 100, VoucherAct.USE_REST),
        (100, 60, VoucherAct.RETURN_PART),
        (60, 0, VoucherAct.RETURN_ALL),
    ],
)
def test_the_act_follows_from_the_amounts(before: int, after: int, act: VoucherAct) -> None:
    assert act_of(face_fen=100, used_before_fen=before, used_fen=after) is act


@pytest.mark.parametrize(
    ("state", "act"), list(itertools.product(ApplicationState, ApplicationAct)), ids=str
)
def test_an_application_does_what_the_table_allows_and_nothing_else(
    state: ApplicationState, act: ApplicationAct
) -> None:
    if (state, act) in NEXT_APPLICATION:
        assert application_after(state, act) is NEXT_APPLICATION[state, act]
    else:
        with pytest.raises(ApplicationActError, match=f"is {state} cannot {act}"):
            application_after(state, act)
