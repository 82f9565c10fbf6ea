"""What holds of every flip, whatever is known of a case."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.condition import Facts
from tallygrid.core.decision import decide, decide_all
from tallygrid.core.facts import PLACE_OF, derived
from tallygrid.core.flip import Flip, Need, flips
from tallygrid.core.programme import Scalar
from tallygrid.files.programme import read_programmes

PROGRAMMES = read_programmes()
BY_ID = {programme.id: programme for programme in PROGRAMMES}
ON = date(2026, 5, 20)

_yes = st.booleans()
cases = st.fixed_dictionaries(
    {},
    optional={
        "applicant_class": st.sampled_from(["enterprise", "university", "maker"]),
        "registered_in": st.sampled_from(["440305", "310115", "110108", "410105", "510107"]),
        "registered_province": st.sampled_from(["440000", "110000"]),
        "sector": st.sampled_from(["software_information", "other"]),
        "independent_legal_person": _yes,
        "company_age_months": st.integers(0, 60),
        "provider_admitted": _yes,
        "item_admitted": _yes,
        "related_party": _yes,
        "contract_claimed": _yes,
        "provider_kind": st.sampled_from(["cloud", "data_centre"]),
        "provider_pflops": st.integers(0, 500),
        "contract_fen": st.integers(0, 10**12),
        "spend_year_fen": st.integers(0, 10**8),
    },
)


def _flips(facts: Facts) -> list[Flip]:
    return list(flips(decide_all(PROGRAMMES, facts, at=ON), PROGRAMMES, facts, at=ON).values())


def _met(needs: list[Need]) -> Facts:
    return {need.fact: need.values[0] for need in needs}


def _any_value(need: Need, data: st.DataObject) -> Scalar:
    """Draw a value that a need accepts, at its ends or beyond."""
    ends = [end for end in (need.low, need.high) if end is not None]
    return data.draw(st.sampled_from([*need.values, *ends]))


@settings(max_examples=25, deadline=None)
@given(facts=cases)
def test_no_fact_that_is_given_is_contradicted(facts: Facts) -> None:
    known = derived(facts, on=ON)
    for flip in _flips(facts):
        for ways in flip.choices:
            for need in (need for way in ways for need in way):
                assert need.fact not in known
                for value in need.values if need.fact in PLACE_OF.values() else ():
                    follows = derived({need.fact: value}, on=ON)
                    assert all(known.get(name, of) == of for name, of in follows.items())


@settings(max_examples=25, deadline=None)
@given(facts=cases, data=st.data())
def test_what_is_promised_is_decided_for_every_value_named(
    facts: Facts, data: st.DataObject
) -> None:
    found = _flips(facts)
    if not found:
        return
    flip = data.draw(st.sampled_from(found))
    chosen = [data.draw(st.sampled_from(ways)) for ways in flip.choices]
    met = {need.fact: _any_value(need, data) for way in chosen for need in way}

    decision = decide(BY_ID[flip.programme], {**facts, **met}, at=ON)

    outcome = "eligible" if decision.only_closed else decision.outcome
    assert outcome == flip.outcome
    if all(chosen_way is ways[0] for chosen_way, ways in zip(chosen, flip.choices, strict=True)):
        most = decision.would_be.high
        assert flip.then.high is None or (most is not None and most <= flip.then.high)


@settings(max_examples=25, deadline=None)
@given(facts=cases, data=st.data())
def test_none_of_the_facts_named_can_be_left_out(facts: Facts, data: st.DataObject) -> None:
    found = [flip for flip in _flips(facts) if flip.choices and flip.outcome == "eligible"]
    if not found:
        return
    flip = data.draw(st.sampled_from(found))
    left = data.draw(st.sampled_from(flip.needs))
    others = [need for need in flip.needs if need.fact != left.fact]

    decision = decide(BY_ID[flip.programme], {**facts, **_met(others)}, at=ON)

    assert decision.outcome == ("refused" if decision.only_closed else "undecided")
    assert any("unknown" in finding.status for finding in decision.findings)


@settings(max_examples=10, deadline=None)
@given(facts=cases)
def test_the_same_facts_get_the_same_flips(facts: Facts) -> None:
    assert _flips(facts) == _flips({name: facts[name] for name in reversed(list(facts))})
