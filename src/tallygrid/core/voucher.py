"""The life of a voucher (券): which act leads from which state to which, in one table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class VoucherState(StrEnum):
    """Where a voucher is in its life."""

    ISSUED = "issued"
    PART_USED = "part_used"
    USED_UP = "used_up"
    EXPIRED = "expired"
    REVOKED = "revoked"


class VoucherAct(StrEnum):
    """What can happen to a voucher."""

    USE_PART = "use_part"
    USE_REST = "use_rest"
    RETURN_PART = "return_part"
    RETURN_ALL = "return_all"
    EXPIRE = "expire"
    REVOKE = "revoke"


_ISSUED, _PART, _UP = VoucherState.ISSUED, VoucherState.PART_USED, VoucherState.USED_UP
_EXPIRED, _REVOKED = VoucherState.EXPIRED, VoucherState.REVOKED

NEXT_VOUCHER: Final[Mapping[tuple[VoucherState, VoucherAct], VoucherState]] = MappingProxyType(
    {
        (_ISSUED, VoucherAct.USE_PART): _PART,
        (_ISSUED, VoucherAct.USE_REST): _UP,
        (_ISSUED, VoucherAct.EXPIRE): _EXPIRED,
        (_ISSUED, VoucherAct.REVOKE): _REVOKED,
        (_PART, VoucherAct.USE_PART): _PART,
        (_PART, VoucherAct.USE_REST): _UP,
        (_PART, VoucherAct.RETURN_PART): _PART,
        (_PART, VoucherAct.RETURN_ALL): _ISSUED,
        (_PART, VoucherAct.EXPIRE): _EXPIRED,
        (_PART, VoucherAct.REVOKE): _REVOKED,
        (_UP, VoucherAct.RETURN_PART): _PART,
        (_UP, VoucherAct.RETURN_ALL): _ISSUED,
    }
)
"""Everything that may happen; a pair that is not here may not."""


class VoucherActError(Exception):
    """A voucher was asked for something that its state does not allow."""

    def __init__(self, state: VoucherState, act: VoucherAct) -> None:
        allowed = sorted(a for s, a in NEXT_VOUCHER if s is state)
        can = f"It can {', '.join(allowed)}." if allowed else "Nothing more can happen to it."
        super().__init__(f"A voucher that is {state} cannot {act}. {can}")


def voucher_after(state: VoucherState, act: VoucherAct) -> VoucherState:
    """Return the state that an act leads to.

    >>> voucher_after(VoucherState.ISSUED, VoucherAct.USE_PART)
    <VoucherState.PART_USED: 'part_used'>

    Raises:
        VoucherActError: The state does not allow the act.
    """
    if (state, act) not in NEXT_VOUCHER:
        raise VoucherActError(state, act)
    return NEXT_VOUCHER[state, act]


def act_of(*, face_fen: int, used_before_fen: int, used_fen: int) -> VoucherAct:
    """Name the act that takes what a voucher has paid from one amount to another.

    >>> act_of(face_fen=100, used_before_fen=40, used_fen=100)
    <VoucherAct.USE_REST: 'use_rest'>
    """
    assert 0 <= used_fen <= face_fen, (used_fen, face_fen)
    assert used_fen != used_before_fen, used_fen
    if used_fen > used_before_fen:
        return VoucherAct.USE_REST if used_fen == face_fen else VoucherAct.USE_PART
    return VoucherAct.RETURN_PART if used_fen else VoucherAct.RETURN_ALL
