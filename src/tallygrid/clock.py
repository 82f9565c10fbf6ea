"""The one place that may ask the machine for the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(tz=UTC)
