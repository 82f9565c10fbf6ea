"""What would make a programme grant is the fewest facts, with all the values that do."""

from datetime import date

import pytest

from tallygrid.core.condition import Facts
from tallygrid.core.decision import decide, decide_all
from tallygrid.core.flip import Flip, Need, first_questions, flips
from tallygrid.core.programme import Condition, FactSpec, Programme
from tallygrid.files.programme import read_programmes

PROGRAMMES = read_programmes()
SCHEME = next(one for one in PROGRAMMES if one.id == "shenzhen-compute-issued")
ON = date(2026, 5, 20)
COMPLETE: Facts = {
    "applicant_class": "enterprise",
    "registered_in": "440305",
    "independent_legal_person": True,
    "company_age_months": 30,
    "applicant_is_admitted_provider": False,
    "purpose": "training",
    "provider_admitted": True,
    "item_admitted": True,
    "related_party": False,
    "contract_fen": 100_000_000,
    "contract_tax_fen": 0,
    "spend_year_fen": 100_000_000,
    "other_fiscal_fen": 0,
}


def _without(*names: str) -> Facts:
    return {name: value for name, value in COMPLETE.items() if name not in names}


def _flip(facts: Facts, scheme: Programme = SCHEME) -> Flip | None:
    decision = decide(scheme, facts, at=ON)
    return flips([decision], [scheme], facts, at=ON).get(scheme.id)


def _asking(*rules: str, **facts: FactSpec) -> Programme:
    """Return a programme with rules of our own, on facts of their own."""
    conditions = tuple(
        Condition(id=f"rule-{n}", when=when, en="A rule.", zh="规则。", clause="1",
                  sources=("sz_text",), confidence="high")
        for n, when in enumerate(rules)
    )  # fmt: skip
    return Programme.model_validate(
        {**SCHEME.model_dump(), "facts": {**SCHEME.facts, **facts}, "conditions": conditions,
         "exclusions": (), "open": (), "stacking": {}}
    )  # fmt: skip


NUMBER = FactSpec(type="integer", en="a number", zh="数")
YES = FactSpec(type="boolean", en="so", zh="是")


def test_a_place_that_is_not_given_flips_the_answer() -> None:
    flip = _flip(_without("registered_in"))

    assert flip is not None
    assert flip.needs == (Need("registered_in", ("440300",)),)
    assert flip.outcome == "eligible"
    assert flip.then.high == 50_000_000
    assert not flip.cut


def test_a_case_that_lacks_nothing_or_is_refused_has_no_flip() -> None:
    assert _flip(COMPLETE) is None
    assert _flip({**_without("provider_admitted"), "registered_in": "110108"}) is None


def test_all_values_of_a_list_that_do_are_named() -> None:
    flip = _flip(_without("applicant_class"))

    assert flip is not None
    assert flip.needs == (
        Need("applicant_class", ("enterprise", "university", "research_institution")),
    )


def test_an_exclusion_flips_by_what_it_excludes_not_being_so() -> None:
    flip = _flip(_without("related_party"))

    assert flip is not None
    assert flip.needs == (Need("related_party", (False,)),)


@pytest.mark.parametrize(
    ("rule", "low", "high"),
    [
        ("n >= 5", 5, None),
        ("n > 5", 6, None),
        ("n <= 5", None, 5),
        ("n BETWEEN 5 AND 7", 5, 7),
        ("n <> 5", None, 4),
        ("n >= 5 AND n < 8", 5, 7),
        ("n = 5", 5, 5),
    ],
)
def test_a_number_flips_within_its_ends(rule: str, low: int | None, high: int | None) -> None:
    flip = _flip(COMPLETE, _asking(rule, n=NUMBER))

    assert flip is not None
    (need,) = flip.needs
    assert (need.low, need.high) == (low, high)


def test_the_smaller_of_two_sets_of_facts_is_chosen() -> None:
    flip = _flip(COMPLETE, _asking("(a AND b) OR c", a=YES, b=YES, c=YES))

    assert flip is not None
    assert flip.choices == (((Need("c", (True,)),),),)


def test_equal_sets_are_all_named_up_to_three() -> None:
    flip = _flip(COMPLETE, _asking("a OR b", a=YES, b=YES))

    assert flip is not None
    assert flip.choices == (((Need("a", (True,)),), (Need("b", (True,)),)),)


def test_facts_that_hang_together_are_tried_together() -> None:
    flip = _flip(COMPLETE, _asking("a = b", "NOT a OR n >= 3", a=YES, b=YES, n=NUMBER))

    assert flip is not None
    assert flip.outcome == "eligible"
    assert [need.fact for need in flip.needs] == ["a", "b"]
    assert [need.values for need in flip.needs] == [(False,), (False,)]


def test_rules_that_contradict_each_other_are_told() -> None:
    flip = _flip(COMPLETE, _asking("a", "NOT a", a=YES))

    assert flip is not None
    assert flip.choices == ()
    assert flip.unresolved == ("a",)
    assert not flip.cut


def test_a_search_that_stopped_says_so() -> None:
    names = "abcd"
    scheme = _asking(" AND ".join(names), "a = b", "b = c", "c = d", **dict.fromkeys(names, YES))

    flip = _flip(COMPLETE, scheme)

    assert flip is not None
    assert flip.cut
    assert flip.unresolved == tuple(names)


def test_without_any_fact_the_place_is_asked_first() -> None:
    asked = first_questions(decide_all(PROGRAMMES, {}, at=ON), PROGRAMMES)

    assert asked[0][0] == "registered_in"
    assert [count for _, count in asked] == sorted((n for _, n in asked), reverse=True)
