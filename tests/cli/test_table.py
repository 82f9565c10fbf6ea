"""`tallygrid decide --table` from a terminal: what it writes, what it says, what it refuses."""

import json
from pathlib import Path

import polars as pl
import pytest
from terminal import AT, EXAMPLES, FACTS, Terminal

TABLE = EXAMPLES / "applicants.csv"
SCHEME = "shenzhen-compute-issued"
OTHER = "shanghai-compute-issued"
DECIDE = ("decide", "--programme", SCHEME)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_a_table_is_decided_and_counted(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"

    said = terminal.reads(*DECIDE, "--table", TABLE, "--out", out, "--assume", "demonstration", *AT)

    found = pl.read_parquet(out)
    assert said["rows"] == found.height == 5
    (tally,) = said["programmes"]
    assert (tally["eligible"], tally["undecided"], tally["refused"]) == (3, 1, 1)
    assert tally["at_least_fen"] == found["at_least_fen"].sum()
    about = pl.read_parquet_metadata(out)
    assert json.loads(about["tallygrid.programmes"]) == {SCHEME: tally["version"]}
    assert about["tallygrid.assumptions"] == "demonstration"
    assert "2026-05-20" in about["tallygrid.at"]


def test_a_table_and_a_case_agree(terminal: Terminal, tmp_path: Path) -> None:
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    table, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    pl.DataFrame([facts]).write_csv(table)

    one = json.loads(terminal.types(*DECIDE, "--facts", FACTS, *AT, "--json").stdout)
    terminal.does(*DECIDE, "--table", table, "--out", out, *AT)

    (row,) = pl.read_parquet(out).iter_rows(named=True)
    assert {name: row[name] for name in ("outcome", "at_least_fen", "at_most_fen")} == {
        name: one[name] for name in ("outcome", "at_least_fen", "at_most_fen")
    }
    assert set(row["missing"].split("|")) - {""} == set(one["missing"])


def test_a_wrong_table_leaves_an_earlier_result_alone(terminal: Terminal, tmp_path: Path) -> None:
    table, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    table.write_text("id,contract_fen\n1,x\n")
    out.write_text("earlier")

    said = terminal.errs(*DECIDE, "--table", table, "--out", out)

    assert said == f"{table}:2:3: `contract_fen` is 'x'. Write a whole number.\n"
    assert out.read_text() == "earlier"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.csv", "out.parquet"]


def test_a_table_may_be_decided_onto_itself(terminal: Terminal, tmp_path: Path) -> None:
    table = tmp_path / "in.parquet"
    pl.DataFrame({"id": [1], "contract_fen": [5]}).write_parquet(table)

    terminal.does(*DECIDE, "--table", table, "--out", table, *AT)

    assert "outcome" in pl.read_parquet_schema(table)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Name one case with --facts, or a table with --table."),
        (("--facts", FACTS, "--table", TABLE), "Name one case with --facts, or a table"),
        (("--table", TABLE), "A decided table is written with --out OUT.parquet."),
        (("--table", TABLE, "--out", "out.csv"), "is not a file that ends in .parquet."),
        (("--table", TABLE, "--out", "none/out.parquet"), "There is no folder 'none'."),
        (("--table", "none.csv", "--out", "out.parquet"), "No such file. Check the name."),
        (("--table", "/dev/zero", "--out", "out.parquet"), "A table is not kept in `zero`."),
        (("--facts", FACTS, "--out", "out.parquet"), "go with --table."),
        (("--facts", FACTS, "--keep", "id"), "go with --table."),
        (("--facts", FACTS, "--programme", OTHER), "go with --table."),
        (("--table", TABLE, "--out", "o.parquet", "--programme", SCHEME), "is named twice."),
    ],
)
def test_what_does_not_go_together_is_a_sentence(
    terminal: Terminal, words: tuple[str, ...], told: str
) -> None:
    assert told in terminal.errs(*DECIDE, *words)


def test_a_condition_that_divides_is_refused_before_the_table_is_read(
    terminal: Terminal, tmp_path: Path
) -> None:
    shipped = Path(__file__).parents[2] / f"src/tallygrid/programmes/{SCHEME}.yaml"
    text = shipped.read_text(encoding="utf-8")
    file = tmp_path / shipped.name
    file.write_text(
        text.replace("spend_year_fen >= ", "zero / employees > 100 AND spend_year_fen >= ", 1)
    )

    said = terminal.errs(
        "decide", "--programme", file, "--table", TABLE, "--out", tmp_path / "out.parquet"
    )

    assert "`/` is not allowed in a condition." in said
