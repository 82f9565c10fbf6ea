"""Files of evidence: read, and checked without a database."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tallygrid.core import evidence
from tallygrid.core.books import Problem
from tallygrid.core.heads import SignedHead
from tallygrid.core.seal import broken_seals, opened
from tallygrid.core.signature import PublicKey, trusted, unvouched
from tallygrid.files.heads import HeadIn
from tallygrid.files.keys import KeyIn
from tallygrid.files.mistake import FileError, Mistake


def read_bundle(path: Path) -> dict[str, Any]:
    """Read a bundle as it stands; whether it is true is another question.

    Raises:
        FileError: The file cannot be read.
        BundleError: It is no bundle that this version knows.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"The file cannot be read: {error.strerror}."
        raise FileError([Mistake(str(path), 1, 1, problem, "Check its name.")]) from None
    return opened(data)


def check_bundle(
    bundle: Mapping[str, Any], keys: Sequence[PublicKey] | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with a bundle: its seal first, then what its parts say.

    Args:
        bundle: The bundle as it was read.
        keys: The public keys that the reader trusts; by default the first in the bundle.
    """
    known, problems = _known(bundle)
    yield from problems
    believed = trusted(known[:1] if keys is None else keys, known)
    yield from broken_seals(bundle, believed)
    yield from evidence.problems_of(
        bundle["parts"], keys=believed, head_of=_head, document_of=_document
    )


def _known(bundle: Mapping[str, Any]) -> tuple[list[PublicKey], list[Problem]]:
    """Return the public keys of a bundle, and what is wrong with them."""
    try:
        known = [_key(one) for one in bundle["parts"]["keys"]]
    except (KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}"
        return [], [Problem("evidence.malformed", {"part": "keys", "what": what})]
    return known, [
        Problem("evidence.key_unvouched", {"part": "keys", "what": one}) for one in unvouched(known)
    ]


def _key(plain: object) -> PublicKey:
    return KeyIn.model_validate_json(json.dumps(plain)).parsed()


class _Ours(yaml.SafeLoader):
    """Reads a programme's text as we write it: without aliases, a few of which fill any memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("*")
        return super().compose_node(parent, index)


def _document(text: str) -> object:
    try:
        return _Ours(text).get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _head(plain: Mapping[str, Any]) -> SignedHead:
    try:
        return HeadIn.model_validate_json(json.dumps(plain)).parsed()
    except ValidationError as error:
        raise ValueError(str(error)) from None
