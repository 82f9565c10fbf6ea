"""Until when a voucher may be redeemed."""

from calendar import monthrange
from datetime import date, timedelta
from typing import Final

_MONTHS: Final = 12


def valid_until(written: str, *, issued_on: date) -> date:
    """Return the first day on which a voucher may no longer be redeemed.

    Args:
        written: As a programme file writes it: `12 months`, `90 days`, `until 2026-12-31`.
        issued_on: The day of issue, which counts.

    >>> valid_until("12 months", issued_on=date(2026, 5, 20))
    datetime.date(2027, 5, 20)
    >>> valid_until("1 months", issued_on=date(2026, 1, 31))
    datetime.date(2026, 2, 28)
    >>> valid_until("until 2026-12-17", issued_on=date(2026, 5, 20))
    datetime.date(2026, 12, 18)
    """
    first, second = written.split()
    if first == "until":
        return date.fromisoformat(second) + timedelta(days=1)
    if second == "days":
        return issued_on + timedelta(days=int(first))
    return _months_later(issued_on, int(first))


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, _MONTHS)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
