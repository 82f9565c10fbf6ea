"""Traces are read whole or refused with every mistake in them."""

import gzip
from pathlib import Path

import pytest

from tallygrid.files.document import FileError
from tallygrid.lab.trace import TraceJob, read_philly

HEADER = "timestamp,duration,num_gpus,gpu_time,cluster\n"
GOOD = HEADER + (
    "2017-10-09 07:00:10,66.9,2,133.8,b\n"
    "2017-10-09 07:00:00,10.0,1,10.0,a\n"
    "2017-10-09 07:00:10,5,1,5,a\n"
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "trace.csv"
    file.write_text(GOOD, encoding="utf-8")
    return file


def test_jobs_come_by_arrival_and_ties_keep_the_order_of_the_file(written: Path) -> None:
    trace = read_philly(written)

    assert trace.jobs == (
        TraceJob(arrival_s=0, duration_s=10, cards=1, cluster="a", line=3),
        TraceJob(arrival_s=10, duration_s=66, cards=2, cluster="b", line=2),
        TraceJob(arrival_s=10, duration_s=5, cards=1, cluster="a", line=4),
    )


def test_the_first_arrival_is_placed_in_its_week(written: Path) -> None:
    """9 October 2017 was a Monday."""
    assert read_philly(written).week_offset_s == 7 * 3600


@pytest.mark.parametrize("name", ["trace.csv.gz", "named.csv"])
def test_gzip_is_known_by_its_content_whatever_its_name(written: Path, name: str) -> None:
    packed = written.with_name(name)
    packed.write_bytes(gzip.compress(GOOD.encode()))

    assert read_philly(packed).jobs == read_philly(written).jobs


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(written: Path) -> None:
    plain = read_philly(written).jobs

    written.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert read_philly(written).jobs == plain


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ("yesterday,1,1,1,a", 1, "`timestamp` is `yesterday`. Write a local time"),
        ("2017-10-09T07:00:00+08:00,1,1,1,a", 1, "Write a local time"),
        ("2017-10-09 07:00:00,-1,1,1,a", 21, "`duration` is `-1`. Write seconds, 0 or more."),
        ("2017-10-09 07:00:00,nan,1,1,a", 21, "`duration` is `nan`."),
        ("2017-10-09 07:00:00,1,0,0,a", 23, "`num_gpus` is `0`. Write a whole number"),
        ("2017-10-09 07:00:00,1,1.5,1.5,a", 23, "`num_gpus` is `1.5`."),
        ("2017-10-09 07:00:00,100,2,100,a", 27, "It must be duration × num_gpus, 200."),
        ("2017-10-09 07:00:00,1,1,x,a", 25, "`gpu_time` is `x`. Write card-seconds"),
        ("2017-10-09 07:00:00,1,1,1,", 27, "Name the virtual cluster."),
        ("2017-10-09 07:00:00,1,1", 1, "The row has 3 cells"),
    ],
)
def test_a_malformed_row_is_named_with_its_place_value_and_remedy(
    written: Path, row: str, column: int, said: str
) -> None:
    written.write_text(GOOD + row + "\n", encoding="utf-8")

    with pytest.raises(FileError) as caught:
        read_philly(written)

    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.line, mistake.column) == (str(written), 5, column)
    assert said in str(mistake)


def test_all_mistakes_of_a_trace_are_reported_at_once(written: Path) -> None:
    written.write_text(HEADER + "x,-1,0,z,\n" + "short\n", encoding="utf-8")

    with pytest.raises(FileError) as caught:
        read_philly(written)

    assert [mistake.line for mistake in caught.value.mistakes] == [2, 2, 2, 2, 2, 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The header is ``."),
        (b"submitted,cards\n1,2\n", "It must be `timestamp,duration,num_gpus,gpu_time,cluster`."),
        (HEADER.encode(), "There is no job."),
        (b"\x1f\x8bbroken", "The gzip data is broken"),
        (gzip.compress(GOOD.encode())[:-9], "The gzip data is broken"),
        (b"\xff\xfe", "Byte 0 is not UTF-8."),
        (HEADER.encode() + b"x" * 200_000, "The row cannot be read"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(written: Path, content: bytes, said: str) -> None:
    written.write_bytes(content)

    with pytest.raises(FileError, match=r"trace\.csv:\d+:1: ") as caught:
        read_philly(written)

    assert said in str(caught.value)


def test_a_name_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_philly(tmp_path / "absent.csv")
    with pytest.raises(FileError, match="This is a directory"):
        read_philly(tmp_path)
