"""`tallygrid place`: what it writes, what it says, and what it refuses."""

import csv
import json
from pathlib import Path

import pytest
from terminal import Terminal
from tests.oracle import batch as oracle

GOOD = {
    "jobs": """job_id,cards,hours,models,origin,sites,region,data_gb,latency_ms_max,programme,\
unplaced_fen
a,8,10,,any,,r,0,,full,90000
b,8,10,,any,,r,0,,full,90000
c,8,10,H|A,domestic,,r,0,,,90000
d,1,1,X,any,,r,0,,,7
""",
    "pools": """pool_id,site,model,origin,cards,hours,price_fen,extra_fen
cheap,s,H,foreign,8,20,100,0
dear,t,A,domestic,64,20,1000,0.5
""",
    "routes": """region,site,latency_ms,transfer_fen_per_gb
r,s,5,0
r,t,9,10
""",
    "budgets": """programme,available_fen,rate_bp
full,1000000,10000
""",
}
FIELDS = [
    *("objective_fen", "user_fen", "public_fen", "transfer_fen", "extra_fen", "unplaced_fen"),
    *("placed", "dual_bound_fen", "bound_fen", "bound_source", "gap", "seconds", "status"),
]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def written(folder: Path, **changed: str) -> list[object]:
    """Write the four files, some of them changed, and return the words of the command."""
    for name, text in {**GOOD, **changed}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    names = (*GOOD, "out")
    return ["place", *(word for name in names for word in (f"--{name}", folder / f"{name}.csv"))]


@pytest.mark.parametrize("name", [*GOOD, "out"])
def test_no_file_is_written_over_another(terminal: Terminal, tmp_path: Path, name: str) -> None:
    words = written(tmp_path)
    (tmp_path / "link.csv").symlink_to(tmp_path / f"{name}.csv")
    told = terminal.errs(*words, "--duals", tmp_path / "link.csv")
    assert f"is the file of --{name} too" in told
    if name in GOOD:
        words[-1] = tmp_path / f"{name}.csv"
        assert f"is the file of --{name} too" in terminal.errs(*words)
        assert (tmp_path / f"{name}.csv").read_text(encoding="utf-8") == GOOD[name]


def test_a_row_that_is_too_short_hides_no_other_mistake(terminal: Terminal, tmp_path: Path) -> None:
    words = written(
        tmp_path,
        jobs=GOOD["jobs"].replace("d,1,1,X,any,,r,0,,,7", "d,1\ne,0,1,X,any,,r,0,,,7"),
        pools=GOOD["pools"].replace("cheap,s", "cheap,s,s"),
        budgets=GOOD["budgets"].replace("10000", "10001"),
    )
    told = terminal.errs(*words)
    assert "jobs.csv:5:1: The row has 2 cells." in told
    assert "jobs.csv:6:3: `cards` is '0'." in told
    assert "pools.csv:2:1: The row has 9 cells." in told
    assert "`rate_bp` is 10001." in told
    assert len(told.strip().splitlines()) == 4


def test_value_assignment_and_bound_are_those_of_a_second_reckoning(
    terminal: Terminal, tmp_path: Path
) -> None:
    words = written(tmp_path)

    told = terminal.reads(*words, "--duals", tmp_path / "duals.csv")

    files = oracle.read(tmp_path)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        choice = {row["job_id"]: row["pool_id"] for row in csv.DictReader(file)}
    with (tmp_path / "duals.csv").open(encoding="utf-8") as file:
        duals: list[oracle.Row] = list(csv.DictReader(file))
    assert list(told) == FIELDS
    assert told["objective_fen"] == oracle.value(files, choice) == oracle.optimum(files)
    assert told["dual_bound_fen"] == oracle.dual_bound(files, duals)
    assert told["dual_bound_fen"] <= told["bound_fen"] <= told["objective_fen"]
    assert (told["status"], told["placed"], choice["d"]) == ("optimal", 3, "")
    parts = ("user_fen", "public_fen", "transfer_fen", "extra_fen", "unplaced_fen")
    assert sum(told[part] for part in parts) == told["objective_fen"]


def test_a_programme_that_pays_everything_does_not_send_work_to_the_dearest_site(
    terminal: Terminal, tmp_path: Path
) -> None:
    words = written(tmp_path)

    told = terminal.reads(*words)
    free = terminal.reads(*words, "--public-weight", 0)

    assert told["public_fen"] == 2 * 8 * 10 * 100
    assert free["objective_fen"] == 80_047
    assert "a,cheap\nb,cheap\n" in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "d is left out: no pool has an accelerator model"), ("zh", "d未安排：没有资源池具备")],
)
def test_what_is_left_out_has_its_reason(
    terminal: Terminal, tmp_path: Path, language: str, told: str
) -> None:
    said = terminal.does("--language", language, *written(tmp_path))

    assert told in said
    assert len(said.splitlines()) == 10


def test_nobody_placed_is_an_answer(terminal: Terminal, tmp_path: Path) -> None:
    poor = GOOD["budgets"].replace("1000000", "0")
    pools = GOOD["pools"].replace("64,20", "64,5").replace("8,20", "8,0")

    told = terminal.does(*written(tmp_path, budgets=poor, pools=pools))

    assert "a is left out: it lasts longer than every pool that remains is free" in told
    assert "Placed 0 of 4 jobs" in told


def test_no_jobs_cost_nothing(terminal: Terminal, tmp_path: Path) -> None:
    header = GOOD["jobs"].splitlines()[0] + "\n"

    told = terminal.reads(*written(tmp_path, jobs=header))

    assert (told["objective_fen"], told["gap"], told["status"]) == (0, 0, "optimal")
    assert (tmp_path / "out.csv").read_text() == "job_id,pool_id\n"


def test_the_same_files_give_the_same_answer(terminal: Terminal, tmp_path: Path) -> None:
    words = written(tmp_path)

    first = {**terminal.reads(*words), "seconds": 0}
    assignment = (tmp_path / "out.csv").read_bytes()

    assert {**terminal.reads(*words), "seconds": 0} == first
    assert (tmp_path / "out.csv").read_bytes() == assignment


def changed(table: str, before: str, after: str) -> dict[str, str]:
    assert before in GOOD[table]
    return {table: GOOD[table].replace(before, after, 1)}


BAD = {
    "a missing route": (changed("routes", "r,t,9,10\n", ""), "routes.csv:3:1: There is no route"),
    "no pool": (
        {"pools": GOOD["pools"].splitlines()[0] + "\n"},
        "pools.csv:2:1: There is no pool. Add a row.",
    ),
    "an empty file": ({"pools": ""}, "pools.csv:1:1: The first line is ''."),
    "a gang too large": (
        changed("jobs", "a,8", "a,65"),
        "jobs.csv:2:3: `cards` is 65, more than in any pool. The largest has 64",
    ),
    "a negative price": (
        changed("pools", "20,100,", "20,-1,"),
        "pools.csv:2:24: `price_fen`",
    ),
    "NaN": (changed("jobs", "b,8", "b,NaN"), "jobs.csv:3:3: `cards` is 'NaN'"),
    "seven places": (changed("jobs", "b,8", "b,8.0000001"), "`cards` is '8.0000001'"),
    "other digits": (changed("jobs", "b,8", "b,٨"), "jobs.csv:3:3: `cards` is '٨'"),
    "an exponent": (changed("jobs", "b,8", "b,1e3"), "jobs.csv:3:3: `cards` is '1e3'"),
    "no cards": (changed("jobs", "b,8", "b,0"), "jobs.csv:3:3: `cards` is '0'"),
    "half a fen": (changed("jobs", ",7\n", ",7.5\n"), "`unplaced_fen` is '7.5'. Write a whole"),
    "a job twice": (changed("jobs", "b,8", "a,8"), "jobs.csv:3:1: 'a' stands on line 2 already."),
    "a pool twice": (changed("pools", "dear", "cheap"), "pools.csv:3:1: 'cheap' stands on line 2"),
    "a route twice": (changed("routes", "r,t", "r,s"), "routes.csv:3:1: 'r, s' stands on line 2"),
    "a budget of nobody": (
        {"budgets": GOOD["budgets"] + "ghost,5,5000\n"},
        "budgets.csv:3:1: The programme 'ghost' is unknown",
    ),
    "a programme without budget": (
        changed("jobs", ",full,", ",ful,"),
        "The programme 'ful' has no budget. Did you mean `full`?",
    ),
    "a rate above the price": (changed("budgets", "10000\n", "10001\n"), "`rate_bp` is 10001."),
    "an unknown origin": (
        changed("jobs", "any", "mars"),
        "`origin` is 'mars'. Write any or domestic.",
    ),
    "a short row": (changed("jobs", ",7\n", "\n"), "jobs.csv:5:1: The row has 10 cells. Write 11."),
    "an open quote": (changed("jobs", "d,1", '"d,1'), "The row cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_nothing_is_written(
    terminal: Terminal, tmp_path: Path, name: str
) -> None:
    changes, told = BAD[name]
    words = written(tmp_path, **changes)

    said = terminal.errs(*words)

    assert told in said
    assert not (tmp_path / "out.csv").exists()


def test_all_mistakes_of_all_files_are_told_at_once(terminal: Terminal, tmp_path: Path) -> None:
    names = ("a negative price", "NaN", "a route twice", "a budget of nobody")
    changes = {table: text for name in names for table, text in BAD[name][0].items()}

    said = terminal.errs(*written(tmp_path, **changes))

    assert all(BAD[name][1] in said for name in names)


def test_every_job_that_is_too_dear_is_told(terminal: Terminal, tmp_path: Path) -> None:
    dear = {
        "jobs": GOOD["jobs"].replace("b,8,10", "b,8,999999").replace("c,8,10", "c,8,999999"),
        "pools": GOOD["pools"].replace("64,20,1000", "64,999999,999999999"),
    }

    said = terminal.errs(*written(tmp_path, **dear))

    assert [line.split("`")[1] for line in said.splitlines()] == ["b", "c"]


def test_one_bad_row_of_very_many_is_named(terminal: Terminal, tmp_path: Path) -> None:
    rows = [f"j{n},1,1,,any,,r,0,,,7" for n in range(50_000)]
    rows[40_000] = "j40000,1,one,,any,,r,0,,,7"
    text = "\n".join([GOOD["jobs"].splitlines()[0], *rows, ""])

    said = terminal.errs(*written(tmp_path, jobs=text))

    assert "jobs.csv:40002:10: `hours` is 'one'." in said


def test_a_folder_that_is_not_there_is_told_first(terminal: Terminal, tmp_path: Path) -> None:
    words = [*written(tmp_path)[:-1], tmp_path / "none" / "out.csv"]

    assert "cannot be written" in terminal.errs(*words)


@pytest.mark.parametrize("option", ["--seconds", "--gap"])
@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_what_is_no_number_ends_no_search(
    terminal: Terminal, tmp_path: Path, option: str, number: str
) -> None:
    assert number in terminal.errs(*written(tmp_path), option, number)
    assert not (tmp_path / "out.csv").exists()


def test_json_stands_alone_on_standard_output(terminal: Terminal, tmp_path: Path) -> None:
    result = terminal.types(*written(tmp_path), "--json")

    assert json.loads(result.stdout)["placed"] == 3
    assert "d is left out" in result.stderr
