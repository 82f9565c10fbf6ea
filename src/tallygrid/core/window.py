"""When a programme is in force and takes applications, in its own zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tallygrid.core.programme import Days, Programme, Window


def day_of(at: datetime | date, zone: str) -> date:
    """Return the day of an instant in a zone; a day is already one.

    >>> from datetime import UTC
    >>> day_of(datetime(2026, 5, 5, 16, 30, tzinfo=UTC), "Asia/Shanghai")
    datetime.date(2026, 5, 6)
    """
    return local(at, zone).date() if isinstance(at, datetime) else at


def local(at: datetime, zone: str) -> datetime:
    """Return an instant as the clock in a zone shows it."""
    assert at.tzinfo is not None, f"{at} has no zone"
    return at.astimezone(ZoneInfo(zone))


def holds(days: Days, day: date) -> bool:
    """Tell whether a day lies in a period, both named days included."""
    begun = days.first_day is None or days.first_day <= day
    return begun and (days.last_day is None or day <= days.last_day)


def is_open(programme: Programme, at: datetime | date) -> bool:
    """Tell whether applications are taken; without windows they always are."""
    return not programme.windows or bool(open_windows(programme, at))


def open_windows(programme: Programme, at: datetime | date) -> list[Window]:
    """Return the windows in which applications are taken."""
    return [one for one in programme.windows if _takes(one, at, programme.place.zone)]


def _takes(window: Window, at: datetime | date, zone: str) -> bool:
    day = day_of(at, zone)
    if window.first_day is not None and day < window.first_day:
        return False
    if window.last_day is None:
        return True
    if isinstance(at, datetime):
        return local(at, zone) < closing(window.last_day, window.closing_time, zone)
    return day <= window.last_day


def may_grow(programme: Programme, submitted: datetime | date, at: datetime | date) -> bool:
    """Tell whether others may still apply in a window in which something was submitted."""
    zone = programme.place.zone
    return any(_takes(one, submitted, zone) and _takes(one, at, zone) for one in programme.windows)


def closing(last_day: date, at: time | None, zone: str) -> datetime:
    """Return the instant at which a window shuts; it is outside the window.

    >>> closing(date(2026, 6, 5), None, "Asia/Shanghai").isoformat()
    '2026-06-06T00:00:00+08:00'
    """
    if at is None:
        return datetime.combine(last_day + timedelta(days=1), time(), ZoneInfo(zone))
    return datetime.combine(last_day, at, ZoneInfo(zone))


def last_day(programme: Programme, at: datetime | date) -> date | None:
    """Return the last day on which one can still apply in the window that is open now.

    Nothing if none is open, or if no end was published.
    """
    end = programme.in_force.last_day
    if not programme.windows:
        return end
    taking = open_windows(programme, at)
    ends = [day for window in taking if (day := window.last_day or end)]
    closes = max(ends, default=None) if len(ends) == len(taking) else None
    return min(closes, end) if closes and end else closes


def next_opening(programme: Programme, at: datetime | date) -> date | None:
    """Return the first day of the next window, if one is known."""
    day = day_of(at, programme.place.zone)
    later = [w.first_day for w in programme.windows if w.first_day and w.first_day > day]
    return min(later, default=None)
