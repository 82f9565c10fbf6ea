"""SWF and openb are read as they are written; what cannot be is named with line, value, remedy."""

import gzip
from pathlib import Path

import pytest

from tallygrid.files.mistake import FileError
from tallygrid.lab.traces import rows
from tallygrid.lab.traces.jobs import Jobs
from tallygrid.lab.traces.read import read_jobs

PODS = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,"
    "creation_time,deletion_time,scheduled_time\n"
)
NODES = "sn,cpu_milli,memory_mib,gpu,model\nn-1,64000,262144,2,P100\nn-2,64000,262144,8,\n"


def swf(job: int, submit: object, run: object, allocated: object, requested: object) -> str:
    return f"{job} {submit} 0 {run} {allocated} -1 -1 {requested} -1 -1 1 1 1 -1 -1 1 -1 -1\n"


def pod(name: str, cards: object, milli: object, *times: object) -> str:
    return f"{name},1000,2000,{cards},{milli},,LS,Running,{','.join(map(str, times))}\n"


def read(tmp_path: Path, text: str | bytes, *, shares: bool = False) -> Jobs:
    file = tmp_path / "trace"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_jobs(file, shares=shares)


def told(tmp_path: Path, text: str, *, shares: bool = False) -> list[str]:
    with pytest.raises(FileError) as caught:
        read(tmp_path, text, shares=shares)
    return [str(one).removeprefix(f"{tmp_path}/trace:") for one in caught.value.mistakes]


def columns(jobs: Jobs) -> list[tuple[int, ...]]:
    arrays = jobs.arrival_s, jobs.gang, jobs.run_s, jobs.line
    return [tuple(map(int, row)) for row in zip(*arrays, strict=True)]


def test_swf_takes_what_was_asked_for_and_else_what_was_given(tmp_path: Path) -> None:
    text = (
        "; Version: 2.2\n"
        + swf(1, 100, 60, 4, 8)
        + ";note\n"
        + swf(2, 90, 5, 4, -1)
        + swf(3, 95, -1, 4, 4)
        + swf(4, 95, 5, -1, -1)
    )

    jobs = read(tmp_path, text)

    assert columns(jobs) == [(0, 4, 5, 4), (10, 8, 60, 2)]
    assert jobs.left_out == ((5, "no_run_time"), (6, "no_gang"))
    assert jobs.unsorted == (4,)
    assert columns(read(tmp_path, gzip.compress(text.encode()))) == columns(jobs)


def test_fractions_are_cut_off_after_the_first_arrival_is_taken_away(tmp_path: Path) -> None:
    text = swf(1, "10.9", "5.9", 1, 1) + swf(2, "12.8", "+7", 1, 1) + swf(3, "11.95", 1, 1, 1)

    assert columns(read(tmp_path, text)) == [(0, 1, 5, 1), (1, 1, 7, 2), (1, 1, 1, 3)]


def test_more_than_eighteen_fields_and_spaces_are_no_harm(tmp_path: Path) -> None:
    text = "  \t" + swf(1, 10, 5, 1, 1).replace(" ", "  ").strip() + " 7 8 9 \r\n\r\n"

    assert columns(read(tmp_path, text)) == [(0, 1, 5, 1)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (swf(2, -5, 1, 1, 1), "3:3: `submit time` is `-5`. Write seconds, 0 or more."),
        (swf(2, 5, -2, 1, 1), "3:7: `run time` is `-2`. Write seconds, 0 or more, or -1."),
        (swf(2, 5, "1e30", 1, 1), "3:7: `run time` is `1e30`."),
        (swf(2, 5, 1, 1, -3), "3:17: `requested processors` is `-3`. Write a number of proc"),
        (swf(2, 5, 1, "1.5", 1), "3:9: `allocated processors` is `1.5`. Write a whole number"),
        (swf(2, 5, 1, 1, 1).replace("-1 -1\n", "x -1\n"), "3:39: `field 17` is `x`."),
        ("  2 3 4 x\n", "3:1: The row has 4 fields: `  2 3 4 x`. It must have 18 numbers."),
        ("   " + swf(2, -5, 1, 1, 1), "3:6: `submit time` is `-5`."),
        (swf(1, 5, 1, 1, 1), "3:1: `1` stands on line 1 already. Give each job its own,"),
    ],
)
def test_a_malformed_row_of_swf_is_named(tmp_path: Path, row: str, said: str) -> None:
    (mistake,) = told(tmp_path, swf(1, 0, 1, 1, 1) + "\n" + row)

    assert mistake.startswith(said)


def test_a_number_that_stands_twice_is_told_beside_malformed_rows(tmp_path: Path) -> None:
    text = swf(1, 0, 1, 1, 1) + swf(1, 5, 1, 1, 1) + swf(2, -5, 1, 1, 1)
    again, malformed = told(tmp_path, text)
    assert again.startswith("2:1: `1` stands on line 1 already.")
    assert malformed.startswith("3:3: `submit time` is `-5`.")


def test_openb_counts_a_share_as_a_card_unless_told(tmp_path: Path) -> None:
    text = (
        PODS
        + pod("a", 1, 460, 10, 40, 15)
        + pod("b", 0, 0, 0, 40, 15)
        + pod("c", 8, 1000, 12, 40, 12)
        + pod("d", 1, 1000, 12, 40, "")
    )

    jobs, shares = read(tmp_path, text), read(tmp_path, text, shares=True)

    assert columns(jobs) == [(0, 1, 25, 2), (2, 8, 28, 4)]
    assert (jobs.left_out, jobs.parts) == (((5, "never_ran"),), 1)
    assert [int(gang) for gang in shares.gang] == [460, 8000]
    assert shares.parts == 1000


def test_an_unusual_row_is_read_like_a_usual_one(tmp_path: Path) -> None:
    usual = PODS + pod("a", 2, 1000, 10, 40, 15)
    unusual = usual + pod('"b, too"', " 1 ", "5e2", "10.50", 41, " 16 ")

    assert columns(read(tmp_path, unusual)) == [*columns(read(tmp_path, usual)), (0, 1, 25, 3)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (pod("b", -1, 0, 1, 2, 1), "`num_gpu` is `-1`. Write a whole number of cards, 0"),
        (pod("b", 1, 0, 1, 2, 1), "`gpu_milli` is `0`. Write 1000; for one card 1 to 1000"),
        (pod("b", 2, 500, 1, 2, 1), "`gpu_milli` is `500`."),
        (pod("b", 1, 1000, 5, 2, 5), "`deletion_time` is `2`. Write seconds, not before"),
        (pod("b", 1, 1000, 1, 5, 6), "`scheduled_time` is `6`. Write seconds between"),
        (pod("b", 1, 1000, 2, 5, 1), "`scheduled_time` is `1`."),
        (pod("b", 1, 1000, "soon", 5, 4), "`creation_time` is `soon`."),
        (pod("a", 1, 1000, 1, 5, 4), "`a` stands on line 2 already."),
        (pod("b", 1, 1000, 1, 5), "The row has 10 cells"),
    ],
)
def test_a_malformed_pod_is_named(tmp_path: Path, row: str, said: str) -> None:
    mistakes = told(tmp_path, PODS + pod("a", 1, 1000, 1, 2, 1) + row)

    assert any(said in mistake and mistake.startswith("3:") for mistake in mistakes), mistakes


def test_all_mistakes_are_told_at_once_and_the_rest_counted(tmp_path: Path) -> None:
    mistakes = told(tmp_path, swf(1, 0, 1, 1, 1) + swf(2, 0, "x", 1, 1) * 250)

    assert len(mistakes) == rows.MISTAKES_SHOWN + 1
    assert mistakes[0].startswith("2:7: `run time` is `x`.")
    assert mistakes[-1] == "102:1: 150 mistakes more are not shown. Mend these first."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The first row is ``: no trace that is known. A Philly-style trace begins with"),
        ("hello\n", "The first row is `hello`"),
        (
            "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n",
            "pods without `qos`, `pod_phase`, `creation_time`, `deletion_time`, `scheduled_time`.",
        ),
        (NODES, "a list of 2 nodes with 10 cards, not of jobs. Name a list of pods, and give"),
        (NODES + "n-1,1,1,x,\n", "`gpu` is `x`. Write a whole number of cards"),
        (PODS, "There is no job."),
        ("; a comment and nothing more\n", "There is no job."),
        ("x" * 100_001, "The first line is longer than 100,000 bytes."),
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (mistake,) = told(tmp_path, text)

    assert said in mistake


def test_only_openb_has_shares(tmp_path: Path) -> None:
    (mistake,) = told(tmp_path, swf(1, 0, 1, 1, 1), shares=True)

    assert mistake.endswith("This trace has no shares of a card. Leave out --shares.")
