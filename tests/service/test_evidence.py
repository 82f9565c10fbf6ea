"""Evidence: a bundle stands by itself, and whatever is changed in it is found and named."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from bundles import KEY, Story, found
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from desk import AT, CITY, PROVINCE, Desk, request, scheme, used, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.canonical import canonical_json
from tallygrid.core.job import Usage
from tallygrid.core.payment import Receipt
from tallygrid.core.seal import VERSION, BundleError, opened, sealed
from tallygrid.core.signature import SigningKey
from tallygrid.files.evidence import check_bundle
from tallygrid.service import applying, correcting, lines, paying
from tallygrid.service.evidence import HistoryError, NoSubjectError
from tallygrid.service.lines import Accepted
from tallygrid.text import render

OTHER: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(b"2" * 32))
HOUR_MS: Final = 3_600_000


@pytest.fixture
def story(funded: Desk, tmp_path: Path) -> Story:
    first, second = (funded.voucher(CITY, name, 15_000_000) for name in ("A-1", "A-2"))
    bought = funded.buy(wanted("O-1", first, contract="A-1", quantity=2))
    funded.deliver(bought, 1, Fraction(1, 3))
    funded.deliver(bought, 2, Fraction(5, 3), final=True)
    _measure(funded, second)
    (payment,) = paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)
    paying.confirm(funded.office, [Receipt(payment.id, "T-1", payment.amount_fen)], at=AT)
    assert funded.problems() == ()
    return Story(funded, tmp_path)


def _measure(desk: Desk, voucher: str) -> None:
    """Use eight cards for ten days, as a meter measured it."""
    purchase = desk.buy(wanted("O-2", voucher, contract="A-2"))
    begun = datetime(2026, 5, 12, tzinfo=UTC)
    usage = Usage(UUID(int=7), "s", 8, begun, 240 * HOUR_MS, 5, 0, "00", attempt=1)
    accepted = Accepted(
        n=1,
        quantity=purchase.terms.price.quantity_of(usage.card_ms),
        used_at=usage.ended_at,
        evidence={**usage.as_json(), "clock": 1},
        document=usage.evidence_sha256,
        final=True,
    )
    assert lines.capture(desk.office, purchase, accepted).accepted


def test_the_evidence_for_a_voucher_or_a_payment_stands_by_itself(story: Story) -> None:
    for kind, name in (("voucher", "V-A-1"), ("voucher", "V-A-2"), ("payment", "B-1-0001")):
        text = story.bundle(kind, name)  # type: ignore[arg-type]  # both are kinds

        assert found(text) == [], kind
        assert story.bundle(kind, name) == text, "the same books give the same bytes"  # type: ignore[arg-type]


def test_a_bundle_holds_the_whole_way_from_the_rule_to_the_money(story: Story) -> None:
    parts = json.loads(story.bundle("voucher", "V-A-1"))["parts"]

    assert [one["programme"] for one in parts["programmes"]] == [CITY]
    assert [one["id"] for one in parts["applications"]] == ["A-1"]
    assert [(one["purchase"], one["n"]) for one in parts["lines"]] == [("O-1", 1), ("O-1", 2)]
    assert [one["id"] for one in parts["payments"]] == ["B-1-0001"]
    kinds = [one["kind"] for one in parts["events"][CITY]]
    assert kinds == [
        *("award", "issue", "hold", "copay"),
        *("capture", "capture", "pay", "confirm"),
    ]


def test_what_a_payment_pays_cannot_be_left_out(story: Story) -> None:
    """Not even by whoever seals: the amounts have to be explained."""
    whole = json.loads(story.bundle("payment", "B-1-0001"))["parts"]
    assert [one["id"] for one in whole["vouchers"]] == ["V-A-1", "V-A-2"]

    for part, named in (("vouchers", "V-A-1"), ("purchases", "O-1"), ("applications", "A-1")):
        rest = [one for one in whole[part] if one["id"] != named]
        assert found(sealed({**whole, part: rest}, KEY)), part
    for n in range(len(whole["lines"])):
        lines_ = [one for m, one in enumerate(whole["lines"]) if m != n]
        assert ("line_missing", "lines") in found(sealed({**whole, "lines": lines_}, KEY))
    events = [one for one in whole["events"][CITY] if one["reason"] != "line 1"]
    short = {**whole, "events": {**whole["events"], CITY: events}}
    assert ("payment_unexplained", "payments") in found(sealed(short, KEY))


def test_nothing_of_others_is_told_but_hashes(story: Story) -> None:
    text = story.bundle("voucher", "V-A-1")

    assert "A-2" not in text.replace("V-A-1", "")


def test_what_came_back_is_explained_by_the_payment_that_follows(story: Story) -> None:
    desk = story.desk
    third = desk.voucher(CITY, "A-3", 7_500_000)
    desk.deliver(desk.buy(wanted("O-3", third, contract="A-3")), 1, Fraction(1, 2), final=True)
    (failed,) = paying.prepare(desk.office, programme=CITY, batch="B-2", at=AT)
    fourth = desk.voucher(CITY, "A-4", 7_500_000)
    receipt = Receipt(failed.id, "T-2", failed.amount_fen, is_paid=False)
    paying.confirm(desk.office, [receipt], at=AT)
    desk.deliver(desk.buy(wanted("O-4", fourth, contract="A-4")), 1, Fraction(1, 2), final=True)
    paying.prepare(desk.office, programme=CITY, batch="B-3", at=AT)

    text = story.bundle("payment", "B-3-0001")

    assert found(text) == []
    vouchers = [one["id"] for one in json.loads(text)["parts"]["vouchers"]]
    assert vouchers == ["V-A-3", "V-A-4"]


def test_a_correction_and_a_second_sending_are_explained(story: Story) -> None:
    desk = story.desk
    voucher = desk.voucher(CITY, "A-6", 7_500_000)
    bought = desk.buy(wanted("O-6", voucher, contract="A-6"))
    desk.deliver(bought, 1, Fraction(1), final=True)
    less = replace(used(2, Fraction(-1, 3)), used_at=AT)
    assert correcting.correct(desk.office, desk.purchase("O-6"), less).accepted
    (sent,) = paying.prepare(desk.office, programme=CITY, batch="B-2", at=AT)
    receipt = Receipt(sent.id, "T-2", sent.amount_fen, is_paid=False)
    paying.confirm(desk.office, [receipt], at=AT)
    paying.again(desk.office, batch="B-2", at=AT)
    paying.confirm(desk.office, [Receipt(sent.id, "T-3", sent.amount_fen)], at=AT)

    for kind, name in (("voucher", voucher), ("payment", sent.id)):
        text = story.bundle(kind, name)  # type: ignore[arg-type]  # both are kinds
        assert found(text) == [], kind
        whole = json.loads(text)["parts"]
        kinds = [one["kind"] for one in whole["events"][CITY]]
        told = [one for one in kinds if one in {"correct", "pay", "fail", "confirm"}]
        assert told[-5:] == ["correct", "pay", "fail", "pay", "confirm"]
        assert told[:-5] == (["pay"] if kind == "payment" else []), "since the payment before"
        changed = [{**one, "quantity": "-1/4"} if one["n"] == 2 else one for one in whole["lines"]]
        assert ("rating_differs", "lines") in found(sealed({**whole, "lines": changed}, KEY))


def test_a_payment_for_an_award_without_a_voucher_is_explained(story: Story) -> None:
    desk = story.desk
    asked = request("A-7", contract_fen=7_500_000)
    applied = applying.apply(desk.office, scheme(CITY), asked, at=AT, way="ex_post")
    assert applied.state == "awarded"
    (sent,) = paying.prepare(desk.office, programme=CITY, batch="B-2", at=AT)

    text = story.bundle("payment", sent.id)

    assert found(text) == []
    parts = json.loads(text)["parts"]
    assert [one["id"] for one in parts["applications"]] == ["A-7"]
    parts["applications"][0]["facts"]["contract_fen"] += 1
    assert ("not_awarded", "applications") in found(sealed(parts, KEY))
    without = {**parts, "applications": [], "programmes": []}
    assert ("application_missing", "applications") in found(sealed(without, KEY))


def test_two_programmes_on_one_contract_are_both_in_it(story: Story) -> None:
    desk = story.desk
    names = [desk.voucher(one, f"A-5-{one}", 7_500_000, contract="A-5") for one in (PROVINCE, CITY)]
    bought = desk.buy(wanted("O-5", *names, contract="A-5"))
    desk.deliver(bought, 1, Fraction(1), final=True)

    for name in names:
        assert found(story.bundle("voucher", name)) == []


def test_what_is_not_there_is_named(story: Story) -> None:
    for kind in ("voucher", "payment"):
        with pytest.raises(NoSubjectError, match="'X-9'"):
            story.bundle(kind, "X-9")


def test_nothing_is_sealed_of_books_that_were_rewritten(story: Story) -> None:
    story.bundle("voucher", "V-A-1")
    server = story.desk.server
    with server.administer(server.database) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE books.batch SET hash = '\\x00' WHERE no > 1")

    with pytest.raises(HistoryError) as caught:
        story.bundle("voucher", "V-A-1")

    assert "rewritten" in caught.value.sentence("en")
    assert "被重写" in caught.value.sentence("zh")


def test_of_rows_that_were_forged_or_lost_evidence_is_made_that_does_not_stand(
    story: Story,
) -> None:
    server = story.desk.server
    with server.administer(server.database) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("DELETE FROM service.application WHERE id = 'A-1'")
        connection.execute(
            'INSERT INTO service.payment SELECT (jsonb_populate_record(payment, \'{"id": "X"}\')).*'
            " FROM service.payment"
        )

    assert ("application_missing", "applications") in found(story.bundle("voucher", "V-A-1"))
    assert ("not_about", "subject") in found(story.bundle("payment", "X"))


def test_a_bundle_of_a_later_version_is_refused(story: Story) -> None:
    later = json.loads(story.bundle("voucher", "V-A-1")) | {"version": VERSION + 1}

    with pytest.raises(BundleError) as caught:
        opened(canonical_json(later).encode())

    values = {"file": "b.json", **caught.value.values}
    assert f"version {VERSION + 1}" in render(caught.value.code, "en", **values)
    assert f"第{VERSION + 1}版" in render(caught.value.code, "zh", **values)


def test_whoever_trusts_another_key_does_not_believe_it(story: Story) -> None:
    bundle = opened(story.bundle("voucher", "V-A-1").encode())

    codes = {one.code for one in check_bundle(bundle, [OTHER.introduce(OTHER.public, at=AT)])}

    assert codes == {"evidence.key_unknown", "evidence.head_forged"}


def test_every_byte_that_is_changed_is_found(story: Story) -> None:
    whole = story.bundle("payment", "B-1-0001").encode()

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, len(whole) - 1), st.integers(1, 255))
    def check(place: int, change: int) -> None:
        changed = bytearray(whole)
        changed[place] ^= change
        assert found(bytes(changed))

    check()


def test_a_part_that_is_changed_is_named(story: Story) -> None:
    whole = json.loads(story.bundle("payment", "B-1-0001"))
    ways = list(_leaves(whole["parts"]))

    @settings(max_examples=40, deadline=None)
    @given(st.sampled_from(ways), st.integers(0, 200))
    def check(way: tuple[Any, ...], at: int) -> None:
        bundle = {**whole, "parts": _changed(whole["parts"], way, at)}
        assert ("part_altered", way[0]) in found(canonical_json(bundle) + "\n")

    check()


def test_what_whoever_has_the_key_changes_is_named_too(story: Story) -> None:
    """Sealed anew, so that only what the parts say of each other can show it."""
    whole = json.loads(story.bundle("payment", "B-1-0001"))
    ways = [way for way in _leaves(whole["parts"]) if way[:1] != ("programmes",)]

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(ways), st.integers(0, 200))
    def check(way: tuple[Any, ...], at: int) -> None:
        problems = found(sealed(_changed(whole["parts"], way, at), KEY))
        assert problems, way
        assert way[0] in {"subject", "keys"} or {part for _, part in problems} & _SHOWN_IN[way[0]]

    check()


def test_the_same_said_in_other_bytes_is_not_the_same_file(story: Story) -> None:
    """What lies outside the hashes of the parts counts to the last byte too."""
    text = story.bundle("voucher", "V-A-1")
    signature = json.loads(text)["seal"]["signature"]

    assert found(text.replace('"version":2', '"version":2.0')) == [("other_version", None)]
    for other in (signature.upper(), f"{signature} ", f"\\n{signature}"):
        assert found(text.replace(signature, other)) == [("seal_broken", None)]


_IMMENSE: Final = "9" * 4_000
"""As many digits as Python reads: a text of them, taken so many times, is no memory's size."""


_TRAPS: Final[tuple[tuple[tuple[Any, ...], str], ...]] = (
    (("purchases", 0, "terms", "vat_bp"), _IMMENSE),
    (("purchases", 0, "terms", "grants", 0, "room_fen"), "1e99999999"),
    (("purchases", 0, "quantity"), "1e99999999"),
    (("lines", 0, "quantity"), f"1/{_IMMENSE}"),
    (("applications", 0, "decision", "readings", 0, "lines", 1, "values", "low_bp"), _IMMENSE),
    (("programmes", 0, "text"), "[" * 1_500),
    (("programmes", 0, "text"), "a: &a [x]\nb: [*a, *a]"),
)


def test_no_figure_or_text_keeps_its_reader_waiting(story: Story) -> None:
    """Not even sealed by whoever is believed because no key was named."""
    whole = json.loads(story.bundle("voucher", "V-A-1"))["parts"]

    for way, value in _TRAPS:
        parts = deepcopy(whole)
        place: Any = parts
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = value
        assert ("malformed", way[0]) in found(sealed(parts, KEY)), way
    whole["events"][CITY][0]["outbox"] = "[" * 100_000
    assert ("malformed", "vouchers") in found(sealed(whole, KEY))


def test_the_text_of_a_programme_is_held_to_its_hash(story: Story) -> None:
    parts = json.loads(story.bundle("voucher", "V-A-1"))["parts"]
    text = parts["programmes"][0]["text"]
    parts["programmes"][0]["text"] = text.replace("rate", "fate", 1)

    assert ("text_differs", "programmes") in found(sealed(parts, KEY))
    parts["programmes"][0]["text"] = text + "\n  : ["
    assert ("malformed", "programmes") in found(sealed(parts, KEY))


_SHOWN_IN: Final = {
    part: {part}
    for part in ("applications", "vouchers", "purchases", "lines", "payments", "events", "chain")
} | {"events": {"chain"}, "applications": {"applications", "vouchers"}}
"""Where a change of each part shows at the least: an event's is a leaf that is not in the chain."""


def _changed(parts: dict[str, Any], way: tuple[Any, ...], at: int) -> dict[str, Any]:
    """Return parts with another value at the end of a way."""
    changed = deepcopy(parts)
    place: Any = changed
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = _other(place[way[-1]], at)
    return changed


def _leaves(value: object, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, (*way, name))
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _leaves(one, (*way, n))
    else:
        yield way


def _other(value: object, at: int) -> object:
    """Return another value of the same sort."""
    if value is None:
        return "x"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 + at % 3
    assert isinstance(value, str)
    place = at % (len(value) + 1)
    return value[:place] + ("7" if value[place : place + 1] != "7" else "8") + value[place + 1 :]
