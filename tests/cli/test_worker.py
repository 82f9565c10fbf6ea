"""The worker as its supervisor sees it: one process, told to stop, and once for cron."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal

from tallygrid.service.working import NAMES
from tallygrid.text import catalogue

CITY = "zhengzhou-compute-issued"


@pytest.fixture(scope="module")
def terminal(own_home: Path) -> Iterator[Terminal]:
    found = Terminal(own_home)
    found.does("programme", "publish", CITY, "--assume", "demonstration", "--at", "2026-05-01",
               "--budget", 2026, 1_000_000, "--document", "C-1")  # fmt: skip
    yield found
    found.does("stop")


def test_the_command_names_every_task_and_each_has_its_sentences(terminal: Terminal) -> None:
    told = terminal.does("worker", "--help")

    for name in NAMES:
        assert name in told
        assert {f"worker.task.{name}", f"worker.did.{name}"} <= catalogue().keys()


def test_once_does_everything_once_and_says_what(terminal: Terminal) -> None:
    first = terminal.types("worker", "--once")

    assert first.exit_code == 0
    assert "Heads published: 1." in first.stderr
    assert (terminal.home / "heads" / "heads.jsonl").exists()
    second = terminal.types("--language", "zh", "worker", "--once", "--only", "heads")
    assert (second.exit_code, second.stderr) == (0, "")


def test_a_task_that_fails_is_told_in_both_languages_and_the_others_are_done(
    terminal: Terminal,
) -> None:
    heads = terminal.home / "heads" / "heads.jsonl"
    published = heads.read_text(encoding="utf-8")
    heads.write_text("{\n", encoding="utf-8")
    try:
        told = terminal.types("worker", "--once")
        in_chinese = terminal.types("--language", "zh", "worker", "--once", "--only", "heads")
    finally:
        heads.write_text(published, encoding="utf-8")

    assert told.exit_code == in_chinese.exit_code == 1
    assert "Heads failed: " in told.stderr
    assert "heads.jsonl:1" in told.stderr
    assert "链首失败：" in in_chinese.stderr
    assert terminal.errs("worker", "--only", "everything")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_told_to(terminal: Terminal, number: signal.Signals) -> None:
    environment = {**os.environ, "TALLYGRID_HOME": str(terminal.home), "TALLYGRID_LANGUAGE": "en"}
    command = (Path(sys.executable).with_name("tallygrid"), "worker", "--only", "outcomes")
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr is not None
        assert "is at work" in worker.stderr.readline()
        worker.send_signal(number)
        rest = worker.stderr.read()

    assert worker.returncode == 0
    assert rest == "The worker has stopped.\n"
