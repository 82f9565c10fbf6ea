"""A reform is told in plain words, in English and in Chinese."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programmes
from tallygrid.settings import Language
from tallygrid.text import catalogue
from tallygrid.text.difference import difference_lines

SHIPPED = {one.id: one for one in read_programmes()}
ELSEWHERE = {"edition", "kind", "confidence", "type", "unit", "base", "per"}
"""Sections whose words stand elsewhere, or that no difference names."""


def _enumerated(schema: Any, field: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401  # JSON
    if isinstance(schema, dict):
        for value in schema.get("enum", ()):
            yield field, value
        for name, inside in schema.items():
            named = field if name in {"anyOf", "items", "enum"} else name
            yield from _enumerated(inside, named)
    elif isinstance(schema, list):
        for item in schema:
            yield from _enumerated(item, field)


def test_every_choice_of_a_programme_has_words() -> None:
    whole = Programme.model_json_schema()
    rules = {
        name: part for name, part in whole["$defs"].items() if name not in {"Base", "FactSpec"}
    }
    choices = {value for field, value in _enumerated(rules) if field not in ELSEWHERE}

    assert {value for value in choices if f"difference.value.{value}" not in catalogue()} == set()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("pair", list(pairwise(SHIPPED)), ids="-".join)
def test_any_two_programmes_can_be_compared(pair: tuple[str, str], language: Language) -> None:
    lines = difference_lines(SHIPPED[pair[0]], SHIPPED[pair[1]], language)

    assert len(lines) > 1
    assert not any("None" in line or "{" in line or "0001" in line for line in lines), lines


def test_a_reform_is_told_money_first() -> None:
    lines = difference_lines(
        SHIPPED["chengdu-compute-2023-issued"], SHIPPED["chengdu-compute-2025-issued"], "en"
    )

    said = "\n".join(lines)
    for told in (
        "New: Rate “all”: 60%",
        "New: Cap “year” (per applicant and year): CN¥5,000,000.00",
        "Budget: CN¥10,000,000.00 → CN¥100,000,000.00",
        "Who may sell: named providers → not stated",
        "The open question “cap-year” hinders: nothing → issue",
        "Gone: Term “supervision”",
    ):
        assert told in said, said
    assert lines[-1].startswith("  Places in which only words or sources differ: ")
    assert said.index("Rate") < said.index("Cap") < said.index("Budget") < said.index("Condition")
