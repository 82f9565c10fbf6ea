"""The page on tables is true: its commands print what it shows."""

from pathlib import Path

from walk import ROOT, Walk, books_of_its_own, differences, steps

from tallygrid.core.table import USED

PAGE = (ROOT / "docs" / "howto" / "decide-a-table.md").read_text(encoding="utf-8")


def test_every_command_of_the_page_prints_what_the_page_shows(tmp_path: Path) -> None:
    found = steps(PAGE)
    with books_of_its_own(tmp_path / "home"):
        walk = Walk(tmp_path / "work")
        wrong = [line for step in found for line in differences(step, walk.run(step.command))]

    assert found
    assert wrong == []


def test_the_page_tells_every_amount_that_may_be_drawn_before() -> None:
    names = ["budget_left_fen" if name == "budget_fen" else f"used_{name}" for name in USED]

    assert [name for name in names if f"`{name}`" not in PAGE] == []
