"""Whether every figure says where it stands: a clause in words, and sources that were read."""

import re
from collections.abc import Iterator
from typing import Any, Final

from tallygrid.core.sql import nearest
from tallygrid.files.document import Document, Mistake, Where

_PLACEHOLDER: Final = re.compile(
    r"[\W_]*|x+|todo.*|tbd|tbc|fixme.*|n/?a|none|nil|unknown|clause|待补.*|待定|待查|无|略|条款",
    re.IGNORECASE,
)
"""What stands in a form until somebody fills it in."""

_UNREAD: Final = re.compile(
    r"(not (yet )?(read|opened|seen)|unread|nothing|none|未读|未阅)", re.IGNORECASE
)


def citation_mistakes(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    """Yield sources that are not listed, and clauses that say nothing."""
    listed = _listed(data)
    for where, name in _cited((), data):
        if name not in listed:
            problem = f"`{name}` is not among the sources."
            remedy = nearest(name, listed) if listed else "List it under `sources`."
            yield document.mistake(where, problem, remedy)
    for where, clause in _clauses((), data):
        if _PLACEHOLDER.fullmatch(clause.strip()):
            problem = f"The clause is '{clause}', which says nothing."
            remedy = "Write its number, or what it is about where no number could be read."
            yield document.mistake(where, problem, remedy)


def citation_doubts(document: Document, data: dict[str, Any]) -> Iterator[Mistake]:
    """Yield sources of this file that nothing cites, and citations of what was not read."""
    listed = _listed(data)
    cited = list(_cited((), data))
    unused: list[Where] = [("sources", name) for name in listed.keys() - {n for _, n in cited}]
    for where in unused:
        if where in document.places:
            problem = f"No figure cites the source `{where[-1]}`."
            yield document.mistake(where, problem, "Cite it where it was used, or leave it out.")
    for where, name in cited:
        source = listed.get(name)
        extent = source.get("extent") if isinstance(source, dict) else None
        if where in document.places and _UNREAD.match(str(extent)):
            problem = f"`{name}` is cited, but of it was read: {extent}."
            yield document.mistake(where, problem, "Cite what was read, or read it.")


def _listed(data: dict[str, Any]) -> dict[str, Any]:
    listed = data.get("sources")
    return listed if isinstance(listed, dict) else {}


def _cited(where: Where, data: object) -> Iterator[tuple[Where, str]]:
    for place, key, value in _values(where, data):
        if key == "sources" and isinstance(value, list):
            yield from (((*place, n), name) for n, name in enumerate(value) if type(name) is str)


def _clauses(where: Where, data: object) -> Iterator[tuple[Where, str]]:
    for place, key, value in _values(where, data):
        if key == "clause" and isinstance(value, str):
            yield place, value


def _values(where: Where, data: object) -> Iterator[tuple[Where, str, object]]:
    """Yield the value of every key of a file, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*where, key), key, value
            yield from _values((*where, key), value)
    elif isinstance(data, list):
        for position, item in enumerate(data):
            yield from _values((*where, position), item)
