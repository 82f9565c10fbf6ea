"""Signatures: whose word a head or a bundle is. Ed25519; every signature names its algorithm.

A key is known by its id, which follows from the public key. Whoever checks needs the public
key from a source of their own; a key that came with what it signed proves nothing alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tallygrid.core.canonical import fields, instant

ALGORITHM: Final = "ed25519"
_ID_DIGITS: Final = 16


@dataclass(frozen=True)
class SigningKey:
    """A private key; it signs, and is never shown."""

    secret: Ed25519PrivateKey

    @cached_property
    def public(self) -> str:
        """The public key, in hexadecimal."""
        return self.secret.public_key().public_bytes_raw().hex()

    @cached_property
    def id(self) -> str:
        """What the key is called in every signature by it."""
        return id_of(self.public)

    def sign(self, text: bytes) -> str:
        """Return the signature of a text, in hexadecimal."""
        return self.secret.sign(text).hex()

    def introduce(self, public: str, *, at: datetime) -> "PublicKey":
        """Return a public key with this key's word for it; a first key gives its own."""
        signature = self.sign(_introduction(public, instant(at), self.id))
        return PublicKey(ALGORITHM, id_of(public), public, at, self.id, signature)


@dataclass(frozen=True)
class PublicKey:
    """A public key, and the key that gave its word for it."""

    algorithm: str
    id: str
    public: str
    since: datetime
    signed_by: str
    signature: str


def id_of(public: str) -> str:
    """Return the id of a public key given in hexadecimal."""
    return sha256(bytes.fromhex(public)).hexdigest()[:_ID_DIGITS]


def is_signed(public: str, text: bytes, signature: str) -> bool:
    """Tell whether a text was signed by the owner of a public key, and the signature so written."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        written = bytes.fromhex(signature)
        key.verify(written, text)
    except (InvalidSignature, ValueError):
        return False
    return written.hex() == signature  # spaces and capitals are another file


def trusted(roots: Iterable[PublicKey], known: Sequence[PublicKey]) -> dict[str, str]:
    """Return the public keys that the roots vouch for, themselves or one through another, by id.

    Args:
        roots: Keys that the reader has from a source of their own.
        known: Keys that came along, each with another's word for it.
    """
    found = {key.id: key.public for key in roots if key.id == id_of(key.public)}
    waiting = [key for key in known if key.algorithm == ALGORITHM]
    while ready := [key for key in waiting if key.id not in found and _is_introduced(key, found)]:
        found |= {key.id: key.public for key in ready}
    return found


def unvouched(known: Sequence[PublicKey]) -> list[str]:
    """Return the ids of keys for which none of those that came along gives its word."""
    ids = {key.id: key.public for key in known}
    return [key.id for key in known if key.algorithm != ALGORITHM or not _is_introduced(key, ids)]


def _is_introduced(key: PublicKey, known: dict[str, str]) -> bool:
    text = _introduction(key.public, instant(key.since), key.signed_by)
    return (
        key.signed_by in known
        and key.id == id_of(key.public)
        and is_signed(known[key.signed_by], text, key.signature)
    )


def _introduction(public: str, since: str, signed_by: str) -> bytes:
    return fields("tallygrid key 1", ALGORITHM, public, since, signed_by)
