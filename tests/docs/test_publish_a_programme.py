"""The page that leads from a text to a published programme is true, and so are its files."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from walk import ROOT, Walk, books_of_its_own, differences, steps

from tallygrid.core.recompute import recompute
from tallygrid.files.programme import read_programme
from tallygrid.files.scenario import Scenario, read_scenarios

FILES: Final = ROOT / "docs" / "howto" / "publish-a-programme"
PAGE: Final = FILES.with_suffix(".md").read_text(encoding="utf-8")
TEXTS: Final = {
    "city": ("yunling-compute-issued.yaml", "### The city's text"),
    "district": ("yunling-qingchuan-compute-issued.yaml", "### The district's text"),
}
PROGRAMMES: Final = tuple(read_programme(FILES / name) for name, _ in TEXTS.values())
CASES: Final = [
    case for name in TEXTS for case in read_scenarios(FILES / f"{name}-scenarios.yaml", PROGRAMMES)
]
_ROW: Final = re.compile(r"^\| [^|]+ \| (?P<phrase>[^|]+) \| (?P<fields>`[^|]+`) \|$", re.MULTILINE)
_QUOTED: Final = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_prints_what_the_page_shows(own_home: Path) -> None:
    found = steps(PAGE)
    with books_of_its_own(own_home):
        walk = Walk(own_home.parent / "work", files=FILES)
        try:
            wrong = [line for step in found for line in differences(step, walk.run(step.command))]
        finally:
            walk.run("tallygrid stop")

    assert found
    assert wrong == []


@pytest.mark.parametrize("case", CASES, ids=[f"{c.programme.id}: {c.name}" for c in CASES])
def test_a_case_of_the_page_is_decided_as_by_hand(case: Scenario) -> None:
    decision = case.decided()

    assert case.differences() == ()
    if decision.outcome != "refused":
        assert recompute(decision.as_json()) == (decision.at_least_fen, decision.at_most_fen)


def test_what_the_page_quotes_stands_in_its_files() -> None:
    files = [file.read_text(encoding="utf-8") for file in sorted(FILES.glob("*.yaml"))]
    quoted = _QUOTED.findall(PAGE)

    assert quoted
    assert [part for part in quoted if not any(part in file for file in files)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_phrase_of_the_table_is_the_texts_and_leads_to_a_field(name: str) -> None:
    text, programme = _text(name), _programme(name)

    wrong = [phrase for phrase, _ in _rows(name) if phrase not in text]
    lost = [
        path for _, paths in _rows(name) for path in paths if not _leads(programme, path.split("."))
    ]

    assert (wrong, lost) == ([], [])


@pytest.mark.parametrize("name", TEXTS)
def test_every_sentence_of_a_text_is_in_its_table(name: str) -> None:
    phrases = [phrase for phrase, _ in _rows(name)]
    sentences = [one for one in re.split(r"[。；\n]", _text(name)) if one.strip()]

    silent = [one for one in sentences if not any(phrase in one for phrase in phrases)]

    assert silent == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_rule_of_a_file_is_in_the_table_of_its_text(name: str) -> None:
    told = {path for _, paths in _rows(name) for path in paths}
    programme = _programme(name)
    rules = [
        f"{section}.{one['id']}"
        for section in ("conditions", "exclusions", "defines", "evidence", "terms")
        for one in programme.get(section, ())
    ]
    rules += [f"rate.tiers.{one['id']}" for one in programme["rate"]["tiers"]]
    rules += [f"caps.limits.{one['id']}" for one in programme["caps"]["limits"]]

    assert set(rules) <= told


def _text(name: str) -> str:
    return (FILES / f"{name}.txt").read_text(encoding="utf-8")


def _programme(name: str) -> dict[str, Any]:
    file, _ = TEXTS[name]
    found: dict[str, Any] = yaml.safe_load((FILES / file).read_text(encoding="utf-8"))
    return found


def _rows(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the phrases of the table of a text, each with the fields that it becomes."""
    _, heading = TEXTS[name]
    section = PAGE.split(heading)[1].split("\n### ")[0]
    for row in _ROW.finditer(section):
        yield row["phrase"], re.findall(r"`([^`]+)`", row["fields"])


def _leads(data: Any, path: Sequence[str]) -> bool:  # noqa: ANN401  # plain data of any shape
    """Tell whether a path leads somewhere, list entries by their id."""
    for step in path:
        if isinstance(data, list):
            data = {one.get("id"): one for one in data}
        if step not in data:
            return False
        data = data[step]
    return True
