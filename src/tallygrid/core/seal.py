"""A sealed bundle: parts of plain data, the hash of each, and a signature over all hashes.

Written in one way only, so that a byte that is not as it was shows, and the seal names the
part that it is in.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tallygrid.core.books import Problem
from tallygrid.core.canonical import canonical_json, fields, sha256_of
from tallygrid.core.signature import ALGORITHM, SigningKey, is_signed

FORMAT: Final = "tallygrid evidence"
VERSION: Final = 2


class BundleError(Exception):
    """A file is no bundle that this version can read; carries the code of its sentence."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = f"evidence.{code}"
        self.values = values
        super().__init__(code)


def sealed(parts: Mapping[str, Any], key: SigningKey) -> str:
    """Return parts as the text of a bundle."""
    hashes = {name: sha256_of(part) for name, part in parts.items()}
    seal = {
        "hashes": hashes,
        "hash_algorithm": "sha256",
        "key": key.id,
        "signature_algorithm": ALGORITHM,
        "signature": key.sign(_text(hashes, key.id)),
    }
    bundle = {"format": FORMAT, "version": VERSION, "parts": dict(parts), "seal": seal}
    return canonical_json(bundle) + "\n"


def opened(data: bytes) -> dict[str, Any]:
    """Return the bundle that a file holds; its seal is not looked at.

    Raises:
        BundleError: It is no bundle, of a later version, or not written in the one way.
    """
    try:
        bundle = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise BundleError("no_bundle") from None
    if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
        raise BundleError("no_bundle")
    version = bundle.get("version")
    if type(version) is not int or version != VERSION:  # else 2.0 would be 2, and outside the seal
        raise BundleError("other_version", version=version, known=VERSION)
    if set(bundle) != {"format", "version", "parts", "seal"} or not isinstance(
        bundle["parts"], dict
    ):
        raise BundleError("no_bundle")
    try:
        same = data == f"{canonical_json(bundle)}\n".encode()
    except (ValueError, RecursionError):  # a number that is none, which JSON does not know
        same = False
    if not same:
        raise BundleError("other_form")
    return bundle


def broken_seals(bundle: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the parts that are not as they were sealed, and a seal that nobody trusted made."""
    parts, seal = bundle["parts"], bundle["seal"]
    if not _is_seal(seal):
        yield Problem("evidence.seal_broken", {"key": "?"})
        return
    hashes, key = seal["hashes"], seal["key"]
    for name in sorted({*parts, *hashes}):
        if name not in parts or name not in hashes or sha256_of(parts[name]) != hashes[name]:
            yield Problem("evidence.part_altered", {"part": name})
    if key not in keys:
        yield Problem("evidence.key_unknown", {"key": key})
    elif not is_signed(keys[key], _text(hashes, key), seal["signature"]):
        yield Problem("evidence.seal_broken", {"key": key})


def _is_seal(seal: object) -> bool:
    """Tell whether a seal has the shape of one; what algorithms it names is part of that."""
    return (
        isinstance(seal, dict)
        and set(seal) == {"hashes", "hash_algorithm", "key", "signature_algorithm", "signature"}
        and (seal["hash_algorithm"], seal["signature_algorithm"]) == ("sha256", ALGORITHM)
        and isinstance(seal["hashes"], dict)
        and all(
            isinstance(one, str)
            for one in (seal["key"], seal["signature"], *seal["hashes"].values())
        )
    )


def _text(hashes: Mapping[str, str], key: str) -> bytes:
    parts = (text for name in sorted(hashes) for text in (name, hashes[name]))
    return fields("tallygrid evidence 1", key, *parts)
