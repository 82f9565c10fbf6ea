"""Signed heads: what is forged, forked, shortened or signed by a stranger is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallygrid.core.books import Head
from tallygrid.core.heads import SignedHead, problems_of, signed
from tallygrid.core.signature import SigningKey, trusted

AT: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
KEY: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
NEXT: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(b"1" * 32))
OTHER: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(b"2" * 32))
KEYS: Final = {KEY.id: KEY.public}


def _head(batch: int, *, digit: str = "a", programme: str = "p") -> SignedHead:
    at = AT + timedelta(hours=batch)
    return signed(Head(programme, batch, 2 * batch, digit * 64, "sha256", at), KEY, at=at)


def _codes(*heads: SignedHead) -> list[tuple[str, object]]:
    found = problems_of(heads, KEYS)
    return [(one.code.removeprefix("ledger.problem."), one.values["batch"]) for one in found]


def test_heads_of_books_that_grew_agree() -> None:
    assert _codes(_head(1), _head(2), _head(2), _head(9), _head(1, programme="q")) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"programme": "q"},
        {"batch": 4},
        {"seq": 7},
        {"hash": "b" * 64},
        {"algorithm": "sha1"},
        {"at": AT},
    ],
)
def test_a_head_that_was_changed_after_it_was_signed_is_forged(changed: dict[str, object]) -> None:
    good = _head(3)
    forged = replace(good, head=replace(good.head, **changed))  # type: ignore[arg-type]  # a test's own values

    assert _codes(forged) == [("head_forged", changed.get("batch", 3))]


def test_when_and_by_whom_a_head_was_signed_is_signed_too() -> None:
    good = _head(3)

    assert _codes(replace(good, signed_at=AT)) == [("head_forged", 3)]
    assert _codes(replace(good, signature_algorithm="none")) == [("head_forged", 3)]
    assert _codes(replace(good, signature="00" * 64)) == [("head_forged", 3)]
    assert _codes(signed(good.head, OTHER, at=AT)) == [("head_key_unknown", 3)]


def test_two_histories_of_one_batch_are_named() -> None:
    assert _codes(_head(3), _head(3, digit="b")) == [("head_forked", 3)]


def test_books_that_became_shorter_are_named() -> None:
    later = signed(_head(2).head, KEY, at=AT + timedelta(days=9))

    assert _codes(_head(3), later) == [("head_retreats", 2)]


def test_a_key_is_believed_that_a_believed_one_introduced_and_no_other() -> None:
    first = KEY.introduce(KEY.public, at=AT)
    second = KEY.introduce(NEXT.public, at=AT)
    third = NEXT.introduce(OTHER.public, at=AT)

    assert set(trusted([first], [third, second])) == {KEY.id, NEXT.id, OTHER.id}
    assert set(trusted([first], [third])) == {KEY.id}
    assert set(trusted([first], [replace(second, public=OTHER.public, id=OTHER.id)])) == {KEY.id}
    assert set(trusted([first], [replace(second, since=AT + timedelta(1))])) == {KEY.id}
    assert set(trusted([second], [])) == {NEXT.id}
