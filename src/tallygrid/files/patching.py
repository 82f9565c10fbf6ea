"""A programme of the wrong shape, patched so that the rest of it can still be checked.

A bad figure is taken as open, an unknown key as absent, and a section that is beyond that is
replaced by one that says nothing. Nothing is ever decided on a patched programme.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from pydantic import ValidationError

from tallygrid.core.programme import OPENABLE, Programme
from tallygrid.files.mistake import Where

_ROUNDS_MAX: Final = 4
"""A patch may uncover one more mistake inside the same part, but not many."""

_TEXTS: Final = {"en": "x", "zh": "x"}
_CITED: Final = {"clause": "x", "sources": ["x"], "confidence": "low"}
_EMPTY: Final[Mapping[str, Any]] = {
    "id": "x",
    "edition": "issued",
    "kind": "compute",
    "name": _TEXTS,
    "place": {"code": "000000", "level": "national", "zone": "Asia/Shanghai"},
    "authority": _TEXTS,
    "document": {"title": "x", **_CITED},
    "sources": {},
    "in_force": _CITED,
    "budget": {
        "period": "total",
        "amount_yuan": None,
        "funders": [{"id": "x", "name": _TEXTS}],
        **_CITED,
    },
    "rate": {"tiers": [{"id": "x", "rate": None, **_CITED}]},
    "caps": {"year_of": {"value": None, **_CITED}},
    "refund": _CITED,
    **{
        name: {"value": None, **_CITED}
        for name in ("base", "tax", "redeem", "paid_to", "validity", "allocation", "providers")
    },
}
"""The sections that must be there, saying nothing."""


def patched(data: Mapping[str, Any]) -> Programme | None:
    """Return what can be kept of a programme; none where even that is not possible."""
    kept = deepcopy(dict(data))
    for _ in range(_ROUNDS_MAX):
        try:
            return Programme.model_validate(kept)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                _patch(kept, tuple(detail["loc"]), unknown=detail["type"] == "extra_forbidden")
    return None


def _patch(data: dict[str, Any], where: Where, *, unknown: bool) -> None:
    figure = next((n for n, step in enumerate(where) if n and step in OPENABLE), None)
    if unknown and _put(data, where, absent=True):
        return
    if figure is not None and _put(data, where[: figure + 1]):
        return
    section = str(where[0])
    data.pop(section, None)
    if section in _EMPTY:
        data[section] = _EMPTY[section]


def _put(data: Any, where: Where, *, absent: bool = False) -> bool:  # noqa: ANN401  # plain data of any shape
    """Make a value null or absent; tell whether there was something to change."""
    *way, last = where
    for step in way:
        inside = isinstance(data, dict) and step in data
        if not inside and not (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            return False
        data = data[step]
    if not isinstance(data, dict) or last not in data or (not absent and data[last] is None):
        return False
    if absent:
        del data[last]
    else:
        data[last] = None
    return True
