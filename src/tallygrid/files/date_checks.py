"""Whether the days of a programme fit: periods, windows, dated values, validity."""

from collections.abc import Iterator
from datetime import date
from itertools import combinations, pairwise
from typing import Any, Final

from tallygrid.files.document import Document, Mistake, Where

_UNTIL: Final = "until "
_EVER: Final = (date.min, date.max)


def date_mistakes(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    """Yield days that cannot be meant: out of order, overlapping, outside force, with a gap."""
    periods: list[tuple[Where, Any]] = [(("in_force",), data.get("in_force")), *_windows(data)]
    yield from (found for where, period in periods for found in _order(document, where, period))
    yield from _overlaps(document, data)
    yield from _outside(document, data)
    yield from _closing(document, data)
    yield from _steps(document, data)
    yield from _validity(document, data)


def date_doubts(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    """Yield days that have no effect: windows partly outside force, steps that change nothing."""
    force = _ends(data.get("in_force"))
    for where, window in _windows(data):
        first, last = _ends(window)
        if _meet((first, last), force) and (
            (first != date.min and first < force[0]) or (last != date.max and last > force[1])
        ):
            problem = f"The window {_said(window)} is partly outside the days in force."
            yield document.mistake(where, problem, "Check the days of both.")
    for where, steps in _dated((), data):
        for position, step in enumerate(steps):
            if _day(step.get("from"), date.min) > force[1]:
                problem = f"This value begins {step['from']}, after the last day {force[1]}."
                yield document.mistake((*where, position, "from"), problem, "It never holds.")
        for position, (before, after) in enumerate(pairwise(steps), start=1):
            if before.get("value") == after.get("value"):
                problem = f"The value from {after.get('from')} is the one before it."
                yield document.mistake((*where, position), problem, "Leave it out.")


def _order(document: Document, where: Where, period: object) -> Iterator[Mistake]:
    first, last = _ends(period)
    if last < first:
        problem = f"`last_day` {last} is before `first_day` {first}."
        yield document.mistake((*where, "last_day"), problem, "Exchange or correct them.")


def _overlaps(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    for (_, one), (where, other) in combinations(_windows(data), 2):
        earlier, later = sorted((one, other), key=_ends)
        if not _meet(_ends(one), _ends(other)):
            continue
        if earlier.get("closes_at") and _ends(earlier)[1] == _ends(later)[0]:
            continue  # one closes at noon, the other may open after it
        problem = f"The windows {_said(one)} and {_said(other)} overlap."
        yield document.mistake(where, problem, "Join them, or correct a day.")


def _outside(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    force = _ends(data.get("in_force"))
    for where, window in _windows(data):
        if not _meet(_ends(window), force) and force[0] <= force[1]:
            problem = f"The window {_said(window)} lies outside the days in force."
            remedy = f"The programme is in force {_said(data['in_force'])}."
            yield document.mistake(where, problem, remedy)


def _closing(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    for where, window in _windows(data):
        if window.get("closes_at") and window.get("last_day") is None:
            problem = "`closes_at` is the hour of a last day, and there is none."
            yield document.mistake((*where, "closes_at"), problem, "Add `last_day`.")


def _steps(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    """Check that dated values come in order, and that the first holds from the first day."""
    begin = _ends(data.get("in_force"))[0]
    for where, steps in _dated((), data):
        first = _day(steps[0].get("from"), date.min)
        if date.min < begin < first:
            problem = f"From {begin} until {first} no value holds."
            yield document.mistake((*where, 0, "from"), problem, "Add the earlier value.")
        days = [step.get("from") for step in steps]
        for position, (before, after) in enumerate(pairwise(days), start=1):
            place = (*where, position, "from")
            if after is None:
                problem = "This value has no day from which it holds."
                yield document.mistake((*where, position), problem, "Write `from`.")
            elif isinstance(before, date) and isinstance(after, date) and after <= before:
                problem = f"{after} does not come after {before}."
                yield document.mistake(place, problem, "Put dated values in order.")


def _validity(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    """Check that a voucher can be redeemed at all: its last day is one, and not past at once."""
    begin = _ends(data.get("in_force"))[0]
    for where, written in _validities(data):
        if not isinstance(written, str) or not written.startswith(_UNTIL):
            continue
        try:
            last = date.fromisoformat(written.removeprefix(_UNTIL))
        except ValueError:
            problem = f"`{written}` does not end in a day of the calendar."
            yield document.mistake(where, problem, "Write until 2026-12-31.")
            continue
        if last < begin:
            problem = f"A voucher valid {written} has expired before the first day, {begin}."
            yield document.mistake(where, problem, "Check the days of both.")


def _validities(data: dict[str, Any]) -> Iterator[tuple[Where, object]]:
    if isinstance(part := data.get("validity"), dict):
        yield ("validity", "value"), part.get("value")
    items = data.get("open")
    for position, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict) and item.get("field") == "validity.value":
            readings = item.get("readings")
            for number, reading in enumerate(readings if isinstance(readings, list) else []):
                yield ("open", position, "readings", number), reading


def _windows(data: dict[str, Any]) -> list[tuple[Where, dict[str, Any]]]:
    windows = data.get("windows")
    listed = enumerate(windows if isinstance(windows, list) else [])
    return [(("windows", n), window) for n, window in listed if isinstance(window, dict)]


def _dated(where: Where, data: object) -> Iterator[tuple[Where, list[dict[str, Any]]]]:
    """Yield every list of dated values, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _dated((*where, key), value)
    elif isinstance(data, list):
        steps = [item for item in data if isinstance(item, dict)]
        if (
            data
            and len(steps) == len(data)
            and all(step.keys() <= {"from", "value"} for step in steps)
        ):
            yield where, steps
        for position, item in enumerate(data):
            yield from _dated((*where, position), item)


def _ends(period: object) -> tuple[date, date]:
    """Return both ends of a period; one that is open is as far away as can be."""
    if not isinstance(period, dict):
        return _EVER
    return _day(period.get("first_day"), date.min), _day(period.get("last_day"), date.max)


def _day(written: object, otherwise: date) -> date:
    return written if isinstance(written, date) else otherwise


def _meet(one: tuple[date, date], other: tuple[date, date]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _said(period: dict[str, Any]) -> str:
    first, last = (period.get(name) or "…" for name in ("first_day", "last_day"))
    return f"{first} to {last}"
