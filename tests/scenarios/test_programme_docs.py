"""The page on programmes says what is in the files, no more and no less."""

import re
from pathlib import Path

import pytest

from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programmes

PAGE = Path(__file__).parents[2] / "docs" / "programmes.md"
PROGRAMMES = read_programmes()
IDS = re.compile(r"`([a-z0-9-]+-(?:issued|reported))`")


def _row(programme: Programme) -> list[str]:
    """Return the cells of the first line of a table that names a programme first."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return next(row for row in rows if f"`{programme.id}`" in row[:2])


@pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda programme: programme.id)
def test_the_page_has_a_row_for_every_programme(programme: Programme) -> None:
    assert _row(programme)


def test_the_page_names_no_programme_that_does_not_exist() -> None:
    named = set(IDS.findall(PAGE.read_text(encoding="utf-8")))

    assert named == {programme.id for programme in PROGRAMMES}


@pytest.mark.parametrize(
    "programme",
    [programme for programme in PROGRAMMES if programme.edition == "issued"],
    ids=lambda programme: programme.id,
)
def test_the_page_lists_what_the_text_leaves_open(programme: Programme) -> None:
    assert re.findall(r"`([a-z-]+)`", _row(programme)[-1]) == [item.id for item in programme.open]


@pytest.mark.parametrize(
    "programme",
    [programme for programme in PROGRAMMES if programme.edition == "reported"],
    ids=lambda programme: programme.id,
)
def test_the_page_says_which_text_a_report_contradicts(programme: Programme) -> None:
    assert f"`{programme.contradicts}`" in _row(programme)
