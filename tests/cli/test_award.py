"""An officer closes a batch at the terminal: what each got, once, and what stands in the way."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import AT, EXAMPLES, FACTS, Terminal

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
NAME = "henan-compute-issued"
IN_BATCHES = ("allocation:\n  value: null\n", "allocation:\n  value: null\n  settles: per_batch\n")
SMALL = {
    "contract_yuan": 100_000,
    "contract_tax_yuan": 5_660,
    "contract_signed_on": "2026-05-01",
    "contract_term_months": 12,
    "provider_kind": "ai_computing_centre",
    "provider_pflops": 400,
}


@pytest.fixture(scope="module")
def terminal(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    text = (PROGRAMMES / f"{NAME}.yaml").read_text(encoding="utf-8")
    assert IN_BATCHES[0] in text
    file = tmp_path_factory.mktemp("programme") / f"{NAME}.yaml"
    file.write_text(text.replace(*IN_BATCHES), encoding="utf-8")
    found = Terminal(own_home)
    found.does(
        *("programme", "publish", file, "--assume", "demonstration"),
        *("--budget", 2026, 200_000, "--at", "2026-05-01"),
    )
    yield found
    found.does("stop")


def _award(terminal: Terminal, batch: str, *words: object) -> str:
    return terminal.does("award", "--programme", NAME, "--batch", batch, *words)


def test_a_batch_is_closed_once_and_who_waits_is_next(terminal: Terminal) -> None:
    told = [
        terminal.does("apply", EXAMPLES / "reservation.yaml", "--id", name, *AT)
        for name in ("one", "two")
    ]
    assert all("it is awarded when its batch is closed" in said for said in told)

    first = _award(terminal, "2026-1", "--at", "2026-06-01")
    again = _award(terminal, "2026-1", "--at", "2026-06-09")

    assert first == again
    assert "A-one-henan-compute-issued: CN¥120,000.00 awarded in full, voucher V-A-one" in first
    assert "A-two-henan-compute-issued: waits for CN¥120,000.00" in first


def test_what_is_wrong_is_told_and_nothing_is_closed(terminal: Terminal) -> None:
    def told(*words: object) -> str:
        said = terminal.errs("award", "--batch", "2026-9", *words, "--programme", NAME)
        return said.replace("\n", " ")

    assert "draws no lots" in told("--seed", "x")
    assert "has no group 'young'" in told("--group-yuan", "young", 5)
    unknown = terminal.errs("award", "--programme", "henan", "--batch", "x")
    assert "no programme 'henan' in these books" in unknown.replace("\n", " ")


def test_the_batch_is_told_in_chinese_and_for_programs(terminal: Terminal) -> None:
    words = ("award", "--programme", NAME, "--batch", "2026-8", "--at", "2026-06-02")

    assert "候补" in terminal.does("--language", "zh", *words)
    assert [one["state"] for one in terminal.reads(*words)] == ["waiting"]


def test_why_the_books_said_no_is_told_with_what_to_do(terminal: Terminal, tmp_path: Path) -> None:
    """Two awards claim one contract: what the second was to have, the registry refuses."""
    facts = tmp_path / "case.json"
    known = json.loads(FACTS.read_text(encoding="utf-8"))
    facts.write_text(json.dumps({**known, **SMALL}), encoding="utf-8")
    begin = ("notice", "begin", "--programme", NAME, "--facts", facts, "--contract", "ZZ")
    for name in ("N-1", "N-2"):
        told = terminal.does(*begin, "--id", name, *AT)
        assert "it is awarded when its batch is closed" in told
    more = ("--year", 2026, "--yuan", 200_000, "--document", "more", *AT)
    terminal.does("books", "appropriate", "--programme", NAME, *more)

    said = _award(terminal, "2026-9", "--at", "2026-06-03")

    assert "N-1: CN¥20,000.00 of CN¥20,000.00 reserved" in said
    assert "N-2: waits for CN¥20,000.00 that it was to have; the books said no:" in said
    assert "  A voucher or an award was claimed on this contract before" in said
    words = ("award", "--programme", NAME, "--batch", "2026-9", "--at", "2026-06-03")
    assert "账簿未予入账" in terminal.does("--language", "zh", *words)
    refused = {one["application"]: one["refused"] for one in terminal.reads(*words)}
    assert refused["N-1"] is None
    assert refused["N-2"]["code"] == "insufficient"


def test_what_waits_for_the_close_of_its_batch_is_not_refused(
    terminal: Terminal, tmp_path: Path
) -> None:
    """A script that begins notices or rewards work goes on, as one that applies does."""
    facts = tmp_path / "case.json"
    known = json.loads(FACTS.read_text(encoding="utf-8"))
    for way in (("notice", "begin"), ("reward",)):
        case = (*way, "--programme", NAME, "--facts", facts, "--contract", way[0], *AT)
        facts.write_text(json.dumps({**known, **SMALL}), encoding="utf-8")
        assert "it is awarded when its batch is closed" in terminal.does(*case, "--id", way[0])
        facts.write_text(json.dumps({**known, **SMALL, "provider_pflops": 1}), encoding="utf-8")
        terminal.fails(*case, "--id", f"{way[0]}-2")
