"""A condition: a yes-or-no rule on facts that may answer *unknown*.

A condition is a small tree of the few things allowed, with the logic of known and unknown
(Kleene): an unknown fact makes a rule unknown unless the rest decides it. Here it is answered
for one case; `core.expression` answers the same tree for a column of cases.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Any, Final, Literal

from tallygrid.core.money import GREATEST_FEN
from tallygrid.core.programme import FactSpec, Scalar

Kind = Literal["integer", "money", "boolean", "text", "date"]
Op = Literal[
    "fact", "literal", "and", "or", "not", "=", "<>", "<", "<=", ">", ">=", "in", "is_null",
    "+", "-", "*",
]  # fmt: skip
Facts = Mapping[str, Scalar]
"""The facts given; one that is not given is unknown."""

INT128_MAX: Final = 2**127 - 1
"""No number on the way to an answer may be greater: a table's widest column holds no more."""


@dataclass(frozen=True)
class Node:
    """One step of a condition, with the kind of value it yields."""

    op: Op
    kind: Kind
    args: tuple["Node", ...] = ()
    value: Scalar | None = None

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type["Node"], tuple[object, ...]]:
        # what is remembered stays behind: another process hashes texts otherwise
        return Node, (self.op, self.kind, self.args, self.value)

    @cached_property
    def _hash(self) -> int:
        """Worked out once: a condition is looked up far more often than it is made."""
        return hash((self.op, self.kind, self.args, self.value))

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """The names of the facts used, each once, in order."""
        return tuple(dict.fromkeys(_names(self)))

    @property
    def size_max(self) -> int:
        """The greatest magnitude that this number can have."""
        if self.op == "fact":
            return GREATEST_FEN
        if self.op == "literal":
            return abs(int(self.value)) if isinstance(self.value, int) else 0
        sizes = [arg.size_max for arg in self.args]
        return sizes[0] * sizes[1] if self.op == "*" else sum(sizes)


def fact(name: str, spec: FactSpec) -> Node:
    """Return the step that looks a fact up."""
    return Node("fact", kind_of(spec), value=name)


def literal(value: Scalar, kind: Kind) -> Node:
    """Return the step that is a fixed value."""
    return Node("literal", kind, value=value)


def all_of(nodes: Sequence[Node]) -> Node:
    """Return the condition that all hold; of none it is TRUE."""
    if not nodes:
        return literal(value=True, kind="boolean")
    return nodes[0] if len(nodes) == 1 else Node("and", "boolean", tuple(nodes))


def kind_of(spec: FactSpec) -> Kind:
    """Return the kind of a fact; an amount of money is a kind of its own."""
    return "money" if spec.unit == "fen" else spec.type


class Answers(dict[Node, bool | None]):
    """What the facts of one case answer to conditions, each worked out when first asked for.

    >>> age = Node("fact", "integer", value="age")
    >>> young = Node("<", "boolean", (age, literal(12, "integer")))
    >>> Answers({"age": 8})[young], Answers({})[young]
    (True, None)
    """

    def __init__(self, facts: Facts) -> None:
        """Answer for these facts; `None` is unknown."""
        super().__init__()
        self.facts = facts

    def __missing__(self, node: Node) -> bool | None:
        found = self[node] = answer(node, self.facts)
        return found


def answer(node: Node, facts: Facts) -> bool | None:
    """Answer one condition for one case; `None` is unknown."""
    found = _value(node, facts)
    assert found is None or isinstance(found, bool), node
    return found


def _value(node: Node, facts: Facts) -> Scalar | None:
    return _STEPS[node.op](node, facts)


def _fact(node: Node, facts: Facts) -> Scalar | None:
    return facts.get(str(node.value))


def _literal(node: Node, _: Facts) -> Scalar | None:
    return node.value


def _and(node: Node, facts: Facts) -> bool | None:
    found: bool | None = True
    for arg in node.args:
        one = _STEPS[arg.op](arg, facts)
        if one is False:
            return False
        if one is None:
            found = None
    return found


def _or(node: Node, facts: Facts) -> bool | None:
    found: bool | None = False
    for arg in node.args:
        one = _STEPS[arg.op](arg, facts)
        if one is True:
            return True
        if one is None:
            found = None
    return found


def _not(node: Node, facts: Facts) -> bool | None:
    found = _value(node.args[0], facts)
    return None if found is None else not found


def _is_null(node: Node, facts: Facts) -> bool:
    return _value(node.args[0], facts) is None


def _in(node: Node, facts: Facts) -> bool | None:
    subject, *listed = (_value(arg, facts) for arg in node.args)
    if subject is None:
        return None
    return True if subject in listed else None if None in listed else False


def _both_known(join: Callable[[Any, Any], Scalar]) -> Callable[[Node, Facts], Scalar | None]:
    """Return a step on two values that is unknown where either is."""

    def step(node: Node, facts: Facts) -> Scalar | None:
        left, right = _value(node.args[0], facts), _value(node.args[1], facts)
        return None if left is None or right is None else join(left, right)

    return step


_STEPS: Final[Mapping[Op, Callable[[Node, Facts], Scalar | None]]] = {
    "fact": _fact, "literal": _literal, "and": _and, "or": _or, "not": _not, "in": _in,
    "is_null": _is_null, "=": _both_known(eq), "<>": _both_known(ne), "<": _both_known(lt),
    "<=": _both_known(le), ">": _both_known(gt), ">=": _both_known(ge), "+": _both_known(add),
    "-": _both_known(sub), "*": _both_known(mul),
}  # fmt: skip


def settled(node: Node, facts: Facts) -> Node:
    """Return a condition with all worked out that some facts settle, whatever others turn out.

    Where many values of a few facts are tried, what does not depend on them is asked once.

    >>> young = Node("<", "boolean", (Node("fact", "integer", value="age"), literal(12, "integer")))
    >>> settled(Node("and", "boolean", (young, Node("fact", "boolean", value="p"))), {"age": 8})
    Node(op='fact', kind='boolean', args=(), value='p')
    """
    if all(name in facts for name in node.facts):
        return literal(value, node.kind) if (value := _value(node, facts)) is not None else node
    args = tuple(settled(arg, facts) for arg in node.args)
    if node.op not in {"and", "or"}:
        return Node(node.op, node.kind, args, node.value)
    decides = literal(node.op == "or", "boolean")
    if decides in args:
        return decides
    left = [arg for arg in args if arg.op != "literal"]
    if not left:
        return literal(node.op == "and", "boolean")
    return left[0] if len(left) == 1 else Node(node.op, "boolean", tuple(left))


def can_be(node: Node, known: Collection[str]) -> tuple[bool, bool]:
    """Tell whether a condition can be TRUE, and FALSE, when only some facts are known.

    >>> both = Node("and", "boolean", tuple(Node("fact", "boolean", value=n) for n in "pq"))
    >>> can_be(both, "p"), can_be(both, "pq")
    ((False, True), (True, True))
    """
    if node.op in _JOINING:
        true, false = zip(*(can_be(arg, known) for arg in node.args), strict=True)
        if node.op == "not":
            return false[0], true[0]
        return (all(true), any(false)) if node.op == "and" else (any(true), all(false))
    if node.op == "literal":
        return node.value is True, node.value is False
    may = node.op in {"is_null", "in"} or all(name in known for name in node.facts)
    return may, may


def is_joining(node: Node) -> bool:
    """Tell whether a step joins conditions: AND, OR, NOT."""
    return node.op in _JOINING


def missing_facts(node: Node, answers: Answers) -> tuple[str, ...]:
    """Return the facts for want of which a condition is unknown, and not those beside it."""
    if node.op not in _JOINING:
        return tuple(name for name in node.facts if name not in answers.facts)
    unknown = (arg for arg in node.args if answers[arg] is None)
    found = (name for arg in unknown for name in missing_facts(arg, answers))
    return tuple(dict.fromkeys(found))


_JOINING: Final = frozenset({"and", "or", "not"})


def _names(node: Node) -> Iterator[str]:
    if node.op == "fact":
        yield str(node.value)
    for arg in node.args:
        yield from _names(arg)


def fits(value: Scalar, spec: FactSpec) -> bool:
    """Tell whether a value has the type of a fact.

    >>> fits(True, FactSpec(type="integer", en="n", zh="n"))
    False
    """
    types: Mapping[str, type] = {"integer": int, "boolean": bool, "text": str, "date": date}
    return type(value) is types[spec.type]
