"""The keys that sign heads and bundles: a secret file of this installation, and public lines.

`private.pem` never leaves the machine and is readable by its owner alone. `keys.jsonl` is to be
published: each line is a public key with the word of the key before it.
"""

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import mkstemp
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tallygrid.core.canonical import instant
from tallygrid.core.signature import PublicKey, SigningKey
from tallygrid.files.lines import read_lines
from tallygrid.files.mistake import FileError, Mistake

KEYS_FILE: Final = "keys.jsonl"
"""What the file of public keys is called in the folder that is published."""

_PRIVATE_FILE: Final = "private.pem"
_FOR_OTHERS: Final = 0o077


def signing_key(home: Path, *, at: datetime) -> SigningKey:
    """Return this installation's key; the first time it is made, and its public part published.

    Raises:
        FileError: The file holds no such key, or others may read it.
    """
    secret = _folder(home) / _PRIVATE_FILE
    if not secret.exists():
        key = SigningKey(Ed25519PrivateKey.generate())
        with suppress(FileExistsError):  # another process was first: its key is the one
            _write_secret(secret, key, replace=False)
    key = _read_secret(secret)
    if not (published_folder(home) / KEYS_FILE).exists():
        _publish(home, key.introduce(key.public, at=at))
    return key


def rotate(home: Path, *, at: datetime) -> SigningKey:
    """Put a new key in the place of the old one, which gives its word for it and is destroyed."""
    old = signing_key(home, at=at)
    new = SigningKey(Ed25519PrivateKey.generate())
    # The word is published first: killed in between, the old key signs on, and a public key
    # that nobody uses does no harm.
    _publish(home, old.introduce(new.public, at=at))
    _write_secret(_folder(home) / _PRIVATE_FILE, new, replace=True)
    return new


def published_folder(home: Path) -> Path:
    """Return the folder of this installation that may be published whole."""
    return home / "heads"


def read_keys(path: Path) -> tuple[PublicKey, ...]:
    """Read a file of public keys.

    Raises:
        FileError: With every line that is none.
    """
    found = read_lines(path, KeyIn, empty="There is no key.")
    return tuple(one.parsed() for one in found)


class KeyIn(BaseModel):
    """A public key as its line holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: str
    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    public: str = Field(pattern=r"^[0-9a-f]{64}$")
    since: AwareDatetime
    signed_by: str
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")

    def parsed(self) -> PublicKey:
        """Return the key in the core's own terms."""
        return PublicKey(**dict(self))


def _folder(home: Path) -> Path:
    """Return the folder of the secret, which nobody else may enter."""
    folder = home / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _publish(home: Path, key: PublicKey) -> None:
    folder = published_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / KEYS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps({**vars(key), "since": instant(key.since)}) + "\n")


def _write_secret(path: Path, key: SigningKey, *, replace: bool) -> None:
    """Write the secret whole: beside its name first, so that no half of it is ever read."""
    text = key.secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # A name that no other process or thread has, readable by nobody else.
    opened, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            beside.replace(path)
        else:
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _read_secret(path: Path) -> SigningKey:
    mode = path.stat().st_mode
    if mode & _FOR_OTHERS:
        problem = f"Others may read this key (mode {mode & 0o777:o})."
        _refuse(path, problem, f"Type `chmod 600 {path}`; if somebody may have read it, rotate it.")
    try:
        secret = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        secret = None
    if not isinstance(secret, Ed25519PrivateKey):
        _refuse(path, "This is no Ed25519 key.", "Bring the file back from a copy.")
    return SigningKey(secret)


def _refuse(path: Path, problem: str, remedy: str) -> NoReturn:
    raise FileError([Mistake(str(path), 1, 1, problem, remedy)])
