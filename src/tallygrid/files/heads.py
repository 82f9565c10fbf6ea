"""Signed heads of the books, saved outside the database: JSON, one object per line."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tallygrid.core.books import Head
from tallygrid.core.heads import SignedHead
from tallygrid.files.keys import KEYS_FILE
from tallygrid.files.lines import read_lines

HEADS_FILE: Final = "heads.jsonl"
"""What the file of heads is called in the folder that is published."""

_SHA256_HEX: Final = r"^[0-9a-f]{64}$"
_SIGNATURE_HEX: Final = r"^[0-9a-f]{128}$"


def read_heads(path: Path) -> tuple[SignedHead, ...]:
    """Read the heads of a file, or of every `*.jsonl` of a folder but its keys.

    Raises:
        FileError: With every line that is not a head.
    """
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.glob("*.jsonl") if one.name != KEYS_FILE)
        files = files or [path / HEADS_FILE]
    read = [read_lines(file, HeadIn, empty="There is no head.") for file in files]
    return tuple(one.parsed() for found in read for one in found)


def write_heads(path: Path, heads: Iterable[SignedHead]) -> None:
    """Add heads to a file, one JSON object per line; what the file holds already stays."""
    lines = "".join(json.dumps(one.as_json(), ensure_ascii=False) + "\n" for one in heads)
    with path.open("ab") as file:
        file.write(lines.encode())
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def kept_to_oneself(path: Path) -> Iterator[None]:
    """Let nobody else add to a file of heads meanwhile, and mend its end if a line was torn.

    What stands after the last newline was written by somebody who died at it. A whole head is
    kept; part of one was never published, and goes. Anything else that is no head stays, for
    somebody to look at.
    """
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before, newline, torn = file.read().rpartition(b"\n")
        if torn and _is_whole(torn):
            file.write(b"\n")
        elif torn:
            file.truncate(len(before + newline))
        file.flush()
        yield


def _is_whole(line: bytes) -> bool:
    """Tell whether a line is a head."""
    try:
        HeadIn.model_validate_json(line)
    except ValidationError:
        return False
    return True


class HeadIn(BaseModel):
    """A head as `write_heads` wrote it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    programme: str
    batch: int = Field(gt=0)
    seq: int = Field(gt=0)
    hash: str = Field(pattern=_SHA256_HEX)
    algorithm: str
    at: AwareDatetime
    signed_at: AwareDatetime
    signature_algorithm: str
    key: str
    signature: str = Field(pattern=_SIGNATURE_HEX)

    def parsed(self) -> SignedHead:
        """Return the head in the core's own terms."""
        head = Head(self.programme, self.batch, self.seq, self.hash, self.algorithm, self.at)
        return SignedHead(head, self.signed_at, self.signature_algorithm, self.key, self.signature)
