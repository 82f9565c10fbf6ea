"""Doing the same for many things, so that one that fails does not keep the others waiting."""

from collections.abc import Callable, Iterable
from typing import TypeVar

_Thing = TypeVar("_Thing")
_Found = TypeVar("_Found")


def each(things: Iterable[_Thing], do: Callable[[_Thing], _Found]) -> list[_Found]:
    """Do it for all of them; what failed is raised when all have had their turn.

    Raises:
        Exception: What one of them raised.
        ExceptionGroup: What several of them raised.
    """
    found, errors = list[_Found](), list[Exception]()
    for one in things:
        try:
            found.append(do(one))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised below
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several failed", errors)
    return found
