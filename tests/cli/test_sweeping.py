"""`tallygrid lab sweep` and `search`, as they are typed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import Mock

import pytest
from terminal import Terminal

SCENARIO = """
id: small
name: {en: Small, zh: 小型}
first_day: 2026-01-01
days: 30
demand: {jobs: 60, firms: 12, load: 20%}
assume: demonstration
programmes: [{id: shanghai-compute-issued, budget_yuan: 100000}]
"""
SWEEP = """
scenario: small.yaml
vary: {programmes.shanghai-compute-issued.set.rate.tiers.all.rate: [10%, 20%, 30%, 40%]}
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SCENARIO, encoding="utf-8")
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP, encoding="utf-8")
    return file


def test_ten_million_runs_are_refused_before_anything_starts(
    terminal: Terminal, sweep: Path, tmp_path: Path
) -> None:
    text = f"{SWEEP}method: latin\npoints: 1000000\n".replace("[10%, 20%, 30%, 40%]", "SPAN")
    sweep.write_text(text.replace("SPAN", "{from: 10%, to: 40%}"), encoding="utf-8")
    told = terminal.errs("lab", "sweep", sweep, "--out", tmp_path / "out")
    assert "10,000,000 runs: 1,000,000 points × 10 seeds" in told
    assert "At most 100,000" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["sweep", "search"])
def test_a_cluster_that_is_not_there_is_told_with_a_remedy(
    terminal: Terminal, sweep: Path, tmp_path: Path, command: str
) -> None:
    if command == "search":
        text = "scenario: small.yaml\naim: take_up\npoints: 2\nkeep: 1\n"
        span = "{programmes.shanghai-compute-issued.budget_yuan: {from: 1, to: 9}}"
        sweep.write_text(f"{text}vary: {span}\n", encoding="utf-8")
    words = ("lab", command, sweep, "--out", tmp_path / "out", "--ray")
    with socket.socket() as deaf:  # its port is nobody else's, and it does not listen
        deaf.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{deaf.getsockname()[1]}"
        told = terminal.fails(*words, nobody)
    if find_spec("ray") is None:
        assert "pip install 'tallygrid[ray]'" in told
        return
    assert f"No Ray cluster answers at {nobody}" in told
    for wrong in ("nowhere", "1.2.3.4:port"):
        assert "such as 10.0.0.5:6379" in terminal.fails(*words, wrong)
    assert "Give one." in terminal.errs(*words, nobody, "--jobs", 2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["sweep", "search"])
@pytest.mark.parametrize(("language", "told"), [("en", "is kept in"), ("zh", "即可继续")])
def test_breaking_off_says_that_what_was_played_is_kept(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str,
    language: str, told: str,
) -> None:  # fmt: skip
    def broken_off(*_: object) -> Iterator[None]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(f"tallygrid.lab.{command}.read_{command}", lambda *_: Mock(runs=1))
    monkeypatch.setattr(f"tallygrid.lab.{command}.run_{command}", broken_off)
    monkeypatch.setattr("tallygrid.cli.sweeping._pool", lambda *_: nullcontext())
    out = tmp_path / "out"
    done = terminal.types("--language", language, "lab", command, "any.yaml", "--out", out)
    assert done.exit_code != 0
    assert told in done.stderr
    assert str(out) in done.stderr


_KILLED = """
import os, signal
from tallygrid.cli import main
from tallygrid.lab.parts import Parts

keep = Parts._keep

def keep_two(parts, *played):
    keep(parts, *played)
    if len(list(parts.folder.iterdir())) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

Parts._keep = keep_two
main()
"""


@pytest.mark.soak
def test_a_sweep_that_is_killed_goes_on_to_the_same_bytes(
    terminal: Terminal, sweep: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    terminal.does("lab", "sweep", sweep, "--out", whole, "--jobs", 1)
    words = ("lab", "sweep", sweep, "--out", cut, "--jobs", "1")
    done = subprocess.run([sys.executable, "-c", _KILLED, *words], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(cut.glob("parts/*.parquet"))) == 2
    assert not (cut / "runs.parquet").exists()
    terminal.does("lab", "sweep", sweep, "--out", cut, "--jobs", 1)
    assert (cut / "runs.parquet").read_bytes() == (whole / "runs.parquet").read_bytes()
