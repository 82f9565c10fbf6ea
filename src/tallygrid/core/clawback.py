"""The life of a clawback (追回): which act leads from which state to which, in one table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ClawbackState(StrEnum):
    """Where a demand for money that was paid stands."""

    DEMANDED = "demanded"
    CONTESTED = "contested"
    RECOVERED = "recovered"
    WRITTEN_OFF = "written_off"
    WAIVED = "waived"


class ClawbackAct(StrEnum):
    """What can happen to a demand."""

    CONTEST = "contest"
    UPHOLD = "uphold"
    WAIVE = "waive"
    RECOVER_PART = "recover_part"
    RECOVER_REST = "recover_rest"
    WRITE_OFF = "write_off"
    REOPEN = "reopen"


_DEMANDED, _CONTESTED = ClawbackState.DEMANDED, ClawbackState.CONTESTED

NEXT_CLAWBACK: Final[Mapping[tuple[ClawbackState, ClawbackAct], ClawbackState]] = MappingProxyType(
    {
        (_DEMANDED, ClawbackAct.CONTEST): _CONTESTED,
        (_CONTESTED, ClawbackAct.UPHOLD): _DEMANDED,
        (_DEMANDED, ClawbackAct.WAIVE): ClawbackState.WAIVED,
        (_CONTESTED, ClawbackAct.WAIVE): ClawbackState.WAIVED,
        (_DEMANDED, ClawbackAct.RECOVER_PART): _DEMANDED,
        (_DEMANDED, ClawbackAct.RECOVER_REST): ClawbackState.RECOVERED,
        (_DEMANDED, ClawbackAct.WRITE_OFF): ClawbackState.WRITTEN_OFF,
        (ClawbackState.WRITTEN_OFF, ClawbackAct.REOPEN): _DEMANDED,
    }
)
"""Everything that may happen; a pair that is not here may not."""


class ClawbackActError(Exception):
    """A demand was to do something that its state does not allow."""

    def __init__(self, state: ClawbackState, act: ClawbackAct) -> None:
        allowed = sorted(a for s, a in NEXT_CLAWBACK if s is state)
        can = f"It can {', '.join(allowed)}." if allowed else "Nothing more can happen to it."
        super().__init__(f"A clawback that is {state} cannot {act}. {can}")


def clawback_after(state: ClawbackState, act: ClawbackAct) -> ClawbackState:
    """Return the state that an act leads to.

    >>> clawback_after(ClawbackState.CONTESTED, ClawbackAct.UPHOLD)
    <ClawbackState.DEMANDED: 'demanded'>

    Raises:
        ClawbackActError: The state does not allow the act.
    """
    if (state, act) not in NEXT_CLAWBACK:
        raise ClawbackActError(state, act)
    return NEXT_CLAWBACK[state, act]
