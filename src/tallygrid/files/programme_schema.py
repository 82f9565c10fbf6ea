"""The JSON Schema of a programme file, for completion in editors.

It says what the model says, and takes the words for it from the docstrings of the model. What
only the checker can say (gaps, sources that are not listed) it leaves to the checker.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from tallygrid.core import programme as model
from tallygrid.core.facts import Vocabulary
from tallygrid.core.programme import Programme

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_REPORTED: Final = ("id", "edition", "contradicts", "claim")
"""What a reported edition cannot take from the issued one."""

_COMMON: Final = {
    "id": "Its name in this file: lower-case words joined by `-`.",
    "en": "In English.",
    "zh": "In Chinese; the Chinese is authoritative.",
    "first_day": "The first day, itself included; leave it out if it is not known.",
    "last_day": "The last day, itself included; leave it out if it is not known.",
    "from": "The first day on which the value holds.",
    "when": "An SQL yes-or-no rule on facts.",
    "amount_yuan": "Whole yuan, digits alone, or a list of dated amounts; null if open.",
    "rate": "A percentage such as 50%, or a list of dated ones; null if open.",
    "levels": "Levels of government that are meant, all programmes of each.",
    "programmes": "Ids of the programmes that are meant.",
}
"""What a field of one name is everywhere, unless it says otherwise."""


def programme_schema(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the schema, with the facts of a vocabulary to choose from."""
    schema = Programme.model_json_schema(by_alias=True)
    parts: dict[str, Any] = schema["$defs"]
    _describe({"Programme": schema, **parts})
    for part in (schema, *parts.values()):
        for inside in part.get("properties", {}).values():
            _without_default(inside)
            _described(inside, parts)
        for name, inside in part.get("properties", {}).items():
            inside.setdefault("description", _COMMON.get(name, part.get("description", "")))
    _facts(parts, vocabulary)
    return {"$schema": _DRAFT, **schema, **_by_edition(schema["required"])}


def _by_edition(required: list[str]) -> dict[str, Any]:
    reported = {"properties": {"edition": {"const": "reported"}}}
    return {
        "required": ["id", "edition"],
        "if": reported,
        "then": {"required": list(_REPORTED)},
        "else": {"required": required},
    }


def _describe(parts: Mapping[str, Any]) -> None:
    """Give every field the docstring that stands under it in the model, its own or inherited."""
    words = _docstrings()
    for name, part in parts.items():
        bases = [one.__name__ for one in getattr(model, name, Programme).__mro__]
        for field, inside in part.get("properties", {}).items():
            found = (words[base, field] for base in bases if (base, field) in words)
            if said := next(found, ""):
                inside["description"] = said


def _docstrings() -> Mapping[tuple[str, str], str]:
    """Return the docstring under every field of the model, by class and by the key in the file."""
    found: dict[tuple[str, str], str] = {}
    for part in ast.parse(inspect.getsource(model)).body:
        if isinstance(part, ast.ClassDef):
            found |= {(part.name, field): said for field, said in _documented(part)}
    return found


def _documented(part: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(part.body, part.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            known = getattr(model, part.name).model_fields[field.target.id]
            yield known.alias or field.target.id, str(below.value.value)


def _described(inside: dict[str, Any], parts: Mapping[str, Any]) -> None:
    """Give a field without words those of the part that it holds, alone or in a list."""
    held = [inside, inside.get("items", {}), *inside.get("anyOf", ())]
    for one in held:
        name = one.get("$ref", "").rsplit("/", 1)[-1]
        if "description" not in inside and name in parts:
            inside["description"] = parts[name].get("description", "")


def _without_default(inside: dict[str, Any]) -> None:
    """Drop a default that no file should spell out, such as the first day of the calendar."""
    if inside.get("default") in (None, [], {}, "", date.min.isoformat()):
        inside.pop("default", None)


def _facts(parts: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Offer the facts of the vocabulary where a fact is named; own facts are allowed too."""
    cells = parts["Tier"]["properties"]["when"]
    cell = next(iter(cells["patternProperties"].values()))
    cells["properties"] = {
        name: {**cell, "description": f"{spec.en} / {spec.zh}"} for name, spec in vocabulary.items()
    }
    by = parts["RateTable"]["properties"]["by"]
    by["items"] = {"anyOf": [{"enum": sorted(vocabulary)}, by["items"]]}
