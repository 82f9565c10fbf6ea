"""Bundles of evidence in tests: sealed at a desk, and what a reader finds wrong with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from desk import AT, Desk
from psycopg import IsolationLevel

from tallygrid.core.seal import BundleError, opened
from tallygrid.core.signature import SigningKey
from tallygrid.files.evidence import check_bundle
from tallygrid.service import evidence
from tallygrid.service.evidence import Kind, Seal

KEY: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@dataclass(frozen=True)
class Story:
    """A desk at which two contracts were served and paid for, and where its heads are."""

    desk: Desk
    folder: Path

    def bundle(self, kind: Kind, name: str) -> str:
        """Return the evidence for something, sealed."""
        seal = Seal(KEY, [KEY.introduce(KEY.public, at=AT)], self.folder)
        with self.desk.server.connect("auditor") as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            return evidence.bundle(connection, kind, name, seal, at=AT)


def found(text: str | bytes) -> list[tuple[str, object]]:
    """Return the codes of what is wrong with a bundle, each with the part it is in."""
    data = text.encode() if isinstance(text, str) else text
    try:
        problems = list(check_bundle(opened(data)))
    except BundleError as error:
        return [(error.code.removeprefix("evidence."), None)]
    return [(one.code.removeprefix("evidence."), one.values.get("part")) for one in problems]
