"""Settling (结算): when a programme settles what was used, and so before when no money comes."""

from calendar import monthrange
from datetime import date
from typing import Literal

Settles = Literal["on_use", "quarterly", "annual", "per_batch"]

_MONTHS_OF_QUARTER = 3


def settled_after(settles: Settles | None, on: date) -> date:
    """Return the last day before use on a day can be settled: the end of its quarter or year.

    Where the text settles on use, by the batch, or does not say, nothing need be waited for
    that is known today.

    >>> settled_after("quarterly", date(2026, 5, 20)), settled_after("annual", date(2026, 5, 20))
    (datetime.date(2026, 6, 30), datetime.date(2026, 12, 31))
    >>> settled_after("on_use", date(2026, 5, 20))
    datetime.date(2026, 5, 20)
    """
    if settles == "annual":
        return date(on.year, 12, 31)
    if settles == "quarterly":
        month = on.month + (-on.month) % _MONTHS_OF_QUARTER
        return date(on.year, month, monthrange(on.year, month)[1])
    return on
