"""What holds of every decision, whatever the case."""

import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.amount import Room, Span, award
from tallygrid.core.arithmetic import Used
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Facts
from tallygrid.core.decision import Decision, decide, decide_all, from_json
from tallygrid.core.recompute import recompute, recompute_combination, recompute_lines
from tallygrid.core.stacking import best_of_each_kind
from tallygrid.files.assumptions import packaged_assumptions
from tallygrid.files.programme import read_programmes

PROGRAMMES = read_programmes()
ON = date(2026, 5, 20)

DEMONSTRATION = packaged_assumptions("demonstration", PROGRAMMES)
GRANTED: Facts = {
    "applicant_class": "enterprise",
    "registered_in": "410105",
    "provider_kind": "ai_computing_centre",
    "provider_pflops": 400,
    "own_facility": False,
    "contract_fen": 60_000_000,
}
"""A case in which the vouchers of a province and of its city go together."""

_fen = st.integers(0, 10**12)
_yes = st.booleans()
cases = st.fixed_dictionaries(
    {},
    optional={
        "applicant_class": st.sampled_from(["enterprise", "university", "maker"]),
        "registered_in": st.sampled_from(["440305", "310115", "110108", "410105", "510107"]),
        "independent_legal_person": _yes,
        "company_age_months": st.integers(0, 60),
        "applicant_is_admitted_provider": _yes,
        "purpose": st.sampled_from(["training", "inference", "other"]),
        "provider_admitted": _yes,
        "item_admitted": _yes,
        "related_party": _yes,
        "contract_claimed": _yes,
        "contract_fen": _fen,
        "contract_tax_fen": st.integers(0, 10**6),
        "settled_fen": _fen,
        "fee_fen": _fen,
        "spend_year_fen": _fen,
        "other_fiscal_fen": _fen,
    },
)


def _decided(programme_index: int, facts: Facts, used: Used | None = None) -> Decision:
    return decide(PROGRAMMES[programme_index], facts, at=ON, used=used)


indices = st.integers(0, len(PROGRAMMES) - 1)


@settings(max_examples=60, deadline=None)
@given(index=indices, facts=cases)
def test_the_json_alone_gives_the_same_amounts_and_the_same_decision(
    index: int, facts: Facts
) -> None:
    decision = _decided(index, facts)
    plain = decision.as_json()

    assert recompute(json.loads(json.dumps(plain))) == (
        decision.at_least_fen,
        decision.at_most_fen,
    )
    assert from_json(plain).as_json() == plain


@settings(max_examples=40, deadline=None)
@given(facts=cases, used_fen=st.integers(0, 10**9))
def test_the_json_alone_gives_every_reading_of_every_programme(facts: Facts, used_fen: int) -> None:
    drawn = {one.id: Used(applicant_year_fen=used_fen, budget_fen=10**10) for one in PROGRAMMES}
    for decision in decide_all(PROGRAMMES, facts, at=ON, used=drawn):
        plain = json.loads(json.dumps(decision.as_json()))
        for reading in plain["readings"]:
            if reading["outcome"] != "refused":
                span = reading["low_fen"], reading["high_fen"]
                assert recompute_lines(reading["lines"]) == span
        assert recompute(plain) == (decision.at_least_fen, decision.at_most_fen)


@settings(max_examples=40, deadline=None)
@given(facts=cases, chosen=st.sampled_from([None, DEMONSTRATION]))
def test_the_json_alone_gives_the_total_of_a_combination(
    facts: Facts, chosen: Assumptions | None
) -> None:
    whole: Facts = {**GRANTED, **facts} if chosen else facts
    decisions = decide_all(PROGRAMMES, whole, at=ON, assumptions=chosen)

    for combination in best_of_each_kind(decisions, PROGRAMMES).values():
        plain = json.loads(json.dumps(combination.as_json()))
        assert recompute_combination(plain) == combination.total_fen == plain["total_fen"]


@settings(max_examples=60, deadline=None)
@given(index=indices, facts=cases, used_fen=st.integers(0, 10**10))
def test_no_award_exceeds_a_cap_less_what_was_drawn(
    index: int, facts: Facts, used_fen: int
) -> None:
    decision = _decided(index, facts, Used(applicant_year_fen=used_fen))

    for cap in PROGRAMMES[index].caps.limits:
        always = cap.when is None and cap.amount_yuan and cap.strength == "at_most"
        if always and cap.per == "applicant_year" and decision.at_most_fen is not None:
            most = max(step.value for step in cap.amount_yuan or ()) * 100
            assert decision.at_most_fen <= max(0, most - used_fen)


@settings(max_examples=60, deadline=None)
@given(index=indices, facts=cases)
def test_an_award_never_exceeds_the_contract(index: int, facts: Facts) -> None:
    decision = _decided(index, facts)

    bases = [facts[name] for name in ("contract_fen", "settled_fen", "fee_fen") if name in facts]
    if bases and decision.at_most_fen is not None and decision.base_fen is not None:
        assert decision.at_most_fen <= max(int(base) for base in bases if isinstance(base, int))


@settings(max_examples=60, deadline=None)
@given(index=indices, facts=cases, data=st.data())
def test_knowing_more_never_widens_what_is_possible(
    index: int, facts: Facts, data: st.DataObject
) -> None:
    if not facts:
        return
    hidden = data.draw(st.sampled_from(sorted(facts)))
    less = {name: value for name, value in facts.items() if name != hidden}
    if hidden in {"settled_fen", "fee_fen"}:
        return  # the contract's value stands in for these, which is another case

    known, unknown = _decided(index, facts), _decided(index, less)

    assert unknown.at_least_fen <= known.at_least_fen
    if unknown.at_most_fen is not None:
        assert known.at_most_fen is not None
        assert known.at_most_fen <= unknown.at_most_fen


@settings(max_examples=30, deadline=None)
@given(facts=cases)
def test_all_at_once_is_each_by_itself(facts: Facts) -> None:
    together = decide_all(PROGRAMMES, facts, at=ON)

    alone = tuple(decide(programme, facts, at=ON) for programme in PROGRAMMES)
    assert together == alone


@settings(max_examples=30, deadline=None)
@given(facts=cases)
def test_a_reported_edition_is_never_issuable(facts: Facts) -> None:
    for decision in decide_all(PROGRAMMES, facts, at=ON):
        assert not (decision.edition == "reported" and decision.issuable)


@given(
    base=_fen,
    more=_fen,
    rate=st.integers(0, 10_000),
    caps=st.lists(_fen, max_size=3),
    unit=st.sampled_from([1, 100, 1_000_000]),
)
def test_a_larger_base_never_gives_a_smaller_award(
    base: int, more: int, rate: int, caps: list[int], unit: int
) -> None:
    rooms = [Room(str(n), "cap", Span(cap, cap)) for n, cap in enumerate(caps)]

    def given_on(base_fen: int) -> Span:
        span = Span(base_fen, base_fen)
        return award(base=span, rate=Span(rate, rate), rooms=rooms, unit_fen=unit).span

    smaller, larger = given_on(base), given_on(base + more)
    assert smaller.exact
    assert smaller.low <= larger.low
    assert all(larger.low <= cap for cap in caps)
    assert larger.low % unit == 0
