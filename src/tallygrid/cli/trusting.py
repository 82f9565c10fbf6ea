"""Whose signatures a command believes."""

from pathlib import Path

from tallygrid.cli.common import Desk
from tallygrid.core.signature import trusted
from tallygrid.files.keys import KEYS_FILE, published_folder, read_keys


def trusted_beside(desk: Desk, heads: Path, keys: Path | None) -> dict[str, str]:
    """Return the public keys to believe, by id: those given, and whom they vouch for.

    Without keys of the reader's own, the first key beside the heads is believed, or, where none
    lie there, the first of this machine.
    """
    folder = heads if heads.is_dir() else heads.parent
    beside = folder / KEYS_FILE
    if not beside.exists():
        beside = published_folder(desk.settings.home) / KEYS_FILE
    known = read_keys(beside) if beside.exists() or keys is None else ()
    return trusted(read_keys(keys) if keys else known[:1], known)
