"""What holds of every allocation, whatever the rule, the claims and the money."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.allocation import Award, Claim, Money, OverspentError, allocate
from tallygrid.core.programme import Allocation, LastClaim

GROUPS: Final = ("", "a", "b")
IN_ORDER: Final = ("first_come", "ranked", "lottery")
_CITED: Final[dict[str, Any]] = {"clause": "x", "sources": ("x",), "confidence": "high"}
_START: Final = datetime(2026, 6, 1, tzinfo=UTC)


def rule(value: str, *, last: str | None = None, **more: object) -> Allocation:
    """Return a rule, cited like everything else."""
    if last:
        more["last"] = LastClaim.model_validate({"value": last, **_CITED})
    return Allocation.model_validate({"value": value, **more, **_CITED})


rules = st.one_of(
    st.builds(rule, st.just("first_come"), last=st.sampled_from([None, "whole", "part"])),
    st.builds(rule, st.just("lottery"), last=st.sampled_from([None, "whole", "part"])),
    st.builds(
        rule,
        st.just("ranked"),
        last=st.sampled_from([None, "part"]),
        ties=st.sampled_from(["earlier", "shared"]),
        score_min=st.one_of(st.none(), st.integers(0, 5)),
    ),
    st.builds(rule, st.sampled_from(["pro_rata", "review", "apply_free"])),
)
claims = st.lists(
    st.builds(
        Claim,
        id=st.text("abcdef0123456789-", min_size=1, max_size=6),
        asked_fen=st.integers(1, 10**9),
        submitted_at=st.integers(0, 5).map(lambda hours: _START + timedelta(hours=hours)),
        score=st.integers(-2, 5),
        group=st.sampled_from(GROUPS),
    ),
    max_size=12,
    unique_by=lambda claim: claim.id,
)
_fen = st.integers(0, 3 * 10**9)
units = st.sampled_from([1, 100, 1_000_000])
monies = st.builds(
    lambda free, a, b: Money(free + a + b, {"a": a, "b": b}), free=_fen, a=_fen, b=_fen
)


def _shared(
    asked: Sequence[Claim], how: Allocation, money: Money, unit_fen: int = 1
) -> dict[str, Award]:
    """Return the awards by claim; none where no rule says who would have to wait."""
    try:
        awards = allocate(asked, how, money, seed="drawn", unit_fen=unit_fen)
    except OverspentError:
        return {}
    return {award.claim.id: award for award in awards}


def _total_fen(awards: dict[str, Award], group: str | None = None) -> int:
    found = (one for one in awards.values() if group is None or one.claim.group == group)
    return sum(one.amount_fen for one in found)


@given(asked=claims, how=rules, money=monies, unit=units)
def test_no_pool_is_overspent_and_nobody_gets_more_than_asked(
    asked: list[Claim], how: Allocation, money: Money, unit: int
) -> None:
    awards = _shared(asked, how, money, unit)

    assert all(_total_fen(awards, group) <= money.of(group) for group in GROUPS)
    assert _total_fen(awards) <= money.whole_fen
    assert all(0 <= one.amount_fen <= one.claim.asked_fen for one in awards.values())
    assert awards.keys() in ({claim.id for claim in asked}, set())


@given(asked=claims, how=rules, money=monies, data=st.data())
def test_the_order_of_the_file_makes_no_difference(
    asked: list[Claim], how: Allocation, money: Money, data: st.DataObject
) -> None:
    assert _shared(data.draw(st.permutations(asked)), how, money) == _shared(asked, how, money)


@given(asked=claims, how=rules, money=monies, more=_fen, unit=units)
def test_more_money_never_lowers_an_award(
    asked: list[Claim], how: Allocation, money: Money, more: int, unit: int
) -> None:
    less = _shared(asked, how, money, unit)
    richer = _shared(asked, how, Money(money.whole_fen + more, money.groups), unit)

    assert all(richer[name].amount_fen >= one.amount_fen for name, one in less.items())


@given(asked=claims, how=rules, money=monies, unit=units)
def test_each_award_says_what_it_is(
    asked: list[Claim], how: Allocation, money: Money, unit: int
) -> None:
    for one in _shared(asked, how, money, unit).values():
        assert (one.amount_fen == one.claim.asked_fen) == (one.result == "granted")
        assert (one.amount_fen == 0) == (one.result in {"waiting", "below_score"})
        assert (one.place > 0) == (one.result == "waiting")


@given(asked=claims, money=monies, unit=units)
def test_a_scaled_award_is_within_one_unit_of_the_exact_share(
    asked: list[Claim], money: Money, unit: int
) -> None:
    awards = _shared(asked, rule("pro_rata"), money, unit)

    for group in GROUPS:
        of_group = [claim for claim in asked if claim.group == group]
        total = sum(claim.asked_fen for claim in of_group)
        factor = min(Fraction(1), Fraction(money.of(group), total)) if total else Fraction(1)
        for claim in of_group:
            missing = claim.asked_fen * factor - awards[claim.id].amount_fen
            assert 0 <= missing < unit
        assert money.of(group) >= total or (
            money.of(group) - _total_fen(awards, group) < unit * len(of_group)
        )


@given(asked=claims, money=monies, how=rules, unit=units)
def test_in_turn_nobody_is_served_while_one_before_waits(
    asked: list[Claim], money: Money, how: Allocation, unit: int
) -> None:
    if how.value not in IN_ORDER:
        return
    awards = list(_shared(asked, how, money, unit).values())
    for group in GROUPS:
        results = [one.result for one in awards if one.claim.group == group]
        order = {"granted": 0, "part": 1, "scaled": 1, "waiting": 2, "below_score": 3}
        if how.ties == "earlier":
            assert [order[one] for one in results] == sorted(order[one] for one in results)
            assert results.count("part") <= 1
        places = [one.place for one in awards if one.claim.group == group and one.place]
        assert places == list(range(1, len(places) + 1))


@settings(max_examples=200)
@given(asked=claims, money=_fen, later=_fen, value=st.sampled_from(IN_ORDER))
def test_money_that_comes_later_goes_down_the_list_as_if_it_had_been_there(
    asked: list[Claim], money: int, later: int, value: str
) -> None:
    """What was not awarded stays; with what comes back, those who wait are taken in their turn."""
    groupless = [Claim(one.id, one.asked_fen, one.submitted_at, one.score) for one in asked]
    first = _shared(groupless, rule(value), Money(money))
    waiting = [one.claim for one in first.values() if one.result == "waiting"]
    left_fen = money - _total_fen(first) + later

    second = _shared(waiting, rule(value), Money(left_fen))
    at_once = _shared(groupless, rule(value), Money(money + later))

    assert _total_fen(first) + _total_fen(second) == _total_fen(at_once)
    for name, one in at_once.items():
        again = second[name] if name in second else first[name]
        assert again.amount_fen == one.amount_fen


@given(asked=claims, money=_fen)
def test_equals_share_the_last_money_by_one_factor(asked: list[Claim], money: int) -> None:
    groupless = [Claim(one.id, one.asked_fen, one.submitted_at, one.score) for one in asked]

    awards = _shared(groupless, rule("ranked", ties="shared"), Money(money)).values()

    for score in {claim.score for claim in asked}:
        equals = [one for one in awards if one.claim.score == score]
        assert len({one.factor for one in equals}) == 1
