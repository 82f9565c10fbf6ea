"""The JSON Schema for editors says what the reader accepts, in words for every field."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tallygrid.files.document import read
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.files.programme import json_schema, programme_files

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def _as_json(value: Any) -> Any:  # noqa: ANN401  # plain data
    """Return data as an editor sees it, to which a day is a text."""
    if isinstance(value, dict):
        return {key: _as_json(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_as_json(inside) for inside in value]
    return value.isoformat() if isinstance(value, date) else value


def _said(data: object) -> list[str]:
    return [".".join(map(str, one.absolute_path)) for one in VALIDATOR.iter_errors(data)]


def _parts() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "Programme", SCHEMA
    yield from SCHEMA["$defs"].items()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", programme_files(PROGRAMMES), ids=lambda path: path.stem)
def test_every_packaged_programme_is_valid(path: Path) -> None:
    assert _said(_as_json(read(path).data)) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"kind": "computing"}, "kind"),
        ({"colour": "red"}, ""),
        ({"base": {"value": "contrakt"}}, "base.value"),
        ({"windows": {}}, "windows"),
        ({"place": {"code": 440300}}, "place.code"),
        ({"edition": "reported"}, ""),
    ],
)
def test_an_editor_marks_what_the_reader_refuses(change: dict[str, Any], where: str) -> None:
    data = _as_json(read(PROGRAMMES / "shenzhen-compute-issued.yaml").data)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(data.get(key), dict)
        data[key] = {**data[key], **value} if both else value

    assert where in _said(data)


@pytest.mark.parametrize(
    ("field", "written", "fits"),
    [
        ("rate", "50%", True), ("rate", "62.5%", True), ("rate", None, True), ("rate", 50, False),
        ("rate", "half", False), ("rate", [{"from": "2026-01-01", "value": "5%"}], True),
    ],
)  # fmt: skip
def test_a_figure_is_written_as_in_the_file(field: str, written: object, fits: bool) -> None:  # noqa: FBT001  # expected
    data = _as_json(read(PROGRAMMES / "shenzhen-compute-issued.yaml").data)
    data["rate"]["tiers"][0][field] = written

    assert (_said(data) == []) == fits


def test_every_field_has_words() -> None:
    without = [
        f"{name}.{field}"
        for name, part in _parts()
        for field, inside in part.get("properties", {}).items()
        if not inside.get("description")
    ]

    assert without == []


def test_an_editor_can_offer_the_facts_of_the_vocabulary() -> None:
    cells = SCHEMA["$defs"]["Tier"]["properties"]["when"]["properties"]

    assert set(cells) == set(packaged_vocabulary())
    assert all("description" in cell for cell in cells.values())
