"""A batch is shared out by the rule of the text, once, and interrupted comes to the same end."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import pytest
from desk import (
    ASSUMPTIONS,
    AT,
    CITY,
    FIRM,
    OTHER_FIRM,
    PROGRAMMES,
    PROVINCE,
    Desk,
    DiedError,
    request,
)

from tallygrid.core.allocation import KeptError, OverspentError, SeedError, ticket
from tallygrid.core.programme import Programme, Scalar
from tallygrid.service import allocating, applying, budgeting, ending, intent, publishing
from tallygrid.service.allocating import (
    Allotted,
    Closing,
    OpenRuleError,
    ScoreError,
    WindowError,
)
from tallygrid.service.budgeting import Tranche
from tallygrid.service.intent import ConflictError
from tallygrid.service.publishing import Scheme, SupersededError

CITED: Final[dict[str, Any]] = {"clause": "x", "sources": ["hn_2025"], "confidence": "low"}
WORDS: Final = {"en": "x", "zh": "x"}
PRO_RATA: Final[dict[str, Any]] = {"value": "pro_rata"}
RANKED: Final[dict[str, Any]] = {"value": "ranked", "rank_by": "employees", "score_min": 5}
LOTTERY: Final[dict[str, Any]] = {"value": "lottery", "seed_from": WORDS}
CONTRACT_FEN: Final = 7_500_000
"""Of which 20 % are asked: 15,000 yuan."""


def _scheme(rule: dict[str, Any], **more: Any) -> Scheme:  # noqa: ANN401  # parts of a programme
    """Return the province's programme with another rule of allocation."""
    plain = PROGRAMMES[PROVINCE].model_dump(mode="json", exclude_defaults=True)
    plain["allocation"] = {**rule, **CITED}
    plain["budget"] |= more.pop("budget", {})
    plain |= more
    plain["facts"]["employees"] = {"type": "integer", **WORDS}
    fills = dict(ASSUMPTIONS.fills)
    fills[PROVINCE] = {**fills[PROVINCE], "allocation": rule["value"]}
    assumptions = ASSUMPTIONS.model_copy(update={"fills": fills})
    return Scheme(Programme.model_validate_json(json.dumps(plain)), assumptions)


def _fund(desk: Desk, scheme: Scheme, amount_fen: int, name: str = "first") -> None:
    publishing.publish(desk.office, scheme, at=AT)
    tranche = Tranche(AT.year, name, budgeting.divided(scheme, amount_fen))
    budgeting.appropriate(desk.office, scheme, tranche, at=AT)


def _apply(desk: Desk, scheme: Scheme, name: str, minute: int = 0, **facts: Scalar) -> str:
    asked = request(name, **{"contract_fen": CONTRACT_FEN, **facts})
    return applying.apply(desk.office, scheme, asked, at=AT + timedelta(minutes=minute)).state


def _close(desk: Desk, scheme: Scheme, name: str = "B-1", **more: Any) -> dict[str, Allotted]:  # noqa: ANN401  # Closing's own
    closed = allocating.allocate(
        desk.office, scheme, Closing(name, **more), at=AT + timedelta(days=1)
    )
    return {one.application: one for one in closed}


def test_nothing_is_awarded_before_the_batch_is_closed(desk: Desk) -> None:
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 2_000_000)

    states = [_apply(desk, scheme, f"A-{n}") for n in range(2)]

    assert states == ["approved", "approved"]
    assert desk.rows("SELECT id FROM service.voucher") == []
    assert desk.balance(PROVINCE, "available::city").total_fen == 1_000_000


def test_pro_rata_vouchers_are_worth_what_the_factor_leaves(desk: Desk) -> None:
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 2_000_000)
    _apply(desk, scheme, "A-1")
    _apply(desk, scheme, "A-2", contract_fen=2 * CONTRACT_FEN, applicant=OTHER_FIRM)

    closed = _close(desk, scheme)

    assert {name: (one.amount_fen, one.factor) for name, one in closed.items()} == {
        "A-1": (666_666, "4/9"),
        "A-2": (1_333_333, "4/9"),
    }
    assert desk.rows("SELECT id, (grant_terms ->> 'room_fen')::int FROM service.voucher") == [
        ("V-A-1", 666_666),
        ("V-A-2", 1_333_333),
    ]
    assert desk.balance(PROVINCE, f"cap_used:year.{FIRM}").total_fen == 666_666
    assert desk.held_fen("registry") == 0
    assert desk.problems() == ()


def test_no_funder_pays_the_odd_fen_of_everybody(desk: Desk) -> None:
    """Each third of 40,000 yuan is odd; its greater half would be too much for one funder."""
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 4_000_000)
    for n in range(3):
        _apply(desk, scheme, f"A-{n}", minute=n)

    closed = _close(desk, scheme)

    assert {one.amount_fen for one in closed.values()} == {1_333_332}
    assert {one.state for one in closed.values()} == {"awarded"}
    assert desk.balance(PROVINCE, "available::province").total_fen == 2


def test_the_best_are_awarded_first_the_next_wait_and_the_lowest_are_refused(desk: Desk) -> None:
    scheme = _scheme(RANKED)
    _fund(desk, scheme, 2_000_000)
    for name, score in (("A-1", 7), ("A-2", 9), ("A-3", 4)):
        _apply(desk, scheme, name, employees=score)

    closed = _close(desk, scheme)

    assert {name: (one.state, one.result) for name, one in closed.items()} == {
        "A-2": ("awarded", "granted"),
        "A-1": ("waiting", "waiting"),
        "A-3": ("refused", "below_score"),
    }


def test_who_cannot_be_ranked_is_named(desk: Desk) -> None:
    scheme = _scheme(RANKED)
    _fund(desk, scheme, 2_000_000)
    _apply(desk, scheme, "A-1")

    with pytest.raises(ScoreError, match="`employees`, which is not known of A-1"):
        _close(desk, scheme)
    assert desk.rows("TABLE service.batch") == []


def test_lots_are_drawn_with_the_published_seed_and_money_that_comes_goes_down_the_list(
    desk: Desk,
) -> None:
    scheme = _scheme(LOTTERY)
    _fund(desk, scheme, 1_500_000)
    names = [f"A-{n}" for n in range(3)]
    for n, name in enumerate(names):
        _apply(desk, scheme, name, minute=n)
    order = sorted(names, key=lambda name: ticket("drawn", name))

    with pytest.raises(SeedError):
        _close(desk, scheme)
    first = _close(desk, scheme, seed="drawn")
    _fund(desk, scheme, 1_500_000, name="second")
    second = _close(desk, scheme, "B-2", seed="drawn")

    assert [first[name].state for name in order] == ["awarded", "waiting", "waiting"]
    assert [first[name].place for name in order] == [0, 1, 2]
    assert {name: one.state for name, one in second.items()} == {
        order[1]: "awarded",
        order[2]: "waiting",
    }
    assert desk.problems() == ()


def test_those_who_wait_are_served_in_turn_when_money_has_come(desk: Desk) -> None:
    scheme = _scheme({"value": "first_come"})
    _fund(desk, scheme, 1_500_000)
    states = [_apply(desk, scheme, f"A-{n}", minute=n) for n in range(3)]
    _fund(desk, scheme, 1_500_000, name="second")

    newcomer = _apply(desk, scheme, "A-9", minute=9, contract_fen=100_000)
    closed = _close(desk, scheme)

    assert states == ["awarded", "waiting", "waiting"]
    assert newcomer == "waiting"
    assert [(name, one.state, one.place) for name, one in closed.items()] == [
        ("A-1", "awarded", 0),
        ("A-2", "waiting", 1),
        ("A-9", "waiting", 2),
    ]
    assert desk.problems() == ()


def test_amounts_that_do_not_fit_are_left_to_people(desk: Desk) -> None:
    scheme = _scheme({"value": "review", "settles": "per_batch"})
    _fund(desk, scheme, 2_999_998)
    for n in range(2):
        assert _apply(desk, scheme, f"A-{n}") == "approved"

    with pytest.raises(OverspentError):
        _close(desk, scheme)
    _fund(desk, scheme, 2, name="two fen")
    closed = _close(desk, scheme)

    assert [one.state for one in closed.values()] == ["awarded", "awarded"]


def test_several_applications_of_one_firm_ask_no_more_than_its_cap(desk: Desk) -> None:
    """Each alone would have asked the whole cap of a million yuan."""
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 200_000_000)
    for n in range(2):
        _apply(desk, scheme, f"A-{n}", minute=n, contract_fen=400_000_000)

    closed = _close(desk, scheme)

    assert {name: one.amount_fen for name, one in closed.items()} == {
        "A-0": 80_000_000,
        "A-1": 20_000_000,
    }
    assert {one.state for one in closed.values()} == {"awarded"}


def test_a_contract_that_has_had_its_claim_takes_nothing_from_the_others(desk: Desk) -> None:
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 2_250_000)
    _apply(desk, scheme, "A-1", contract="C-1")
    _close(desk, scheme)
    _apply(desk, scheme, "A-2", contract="C-1")
    _apply(desk, scheme, "A-3")

    closed = _close(desk, scheme, "B-2")

    assert {name: one.amount_fen for name, one in closed.items()} == {"A-3": 750_000}


def test_of_two_applications_for_one_contract_in_a_batch_one_is_awarded(desk: Desk) -> None:
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 9_000_000)
    for n in range(2):
        _apply(desk, scheme, f"A-{n}", minute=n, contract="C-1")

    closed = _close(desk, scheme)

    assert sorted(one.state for one in closed.values()) == ["awarded", "waiting"]
    assert desk.held_fen("registry") == 0
    assert desk.problems() == ()


def test_a_voucher_issued_meanwhile_bars_an_award_that_no_text_allows_beside_it(
    desk: Desk,
) -> None:
    scheme = _scheme(PRO_RATA, stacking={"higher_only": {"value": True, **CITED}})
    _fund(desk, scheme, 9_000_000)
    desk.fund(CITY, 9_000_000)
    _apply(desk, scheme, "A-1", contract="C-1", higher_award=False)
    desk.voucher(CITY, "A-2", CONTRACT_FEN, contract="C-1")

    assert _close(desk, scheme) == {}
    assert desk.rows("SELECT id FROM service.voucher") == [("V-A-2",)]


def test_what_is_kept_for_a_group_is_for_it_alone(desk: Desk) -> None:
    group = {"id": "small", "when": "employees < 10", "amount_yuan": [{"value": 15_000}], **CITED}
    scheme = _scheme(PRO_RATA, budget={"groups": [group]})
    _fund(desk, scheme, 3_000_000)
    for name, size in (("A-1", 5), ("A-2", 6), ("A-3", 50)):
        _apply(desk, scheme, name, employees=size)

    with pytest.raises(KeptError):
        _close(desk, scheme, groups={"small": 3_000_001})
    closed = _close(desk, scheme)
    again = _apply(desk, scheme, "A-4", employees=7)
    later = _close(desk, scheme, "B-2")

    assert {name: one.amount_fen for name, one in closed.items()} == {
        "A-1": 750_000,
        "A-2": 750_000,
        "A-3": 1_500_000,
    }
    assert again == "approved"
    assert later["A-4"].state == "waiting"
    assert desk.balance(PROVINCE, "cap_used:group.small").total_fen == 1_500_000
    assert desk.problems() == ()


def test_in_turn_a_group_has_no_more_than_is_kept_for_it(desk: Desk) -> None:
    group = {"id": "small", "when": "employees < 10", "amount_yuan": [{"value": 20_000}], **CITED}
    scheme = _scheme({"value": "first_come"}, budget={"groups": [group]})
    _fund(desk, scheme, 90_000_000)

    states = [_apply(desk, scheme, f"A-{n}", minute=n, employees=5) for n in range(2)]
    other = _apply(desk, scheme, "A-9", employees=50)

    assert (states, other) == (["awarded", "waiting"], "awarded")


def test_in_turn_what_is_kept_for_a_group_is_left_to_it(desk: Desk) -> None:
    group = {"id": "small", "when": "employees < 10", "amount_yuan": [{"value": 20_000}], **CITED}
    scheme = _scheme({"value": "first_come"}, budget={"groups": [group]})
    _fund(desk, scheme, 3_000_000)

    states = [
        _apply(desk, scheme, name, minute=n, employees=size)
        for n, (name, size) in enumerate((("A-1", 50), ("A-2", 5)))
    ]

    assert states == ["waiting", "awarded"]


def test_another_authoritys_award_is_matched_on_what_is_known_here(desk: Desk) -> None:
    """The city adds half of the province's award for the same contract; nobody types it in."""
    plain = PROGRAMMES[CITY].model_dump(mode="json", exclude_defaults=True)
    plain["base"] = {"value": "other_award", "levels": ["province"], **CITED}
    plain["rate"]["tiers"][0]["rate"] = [{"value": "50%"}]
    plain["facts"]["other_award_fen"] = {"type": "integer", **WORDS}
    matching = Scheme(Programme.model_validate_json(json.dumps(plain)), ASSUMPTIONS)
    _fund(desk, matching, 9_000_000)
    desk.fund(PROVINCE, 9_000_000)
    asked = request("A-2", contract="C-1", contract_fen=CONTRACT_FEN)

    before = applying.apply(desk.office, matching, asked, at=AT)
    desk.voucher(PROVINCE, "A-1", CONTRACT_FEN, contract="C-1")
    after = applying.apply(
        desk.office, matching, request("A-3", contract="C-1", contract_fen=CONTRACT_FEN), at=AT
    )

    assert (before.state, before.decision.missing) == ("approved", ("other_award_fen",))
    assert before.voucher is None
    assert (after.state, after.decision.amount_fen) == ("awarded", 750_000)
    assert desk.problems() == ()


def test_a_batch_is_not_closed_while_others_may_still_apply(desk: Desk) -> None:
    window = {"first_day": "2026-05-01", "last_day": "2026-05-31", **CITED}
    scheme = _scheme(PRO_RATA, windows=[window])
    _fund(desk, scheme, 9_000_000)
    _apply(desk, scheme, "A-1")

    with pytest.raises(WindowError, match="still taken at 2026-05-12 09:00"):
        _close(desk, scheme)
    closed = allocating.allocate(desk.office, scheme, Closing("B-1"), at=AT.replace(month=6, day=1))

    assert [one.state for one in closed] == ["awarded"]


def test_a_window_that_has_shut_can_be_closed_while_the_next_is_open(desk: Desk) -> None:
    windows = [
        {"first_day": "2026-05-01", "last_day": "2026-05-31", **CITED},
        {"first_day": "2026-06-01", "last_day": "2026-06-30", **CITED},
    ]
    scheme = _scheme(PRO_RATA, windows=windows)
    _fund(desk, scheme, 9_000_000)
    _apply(desk, scheme, "A-1")
    _apply(desk, scheme, "A-2", minute=30 * 24 * 60, contract="C-2")
    at = AT + timedelta(days=31)

    closed = allocating.allocate(desk.office, scheme, Closing("B-1"), at=at)
    again = allocating.allocate(desk.office, scheme, Closing("B-1"), at=at)

    assert [(one.application, one.state) for one in closed] == [("A-1", "awarded")]
    assert again == closed
    with pytest.raises(WindowError):
        allocating.allocate(desk.office, scheme, Closing("B-2"), at=at)


def test_whoever_applied_under_an_earlier_text_is_awarded_by_it(desk: Desk) -> None:
    first, second = _scheme(PRO_RATA), _scheme(PRO_RATA, name={"en": "y", "zh": "y"})
    _fund(desk, first, 9_000_000)
    _apply(desk, first, "A-1", contract="C-1")
    publishing.publish(desk.office, second, at=AT + timedelta(hours=1))
    _apply(desk, second, "A-2", minute=90, contract="C-2")
    at = AT + timedelta(days=1)

    closed = allocating.close(desk.office, second, Closing("B-1"), at=at)

    assert [(one.application, one.state) for one in closed] == [
        ("A-1", "awarded"), ("A-2", "awarded"),
    ]  # fmt: skip
    assert allocating.close(desk.office, second, Closing("B-1"), at=at) == closed
    assert desk.problems() == ()


def test_a_batch_closed_before_a_new_text_is_told_again(desk: Desk) -> None:
    first, second = _scheme(PRO_RATA), _scheme(PRO_RATA, name={"en": "y", "zh": "y"})
    _fund(desk, first, 9_000_000)
    _apply(desk, first, "A-1")
    before = _close(desk, first)
    publishing.publish(desk.office, second, at=AT + timedelta(days=2))

    again = allocating.close(desk.office, second, Closing("B-1"), at=AT + timedelta(days=3))

    assert {one.application: one for one in again} == before


def test_a_text_that_was_followed_does_not_come_back(desk: Desk) -> None:
    first, second = _scheme(PRO_RATA), _scheme(PRO_RATA, name={"en": "y", "zh": "y"})
    publishing.publish(desk.office, first, at=AT)
    publishing.publish(desk.office, second, at=AT + timedelta(hours=1))

    with pytest.raises(SupersededError, match="stays in force"):
        publishing.publish(desk.office, first, at=AT + timedelta(hours=2))

    assert publishing.published(desk.office)[PROVINCE] == second


def test_no_batch_is_closed_under_a_rule_that_is_open(desk: Desk) -> None:
    with pytest.raises(OpenRuleError, match="leaves open how"):
        _close(desk, Scheme(PROGRAMMES[PROVINCE]))


def test_the_same_name_is_the_same_batch(desk: Desk) -> None:
    scheme = _scheme(LOTTERY)
    _fund(desk, scheme, 1_500_000)
    for n in range(2):
        _apply(desk, scheme, f"A-{n}")
    first = _close(desk, scheme, seed="drawn")
    before = desk.snapshot()
    _fund(desk, scheme, 9_000_000, name="second")
    again = allocating.allocate(
        desk.office, scheme, Closing("B-1", seed="drawn"), at=AT + timedelta(days=9)
    )

    assert {one.application: one for one in again} == first
    assert desk.snapshot()["voucher"] == before["voucher"]
    with pytest.raises(ConflictError, match="Batch B-1"):
        _close(desk, scheme, seed="another")


@pytest.fixture
def asked(desk: Desk) -> tuple[Desk, Scheme]:
    """Three applications for money that suffices for two and a half."""
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 4_000_000)
    for n in range(3):
        _apply(desk, scheme, f"A-{n}", minute=n)
    return desk, scheme


@pytest.mark.parametrize("transactions", range(1, 36, 4))
def test_killed_anywhere_and_asked_again_a_batch_ends_the_same(
    asked: tuple[Desk, Scheme], transactions: int
) -> None:
    desk, scheme = asked
    with suppress(DiedError):
        allocating.allocate(
            desk.dying(transactions), scheme, Closing("B-1"), at=AT + timedelta(days=1)
        )
    intent.recover(desk.office)

    closed = _close(desk, scheme)

    assert {name: (one.amount_fen, one.state) for name, one in closed.items()} == {
        f"A-{n}": (1_333_332, "awarded") for n in range(3)
    }
    assert desk.balance(PROVINCE, "available::city").total_fen == 2
    assert intent.recover(desk.office) == 0
    assert desk.held_fen("registry") == 0
    assert desk.problems() == ()


def test_a_batch_left_half_done_is_finished_before_the_next_is_counted(
    asked: tuple[Desk, Scheme],
) -> None:
    desk, scheme = asked
    with pytest.raises(DiedError):
        allocating.allocate(desk.dying(12), scheme, Closing("B-1"), at=AT + timedelta(days=1))
    assert len(desk.rows("SELECT id FROM service.voucher")) < 3

    assert _close(desk, scheme, "B-2") == {}
    assert len(desk.rows("SELECT id FROM service.voucher")) == 3


def test_two_batches_closed_at_once_award_nobody_twice(asked: tuple[Desk, Scheme]) -> None:
    desk, scheme = asked

    with ThreadPoolExecutor(2) as threads:
        closed = list(threads.map(lambda name: _close(desk, scheme, name), ["B-1", "B-2"]))

    assert sorted(len(one) for one in closed) == [0, 3]
    assert desk.rows("SELECT sum((grant_terms ->> 'room_fen')::int) FROM service.voucher") == [
        (3 * 1_333_332,)
    ]
    assert desk.problems() == ()


def test_a_claim_that_a_batch_made_in_vain_is_not_given_back_a_second_time(desk: Desk) -> None:
    """The money went between a batch and its award; the next batch awards, and is revoked."""
    scheme = _scheme(PRO_RATA)
    _fund(desk, scheme, 4_000_000)
    _apply(desk, scheme, "A-1")
    for lifetime in range(1, 20):
        if not desk.rows("SELECT FROM service.allotment"):
            with suppress(DiedError):
                _close(Desk(desk.server, desk.directory, desk.dying(lifetime)), scheme)
    taken = Tranche(AT.year, "gone", budgeting.divided(scheme, 4_000_000))
    assert budgeting.reduce(desk.office, scheme, taken, at=AT).accepted
    (waits,) = _close(desk, scheme).values()
    assert waits.refused is not None
    _fund(desk, scheme, 4_000_000, name="second")
    assert [one.state for one in _close(desk, scheme, "B-2").values()] == ["awarded"]

    ended = ending.revoke(desk.office, "V-A-1", at=AT, why="a slip")

    assert (ended.back_fen, ended.refused) == (1_500_000, None)
    used = "SELECT sum(in_fen - out_fen)::int FROM books.account WHERE kind = 'ceiling_used'"
    assert desk.rows(used) == [(0,)]
    assert desk.problems() == ()
