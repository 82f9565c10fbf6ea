"""A decision says everything at once, and only what it knows."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from tallygrid.core.assumptions import Assumptions
from tallygrid.core.decision import Decision, decide
from tallygrid.core.facts import derived
from tallygrid.core.match import ranked
from tallygrid.core.programme import Programme, Scalar
from tallygrid.core.stacking import best, relation
from tallygrid.files.programme import read_programmes

PROGRAMMES = {programme.id: programme for programme in read_programmes()}
SCHEME = PROGRAMMES["shenzhen-compute-issued"]
ON = date(2026, 5, 20)
FACTS: dict[str, Scalar] = {
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
    "spend_year_fen": 100_000_000,
    "other_fiscal_fen": 0,
}
ANSWERED = Assumptions.for_one(
    SCHEME.id,
    {"tax": "included", "ceiling": False, "cap-year": "issue", "validity": "12 months",
     "purpose": "purpose IN ('training', 'fine_tuning', 'inference')"},
)  # fmt: skip


def _decide(scheme: Programme = SCHEME, **facts: Scalar) -> Decision:
    return decide(scheme, {**FACTS, **facts}, at=ON, assumptions=ANSWERED if scheme.open else None)


def test_every_rule_is_checked_even_after_one_has_failed() -> None:
    decision = _decide(related_party=True, provider_admitted=False, spend_year_fen=0)

    assert [f.id for f in decision.failed] == [
        "admitted-provider",
        "minimum-spend",
        "related-party",
    ]
    assert len(decision.findings) == 2 + len(SCHEME.conditions) + len(SCHEME.exclusions)


def test_a_finding_shows_what_it_saw_and_where_it_stands() -> None:
    finding = next(f for f in _decide().findings if f.id == "minimum-spend")

    assert finding.saw == {"spend_year_fen": 100_000_000}
    assert finding.citation.clause == "2026 guide, minimum rent"
    assert finding.citation.sources == ("sz_sql",)


def test_a_decision_is_pinned_to_the_version_and_names_its_assumptions() -> None:
    decision = _decide()

    assert decision.version == SCHEME.hash
    assert decision.version.startswith("sha256:")
    assert decision.assumptions == ("on-the-spot",)
    assert decision.issuable


def test_another_word_in_the_file_is_another_version() -> None:
    changed = SCHEME.model_copy(update={"kind": "model"})

    assert Programme.model_validate(changed.model_dump()).hash != SCHEME.hash


def test_the_canonical_form_reads_back_as_the_same_version() -> None:
    assert Programme.model_validate_json(SCHEME.canonical).hash == SCHEME.hash


def test_an_instant_is_read_in_the_programmes_own_zone() -> None:
    last_hour = datetime(2026, 6, 5, 15, 59, tzinfo=UTC)
    an_hour_later = datetime(2026, 6, 5, 16, 0, tzinfo=UTC)

    inside = decide(SCHEME, FACTS, at=last_hour)
    outside = decide(SCHEME, FACTS, at=an_hour_later)

    assert not inside.failed
    assert [f.id for f in outside.failed] == ["window"]
    assert outside.only_closed


def test_an_instant_without_a_zone_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="has no zone"):
        decide(SCHEME, FACTS, at=datetime(2026, 6, 5, 15, 59))  # noqa: DTZ001  # the mistake


def test_an_open_question_that_changes_nothing_here_does_not_block() -> None:
    some = Assumptions.for_one(
        SCHEME.id, {"tax": "included", "cap-year": "issue", "validity": "12 months"}
    )

    decision = decide(SCHEME, FACTS, at=ON, assumptions=some)

    assert decision.open == ()
    assert decision.issuable
    assert {q.id for q in decision.questions} == {"ceiling", "purpose"}


def test_what_follows_from_facts_does_not_override_what_is_given() -> None:
    facts = derived({"founded_on": date(2020, 1, 1), "company_age_months": 3}, on=ON)

    assert facts["company_age_months"] == 3


def test_a_firm_founded_after_the_day_has_no_age() -> None:
    assert "company_age_months" not in derived({"founded_on": date(2026, 6, 1)}, on=ON)


def test_the_list_puts_what_can_be_had_first_and_reports_last() -> None:
    decisions = [decide(p, FACTS, at=ON) for p in PROGRAMMES.values()]

    groups = [match.group for match in ranked(decisions, list(PROGRAMMES.values()))]

    order = ["eligible", "undecided", "closed", "refused", "reported"]
    assert groups == sorted(groups, key=order.index)
    assert groups[0] == "eligible"
    assert groups[-1] == "reported"


def _two(first: Mapping[str, object], second: Mapping[str, object]) -> tuple[Programme, Programme]:
    """Return two schemes like ours, of a city and of a district in it, with these rules."""
    made = []
    for name, code, level, rules in (
        ("city-scheme", "990100", "city", first),
        ("district-scheme", "990102", "district", second),
    ):
        data = SCHEME.model_dump()
        data |= {"id": name, "open": [], "stacking": {"ceilings": [], **rules}}
        data["place"] |= {"code": code, "level": level}
        data["tax"] |= {"value": "included"}
        data["validity"] |= {"value": "12 months"}
        data["caps"]["year_of"] |= {"value": "issue"}
        data["conditions"] = []
        made.append(Programme.model_validate(data))
    return made[0], made[1]


_CITED: Mapping[str, object] = {"clause": "a clause", "sources": ["sz_sql"], "confidence": "low"}
_WITH_DISTRICT = {"stacks_with": [{"levels": ["district"], "mode": "parallel", **_CITED}]}
_IN_TURN = {"stacks_with": [{"levels": ["district"], "mode": "sequential", **_CITED}]}


def _best(first: Mapping[str, object], second: Mapping[str, object]) -> tuple[int, tuple[str, ...]]:
    pair = _two(first, second)
    decisions = [decide(scheme, FACTS, at=ON) for scheme in pair]
    found = best(decisions, pair)
    return found.total_fen, tuple(left.code for left in found.left_out)


def test_vouchers_of_two_levels_add_up_where_a_text_allows_it() -> None:
    assert _best(_WITH_DISTRICT, {}) == (100_000_000, ())


def test_the_later_voucher_applies_to_the_rest_where_they_come_in_turn() -> None:
    assert _best(_IN_TURN, {}) == (75_000_000, ())


def test_where_both_texts_are_silent_only_one_is_taken_and_the_other_named() -> None:
    assert _best({}, {}) == (50_000_000, ("silent",))


def test_only_the_higher_is_paid_where_a_text_says_so() -> None:
    higher = {"higher_only": {"value": True, **_CITED}}

    pair = _two(_WITH_DISTRICT, higher)
    facts = {**FACTS, "higher_award": False}

    found = best([decide(scheme, facts, at=ON) for scheme in pair], pair)

    assert (found.total_fen, found.left_out[0].code) == (50_000_000, "higher_only")


def test_a_contract_serves_one_claim_where_a_text_says_so() -> None:
    one = {"one_contract_one_claim": {"value": True, "scope": "all", **_CITED}}
    facts = {**FACTS, "contract_claimed": False}
    pair = _two(_WITH_DISTRICT, one)

    found = best([decide(scheme, facts, at=ON) for scheme in pair], pair)

    assert found.total_fen == 50_000_000
    assert relation(*pair) == "one_claim"


def test_a_ceiling_on_public_money_limits_all_vouchers_together() -> None:
    ceiling = {"id": "both", "rate": "70%", "includes_this": True, **_CITED}

    assert _best({**_WITH_DISTRICT, "ceilings": [ceiling]}, {}) == (70_000_000, ())


def test_no_combination_pays_more_than_the_bill() -> None:
    startup = {**FACTS, "company_age_months": 3}
    pair = _two(_WITH_DISTRICT, {})

    found = best([decide(scheme, startup, at=ON) for scheme in pair], pair)

    assert found.total_fen == 100_000_000
    assert [part.bound_by for part in found.parts] == ["", "bill"]


def _changed(**sections: object) -> Programme:
    """Return our scheme with every question answered and some sections changed."""
    answered = SCHEME.with_readings(ANSWERED.of(SCHEME.id))
    return Programme.model_validate({**answered.model_dump(), "open": [], **sections})


def _tier(rate: object) -> dict[str, object]:
    return {"by": [], "tiers": [{"id": "all", "rate": rate, **_CITED}]}


def test_the_value_that_has_begun_on_the_day_holds() -> None:
    dated = [
        {"from": date(2025, 1, 1), "value": "40%"},
        {"from": date(2026, 5, 20), "value": "30%"},
        {"from": date(2026, 5, 21), "value": "20%"},
    ]

    assert _decide(_changed(rate=_tier(dated))).rate_bp == 3_000


def test_a_value_that_has_not_begun_is_not_known() -> None:
    later = [{"from": date(2026, 5, 21), "value": "20%"}]

    decision = _decide(_changed(rate=_tier(later)))

    assert decision.rate_bp is None
    assert (decision.at_least_fen, decision.at_most_fen) == (0, 100_000_000)


def test_a_rate_that_was_never_found_leaves_the_caps_to_bound_the_award() -> None:
    question = {"en": "Which rate?", "zh": "比例多少？"}
    asked = {"id": "rate", "field": "rate.tiers.all.rate", "question": question}
    scheme = _changed(rate=_tier(None), open=[asked])

    decision = decide(scheme, {**FACTS, "contract_fen": 10**12}, at=ON)

    assert (decision.at_least_fen, decision.at_most_fen) == (0, 1_000_000_000)
    assert decision.blocked_by == ("rate",)


def test_an_assumption_may_give_what_no_text_gives() -> None:
    question = {"en": "Which rate?", "zh": "比例多少？"}
    asked = {"id": "rate", "field": "rate.tiers.all.rate", "question": question}
    scheme = _changed(rate=_tier(None), open=[asked])

    decision = decide(
        scheme, FACTS, at=ON, assumptions=Assumptions.for_one(scheme.id, {"rate": "30%"})
    )

    assert decision.amount_fen == 30_000_000
    assert decision.issuable


def test_an_applicant_draws_on_the_budget_group_it_belongs_to() -> None:
    group = {"id": "young", "when": "startup", "amount_yuan": 1_000_000, **_CITED}
    budget = {**SCHEME.budget.model_dump(), "groups": [group]}
    scheme = _changed(budget=budget)

    assert _decide(scheme, company_age_months=3).group == "young"
    assert _decide(scheme, company_age_months=30).group == ""


def test_a_cap_for_some_applies_to_them_alone() -> None:
    caps = SCHEME.caps.model_dump()
    caps["year_of"] |= {"value": "issue"}
    caps["limits"] = [
        {"id": "young", "per": "contract", "amount_yuan": 100, "strength": "at_most",
         "when": "startup", **_CITED},
    ]  # fmt: skip
    scheme = _changed(caps=caps)
    unknown = {name: value for name, value in FACTS.items() if name != "company_age_months"}

    assert _decide(scheme, company_age_months=3).amount_fen == 10_000
    assert _decide(scheme, company_age_months=30).amount_fen == 50_000_000
    assert decide(scheme, unknown, at=ON).at_least_fen == 10_000


def test_the_base_without_tax_is_the_net_amount() -> None:
    scheme = _changed(tax={"value": "excluded", **_CITED})

    assert _decide(scheme, contract_fen=106, contract_tax_fen=6).base_fen == 100


@pytest.mark.parametrize(
    ("levels", "value", "held", "outcome"),
    [
        (["province"], True, True, "refused"),
        ([], True, True, "refused"),
        (["province"], True, False, "eligible"),
        (["province"], True, None, "undecided"),
        (["province"], None, True, "undecided"),
        (["district"], True, True, "eligible"),
        (["province"], False, True, "eligible"),
    ],
)
def test_whoever_holds_the_higher_voucher_is_refused_where_only_that_is_paid(
    *, levels: list[str], value: bool | None, held: bool | None, outcome: str
) -> None:
    rule = {"higher_only": {"value": value, "levels": levels, **_CITED}}
    facts = {} if held is None else {"higher_award": held}

    found = _decide(_changed(stacking=rule), **facts)

    assert found.outcome == outcome
    assert ("higher_award" in found.missing) == (held is None)


def test_a_base_is_freed_of_its_own_tax_and_not_of_the_contracts() -> None:
    scheme = _changed(base={"value": "approved", **_CITED}, tax={"value": "excluded", **_CITED})
    before = _decide(scheme, contract_fen=1_130, contract_tax_fen=130)
    unknown = _decide(scheme, contract_fen=1_130, contract_tax_fen=130, approved_fen=113)
    known = _decide(scheme, contract_tax_fen=130, approved_fen=113, approved_tax_fen=13)

    assert before.base_fen == 1_000
    assert unknown.base_fen is None
    assert (unknown.at_least_fen, "approved_tax_fen" in unknown.missing) == (0, True)
    assert "contract_tax_fen" not in unknown.missing
    assert known.base_fen == 100


def test_a_ceiling_frees_what_it_is_a_share_of_of_that_tax() -> None:
    stacking = {"ceilings": [
        {"id": "half", "rate": "50%", "of": "settled", "tax": "excluded", "includes_this": True,
         **_CITED},
    ]}  # fmt: skip
    facts = {"contract_tax_fen": 60, "other_fiscal_fen": 0, "settled_fen": 106}

    open_tax = _decide(_changed(stacking=stacking), **facts)
    known = _decide(_changed(stacking=stacking), settled_tax_fen=6, **facts)

    assert "settled_tax_fen" in open_tax.missing
    assert open_tax.at_most_fen == 53
    assert known.amount_fen == 50


@pytest.mark.parametrize("facts", [{"contract_fen": 0}, {"contract_fen": 6, "contract_tax_fen": 7}])
def test_an_award_of_nothing_is_refused_with_the_reason(facts: dict[str, int]) -> None:
    found = _decide(_changed(tax={"value": "excluded", **_CITED}), **facts)

    assert found.outcome == "refused"
    (reason,) = [one for one in found.findings if one.status == "failed"]
    assert (reason.id, dict(reason.saw)) == ("nothing", facts)


def test_a_window_that_is_open_is_told_with_its_own_end() -> None:
    windows = [
        {"first_day": "2026-05-01", "last_day": "2026-05-31", **_CITED},
        {"first_day": "2026-09-01", "last_day": "2026-09-30", **_CITED},
    ]
    data = SCHEME.model_dump(mode="json", exclude_defaults=True) | {"windows": windows}
    scheme = Programme.model_validate_json(json.dumps(data))

    (window,) = [one for one in _decide(scheme).findings if one.kind == "window"]

    assert (window.status, window.saw["last_day"]) == ("passed", date(2026, 5, 31))


def test_what_every_reading_refuses_is_refused_though_each_by_another_rule() -> None:
    asked = {
        "id": "base", "field": "base.value", "question": {"en": "?", "zh": "？"},
        "readings": ["contract", "settled"],
    }  # fmt: skip
    caps = SCHEME.caps.model_dump()
    caps["year_of"] |= {"value": "issue"}
    caps["limits"] = [
        {"id": "none", "per": "contract", "amount_yuan": 0, "strength": "at_most", **_CITED}
    ]
    scheme = _changed(base={"value": None, **_CITED}, caps=caps, open=[asked])

    found = decide(scheme, {**FACTS, "contract_fen": 0, "settled_fen": 100}, at=ON)

    assert (found.outcome, found.at_most_fen) == ("refused", 0)
    assert {one.id for one in found.findings if one.open} == {"nothing", "none"}
    assert found.failed == ()


def test_an_amount_is_rounded_down_to_the_unit_of_the_text() -> None:
    scheme = _changed(rounding={"unit": "ten_thousand_yuan"})

    assert _decide(scheme, contract_fen=5_999_999_99).amount_fen == 299_000_000


def test_the_contract_stands_in_for_a_base_that_is_known_only_later() -> None:
    scheme = _changed(base={"value": "settled", **_CITED})

    before, after = _decide(scheme), _decide(scheme, settled_fen=80_000_000)

    assert (before.amount_fen, before.provisional) == (50_000_000, True)
    assert (after.amount_fen, after.provisional) == (40_000_000, False)


def test_a_voucher_pays_only_for_its_kind_of_purchase_once_that_is_known() -> None:
    assert [f.id for f in _decide(purchase_kind="model").failed] == ["purchase"]
    assert _decide(purchase_kind="compute").outcome == "eligible"


def test_vouchers_for_different_things_do_not_meet_on_one_contract() -> None:
    compute, corpus = SCHEME, PROGRAMMES["shenzhen-corpus-issued"]

    assert relation(compute, corpus) == "other_kind"
