"""What is rare among the intents is found by an index, however many there are."""

import pytest
from desk import Desk


@pytest.mark.parametrize("kind", ["close", "give_up", "lower", "clawback"])
def test_rare_intents_are_found_by_their_kind(desk: Desk, kind: str) -> None:
    plan = _plan(desk, f"kind = '{kind}' AND settled_at IS NOT NULL")

    assert "intent_rare" in plan


def test_what_went_back_of_a_voucher_is_found_by_its_name(desk: Desk) -> None:
    assert "intent_ended" in _plan(desk, "kind = 'end' AND body ->> 'voucher' = 'V-1'")


def _plan(desk: Desk, where: str) -> str:
    with desk.server.connect("web") as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(f"EXPLAIN SELECT FROM service.intent WHERE {where}").fetchall()
    return "\n".join(line for (line,) in rows)
