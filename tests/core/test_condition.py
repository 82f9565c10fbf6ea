"""Conditions accept a short list of things, and say what is wrong with the rest."""

from datetime import date

import pytest
from tables import answer_of_a_row

from tallygrid.core.condition import Answers, Facts, answer, can_be, missing_facts, settled
from tallygrid.core.money import GREATEST_FEN
from tallygrid.core.programme import FactSpec, Texts
from tallygrid.core.sql import ConditionError, condition

_YES = Texts(en="yes", zh="是")
FACTS = {
    "spend": FactSpec(type="integer", unit="fen", en="spend", zh="支出"),
    "age_months": FactSpec(type="integer", en="age", zh="月数"),
    "employees": FactSpec(type="integer", en="employees", zh="人数"),
    "zero": FactSpec(type="integer", en="zero", zh="零"),
    "admitted": FactSpec(type="boolean", en="admitted", zh="入库"),
    "related": FactSpec(type="boolean", en="related", zh="关联"),
    "origin": FactSpec(
        type="text", en="origin", zh="来源", values={"domestic": _YES, "foreign": _YES}
    ),
    "place": FactSpec(type="text", pattern=r"^\d{6}$", en="place", zh="地区"),
    "signed_on": FactSpec(type="date", en="day", zh="日期"),
}


def _answer(text: str, **facts: int | bool | str | date) -> bool | None:  # a fact
    node = condition(text, FACTS)
    found = answer(node, facts)
    assert answer_of_a_row(node, facts) is found
    return found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("spend >= 500000 yuan", "1:17: `yuan` is left over. Write amounts as yuan"),
        ("age_months < 12 andd", "1:17: `andd` is left over. Did you mean AND?"),
        ("zero / employees > 100", "`/` is not allowed"),
        ("CASE WHEN age_months < 12 THEN 6000 ELSE 5000 END > 5500", "`CASE` is not allowed"),
        ("COALESCE(age_months, 0) < 12", "`COALESCE` is not allowed"),
        ("SUM(employees) > 1", "`SUM` is not allowed"),
        ("COUNT(*) > 1", "`COUNT` is not allowed"),
        ("ROW_NUMBER() OVER () > 1", "`OVER` is not allowed"),
        ("age_months = ?", "`?` is not allowed"),
        ("(age_months, employees) = (1, 2)", "`(…, …)` is not allowed"),
        ("NOW() > signed_on", "no function `NOW`"),
        ('origin = "domestic"', "single quotes: 'domestic'"),
        ("spend >= 500000", "Write amounts as yuan"),
        ("CAST(age_months AS INT) < 12", "`CAST` is not allowed"),
        ("age_months::INT < 12", "`CAST` is not allowed"),
        ("employes > 1", "no fact `employes`. Did you mean `employees`?"),
        ("origin = 'domestik'", "not a value of `origin`. Did you mean `domestic`?"),
        ("place = '4403'", "cannot be a value of `place`"),
        ("origin < 'foreign'", "does not order a text"),
        ("origin = 5", "`origin` is a text, `5` is a whole number"),
        ("admitted AND age_months", "`age_months` is a whole number"),
        ("age_months", "a whole number, not a condition"),
        ("age_months = NULL", "Use IS NULL"),
        ("age_months IS TRUE", "IS compares with NULL only"),
        ("age_months = 1.5", "not a whole number"),
        ("age_months = 1e3", "not a whole number"),
        ("age_months IN (SELECT 1)", "IN takes a list"),
        ("age_months BETWEEN SYMMETRIC 1 AND 2", "BETWEEN takes two ends"),
        ("signed_on > '2026-02-30'", "is not a date"),
        ("signed_on > DATE 'soon'", "is not a date"),
        ("spend * spend > yuan(1)", "Compare like with like"),
        ("age_months + signed_on > 1", "is a date. Only numbers add"),
        ("-origin = 'domestic'", "Only numbers have a sign"),
        ("t.age_months > 1", "Name the fact alone"),
        ("admitted -- and more", "`--` is not allowed"),
        ("admitted /* and more */", "`/*` is not allowed"),
        ("admitted; DROP TABLE firm", "`;` is not allowed"),
        ("admitted AND", "cannot be read at `AND`"),
        ("origin = 'domestic", "not closed"),
        ("", "is empty"),
        ("(" * 600 + "admitted" + ")" * 600, "nested too deeply"),
        ("admitted OR " * 500 + "admitted", "characters. Split it"),
        ("age_months = 1000000000000000000", "too large"),
        ("spend > yuan(9000000000000000)", "too large"),
        ("spend > yuan('5')", "yuan takes one whole number"),
        ("spend > yuan(5, 6)", "yuan takes one whole number"),
        ("age_months LIKE 'x'", "`LIKE` is not allowed"),
        ("age_months % 2 = 1", "`%` is not allowed"),
        ("EXISTS(SELECT 1)", "`EXISTS` is not allowed"),
        ("@age = 1", "is not allowed"),
        ("age_months[1] = 1", "is not allowed"),
        (" * ".join(["age_months"] * 9) + " > 1", "may exceed every whole number"),
    ],
)
def test_what_is_not_on_the_list_is_refused_with_its_place_and_remedy(
    text: str, problem: str
) -> None:
    with pytest.raises(ConditionError) as refused:
        condition(text, FACTS)

    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("zero / employees > 100", "1:6: `/` is not allowed in a condition. Multiply the other"),
        ("CASE WHEN age_months < 12 THEN 6000 ELSE 5000 END > 1", "1:1: `CASE` is not allowed"),
        ("CASE WHEN age_months < 12 THEN 6000 ELSE 5000 END > 1", "rows of the rate table"),
        ("COALESCE(age_months, 0) < 12", "a missing fact stays unknown. IS NULL asks whether"),
        ("COUNT(*) > 1", "A condition sees one case alone."),
        ("NOW() > signed_on", "The day of the decision is no part of a condition"),
        ("CURRENT_DATE > signed_on", "The day of the decision is no part of a condition"),
        ("CAST(age_months AS INT) < 12", "1:1: `CAST` is not allowed in a condition. A fact has"),
        ("age_months < 12 AND TRY_CAST(zero AS INT) = 1", "1:21: `TRY_CAST` is not allowed"),
        ("read_csv('/etc/passwd') = 1", "1:1: `READ_CSV` is not allowed"),
        ("pg_sleep(5) > 1", "There is no function `pg_sleep`."),
        ("yuann(5) < spend", "There is no function `yuann`. Did you mean yuan(…)?"),
        ("age_months < '12'", "is a whole number, `12` is a text. Compare like with like."),
        ("AGE_MONTHS < 12", "Did you mean `age_months`?"),
        ("spend >= 50万", "`万` is left over. Write amounts as yuan(500000)."),
        ("admitted or_related", "`or_related` is left over."),
        ("spend >= yuan（5）", "1:14: `（` is a full-width mark. Write `(`."),
        ("age_months ≥ 12", "1:12: `≥` is a full-width mark. Write `>=`."),
        ("origin = ‘domestic’", "1:19: `’` is a full-width mark. Write `'`."),
        ("age_months =\u300012", "1:13: `\u3000` is a full-width mark. Write a plain space."),
        ("age_months => 12", "`=>` is not allowed. Write >=."),
        ("admitted && related", "`&&` is not allowed. Write AND."),
        ("admitted || related", "`||` is not allowed. Write OR."),
        ("1 < age_months < 5", "Join two comparisons with AND"),
        ("age_months IN (employees, 1)", "IN takes a list of fixed values."),
        ("admitted \x00", "1:10: `U+0000` is not allowed"),
        ("NOT " * 41 + "admitted", "nested too deeply"),
        ("(" * 17 + "admitted" + ")" * 17, "nested too deeply"),
    ],
)
def test_a_refusal_points_at_the_word_and_says_what_to_write(text: str, problem: str) -> None:
    with pytest.raises(ConditionError) as refused:
        condition(text, FACTS)

    assert problem in str(refused.value)


def test_a_text_may_hold_any_mark() -> None:
    name = FactSpec(type="text", en="name", zh="名称")

    node = condition("name = '（甲）、乙'", {"name": name})

    assert answer(node, {"name": "（甲）、乙"}) is True


def test_definitions_that_double_each_other_do_not_grow_without_end() -> None:
    names = {"d0": condition("admitted AND related", FACTS)}
    for n in range(9):
        names[f"d{n + 1}"] = condition(f"d{n} OR NOT d{n}", FACTS, names)

    with pytest.raises(ConditionError, match="written out the condition is immense"):
        condition("d9 OR NOT d9", FACTS, names)


def test_every_mistake_of_a_condition_is_named_at_once() -> None:
    with pytest.raises(ConditionError) as refused:
        condition("employes > 1 AND\n  spend > 5 OR origin = 'x'", FACTS)

    places = [(p.line, p.column) for p in refused.value.problems]
    assert places == [(1, 1), (2, 3), (2, 16)]


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("age_months < 12 AND admitted", {"age_months": 11, "admitted": True}, True),
        ("age_months BETWEEN 1 AND 12", {"age_months": 12}, True),
        ("age_months NOT IN (1, 2)", {"age_months": 3}, True),
        ("origin IN ('domestic')", {"origin": "foreign"}, False),
        ("signed_on >= '2023-09-01'", {"signed_on": date(2023, 9, 1)}, True),
        ("signed_on < DATE '2023-09-01'", {"signed_on": date(2023, 9, 1)}, False),
        ("spend >= yuan(500000)", {"spend": 49_999_999}, False),
        ("age_months - 2 * 3 = -(5)", {"age_months": 1}, True),
        ("NOT (related OR admitted)", {"related": False, "admitted": False}, True),
        ("age_months IS NULL", {}, True),
        ("age_months IS NOT NULL", {}, False),
        ("TRUE", {}, True),
        ("age_months < 12", {}, None),
        ("age_months < 12 AND admitted", {"admitted": False}, False),
        ("age_months < 12 OR admitted", {"admitted": True}, True),
        ("NOT age_months < 12", {}, None),
        ("age_months IN (1, 2)", {}, None),
        ("origin <> 'domestic'", {}, None),
    ],
)
def test_a_condition_answers_true_false_or_unknown(
    text: str,
    facts: Facts,
    expected: bool | None,  # noqa: FBT001  # the answer
) -> None:
    assert _answer(text, **facts) is expected


def test_a_product_beyond_64_bits_does_not_wrap() -> None:
    assert _answer("spend * 1000000000000 > yuan(1)", spend=GREATEST_FEN - 1) is True
    assert _answer("spend * 1000000000000 < yuan(1)", spend=GREATEST_FEN - 1) is False


@pytest.mark.parametrize(
    ("text", "facts", "missing"),
    [
        ("age_months < 12 AND admitted", {"admitted": True}, ("age_months",)),
        ("(age_months < 12 AND related) OR admitted", {"admitted": False, "related": False}, ()),
        ("(age_months < 12 AND related) OR admitted", {"related": False}, ("admitted",)),
        ("NOT (age_months < employees)", {}, ("age_months", "employees")),
    ],
)
def test_only_the_facts_that_would_decide_are_missing(
    text: str, facts: Facts, missing: tuple[str, ...]
) -> None:
    node = condition(text, FACTS)
    answers = Answers(facts)

    found = missing_facts(node, answers) if answers[node] is None else ()

    assert found == missing


@pytest.mark.parametrize(("joined", "is_left"), [("OR", False), ("AND", True)])
def test_what_is_settled_in_every_part_is_settled(
    joined: str,
    is_left: bool,  # noqa: FBT001  # what joining nothing comes to
) -> None:
    """No part alone settles the whole, and the second is settled though a fact is unknown."""
    other = {"OR": "AND", "AND": "OR"}[joined]
    node = condition(f"admitted {joined} (admitted {other} spend IS NULL)", FACTS)

    left = settled(node, {"admitted": is_left})

    assert answer(left, {}) is is_left
    assert can_be(left, ()) == (is_left, not is_left)
