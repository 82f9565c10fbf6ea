"""Conditions follow the logic of known and unknown, as worked out by other means."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from tables import answer_of_a_row

from tallygrid.core.condition import answer, can_be, settled
from tallygrid.core.programme import FactSpec
from tallygrid.core.sql import condition

NUMBERS = ("a", "b")
TRUTHS = ("p", "q", "r")
SPECS = {name: FactSpec(type="integer", en=name, zh=name) for name in NUMBERS} | {
    name: FactSpec(type="boolean", en=name, zh=name) for name in TRUTHS
}
_Case = Mapping[str, int | bool]
_Known = int | bool | None

_numbers = st.one_of(
    st.sampled_from(NUMBERS),
    st.integers(0, 3).map(str),
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from("+-*"), st.integers(0, 3)).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
)
_simple = st.one_of(
    st.sampled_from(TRUTHS),
    st.tuples(_numbers, st.sampled_from(["<", "<=", "=", "<>", ">", ">="]), _numbers).map(
        lambda parts: f"({' '.join(parts)})"
    ),
    st.sampled_from([f"({name} IS NULL)" for name in (*NUMBERS, *TRUTHS)]),
    st.sampled_from([f"({name} IN (1, 2))" for name in NUMBERS]),
    st.sampled_from([f"({name} BETWEEN 1 AND 2)" for name in NUMBERS]),
)
conditions = st.recursive(
    _simple,
    lambda inner: st.one_of(
        inner.map(lambda text: f"(NOT {text})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
    ),
    max_leaves=8,
)
cases = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.integers(0, 3) for name in NUMBERS},
        **{name: st.booleans() for name in TRUTHS},
    },
)


@settings(max_examples=120, deadline=None)
@given(text=conditions, case=cases)
def test_unknown_is_what_some_completions_affirm_and_others_deny(text: str, case: _Case) -> None:
    node = condition(text, SPECS)

    found = answer(node, case)

    assert found == _Kleene(case).read(text)
    assert answer_of_a_row(node, case) == found


@settings(max_examples=150, deadline=None)
@given(text=conditions, case=cases, data=st.data())
def test_what_some_facts_settle_beforehand_changes_no_answer(
    text: str, case: _Case, data: st.DataObject
) -> None:
    node = condition(text, SPECS)
    first = {name: value for name, value in case.items() if data.draw(st.booleans())}
    rest = {name: value for name, value in case.items() if name not in first}

    found = answer(node, case)

    assert answer(settled(node, first), rest) == found
    true, false = can_be(settled(node, first), rest)
    assert {True: true, False: false, None: True}[found]


class _Kleene:
    """A reader of the fully bracketed texts above that shares nothing with the product."""

    def __init__(self, case: _Case) -> None:
        self.case = case

    def read(self, text: str) -> bool | None:
        words = text.replace("(", " ( ").replace(")", " ) ").replace(",", " ").split()
        value, rest = self._value(words)
        assert rest == []
        return None if value is None else bool(value)

    def _value(self, words: list[str]) -> tuple[_Known, list[str]]:
        head, *rest = words
        if head != "(":
            return (int(head) if head.isdigit() else self.case.get(head)), rest
        if rest[0] == "NOT":
            inner, rest = self._value(rest[1:])
            return (None if inner is None else not inner), rest[1:]
        left, (op, *rest) = self._value(rest)
        return self._joined(left, op, rest)

    def _joined(self, left: _Known, op: str, rest: list[str]) -> tuple[_Known, list[str]]:
        if op == "IS":
            return left is None, rest[2:]
        if op == "IN":
            return (None if left is None else left in {1, 2}), rest[5:]
        if op == "BETWEEN":
            return (None if left is None else 1 <= left <= 2), rest[4:]
        right, rest = self._value(rest)
        return _apply(op, left, right), rest[1:]


def _apply(op: str, left: _Known, right: _Known) -> _Known:
    if op == "AND":
        known = [side for side in (left, right) if side is not None]
        return False if False in known else (True if len(known) == 2 else None)
    if op == "OR":
        known = [side for side in (left, right) if side is not None]
        return True if True in known else (False if len(known) == 2 else None)
    if left is None or right is None:
        return None
    results: dict[str, int | bool] = {
        "<": left < right, "<=": left <= right, "=": left == right, "<>": left != right,
        ">": left > right, ">=": left >= right, "+": left + right, "-": left - right,
        "*": left * right,
    }  # fmt: skip
    return results[op]
