"""The disk is full: the error says so, nothing promised is lost, and with room work goes on."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from bookkeeping import Books, books_in, event
from caller import queue_on

from tallygrid.core.books import Event
from tallygrid.database import DatabaseError, Sessions, embedded
from tallygrid.database.voice import Voice

_MEBIBYTE: Final = 1 << 20
_DISK_MB: Final = 200
_LEFT_MB: Final = 3
_CALLS_MAX: Final = 2_000
_REASON_BYTES: Final = 100_000


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, where the machine lets us make one."""
    with _mounted() as directory:
        yield directory


@contextmanager
def _mounted() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tallygrid-disk-") as name:
        directory = Path(name)
        size = f"size={_DISK_MB}m,mode=0711"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tallygrid-test", name]
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
        try:
            directory.chmod(0o711)
            yield directory / "home"
        finally:
            embedded.at_home(directory / "home", Voice(print)).stop()
            subprocess.run(["umount", name], check=True)


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    with books_in(small_disk, "full") as books:
        books.fund(10**9)
        ballast = small_disk.parent / "ballast"
        promised, failed, error = _posted_until_full(books, ballast)

    assert "space left" in str(error).lower(), error
    ballast.unlink()
    with books_in(small_disk, "full") as books:
        assert promised <= _keys(books)
        assert [outcome.code for outcome in books.post("web", failed)] in (["posted"], ["exists"])
        assert books.balance("committed:V-1")[1] == len(_keys(books)) - 3
        assert books.problems() == ()


def _posted_until_full(
    books: Books, ballast: Path
) -> tuple[set[UUID], Event, psycopg.Error | DatabaseError]:
    """Post one by one on a disk that is nearly full, until that fails."""
    promised: set[UUID] = set()
    with Sessions(books.server, print, patience_s=1) as sessions:
        queue = queue_on(sessions)
        queue.post("web", books.programme, [_hold()])
        _fill(ballast)
        for _ in range(_CALLS_MAX):
            one = _hold()
            try:
                (outcome,) = queue.post("web", books.programme, [one])
            except (psycopg.Error, DatabaseError) as error:
                return promised, one, error
            assert outcome.accepted
            promised.add(one.key)
    raise AssertionError("the disk did not become full")


def _hold() -> Event:
    """Return a hold that takes much room, and cannot be pressed into less."""
    reason = os.urandom(_REASON_BYTES).hex()
    return event("hold", {"committed:V-1 > payable:P": 1}, ttl_seconds=3600, reason=reason)


def _fill(ballast: Path) -> None:
    """Leave only a little room."""
    free = shutil.disk_usage(ballast.parent).free
    with ballast.open("wb") as file:
        for _ in range(free // _MEBIBYTE - _LEFT_MB):
            file.write(bytes(_MEBIBYTE))


def _keys(books: Books) -> set[Any]:
    found = books.connect("auditor").execute("SELECT key FROM books.event")
    return {key for (key,) in found}
