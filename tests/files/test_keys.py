"""The signing key: made once, readable by its owner alone, and rotated with its own word."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Final

import pytest

from tallygrid.core.signature import trusted
from tallygrid.files.keys import KEYS_FILE, published_folder, read_keys, rotate, signing_key
from tallygrid.files.mistake import FileError

AT: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    key = signing_key(tmp_path, at=AT)

    assert signing_key(tmp_path, at=AT).public == key.public
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "private.pem").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["private.pem"]
    assert [one.id for one in read_keys(published_folder(tmp_path) / KEYS_FILE)] == [key.id]


def test_threads_that_come_first_together_have_one_key(tmp_path: Path) -> None:
    for n in range(10):
        home = tmp_path / str(n)
        together = Barrier(4)

        def first(home: Path = home, together: Barrier = together) -> str:
            together.wait()
            return signing_key(home, at=AT).public

        with ThreadPoolExecutor(4) as pool:
            keys = {one.result() for one in [pool.submit(first) for _ in range(4)]}
        assert len(keys) == 1
        assert [path.name for path in (home / "keys").iterdir()] == ["private.pem"]


def test_a_new_key_has_the_word_of_the_old_one(tmp_path: Path) -> None:
    old = signing_key(tmp_path, at=AT)
    new = rotate(tmp_path, at=AT)
    newest = rotate(tmp_path, at=AT)

    known = read_keys(published_folder(tmp_path) / KEYS_FILE)

    assert signing_key(tmp_path, at=AT).public == newest.public
    assert list(trusted(known[:1], known)) == [old.id, new.id, newest.id]
    assert (tmp_path / "keys" / "private.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    signing_key(tmp_path, at=AT)
    (tmp_path / "keys" / "private.pem").chmod(0o640)

    with pytest.raises(FileError, match=r"mode 640.*chmod 600"):
        signing_key(tmp_path, at=AT)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    signing_key(tmp_path, at=AT)
    (tmp_path / "keys" / "private.pem").write_text("none", encoding="utf-8")

    with pytest.raises(FileError, match="no Ed25519 key"):
        signing_key(tmp_path, at=AT)
