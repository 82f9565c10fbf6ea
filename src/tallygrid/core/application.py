"""The life of an application (申领): which act leads from which state to which, in one table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ApplicationState(StrEnum):
    """Where an application is in its life."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    WAITING = "waiting"
    IN_NOTICE = "in_notice"
    AWARDED = "awarded"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ApplicationAct(StrEnum):
    """What can happen to an application."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WAIT = "wait"
    NOTIFY = "notify"
    AWARD = "award"
    WITHDRAW = "withdraw"
    RECONSIDER = "reconsider"


_SUBMITTED, _APPROVED = ApplicationState.SUBMITTED, ApplicationState.APPROVED
_WAITING, _AWARDED = ApplicationState.WAITING, ApplicationState.AWARDED
_REFUSED, _IN_NOTICE = ApplicationState.REFUSED, ApplicationState.IN_NOTICE

NEXT_APPLICATION: Final[Mapping[tuple[ApplicationState, ApplicationAct], ApplicationState]] = (
    MappingProxyType(
        {
            (_SUBMITTED, ApplicationAct.APPROVE): _APPROVED,
            (_SUBMITTED, ApplicationAct.REFUSE): _REFUSED,
            (_APPROVED, ApplicationAct.AWARD): _AWARDED,
            (_APPROVED, ApplicationAct.WAIT): _WAITING,
            (_APPROVED, ApplicationAct.NOTIFY): _IN_NOTICE,
            (_IN_NOTICE, ApplicationAct.AWARD): _AWARDED,
            (_IN_NOTICE, ApplicationAct.WITHDRAW): ApplicationState.WITHDRAWN,
            (_AWARDED, ApplicationAct.WITHDRAW): ApplicationState.WITHDRAWN,
            (_WAITING, ApplicationAct.AWARD): _AWARDED,
            (_WAITING, ApplicationAct.REFUSE): _REFUSED,
            (_REFUSED, ApplicationAct.RECONSIDER): _SUBMITTED,
        }
    )
)
"""Everything that may happen; an approved application waits while the budget is used up.

While an award is in public notice (公示) its money is reserved: then its voucher is issued, or
the award is withdrawn. An award without a voucher (事后) that is taken back whole is, too.
"""


class ApplicationActError(Exception):
    """An application was asked for something that its state does not allow."""

    def __init__(self, state: ApplicationState, act: ApplicationAct) -> None:
        allowed = sorted(a for s, a in NEXT_APPLICATION if s is state)
        can = f"It can {', '.join(allowed)}." if allowed else "Nothing more can happen to it."
        super().__init__(f"An application that is {state} cannot {act}. {can}")


def application_after(state: ApplicationState, act: ApplicationAct) -> ApplicationState:
    """Return the state that an act leads to.

    >>> application_after(ApplicationState.SUBMITTED, ApplicationAct.APPROVE)
    <ApplicationState.APPROVED: 'approved'>

    Raises:
        ApplicationActError: The state does not allow the act.
    """
    if (state, act) not in NEXT_APPLICATION:
        raise ApplicationActError(state, act)
    return NEXT_APPLICATION[state, act]
