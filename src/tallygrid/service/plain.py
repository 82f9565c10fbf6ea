"""Values of the core as plain JSON and back, so that a row keeps exactly what was said."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

_Value = TypeVar("_Value")


def dump(value: object) -> Any:  # noqa: ANN401  # any JSON
    """Return a frozen value of the core as plain JSON."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def load(of: type[_Value], data: object) -> _Value:
    """Return the value that was dumped."""
    return TypeAdapter(of).validate_python(data)
