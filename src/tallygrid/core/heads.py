"""Signed heads: the end of a programme's books at an instant, with the installation's word for it.

One head alone shows who said what. Several show more: of one batch there is one hash, and
books never become shorter. That can be checked without any database.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tallygrid.core.books import Head, Problem
from tallygrid.core.canonical import fields, instant
from tallygrid.core.signature import ALGORITHM, SigningKey, is_signed


@dataclass(frozen=True, order=True)
class SignedHead:
    """A head, when it was signed, and by which key."""

    head: Head
    signed_at: datetime
    signature_algorithm: str
    key: str
    signature: str

    def as_json(self) -> dict[str, object]:
        """Return the signed head as one line of a file holds it."""
        return {
            **vars(self.head),
            "at": instant(self.head.at),
            "signed_at": instant(self.signed_at),
            "signature_algorithm": self.signature_algorithm,
            "key": self.key,
            "signature": self.signature,
        }


def signed(head: Head, key: SigningKey, *, at: datetime) -> SignedHead:
    """Sign a head."""
    signature = key.sign(_text(head, instant(at), key.id))
    return SignedHead(head, at, ALGORITHM, key.id, signature)


def is_genuine(signed_head: SignedHead, keys: Mapping[str, str]) -> bool:
    """Tell whether a trusted key signed a head.

    Args:
        signed_head: The head.
        keys: The trusted public keys, by id.
    """
    public = keys.get(signed_head.key)
    text = _text(signed_head.head, instant(signed_head.signed_at), signed_head.key)
    return (
        public is not None
        and signed_head.signature_algorithm == ALGORITHM
        and is_signed(public, text, signed_head.signature)
    )


def problems_of(heads: Iterable[SignedHead], keys: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with heads themselves: forged ones, and ones that contradict another."""
    genuine: dict[str, list[SignedHead]] = {}
    for one in heads:
        if is_genuine(one, keys):
            genuine.setdefault(one.head.programme, []).append(one)
        elif one.key in keys:
            yield _problem("head_forged", one, expected=one.key)
        else:
            yield _problem("head_key_unknown", one, expected=one.key)
    for _, found in sorted(genuine.items()):
        yield from _forks(found)
        yield from _retreats(found)


def _forks(heads: list[SignedHead]) -> Iterator[Problem]:
    """Yield heads of one batch that are not one."""
    for before, after in pairwise(sorted(heads, key=lambda one: (one.head.batch, one.signed_at))):
        if before.head.batch == after.head.batch and before.head != after.head:
            yield _problem("head_forked", after, expected=before.head.hash)


def _retreats(heads: list[SignedHead]) -> Iterator[Problem]:
    """Yield heads signed later of books that were shorter."""
    for before, after in pairwise(sorted(heads, key=lambda one: (one.signed_at, one.head.batch))):
        first, then = before.head, after.head
        if then.batch < first.batch or (
            then.batch > first.batch and (then.seq <= first.seq or then.at < first.at)
        ):
            yield _problem("head_retreats", after, expected=f"{first.batch} / {first.seq}")


def _problem(code: str, one: SignedHead, *, expected: str) -> Problem:
    head = one.head
    return Problem(
        f"ledger.problem.{code}",
        {
            "programme": head.programme,
            "batch": head.batch,
            "seq": head.seq,
            "what": instant(one.signed_at),
            "found": head.hash,
            "expected": expected,
        },
    )


def _text(head: Head, signed_at: str, key: str) -> bytes:
    return fields(
        "tallygrid head 1",
        head.programme,
        str(head.batch),
        str(head.seq),
        head.algorithm,
        head.hash,
        instant(head.at),
        signed_at,
        ALGORITHM,
        key,
    )
