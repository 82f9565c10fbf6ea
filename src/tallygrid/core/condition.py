"""A condition: a yes-or-no rule on facts that may answer *unknown*.

A condition is a small tree of the few things allowed. It is evaluated by Polars, one select
for any number of conditions and rows, with the logic of known and unknown (Kleene): an
unknown fact makes a rule unknown unless the rest decides it. Whole numbers never wrap: where
a sum or product could leave 64 bits it is computed in 128, and `core.sql` refuses what could
leave those.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub
from typing import TYPE_CHECKING, Any, Final, Literal

from tallygrid.core.money import GREATEST_FEN
from tallygrid.core.programme import FactSpec, Scalar

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["integer", "money", "boolean", "text", "date"]
Op = Literal[
    "fact", "literal", "and", "or", "not", "=", "<>", "<", "<=", ">", ">=", "in", "is_null",
    "+", "-", "*",
]  # fmt: skip
Facts = Mapping[str, Scalar]
"""The facts given; one that is not given is unknown."""

_INT64_MAX: Final = 2**63 - 1
INT128_MAX: Final = 2**127 - 1


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


def evaluate(nodes: Sequence[Node], facts: Facts) -> dict[Node, bool | None]:
    """Answer conditions for one case, all in one select; `None` is unknown.

    >>> age = Node("fact", "integer", value="age")
    >>> young = Node("<", "boolean", (age, literal(12, "integer")))
    >>> evaluate([young], {"age": 8})[young], evaluate([young], {})[young]
    (True, None)
    """
    return evaluate_each(tuple(nodes), [facts])[0]


def evaluate_each(
    nodes: tuple[Node, ...], cases: Sequence[Facts]
) -> tuple[dict[Node, bool | None], ...]:
    """Answer conditions for many cases, all in one select; see `evaluate`."""
    import polars as pl  # noqa: PLC0415  # a third of a second that only a decision should cost

    asked = _asked(nodes)
    if not asked.nodes:
        return tuple({} for _ in cases)
    rows = {name: [facts.get(name) for facts in cases] for name in asked.schema}
    rows[_ROW] = list(range(len(cases)))
    answers = pl.DataFrame(rows, schema={**asked.schema, _ROW: pl.Int64()}).select(asked.columns)
    return tuple(dict(zip(asked.nodes, row[1:], strict=True)) for row in answers.iter_rows())


_ROW: Final = "row number"
"""A column beside the facts, so that answers which depend on none have a row per case too."""


@dataclass(frozen=True)
class _Asked:
    """Conditions as the columns of a select, and the facts that it reads."""

    nodes: tuple[Node, ...]
    schema: "Mapping[str, pl.DataType]"
    columns: "tuple[pl.Expr, ...]"


@lru_cache(maxsize=256)
def _asked(nodes: tuple[Node, ...]) -> _Asked:
    """Build a select once; the conditions of known programmes are asked again and again."""
    import polars as pl  # noqa: PLC0415  # see `evaluate_each`

    wanted = tuple(dict.fromkeys(nodes))
    kinds = dict(fact for node in wanted for fact in _columns(node))
    return _Asked(
        nodes=wanted,
        schema={name: dtype_of(kind) for name, kind in kinds.items()},
        columns=(
            pl.col(_ROW),
            *(expression(node).alias(str(position)) for position, node in enumerate(wanted)),
        ),
    )


def explained(nodes: Sequence[Node], facts: Facts) -> dict[Node, bool | None]:
    """Answer conditions and their parts; see `missing_facts`."""
    return evaluate([part for node in nodes for part in (node, *parts(node))], facts)


def is_joining(node: Node) -> bool:
    """Tell whether a step joins conditions: AND, OR, NOT."""
    return node.op in _JOINING


def missing_facts(node: Node, answers: Mapping[Node, bool | None], facts: Facts) -> tuple[str, ...]:
    """Return the facts for want of which a condition is unknown, and not those beside it."""
    if node.op not in _JOINING:
        return tuple(name for name in node.facts if name not in facts)
    unknown = (arg for arg in node.args if answers[arg] is None)
    found = (name for arg in unknown for name in missing_facts(arg, answers, facts))
    return tuple(dict.fromkeys(found))


_JOINING: Final = frozenset({"and", "or", "not"})


def parts(node: Node) -> Iterator[Node]:
    """Yield the conditions that a condition joins, and theirs."""
    if node.op in _JOINING:
        for arg in node.args:
            yield arg
            yield from parts(arg)


def named_like_facts(node: Node) -> "pl.Expr":
    """Return the column of a fact that has the fact's name."""
    import polars as pl  # noqa: PLC0415  # see `evaluate`

    return pl.col(str(node.value))


def expression(node: Node, column: "Callable[[Node], pl.Expr]" = named_like_facts) -> "pl.Expr":
    """Return the Polars expression of a condition, over the columns of its facts."""
    import polars as pl  # noqa: PLC0415  # see `evaluate`

    if node.op == "fact":
        return column(node)
    if node.op == "literal":
        return pl.lit(node.value, dtype=dtype_of(node.kind))
    parts = [expression(arg, column) for arg in node.args]
    if node.op in _ARITHMETIC:
        return _joined(_ARITHMETIC[node.op], parts, node.size_max)
    if node.op in _COMPARISONS:
        return _joined(_COMPARISONS[node.op], parts, _size(node))
    return _logic(node, parts)


def _joined(
    join: Callable[[Any, Any], "pl.Expr"], parts: "Sequence[pl.Expr]", size_max: int
) -> "pl.Expr":
    left, right = (_widened(part, size_max) for part in parts)
    return join(left, right)


def _logic(node: Node, parts: "Sequence[pl.Expr]") -> "pl.Expr":
    first, *rest = parts
    if node.op == "not":
        return ~first
    if node.op == "is_null":
        return first.is_null()
    if node.op == "in":
        return _folded(or_, [first == other for other in rest])
    return _folded(and_ if node.op == "and" else or_, parts)


def _folded(join: Callable[[Any, Any], Any], parts: "Sequence[pl.Expr]") -> "pl.Expr":
    whole = parts[0]
    for part in parts[1:]:
        whole = join(whole, part)
    return whole


_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {"+": add, "-": sub, "*": mul}
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def _size(node: Node) -> int:
    numbers = node.args[0].kind in {"integer", "money"}
    return max(arg.size_max for arg in node.args) if numbers else 0


def _widened(column: "pl.Expr", size_max: int) -> "pl.Expr":
    import polars as pl  # noqa: PLC0415  # see `evaluate`

    return column.cast(pl.Int128) if size_max > _INT64_MAX else column


def dtype_of(kind: Kind) -> "pl.DataType":
    """Return the type of a column of such values."""
    import polars as pl  # noqa: PLC0415  # see `evaluate`

    types = {"boolean": pl.Boolean, "text": pl.String, "date": pl.Date}
    return types.get(kind, pl.Int64)()


def _names(node: Node) -> Iterator[str]:
    return (name for name, _ in _columns(node))


def _columns(node: Node) -> Iterator[tuple[str, Kind]]:
    if node.op == "fact":
        yield str(node.value), node.kind
    for arg in node.args:
        yield from _columns(arg)


def fits(value: Scalar, spec: FactSpec) -> bool:
    """Tell whether a value has the type of a fact.

    >>> fits(True, FactSpec(type="integer", en="n", zh="n"))
    False
    """
    types: Mapping[str, type] = {"integer": int, "boolean": bool, "text": str, "date": date}
    return type(value) is types[spec.type]
