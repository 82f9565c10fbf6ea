"""`tallygrid lab replay`, as it is typed."""

from pathlib import Path

import pytest
from terminal import Terminal

from tallygrid.cli.laboratory import _shown

HEADER = "timestamp,duration,num_gpus,gpu_time,cluster\n"
TRACE = HEADER + "".join(
    f"2017-10-09 07:00:0{second},{run},{gang},{run * gang},a\n"
    for second, gang, run in [(0, 6, 10), (1, 3, 10), (2, 1, 8), (3, 1, 20), (4, 4, 5), (5, 9, 1)]
)
FIELDS = [
    *("jobs", "refused", "cards", "mean_wait_s", "p50_wait_s", "p99_wait_s", "makespan_s"),
    *("utilisation", "jobs_per_s", "seconds", "peak_rss_mb", "saturated"),
]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    file = tmp_path / "trace.csv"
    file.write_text(TRACE, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("options", "mean_s"),
    [
        ((), 7.6),
        (("--node-cards", 4), 8.0),
        (("--policy", "easy"), 3.0),
        (("--policy", "easy", "--depth", 0), 7.6),
        (("--policy", "easy", "--node-cards", 4), 3.0),
    ],
)
def test_the_figures_come_as_one_document(
    terminal: Terminal, trace: Path, options: tuple[object, ...], mean_s: float
) -> None:
    found = terminal.reads("lab", "replay", "--trace", trace, "--cards", 8, *options)

    assert list(found) == FIELDS
    assert (found["jobs"], found["refused"], found["cards"]) == (5, 1, 8)
    assert found["mean_wait_s"] == mean_s
    assert found["jobs_per_s"] > 0
    assert found["seconds"] > 0
    assert found["peak_rss_mb"] > 1


def test_copies_are_counted(terminal: Terminal, trace: Path) -> None:
    once = terminal.reads("lab", "replay", "--trace", trace, "--cards", 80)
    found = terminal.reads("lab", "replay", "--trace", trace, "--cards", 80, "--repeat", 3)

    assert (found["jobs"], found["refused"]) == (18, 0)
    assert found["makespan_s"] == 2 * 6 + once["makespan_s"]


@pytest.mark.parametrize(
    ("language", "left_out", "saturated"),
    [
        ("en", "asks for 9 cards, the site has 8; it is left out", "The site is saturated"),
        ("zh", "申请9张卡，站点仅有8张，已略过", "站点已饱和"),
    ],
)
def test_what_is_left_out_and_what_is_no_steady_state_is_said(
    terminal: Terminal, trace: Path, language: str, left_out: str, saturated: str
) -> None:
    done = terminal.types(
        *("--language", language, "lab", "replay", "--trace", trace, "--cards", 8),
        *("--policy", "easy"),
    )

    assert done.exit_code == 0
    assert f"{trace}:7" in done.stderr
    assert left_out in done.stderr
    assert saturated in done.stderr
    assert "3  " in done.stdout


def test_a_table_names_every_figure(terminal: Terminal, trace: Path) -> None:
    said = terminal.does("lab", "replay", "--trace", trace, "--cards", 8)

    assert "7.6  mean wait (s)\n" in said
    assert len(said.splitlines()) == len(FIELDS) - 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--cards", 9, "--node-cards", 4), "9 cards are no whole number of nodes of 4. Give 8"),
        (("--cards", 3, "--node-cards", 4), "no whole number of nodes of 4. Give 4."),
        (("--cards", 0), "0 is not in the range"),
        (("--cards", 8, "--policy", "sjf"), "'sjf' is not one of"),
        (("--cards", 8, "--repeat", 0), "0 is not in the range"),
        (("--cards", 8, "--shares"), "This trace has no shares of a card."),
    ],
)
def test_what_makes_no_sense_is_wrong_input(
    terminal: Terminal, trace: Path, options: tuple[object, ...], told: str
) -> None:
    assert told in terminal.errs("lab", "replay", "--trace", trace, *options)


def test_too_many_copies_are_wrong_input(terminal: Terminal, trace: Path) -> None:
    words = ("lab", "replay", "--trace", trace, "--cards", 80, "--repeat")

    assert "120,000,000 jobs are too many" not in terminal.errs(*words, 1_000_001)
    trace.write_text(HEADER + TRACE.removeprefix(HEADER) * 20, encoding="utf-8")
    assert "120,000,000 jobs are too many" in terminal.errs(*words, 1_000_000)


def test_a_site_for_which_every_job_is_too_large_is_refused(
    terminal: Terminal, trace: Path
) -> None:
    trace.write_text(HEADER + "2017-10-09 07:00:00,1,9,9,a\n", encoding="utf-8")

    said = terminal.fails("lab", "replay", "--trace", trace, "--cards", 8)

    assert "no job can be replayed on 8 cards" in said


@pytest.mark.parametrize(
    ("path", "told"),
    [(".", "This is a directory."), ("none", "No such file."), ("/dev/zero", "The first line is")],
)
def test_what_is_no_trace_is_a_sentence(terminal: Terminal, path: str, told: str) -> None:
    assert told in terminal.errs("lab", "replay", "--trace", path, "--cards", 8)


def test_a_short_replay_still_takes_time() -> None:
    assert _shown("seconds", 0.00004, "en") == "0.000040"
    assert _shown("seconds", 1.5, "en") == "1.5"
