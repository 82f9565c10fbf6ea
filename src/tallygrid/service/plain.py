"""Values of the core as plain JSON and back, so that a row keeps exactly what was said."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from tallygrid.core.condition import Facts

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_Value = TypeVar("_Value")


def dump(value: object) -> Any:  # noqa: ANN401  # any JSON
    """Return a frozen value of the core as plain JSON."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def load(of: type[_Value], data: object) -> _Value:
    """Return the value that was dumped."""
    return TypeAdapter(of).validate_python(data)


def facts_of(data: Mapping[str, Any]) -> Facts:
    """Return the facts that were dumped; only days are written as dates are."""
    return {
        name: date.fromisoformat(value)
        if isinstance(value, str) and _DAY.fullmatch(value)
        else value
        for name, value in data.items()
    }
