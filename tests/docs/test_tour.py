"""The tour is true: its commands print what it shows, and its tables are the books'."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from walk import ROOT, Step, Walk, books_of_its_own, differences, steps

from tallygrid import ledger, settings
from tallygrid.core.books import REGISTRY, Account, Balance
from tallygrid.database import resolve

PAGE: Final = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
PROGRAMMES: Final = {
    "Henan province": "henan-compute-issued",
    "Zhengzhou city": "zhengzhou-compute-issued",
}
COLUMNS: Final = ("available", "reserved", "committed", "held", "payable", "in_payment", "paid")
Sums = Mapping[str, tuple[int, ...]]


class Log:
    """What the tour printed, and what the books held after each of its acts."""

    def __init__(self) -> None:
        self.differences: list[str] = []
        self.sums: dict[str, dict[str, tuple[int, ...]]] = {name: {} for name in PROGRAMMES}
        self.memoranda: dict[str, int] = {}


@pytest.fixture(scope="module")
def walked(own_home: Path) -> Iterator[Log]:
    """Walk the whole tour once."""
    log = Log()
    with books_of_its_own(own_home):
        walk = Walk(own_home.parent / "work")
        for step in steps(PAGE):
            log.differences += differences(step, walk.run(step.command))
            act = _act(step)
            if act and "confirm" not in log.sums["Zhengzhou city"]:
                for title, programme in PROGRAMMES.items():
                    log.sums[title][act] = _sums(programme)
                log.memoranda = _memoranda()
        yield log


def test_every_command_of_the_tour_prints_what_the_tour_shows(walked: Log) -> None:
    assert not walked.differences, "\n".join(walked.differences)


@pytest.mark.parametrize("title", PROGRAMMES)
def test_the_tour_tells_where_every_fen_was(walked: Log, title: str) -> None:
    assert _table(title) == walked.sums[title]


def test_the_tour_tells_what_is_counted_beside_the_money(walked: Log) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` `(\S+)` \| ([\d,]+) \|", PAGE, re.MULTILINE)

    assert len(rows) == len(walked.memoranda)
    assert {f"{where} {code}": int(fen.replace(",", "")) for where, code, fen in rows} == (
        walked.memoranda
    )


@pytest.mark.parametrize("title", PROGRAMMES)
def test_no_fen_is_made_or_lost_on_the_way(walked: Log, title: str) -> None:
    assert len({row[-1] for row in walked.sums[title].values()}) == 1


def _act(step: Step) -> str:
    """Name the act by the row of the tables that shows the books after it."""
    words = step.command.split()
    if words[:3] == ["tallygrid", "programme", "publish"]:
        return "publish"
    if words[0] != "tallygrid" or words[1] not in {"apply", "run", "deliver", "pay", "confirm"}:
        return ""
    week = re.search(r"statements/(\d)\.txt", step.command)
    return f"{words[1]} {week[1]}" if week else words[1]


def _memoranda() -> dict[str, int]:
    """Return what every account beside the money holds, but for sources and empty ones."""
    return {
        f"{programme} {where.code}": one.total_fen
        for programme in (*PROGRAMMES.values(), REGISTRY)
        for where, one in _balances(programme).items()
        if where.family != "money" and not where.is_source and one.total_fen
    }


def _balances(programme: str) -> Mapping[Account, Balance]:
    with resolve(settings.from_machine(), print).connect("auditor") as connection:
        return ledger.balances(connection, programme)


def _sums(programme: str) -> tuple[int, ...]:
    """Add up a programme's accounts by their kind, over its funders and holders."""
    found = _balances(programme)
    sums = tuple(_sum(found, column) for column in COLUMNS)
    return (*sums, sum(sums))


def _sum(found: Mapping[Account, Balance], column: str) -> int:
    if column == "held":
        return sum(one.held_fen for where, one in found.items() if where.kind == "committed")
    return sum(one.free_fen for where, one in found.items() if where.kind == column)


def _table(title: str) -> Sums:
    """Read a table of the tour: the act, and its amounts in fen."""
    text = PAGE.split(f"\n{title}:\n\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
    return {
        name.replace("`", ""): tuple(int(cell.replace(",", "")) for cell in cells)
        for name, *cells in rows
    }
