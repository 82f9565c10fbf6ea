"""`match` and `decide` as an applicant and a script use them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from unicodedata import east_asian_width

import pytest
from terminal import AT, FACTS, Terminal

from tallygrid.core.recompute import recompute, recompute_combination

OFFER = FACTS.with_name("start-up-and-offer.json")


def _facts(tmp_path: Path, **facts: object) -> Path:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    return path


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_a_script_recomputes_every_amount_from_what_match_writes(terminal: Terminal) -> None:
    found = terminal.reads("match", "--facts", OFFER, "--assume", "demonstration", *AT)

    assert set(found) == {"at", "ask_first", "matches", "combinations"}
    for match in found["matches"]:
        assert recompute(match) == (match["at_least_fen"], match["at_most_fen"])
    assert found["combinations"]
    for combination in found["combinations"]:
        assert recompute_combination(combination) == combination["total_fen"] > 0


def test_without_facts_one_is_told_what_to_give_first_and_what_would_follow(
    terminal: Terminal, tmp_path: Path
) -> None:
    empty = _facts(tmp_path)
    said = terminal.does("match", "--facts", empty, *AT)
    found = terminal.reads("match", "--facts", empty, *AT)

    assert found["ask_first"][0]["fact"] == "registered_in"
    assert "place of registration, by the national code of divisions (GB/T 2260)" in said
    assert "if you are registered in Shenzhen (440300);" in said
    assert "then at most CN¥10,000,000.00" in said
    flips = {match["programme"]: match["flip"] for match in found["matches"]}
    first = flips["shenzhen-compute-issued"]["choices"][0][0][0]
    assert first == {"fact": "registered_in", "values": ["440300"], "low": None, "high": None}


def test_a_third_party_needs_the_json_alone(terminal: Terminal) -> None:
    words = ("decide", "--programme", "henan-compute-issued", "--facts", OFFER, *AT)
    decision = terminal.reads(*words)

    assert recompute(decision) == (decision["at_least_fen"], decision["at_most_fen"])
    assert decision["version"] in terminal.does(*words)


def test_every_undecided_programme_says_what_would_decide_it(terminal: Terminal) -> None:
    for match in terminal.reads("match", "--facts", FACTS, *AT)["matches"]:
        if match["group"] == "undecided":
            assert match["flip"]["choices"] or match["flip"]["unresolved"] or match["open"]


def test_the_size_class_is_said_and_a_contradiction_told(
    terminal: Terminal, tmp_path: Path
) -> None:
    firm = {"sector": "software_information", "employees": 25, "revenue_year_yuan": 1_200_000}

    derived = terminal.does("match", "--facts", _facts(tmp_path, **firm), *AT)
    assert "Size class of the applicant: small, by 中小企业划型标准规定" in derived
    differs = terminal.does("match", "--facts", _facts(tmp_path, **firm, sme_class="micro"), *AT)
    assert "The size class given is micro;" in differs
    assert "make it small" in differs


def test_the_credit_code_hints_at_a_place_and_no_more(terminal: Terminal, tmp_path: Path) -> None:
    code = "91350100M000100Y43"

    hinted = terminal.does("match", "--facts", _facts(tmp_path, credit_code=code), *AT)
    given = terminal.does(
        "match", "--facts", _facts(tmp_path, credit_code=code, registered_in="440305"), *AT
    )
    assert "The credit code was given out in 350100." in hinted
    assert "was given out" not in given


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_on_a_terminal_no_line_is_wider_than_it(columns: int, language: str) -> None:
    said = _on_a_terminal(columns, "--language", language, "match", "--facts", str(FACTS), *AT)

    wide = [line for line in said.splitlines() if _columns(line) > columns]
    assert not wide


def _on_a_terminal(columns: int, *words: str) -> str:
    """Run a command whose output is a terminal of some width."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "50"}
    command = [sys.executable, "-c", "from tallygrid.cli import main; main()", *words]
    with subprocess.Popen(command, stdout=theirs, env=environment) as running:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:  # how a terminal ends when nobody writes to it any more
            pass
        os.close(ours)
        assert running.wait() == 0
    return said.decode()


def _columns(line: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line)
