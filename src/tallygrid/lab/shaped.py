"""A file of the wrong shape, read as far as it goes, so that all its mistakes are told at once.

A value that cannot be is left out, and the rest is checked as ever. Nothing is ever played on
what was read so.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from tallygrid.files.document import Document, FileError, Mistake, Where

_Model = TypeVar("_Model", bound=BaseModel)
_ROUNDS_MAX: Final = 4
"""Leaving a value out may uncover one more mistake, but not many."""


def as_far_as_it_goes(
    document: Document, model: type[_Model], items: str = ""
) -> tuple[_Model, Sequence[Mistake], frozenset[int]]:
    """Return what can be read, what is of the wrong shape, and in which items something is.

    Args:
        document: What the file says.
        model: The shape that it should have.
        items: The part that is a list of things to be checked one by one, if one is.

    Raises:
        FileError: With every mistake of shape, where nothing can be checked without what is wrong.
    """
    try:
        return document.parsed(model), (), frozenset()
    except FileError as error:
        if not isinstance(document.data, dict):
            raise
        kept, marred = deepcopy(dict(document.data)), set[int]()
        for _ in range(_ROUNDS_MAX):
            try:
                return model.model_validate(kept), error.mistakes, frozenset(marred)
            except ValidationError as wrong:
                for detail in wrong.errors(include_url=False):
                    where = tuple(detail["loc"])
                    marred |= {n for n in where[1:2] if where[0] == items and isinstance(n, int)}
                    _leave_out(kept, where, items)
        raise


def _leave_out(data: dict[str, Any], where: Where, items: str) -> None:
    """Take out the innermost named value on the way to a mistake."""
    holder, key = data, str(where[0])
    inside: Any = data.get(key)
    for step in where[1:]:
        if isinstance(inside, dict) and step in inside:
            holder, key = inside, str(step)
        elif not (isinstance(inside, list) and key == items and step in range(len(inside))):
            break
        inside = inside[step]
    holder.pop(key, None)
