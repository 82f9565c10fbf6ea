"""A condition as a Polars expression: its answer in every row of a table.

The same tree as `core.condition`, with the same logic of known and unknown. Whole numbers never
wrap: where a sum or product could leave 64 bits it is computed in 128, and `core.sql` refuses
what could leave those.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub
from typing import Any, Final

import polars as pl

from tallygrid.core.condition import Kind, Node

_INT64_MAX: Final = 2**63 - 1


def named_like_facts(node: Node) -> pl.Expr:
    """Return the column of a fact that has the fact's name."""
    return pl.col(str(node.value))


def expression(node: Node, column: Callable[[Node], pl.Expr] = named_like_facts) -> pl.Expr:
    """Return the Polars expression of a condition, over the columns of its facts."""
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
    join: Callable[[Any, Any], pl.Expr], parts: Sequence[pl.Expr], size_max: int
) -> pl.Expr:
    left, right = (_widened(part, size_max) for part in parts)
    return join(left, right)


def _logic(node: Node, parts: Sequence[pl.Expr]) -> pl.Expr:
    first, *rest = parts
    if node.op == "not":
        return ~first
    if node.op == "is_null":
        return first.is_null()
    if node.op == "in":
        return _folded(or_, [first == other for other in rest])
    return _folded(and_ if node.op == "and" else or_, parts)


def _folded(join: Callable[[Any, Any], Any], parts: Sequence[pl.Expr]) -> pl.Expr:
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


def _widened(column: pl.Expr, size_max: int) -> pl.Expr:
    return column.cast(pl.Int128) if size_max > _INT64_MAX else column


def dtype_of(kind: Kind) -> pl.DataType:
    """Return the type of a column of such values."""
    types = {"boolean": pl.Boolean, "text": pl.String, "date": pl.Date}
    return types.get(kind, pl.Int64)()
