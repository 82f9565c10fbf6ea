"""`match` and `decide` as an applicant and a script use them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from unicodedata import east_asian_width

import pytest
import yaml
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


INVENTED = Path(__file__).parents[1] / "invented"
CITY = INVENTED / "example-city-compute-issued.yaml"


@pytest.fixture
def ordinary(tmp_path: Path) -> Path:
    """Return a file with the facts that all cases of the invented city have in common."""
    cases = INVENTED / "scenarios" / "example-city-compute.yaml"
    facts = yaml.safe_load(cases.read_text(encoding="utf-8"))["facts"]
    path = tmp_path / "ordinary.json"
    path.write_text(json.dumps(facts, default=str), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("used", "left_fen"),
    [
        ((), 300_000_00),
        (("applicant_year=2899000.50",), 100_900_00),
        (("in-all=7900000",), 100_000_00),
        (("budget=12300.99",), 12_300_00),
        (("contract=5950000", "project=8960000"), 40_000_00),
        (("group=9000000",), 0),
    ],
    ids=str,
)
def test_what_was_drawn_before_is_counted_to_the_fen(
    terminal: Terminal, ordinary: Path, used: tuple[str, ...], left_fen: int
) -> None:
    words = [word for one in used for word in ("--used", one)]
    case = ("--programme", CITY, "--facts", ordinary, "--at", "2026-03-10")

    result = terminal.types("decide", *case, *words, "--json")

    decision = json.loads(result.stdout)
    assert decision["at_most_fen"] == left_fen
    assert recompute(decision) == (decision["at_least_fen"], decision["at_most_fen"])


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (("applicant_yaer=5",), "Did you mean `applicant_year`?"),
        (("in-al=5",), "Did you mean `in-all`?"),
        (("year",), "Write NAME=YUAN"),
        (("year=1.234",), "at most two decimals"),
        (("year=-1",), "at most two decimals"),
        (("year=1", "year=2"), "year is given twice"),
    ],
    ids=str,
)
def test_slips_about_what_was_drawn_are_told(
    terminal: Terminal, ordinary: Path, used: tuple[str, ...], told: str
) -> None:
    words = [word for one in used for word in ("--used", one)]

    assert told in terminal.errs("decide", "--programme", CITY, "--facts", ordinary, *words)


def test_a_table_says_what_was_drawn_in_its_columns(terminal: Terminal, ordinary: Path) -> None:
    words = ("decide", "--programme", CITY, "--table", ordinary, "--used", "year=1")

    assert "--used goes with --facts" in terminal.errs(*words)


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
