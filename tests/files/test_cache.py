"""The cache saves time and changes no answer, whatever is done to it."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from tallygrid.core.rules import rules_of
from tallygrid.core.variants import variants
from tallygrid.files.cache import remembered
from tallygrid.files.packaged import as_text, from_text
from tallygrid.files.programme import check, programme_files

FOLDER = Path(str(files("tallygrid").joinpath("programmes")))
FRESH = check(programme_files(FOLDER)).programmes


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tallygrid"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.yaml"
    path.write_text("one")
    return path


def _never() -> str:
    raise AssertionError("it was made again")


def _made(text: str) -> Callable[[], str]:
    return lambda: text


def _entry(home: Path) -> Path:
    (entry,) = home.glob("x-*")
    return entry


def test_programmes_come_back_as_the_same_versions_with_the_same_rules() -> None:
    kept = from_text(as_text(FRESH))

    assert [one.hash for one in kept] == [one.hash for one in FRESH]
    assert [one.canonical for one in kept] == [one.canonical for one in FRESH]
    for ours, theirs in zip(kept, FRESH, strict=True):
        assert ours.model_dump_json() == theirs.model_dump_json()
        assert ours.canonical == theirs.canonical
        assert rules_of(ours, ()) == rules_of(theirs, ())
        assert len(variants(ours, ()).each) == len(variants(theirs, ()).each)


def test_what_was_made_once_is_not_made_again(home: Path, source: Path) -> None:
    assert remembered("x", [source], _made("two")) == "two"
    assert remembered("x", [source], _never) == "two"
    assert home.stat().st_mode & 0o777 == 0o700


def test_another_byte_in_a_source_makes_it_again_and_forgets_the_old(
    home: Path, source: Path
) -> None:
    remembered("x", [source], _made("two"))
    source.write_text("One")

    assert remembered("x", [source], _made("three")) == "three"
    assert _entry(home)


@pytest.mark.parametrize("spoil", [b"", b"nonsense", b"0" * 64 + b"\ntwo", b"\xff\n\xff"])
def test_an_entry_that_is_not_whole_is_made_again(home: Path, source: Path, spoil: bytes) -> None:
    remembered("x", [source], _made("two"))
    _entry(home).write_bytes(spoil)

    assert remembered("x", [source], _made("three")) == "three"
    assert remembered("x", [source], _never) == "three"


def test_an_entry_that_others_could_have_written_is_not_used(home: Path, source: Path) -> None:
    remembered("x", [source], _made("two"))
    _entry(home).chmod(0o666)

    assert remembered("x", [source], _made("three")) == "three"


def test_a_folder_that_others_can_write_to_is_not_used(home: Path, source: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o777)

    assert remembered("x", [source], _made("two")) == "two"
    assert remembered("x", [source], _made("three")) == "three"
    assert not list(home.iterdir())


def test_a_link_in_place_of_the_folder_is_not_used(
    home: Path, source: Path, tmp_path: Path
) -> None:
    home.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    home.symlink_to(tmp_path / "elsewhere")

    assert remembered("x", [source], _made("two")) == "two"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_without_a_place_for_it_everything_works_as_well(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for variable, value in (("XDG_CACHE_HOME", str(tmp_path / "file")), ("XDG_CACHE_HOME", "")):
        monkeypatch.setenv(variable, value)
        monkeypatch.delenv("HOME", raising=False)
        assert remembered("x", [source], _made("two")) == "two"


def test_nothing_half_written_is_left_behind(home: Path, source: Path) -> None:
    remembered("x", [source], _made("two"))

    assert list(home.iterdir()) == [_entry(home)]
