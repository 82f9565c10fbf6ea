"""A batch is shared out at the terminal: every rule, every mistake at once, nothing half done."""

import csv
import subprocess
from pathlib import Path

import pytest
from terminal import Terminal

from tallygrid.core.allocation import ticket

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
MODEL = PROGRAMMES / "beijing-model-sme-issued.yaml"
HEAD = "id,amount_yuan,submitted_at,score,group\n"
CLAIMS = (
    HEAD
    + "A-3,300000,2026-05-22,70,\n"
    + "A-1,500000.50,2026-05-20T09:30:00+08:00,60,\n"
    + "A-2,400000,2026-05-20 09:31,90,\n"
)
DRAW = r"""
PATH=/usr/bin:/bin
for id in A-1 A-2 A-3; do
  echo "$(printf '%s\n%s' "$SEED" "$id" | sha256sum | cut -d ' ' -f 1) $id"
done | sort
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    return _written(tmp_path, CLAIMS)


def _written(folder: Path, text: str) -> Path:
    file = folder / "claims.csv"
    file.write_text(text, encoding="utf-8")
    return file


def _ruled(folder: Path, *lines: str) -> Path:
    """Return the programme with another rule of allocation."""
    text = MODEL.read_text(encoding="utf-8")
    assert "  value: first_come\n  settles: on_use\n" in text
    rule = "".join(f"  {line}\n" for line in lines)
    file = folder / MODEL.name
    file.write_text(text.replace("  value: first_come\n  settles: on_use\n", rule), "utf-8")
    return file


def _awards(terminal: Terminal, *words: object) -> dict[str, tuple[int, str]]:
    found = terminal.reads("allocate", "--at", "2026-06-08", *words)
    assert found["awarded_fen"] == sum(one["awarded_fen"] for one in found["awards"])
    return {one["id"]: (one["awarded_fen"], one["result"]) for one in found["awards"]}


def test_first_come_is_served_whole_and_the_next_waits_for_all_of_it(
    terminal: Terminal, claims: Path
) -> None:
    awards = _awards(
        terminal, "--programme", MODEL.stem, "--claims", claims, "--budget-yuan", 800_000
    )

    assert list(awards.items()) == [
        ("A-1", (50_000_050, "granted")),
        ("A-2", (0, "waiting")),
        ("A-3", (0, "waiting")),
    ]


def test_where_the_text_says_so_the_last_claim_is_paid_in_part(
    terminal: Terminal, claims: Path, tmp_path: Path
) -> None:
    last = "last: {value: part, clause: article 9, sources: [bj_ts], confidence: low}"
    programme = _ruled(tmp_path, "value: first_come", last)

    awards = _awards(
        terminal, "--programme", programme, "--claims", claims, "--budget-yuan", "800000.49"
    )

    assert awards["A-2"] == (29_999_999, "part")
    assert awards["A-3"] == (0, "waiting")


def test_pro_rata_scales_everybody_by_one_factor(
    terminal: Terminal, claims: Path, tmp_path: Path
) -> None:
    programme = _ruled(tmp_path, "value: pro_rata")

    found = terminal.reads(
        "allocate", "--programme", programme, "--claims", claims, "--budget-yuan", "600000.25"
    )

    assert {one["factor"] for one in found["awards"]} == {"1/2"}
    assert {one["awarded_fen"] for one in found["awards"]} == {25_000_025, 20_000_000, 15_000_000}


def test_the_best_are_served_first_and_too_low_a_score_is_told(
    terminal: Terminal, claims: Path, tmp_path: Path
) -> None:
    programme = _ruled(
        tmp_path, "value: ranked", "rank_by: employees", "score_min: 65", "ties: shared"
    )

    awards = _awards(
        terminal, "--programme", programme, "--claims", claims, "--budget-yuan", 1_000_000
    )

    assert awards == {
        "A-2": (40_000_000, "granted"),
        "A-3": (30_000_000, "granted"),
        "A-1": (0, "below_score"),
    }


def test_anybody_can_draw_the_lots_again(terminal: Terminal, claims: Path, tmp_path: Path) -> None:
    programme = _ruled(
        tmp_path, "value: lottery", "seed_from: {en: The draw of 8 June., zh: 6月8日开奖号码。}"
    )
    seed = "2026-06-08 31 07 12"

    awards = _awards(
        terminal, "--programme", programme, "--claims", claims, "--budget-yuan", 10**6,
        "--seed", seed,
    )  # fmt: skip
    by_shell = subprocess.run(
        ["sh", "-c", DRAW], env={"SEED": seed}, capture_output=True, text=True, check=True
    )

    drawn = [line.split() for line in by_shell.stdout.splitlines()]
    assert [name for _, name in drawn] == list(awards)
    assert [number for number, _ in drawn] == [ticket(seed, name) for name in awards]
    assert "The draw of 8 June." in terminal.errs(
        "allocate", "--programme", programme, "--claims", claims, "--budget-yuan", 1
    )


def test_amounts_decided_by_people_must_be_there(
    terminal: Terminal, claims: Path, tmp_path: Path
) -> None:
    programme, out = _ruled(tmp_path, "value: review"), tmp_path / "awards.csv"
    words = ("allocate", "--programme", programme, "--claims", claims, "--out", out)

    assert "does not say who would wait" in terminal.fails(*words, "--budget-yuan", "1200000.49")
    assert not out.exists()
    terminal.does(*words, "--budget-yuan", "1200000.50")
    with out.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["id"], row["awarded_yuan"], row["result"]) for row in rows] == [
        ("A-1", "500000.50", "granted"),
        ("A-2", "400000.00", "granted"),
        ("A-3", "300000.00", "granted"),
    ]


def test_all_mistakes_of_a_batch_are_told_at_once_and_nothing_is_written(
    terminal: Terminal, tmp_path: Path
) -> None:
    rows = (
        "A-1,0,2026-05-20,,\n"
        "A-1,1e5,20 May,high,young\n"
        ",100.123,2026-02-30,1.5,\n"
        "A-4,100,2026-05-20,,,\n"
    )
    file, out = _written(tmp_path, HEAD + rows), tmp_path / "awards.csv"
    programme = _ruled(tmp_path, "value: ranked", "rank_by: employees")

    told = terminal.errs(
        "allocate", "--programme", programme, "--claims", file, "--budget-yuan", 1, "--out", out
    )

    for line, wanted in (
        (2, "`amount_yuan` is '0'. Write what was approved"),
        (2, "`score` is empty, and the programme ranks by it."),
        (3, "The claim 'A-1' stands in line 2 too."),
        (3, "`amount_yuan` is '1e5'."),
        (3, "`submitted_at` is '20 May'."),
        (3, "`score` is 'high'."),
        (3, "The programme's budget has no group 'young'."),
        (4, "`id` is ''."),
        (4, "`amount_yuan` is '100.123'."),
        (4, "`submitted_at` is '2026-02-30'."),
        (4, "`score` is '1.5'."),
        (5, "The row has more cells than there are columns."),
    ):
        assert f"{file}:{line}:1: {wanted}" in told, told
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--budget-yuan", "much"), "'much' is not an amount. Write yuan"),
        (("--budget-yuan", "-5"), "'-5' is not an amount."),
        (("--budget-yuan", "1", "--group-yuan", "young", "5"), "has no group 'young'"),
        (("--budget-yuan", "1", "--seed", "x"), "draws no lots"),
        (("--budget-yuan", "1", "--seed", "x\udcff"), "cannot be printed"),
        (("--budget-yuan", "1", "--out", "/nowhere/awards.csv"), "check the folder /nowhere"),
    ],
)
def test_a_wrong_option_is_told_with_its_remedy(
    terminal: Terminal, claims: Path, words: tuple[str, ...], told: str
) -> None:
    said = terminal.errs("allocate", "--programme", MODEL.stem, "--claims", claims, *words)

    assert told in said.replace("\n", " ")


def test_where_the_text_leaves_the_rule_open_a_reading_is_asked_for(
    terminal: Terminal, claims: Path
) -> None:
    words = ("--programme", "henan-compute-issued", "--claims", claims, "--budget-yuan", 900_001)

    assert "Choose a reading with --assume" in terminal.errs("allocate", *words).replace("\n", " ")
    awards = _awards(terminal, *words, "--assume", "demonstration")
    assert awards["A-2"] == (40_000_000, "granted")


def test_a_programme_that_is_not_shipped_is_read_under_a_file_of_its_own(
    terminal: Terminal, claims: Path, tmp_path: Path
) -> None:
    words = "{en: x, zh: x}"
    readings = tmp_path / "mine.yaml"
    readings.write_text(
        f"id: mine\nname: {words}\nreason: {words}\n"
        "fills:\n  example-city-compute-issued: {last: part, counts: true}\n"
    )
    programme = Path(__file__).parents[1] / "invented" / "example-city-compute-issued.yaml"

    awards = _awards(
        terminal, "--programme", programme, "--claims", claims, "--budget-yuan", "800099.99",
        "--group-yuan", "one-person", 0, "--assume", readings,
    )  # fmt: skip

    assert awards == {
        "A-2": (40_000_000, "granted"),
        "A-3": (30_000_000, "granted"),
        "A-1": (10_000_000, "part"),
    }


@pytest.mark.parametrize(
    ("language", "told"), [("en", "number 1 on the list"), ("zh", "候补第1位")]
)
def test_the_awards_are_told_in_both_languages(
    terminal: Terminal, claims: Path, language: str, told: str
) -> None:
    said = terminal.does(
        "--language", language, "allocate", "--programme", MODEL.stem, "--claims", claims,
        "--budget-yuan", 800_000,
    )  # fmt: skip

    assert told in said
    assert "None" not in said
