"""What was worked out from packaged files, kept in the user's own cache between commands.

Only a saving of time: everything here can be made again, and an entry is used only when it is
whole, when nobody but its owner can have written it, and when its name still agrees with every
byte of the files it was made from and of the code that made it. Otherwise it is made afresh.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import tallygrid
from tallygrid import settings

_MAKERS: Final = ("core", "files")
"""The parts of the package whose code decides what an entry holds."""
_READERS: Final = ("pydantic", "sqlglot", "yaml")
"""The libraries that have a say in it too."""
_PRIVATE: Final = 0o700
_OF_OTHERS: Final = 0o022


def remembered(name: str, sources: Iterable[Path], make: Callable[[], str]) -> str:
    """Return a text made from files, from the cache if it was made from just these before.

    Args:
        name: What the text is, as the first part of the entry's name.
        sources: Every file that it depends on.
        make: Makes it.
    """
    folder = _folder()
    if folder is None:
        return make()
    entry = folder / f"{name}-{_fingerprint(sources)}"
    found = _read(entry)
    if found is None:
        found = make()
        _write(entry, found)
    return found


def _fingerprint(sources: Iterable[Path]) -> str:
    """Return a digest of every byte that an entry depends on."""
    digest = sha256()
    for path in (*sorted(sources), *_code()):
        content = path.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    digest.update("\0".join(_libraries()).encode())
    return digest.hexdigest()


def _code() -> Iterator[Path]:
    root = Path(tallygrid.__file__).parent
    for part in _MAKERS:
        yield from sorted((root / part).glob("*.py"))


def _libraries() -> Iterator[str]:
    """Yield for each library which installation it is, without importing it."""
    for name in _READERS:
        spec = find_spec(name)
        origin = spec.origin if spec else None
        about = Path(origin).stat() if origin else None
        yield f"{origin} {about.st_mtime_ns if about else 0} {about.st_size if about else 0}"


def _folder() -> Path | None:
    """Return the cache's folder; nothing if there is none that is the user's alone."""
    folder = settings.cache_home(os.environ)
    if folder is None:
        return None
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        return folder if _is_ours(os.lstat(folder), stat.S_ISDIR) else None
    except OSError:
        return None


def _is_ours(about: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    """Tell whether only this user can have written something."""
    private = not about.st_mode & _OF_OTHERS
    return is_kind(about.st_mode) and about.st_uid == os.geteuid() and private


def _read(entry: Path) -> str | None:
    """Return an entry if it is ours and whole: its first line is the digest of the rest."""
    try:
        with entry.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno()), stat.S_ISREG):
                return None
            digest, _, content = file.read().partition(b"\n")
    except OSError:
        return None
    whole = digest == sha256(content).hexdigest().encode()
    return content.decode() if whole else None


def _write(entry: Path, text: str) -> None:
    """Put an entry in place as a whole, and those made of other files away; or leave it."""
    content = text.encode()
    try:
        with NamedTemporaryFile(dir=entry.parent, prefix=".", delete=False) as file:
            part = Path(file.name)
            try:
                file.write(sha256(content).hexdigest().encode() + b"\n" + content)
                file.flush()
                part.replace(entry)
            except OSError:
                part.unlink(missing_ok=True)
        _forget_older(entry)
    except OSError:
        return


def _forget_older(entry: Path) -> None:
    name = entry.name.rpartition("-")[0]
    for other in entry.parent.glob(f"{name}-*"):
        if other != entry:
            other.unlink(missing_ok=True)
