"""A reform: a published text with other figures, given as the difference, checked as any text.

What is changed cites nobody: its clause says that a scenario sets it. The result has a hash of
its own, so that nobody takes it for the text.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tallygrid.core.programme import Programme, open_fields
from tallygrid.files.document import Document, FileError, Mistake, Where
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.files.nearest import nearest
from tallygrid.files.programme import checked_programme
from tallygrid.files.shape import keys_at

SECTIONS: Final = (
    *("in_force", "windows", "budget", "defines", "conditions", "exclusions", "rate", "caps"),
    *("base", "tax", "rounding", "redeem", "paid_to", "validity", "allocation", "stacking"),
    *("providers", "refund"),
)
"""What may be changed; what a text is called, and who says what, stays as it is."""
_SOURCE: Final = "set-by-a-scenario"
_CITED: Final = {"clause": "set by a scenario", "sources": [_SOURCE], "confidence": "low"}
_QUOTED: Final = ("as_written", "note")


class _NoWayError(Exception):
    """A way leads to nothing that a text may say."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.mistake = (problem, remedy)


def reformed(
    programme: Programme, changes: Mapping[str, object], document: Document, where: Where
) -> Programme:
    """Return a programme with other values.

    Args:
        programme: The text as it is published.
        changes: By its way in the programme's file, what stands there instead; entries of a
            list go by their id, or by their place from 1. An entry that is not there is added.
        document: The file that gives the changes.
        where: The place of the changes in it.

    Raises:
        FileError: With every way that leads nowhere, or all that is wrong in the result.
    """
    data = _plain(programme)
    placed: dict[Where, Mistake] = {(): document.mistake(where, "")}
    mistakes = []
    for way, value in changes.items():
        tried = _lists(data)  # a way that leads nowhere leaves nothing behind
        try:
            put = _put(tried, way.split("."), _lists(value))
        except _NoWayError as error:
            mistakes.append(document.mistake((*where, way), *error.mistake))
            continue
        data, placed[put] = tried, document.mistake((*where, way), "")
    data["sources"][_SOURCE] = {
        "title": "A change that stands in no text", "publisher": "a scenario", "extent": "whole",
    }  # fmt: skip
    still_open = set(open_fields(data))
    data["open"] = [item for item in data.get("open", []) if item["field"] in still_open]
    places = {put: (one.line, one.column) for put, one in placed.items()}
    files = {put: one.file for put, one in placed.items()}
    try:
        found = checked_programme(Document(document.file, data, places, document.text, files))
    except FileError as error:
        raise FileError([*mistakes, *error.mistakes]) from None
    if mistakes:
        raise FileError(mistakes)
    return found


def _plain(programme: Programme) -> dict[str, Any]:
    """Return the data of a programme as its file would have it, without the common facts."""
    data: dict[str, Any] = _lists(programme.model_dump(mode="python", exclude_defaults=True))
    common = packaged_vocabulary()
    data["facts"] = {n: one for n, one in data.get("facts", {}).items() if n not in common}
    return data


def _lists(data: Any) -> Any:  # noqa: ANN401  # plain data
    """Return a copy of plain data that has lists for tuples."""
    if isinstance(data, dict):
        return {key: _lists(value) for key, value in data.items()}
    return [_lists(item) for item in data] if isinstance(data, list | tuple) else data


def _put(data: dict[str, Any], steps: list[str], value: object) -> Where:
    """Put a value at the end of a way, cite it as ours, and return where it stands."""
    if steps[0] not in SECTIONS:
        raise _NoWayError(f"`{steps[0]}` cannot be changed.", nearest(steps[0], SECTIONS))
    part: Any = data
    where: Where = ()
    for n, step in enumerate(steps):
        is_last, way = n == len(steps) - 1, ".".join(steps[:n])
        if isinstance(part, list):
            key: str | int = _position(part, way, step, is_new=is_last and isinstance(value, dict))
        else:
            key = _checked_key(part, where, way, step)
        if is_last:
            part[key] = _with_id(value, step) if isinstance(part, list) else value
        elif isinstance(part, dict) and key not in part:
            part[key] = [] if keys_at(Programme, (*where, key, 0)) else {}
        part, where = part[key], (*where, key)
    _cite(data, where)
    return where


def _checked_key(part: object, where: Where, way: str, step: str) -> str:
    """Return a step that a mapping has, or that a programme's file may have there.

    Raises:
        _NoWayError: It leads nowhere.
    """
    if not isinstance(part, dict):
        raise _NoWayError(f"There is nothing below `{way}`.", f"End the way at `{way}`.")
    if step not in part and step not in (known := keys_at(Programme, where)):
        raise _NoWayError(f"`{way}` has no `{step}`.", nearest(step, {*known, *part}))
    return step


def _position(part: list[Any], way: str, step: str, *, is_new: bool) -> int:
    ids = [one.get("id") if isinstance(one, dict) else None for one in part]
    if step in ids:
        return ids.index(step)
    if step.isdecimal() and 1 <= int(step) <= len(part):
        return int(step) - 1
    if is_new or (step == str(len(part) + 1) and not any(ids)):
        part.append({})
        return len(part) - 1
    known = [str(one) for one in ids if one] or [str(n) for n in range(1, len(part) + 1)]
    remedy = nearest(step, known) if known else "Give it whole, with all that belongs to it."
    raise _NoWayError(f"`{way}` has no `{step}`.", remedy)


def _with_id(value: object, step: str) -> object:
    is_named = isinstance(value, dict) and not step.isdecimal()
    return {"id": step, **value} if is_named else value  # type: ignore[dict-item]  # it is one


def _cite(data: dict[str, Any], where: Where) -> None:
    """Say of what has changed, and of all that is in it, that it stands in no text."""
    changed = _at(data, where)
    for place, part in _mappings(where, changed):
        if _is_cited(place, part):
            _cite_one(part)
    if not isinstance(changed, dict | list):
        above = [where[:depth] for depth in range(len(where) - 1, 0, -1)]
        nearest_ = next((part for one in above if _is_cited(one, part := _at(data, one))), None)
        if nearest_ is not None:
            _cite_one(nearest_)


def _is_cited(where: Where, part: object) -> bool:
    return isinstance(part, dict) and ("clause" in part or "clause" in keys_at(Programme, where))


def _mappings(where: Where, part: object) -> Iterator[tuple[Where, dict[str, Any]]]:
    """Yield every mapping of a part, with its place."""
    inside: Iterable[tuple[str | int, object]] = ()
    if isinstance(part, dict):
        yield where, part
        inside = list(part.items())
    elif isinstance(part, list):
        inside = enumerate(part)
    for step, one in inside:
        yield from _mappings((*where, step), one)


def _cite_one(part: dict[str, Any]) -> None:
    for quoted in _QUOTED:
        part.pop(quoted, None)
    part.update(_CITED)


def _at(data: Any, where: Where) -> Any:  # noqa: ANN401  # plain data
    for step in where:
        data = data[step]
    return data
