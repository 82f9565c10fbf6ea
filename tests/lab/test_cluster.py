"""A sweep on a Ray cluster of two nodes gives what it gives here, also if a node is lost.

Skipped where Ray is not installed: `make ray` adds it, and `.ci/run` does so.
"""

import builtins
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tallygrid.lab.cluster import cluster
from tallygrid.lab.parts import LostError, Pool, UnfinishedError, processes
from tallygrid.lab.sweep import Sweep, read_sweep, run_sweep

SCENARIO = """
id: small
name: {en: Small, zh: 小}
first_day: 2026-01-01
days: 30
demand: {jobs: 40, firms: 10, load: 20%}
assume: demonstration
programmes:
  - {id: shanghai-compute-issued, budget_yuan: 1000000}
"""
SWEEP = """
scenario: scenario.yaml
seeds: 10
vary: {programmes.shanghai-compute-issued.set.rate.tiers.all.rate: [10%, 20%, 30%, 40%]}
"""
JOIN_S = 120
MEMORY_BYTES = 80_000_000


@dataclass(frozen=True)
class Nodes:
    """A head and a second node, each a session of processes of its own."""

    address: str
    head: int
    second: int


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    return read_sweep(tmp_path / "sweep.yaml")


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    # A token that Ray once left at home would be asked of us, and we do not give one by default.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    pytest.importorskip("ray", reason="Ray is not installed; `make ray` adds it")
    port = _own_port()
    # Sockets have short names, so that pytest's own folder will not do.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        started = [_started("--head", f"--port={port}", f"--temp-dir={folder}",
                            "--include-dashboard=false")]  # fmt: skip
        try:
            _await_port(port)
            started.append(_started(f"--address=127.0.0.1:{port}"))
            yield Nodes(f"127.0.0.1:{port}", started[0].pid, started[1].pid)
        finally:
            for node in started:
                _kill_session(node.pid)
                node.wait()


def _own_port() -> int:
    """Return a free port among those that the kernel gives to nobody who does not name one."""
    first, last = 20_000, 30_000
    for port in range(first + os.getpid() % (last - first), last):
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port
    raise AssertionError("no port is free")


def _started(*more: str) -> "subprocess.Popen[bytes]":
    words = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    words += [f"--object-store-memory={MEMORY_BYTES}", "--min-worker-port=0"]
    return subprocess.Popen(
        [*words, "--max-worker-port=0", *more],
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _await_port(port: int) -> None:
    until = time.monotonic() + JOIN_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"nothing listens on {port} after {JOIN_S} s")


def _kill_session(session: int) -> None:
    """Kill a node as a power cut would: its processes at once, and nobody else's."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getsid(int(entry.name)) == session:
                    os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                continue


def _await_both(pool: Pool, nodes: Nodes) -> None:
    """Wait until tasks are played on both nodes: the session of a worker tells its node.

    Calls that are over before the second node has a worker would all go to the first.
    """
    ray: Any = pytest.importorskip("ray")
    until, seen = time.monotonic() + JOIN_S, set[int]()
    while sum(one["Alive"] for one in ray.nodes()) < len((nodes.head, nodes.second)):
        assert time.monotonic() < until, "the second node has not joined"
        time.sleep(0.2)
    while seen != {nodes.head, nodes.second}:
        assert time.monotonic() < until, (seen, nodes)
        submit = pool.executor.submit
        calls = [(submit(time.sleep, 0.5), submit(os.getsid, 0)) for _ in range(8)]
        seen |= {session.result() for _, session in calls}
        assert {one.result() for one, _ in calls} == {None}


def test_a_sweep_on_two_nodes_gives_the_same_bytes_though_one_is_lost(
    sweep: Sweep, nodes: Nodes, tmp_path: Path
) -> None:
    printed = builtins.print
    with processes(1) as here:
        assert list(run_sweep(sweep, tmp_path / "here", here))[-1].runs == sweep.runs
    with cluster(nodes.address) as there:
        import_module("ray.experimental.tqdm_ray").instance()  # replaces print, if not told off
        assert builtins.print is printed
        _await_both(there, nodes)
        seen = []
        for done in run_sweep(sweep, tmp_path / "there", there):
            seen.append(done.runs)
            if len(seen) == 1:
                _kill_session(nodes.second)
    assert seen[0] < sweep.runs
    assert seen[-1] == sweep.runs
    same = [(tmp_path / place / "runs.parquet").read_bytes() for place in ("here", "there")]
    assert same[0] == same[1]


class _Losing(Executor):
    """Plays one task, and loses all that come after it."""

    def __init__(self) -> None:
        self.played = 0

    def submit(self, fn: Any, /, *args: Any, **given: Any) -> Future[Any]:  # noqa: ANN401
        future: Future[Any] = Future()
        if self.played:
            future.set_exception(LostError("the cluster lost them: NodeDiedError"))
        else:
            future.set_result(fn(*args, **given))
        self.played += 1
        return future


def test_what_is_lost_for_good_is_told_and_the_rest_is_kept(sweep: Sweep, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UnfinishedError, match="7 of 8 tasks are left") as told:
        list(run_sweep(sweep, out, Pool(_Losing(), 1)))
    assert "NodeDiedError" in str(told.value)
    assert str(out) in str(told.value)
    assert len(list((out / "parts").iterdir())) == 1
    with processes(1) as pool:
        assert next(run_sweep(sweep, out, pool)).runs == 5
