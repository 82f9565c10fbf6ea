"""What a model knows at a place: the keys that may stand there."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from tallygrid.files.mistake import Where


def keys_at(model: type[BaseModel], where: Where) -> tuple[str, ...]:
    """Return the keys that a model knows at a place in its data; none where any may stand."""
    schema = _schema(model)
    found = [schema]
    for step in where:
        found = [below for one in found for below in _below(one, step, schema)]
    return tuple(dict.fromkeys(key for one in found for key in one.get("properties", {})))


@cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema(by_alias=True)


def _below(one: Mapping[str, Any], step: str | int, whole: Mapping[str, Any]) -> Iterator[Any]:
    inside = one.get("items") if isinstance(step, int) else one.get("properties", {}).get(step)
    if inside is None and isinstance(step, str):
        others = [*one.get("patternProperties", {}).values(), one.get("additionalProperties")]
        inside = next((other for other in others if isinstance(other, dict)), None)
    if inside is not None:
        yield from _resolved(inside, whole)


def _resolved(one: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what a part of a schema may be, references followed."""
    if "$ref" in one:
        yield from _resolved(whole["$defs"][one["$ref"].rsplit("/", 1)[-1]], whole)
    for other in one.get("anyOf", ()):
        yield from _resolved(other, whole)
    yield one
