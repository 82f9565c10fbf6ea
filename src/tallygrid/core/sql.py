"""Read a condition from SQL, accepting a short list of things and explaining the rest.

`sqlglot` parses; every step of its tree must be on the list below, with no part left over.
The answer is a `core.condition.Node`, or every problem at once with its place in the text.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from tallygrid.core.condition import INT128_MAX, Kind, Node, fact, literal
from tallygrid.core.money import FEN_PER_YUAN, GREATEST_FEN
from tallygrid.core.programme import FactSpec
from tallygrid.core.sql_remedies import ALLOWED, NAMES, instead_of, left_over, typed

if TYPE_CHECKING:
    from sqlglot import exp

_LENGTH_MAX: Final = 4_000
_LITERAL_MAX: Final = 10**18
_BRACKETS_MAX: Final = 16
_DEPTH_MAX: Final = 40
_STEPS_MAX: Final = 5_000
"""Far beyond what a person reads, and far within what the machine does in a moment."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a condition, with its place in the text and the remedy."""

    line: int
    column: int
    problem: str
    remedy: str


class ConditionError(Exception):
    """A condition cannot be used; carries everything wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(f"{p.line}:{p.column}: {p.problem} {p.remedy}" for p in problems)
        )


def condition(
    text: str,
    facts: Mapping[str, FactSpec],
    definitions: Mapping[str, Node] | None = None,
) -> Node:
    """Read a condition on these facts, and on facts that definitions give by others.

    >>> age = FactSpec(type="integer", en="age", zh="年龄")
    >>> condition("age < 12 AND age >= 0", {"age": age}).facts
    ('age',)
    >>> condition("age < 12 andd", {"age": age})
    Traceback (most recent call last):
    tallygrid.core.sql.ConditionError: 1:10: `andd` is left over. Did you mean AND?

    Raises:
        ConditionError: With every problem found.
    """
    reader = _Reader(text, facts, definitions or {})
    node = reader.read()
    if reader.problems:
        raise ConditionError(tuple(sorted(set(reader.problems), key=_place)))
    return node


def _place(problem: Problem) -> tuple[int, int, str]:
    return problem.line, problem.column, problem.problem


_NOTHING: Final = Node("literal", "boolean", value=None)
"""Stands where a problem was noted, so that no second one is reported for it."""


@dataclass
class _Reader:
    text: str
    facts: Mapping[str, FactSpec]
    definitions: Mapping[str, Node]
    problems: list[Problem] = field(default_factory=list)

    def read(self) -> Node:
        try:
            tree = self._parsed()
            node = _NOTHING if tree is None else self._condition(tree)
        except RecursionError:
            return self._too_deep()
        if _steps(node, {}) > _STEPS_MAX:
            problem = "With its definitions written out the condition is immense."
            self._at(0, problem, "Use each definition fewer times.")
        elif _depth(node) > _DEPTH_MAX:
            return self._too_deep()
        return node

    def _too_deep(self) -> Node:
        self._at(0, "The condition is nested too deeply.", "Split it in several.")
        return _NOTHING

    def _condition(self, tree: "exp.Expr") -> Node:
        node = self.node(tree)
        if node is not _NOTHING and node.kind != "boolean":
            problem = f"This is {_AN[node.kind]}, not a condition."
            return self.refuse(tree, problem, "Compare it with something.")
        return node

    def _parsed(self) -> "exp.Expr | None":
        if len(self.text) > _LENGTH_MAX:
            self._at(0, f"The condition has {len(self.text)} characters.", "Split it in several.")
            return None
        bare = re.sub(r"'[^']*'", lambda match: "_" * len(match[0]), self.text)
        if _brackets(bare) > _BRACKETS_MAX:
            self._too_deep()
        self._comments(bare)
        self._marks(bare)
        return self._tree()

    def _comments(self, bare: str) -> None:
        # sqlglot drops comments silently, so that a rule could seem to say what it does not
        if match := re.search(r"--|/\*|#|;|\\|\{|[\x00-\x08\x0b-\x1f]", bare):
            shown = match[0] if match[0].isprintable() else f"U+{ord(match[0]):04X}"
            self._at(match.start(), f"`{shown}` is not allowed in a condition.", ALLOWED)
        for match in re.finditer(r"=>|=<|&&|\|\|", bare):
            self._at(match.start(), f"`{match[0]}` is not allowed.", instead_of(match[0]))

    def _marks(self, bare: str) -> None:
        """Note every mark that a Chinese input method puts where SQL has another."""
        for offset, mark in enumerate(bare):
            if (meant := typed(mark)) != mark:
                remedy = f"Write `{meant}`." if meant.strip() else "Write a plain space."
                self._at(offset, f"`{mark}` is a full-width mark.", remedy)

    def _tree(self) -> "exp.Expr | None":
        from sqlglot.errors import ParseError, TokenError  # noqa: PLC0415  # slow to import

        if self.problems:
            return None
        try:
            return _parsed(self.text)
        except ParseError as error:
            self._from_parser(error.errors)
        except TokenError:
            self._at(len(self.text), "A quotation mark or bracket is not closed.", "Close it.")
        return None

    def _from_parser(self, errors: list[dict[str, Any]]) -> None:
        if not errors:
            self._at(0, "The condition is empty.", "Write one, or leave the whole rule out.")
            return
        at = len(str(errors[0].get("start_context") or ""))
        said = str(errors[0].get("highlight") or "")
        self._at(at, f"The condition cannot be read at `{said}`.", ALLOWED)

    def node(self, tree: "exp.Expr") -> Node:
        """Return our step for one of the parser's, or note why there is none."""
        handle = _handlers().get(type(tree).__name__)
        if handle is None:
            return self._unknown(tree)
        return handle(self, tree)

    def _unknown(self, tree: "exp.Expr") -> Node:
        name = tree.sql_name() if hasattr(tree, "sql_name") else type(tree).__name__.upper()
        name = NAMES.get(name, name)
        problem = f"`{name}` is not allowed in a condition."
        return self.refuse(tree, problem, instead_of(name), word=name)

    def refuse(self, tree: "exp.Expr", problem: str, remedy: str, *, word: str = "") -> Node:
        """Note a problem where this part of the text begins, or at the word that names it."""
        starts = [n.meta["start"] for n in tree.walk() if "start" in n.meta]
        start = min(starts, default=0)
        named = [m.start() for m in re.finditer(re.escape(word), self.text, re.IGNORECASE) if word]
        ends = [n.meta["end"] for n in tree.walk() if "end" in n.meta]
        inside = [at for at in named if start <= at <= max(ends, default=start)]
        before = [at for at in named if at < start]
        self._at((inside[:1] or before[-1:] or [start])[0], problem, remedy)
        return _NOTHING

    def _at(self, offset: int, problem: str, remedy: str) -> None:
        before = self.text[:offset]
        line = before.count("\n") + 1
        column = offset - (before.rfind("\n") + 1) + 1
        self.problems.append(Problem(line, column, problem, remedy))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> "exp.Expr":
    """Parse a text once; the same condition stands in every variant of a programme."""
    from sqlglot import parse_one  # noqa: PLC0415  # slow to import

    return parse_one(text)


def _brackets(text: str) -> int:
    """Return how deep the brackets of a text are nested."""
    depth = deepest = 0
    for mark in text:
        depth += (mark == "(") - (mark == ")")
        deepest = max(deepest, depth)
    return deepest


def _depth(node: Node) -> int:
    return 1 + max((_depth(arg) for arg in node.args), default=0)


def _steps(node: Node, known: dict[int, int]) -> int:
    """Count the steps of a condition; a definition counts wherever it is used, but is read once."""
    if id(node) not in known:
        known[id(node)] = 1 + sum(_steps(arg, known) for arg in node.args)
    return known[id(node)]


_AN: Final[Mapping[Kind, str]] = {
    "integer": "a whole number",
    "money": "an amount of money",
    "boolean": "a yes or no",
    "text": "a text",
    "date": "a date",
}
_ORDERED: Final = frozenset({"integer", "money", "date"})
_COMPARISONS: Final = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_COMPARED: Final = {*_COMPARISONS.values()}
_ARITHMETIC: Final = {"Add": "+", "Sub": "-", "Mul": "*"}
_Handler = Callable[[_Reader, Any], Node]


@cache
def _handlers() -> Mapping[str, _Handler]:
    return {
        **dict.fromkeys(_COMPARISONS, _comparison),
        **dict.fromkeys(_ARITHMETIC, _arithmetic),
        "And": _junction,
        "Or": _junction,
        "Not": _not,
        "Paren": lambda reader, tree: reader.node(tree.this),
        "Column": _column,
        "Literal": _literal,
        "Boolean": lambda _, tree: literal(bool(tree.this), "boolean"),
        "Neg": _negative,
        "In": _in,
        "Between": _between,
        "Is": _is,
        "Cast": _date,
        "Anonymous": _yuan,
        "Alias": _left_over,
        "Null": _null,
    }


def _comparison(reader: _Reader, tree: "exp.Binary") -> Node:
    op = _COMPARISONS[type(tree).__name__]
    pair = _pair(reader, tree, reader.node(tree.left), reader.node(tree.right))
    if pair is None:
        return _NOTHING
    if op not in {"=", "<>"} and pair[0].kind not in _ORDERED:
        problem = f"`{op}` does not order {_AN[pair[0].kind]}."
        return reader.refuse(tree, problem, "Use =, <> or IN.")
    return Node(op, "boolean", pair)  # type: ignore[arg-type]  # the table holds ops only


def _pair(reader: _Reader, tree: "exp.Expr", left: Node, right: Node) -> tuple[Node, Node] | None:
    """Return two sides that may be compared, a text beside a date being read as one."""
    if _NOTHING in (left, right):
        return None
    if (left.kind, right.kind) == ("date", "text"):
        right = _as_date(reader, tree, right)
    if (left.kind, right.kind) == ("text", "date"):
        left = _as_date(reader, tree, left)
    if _NOTHING in (left, right):
        return None
    if left.kind != right.kind:
        _mismatch(reader, tree, left, right)
        return None
    _check_values(reader, tree, left, right)
    return left, right


def _mismatch(reader: _Reader, tree: "exp.Expr", left: Node, right: Node) -> None:
    problem = f"{_said(left)} is {_AN[left.kind]}, {_said(right)} is {_AN[right.kind]}."
    remedy = "Compare like with like."
    if {left.kind, right.kind} == {"money", "integer"}:
        remedy = "Write amounts as yuan(500000)."
    if {left.op, right.op} & _COMPARED:
        remedy = "Join two comparisons with AND: 1 < a AND a < 5."
    reader.refuse(tree, problem, remedy)


def _said(node: Node) -> str:
    if node.op == "literal" and node.kind == "money" and isinstance(node.value, int):
        return f"`yuan({node.value // FEN_PER_YUAN})`"
    if node.op in {"fact", "literal"}:
        return f"`{node.value}`"
    return "one side" if node.op not in _ARITHMETIC.values() else "the result"


def _check_values(reader: _Reader, tree: "exp.Expr", left: Node, right: Node) -> None:
    for named, given in ((left, right), (right, left)):
        spec = reader.facts.get(str(named.value)) if named.op == "fact" else None
        if spec is None or given.op != "literal" or not isinstance(given.value, str):
            continue
        if spec.values and given.value not in spec.values:
            problem = f"'{given.value}' is not a value of `{named.value}`."
            reader.refuse(tree, problem, nearest(given.value, spec.values))
        elif spec.pattern and not re.fullmatch(spec.pattern, given.value):
            problem = f"'{given.value}' cannot be a value of `{named.value}`."
            reader.refuse(tree, problem, f"It must match {spec.pattern}.")


def nearest(wrong: str, names: Mapping[str, object]) -> str:
    """Return the remedy for a wrong name: the nearest right one, or all if there are few.

    >>> nearest("emploees", {"employees": 1, "sector": 2})
    'Did you mean `employees`?'
    """
    spelled = {name.casefold(): name for name in names}
    if close := get_close_matches(wrong.casefold(), list(spelled), n=1):
        return f"Did you mean `{spelled[close[0]]}`?"
    few = ", ".join(f"`{name}`" for name in list(names)[:12])
    return f"Known are {few}{', …' if len(names) > 12 else ''}."  # noqa: PLR2004  # a line's worth


def _arithmetic(reader: _Reader, tree: "exp.Binary") -> Node:
    op = _ARITHMETIC[type(tree).__name__]
    left, right = reader.node(tree.left), reader.node(tree.right)
    if _NOTHING in (left, right):
        return _NOTHING
    for side in (left, right):
        if side.kind not in {"integer", "money"}:
            return reader.refuse(tree, f"{_said(side)} is {_AN[side.kind]}.", "Only numbers add.")
    return _number(reader, tree, op, left, right)


def _number(reader: _Reader, tree: "exp.Binary", op: str, left: Node, right: Node) -> Node:
    kinds = {left.kind, right.kind}
    if (op == "*" and kinds == {"money"}) or (op != "*" and len(kinds) > 1):
        _mismatch(reader, tree, left, right)
        return _NOTHING
    kind: Kind = "money" if "money" in kinds else "integer"
    node = Node(op, kind, (left, right))  # type: ignore[arg-type]  # the table holds ops only
    if node.size_max > INT128_MAX:
        return reader.refuse(tree, "The result may exceed every whole number we keep.", "Simplify.")
    return node


def _junction(reader: _Reader, tree: "exp.Connector") -> Node:
    parts = [reader.node(part) for part in tree.flatten()]
    for part, found in zip(tree.flatten(), parts, strict=True):
        _must_be_boolean(reader, part, found)
    return Node("and" if type(tree).__name__ == "And" else "or", "boolean", tuple(parts))


def _must_be_boolean(reader: _Reader, tree: "exp.Expr", node: Node) -> None:
    if node is not _NOTHING and node.kind != "boolean":
        reader.refuse(tree, f"{_said(node)} is {_AN[node.kind]}.", "AND, OR, NOT join conditions.")


def _not(reader: _Reader, tree: "exp.Not") -> Node:
    inner = reader.node(tree.this)
    _must_be_boolean(reader, tree.this, inner)
    return Node("not", "boolean", (inner,))


def _column(reader: _Reader, tree: "exp.Column") -> Node:
    name, identifier = tree.name, tree.this
    if type(identifier).__name__ != "Identifier" or len(tree.parts) > 1:
        return reader.refuse(tree, f"`{tree.sql()}` is not a fact.", "Name the fact alone.")
    if identifier.args.get("quoted"):
        problem = f'"{name}" in double quotes names a column.'
        return reader.refuse(tree, problem, f"Write texts in single quotes: '{name}'.")
    if name in reader.definitions:
        return reader.definitions[name]
    if name not in reader.facts:
        known = {**reader.facts, **reader.definitions}
        return reader.refuse(tree, f"There is no fact `{name}`.", nearest(name, known))
    return fact(name, reader.facts[name])


def _literal(reader: _Reader, tree: "exp.Literal") -> Node:
    if tree.args["is_string"]:
        return literal(str(tree.this), "text")
    if not re.fullmatch(r"[0-9]+", str(tree.this)):
        return reader.refuse(tree, f"`{tree.this}` is not a whole number.", "Write digits alone.")
    if int(tree.this) >= _LITERAL_MAX:
        return reader.refuse(tree, f"`{tree.this}` is too large.", f"Stay below {_LITERAL_MAX}.")
    return literal(int(tree.this), "integer")


def _negative(reader: _Reader, tree: "exp.Neg") -> Node:
    inner = reader.node(tree.this)
    if inner is _NOTHING:
        return inner
    if inner.op == "literal" and inner.kind == "integer" and isinstance(inner.value, int):
        return literal(-inner.value, "integer")
    if inner.kind in {"integer", "money"}:
        return Node("-", inner.kind, (literal(0, inner.kind), inner))
    return reader.refuse(tree, f"{_said(inner)} is {_AN[inner.kind]}.", "Only numbers have a sign.")


def _in(reader: _Reader, tree: "exp.In") -> Node:
    if set(_given(tree)) != {"this", "expressions"}:
        return reader.refuse(tree, "IN takes a list of fixed values.", "Write IN ('a', 'b').")
    left = reader.node(tree.this)
    pairs = [_pair(reader, item, left, reader.node(item)) for item in tree.expressions]
    if None in pairs:
        return _NOTHING
    if any(pair and pair[1].op != "literal" for pair in pairs):
        return reader.refuse(tree, "IN takes a list of fixed values.", "Write IN ('a', 'b').")
    return Node("in", "boolean", (left, *(pair[1] for pair in pairs if pair)))


def _between(reader: _Reader, tree: "exp.Between") -> Node:
    if set(_given(tree)) != {"this", "low", "high"}:
        return reader.refuse(tree, "BETWEEN takes two ends.", "Write x BETWEEN 1 AND 5.")
    middle = reader.node(tree.this)
    low = _pair(reader, tree, middle, reader.node(tree.args["low"]))
    high = _pair(reader, tree, middle, reader.node(tree.args["high"]))
    if low is None or high is None:
        return _NOTHING
    if middle.kind not in _ORDERED:
        return reader.refuse(tree, f"BETWEEN does not order {_AN[middle.kind]}.", "Use IN.")
    return Node("and", "boolean", (Node(">=", "boolean", low), Node("<=", "boolean", high)))


def _given(tree: "exp.Expr") -> dict[str, Any]:
    return {name: part for name, part in tree.args.items() if part}


def _is(reader: _Reader, tree: "exp.Is") -> Node:
    if type(tree.expression).__name__ != "Null":
        return reader.refuse(tree, "IS compares with NULL only.", "Use = TRUE or = FALSE.")
    inner = reader.node(tree.this)
    return inner if inner is _NOTHING else Node("is_null", "boolean", (inner,))


def _date(reader: _Reader, tree: "exp.Cast") -> Node:
    text = tree.this
    start = text.meta.get("start", 0)
    if not reader.text[:start].rstrip().upper().endswith("DATE"):
        problem = "`CAST` is not allowed in a condition."
        return reader.refuse(tree, problem, instead_of("CAST"), word="CAST")
    return _as_date(reader, tree, literal(str(text.this), "text"))


def _as_date(reader: _Reader, tree: "exp.Expr", node: Node) -> Node:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(node.value)) or node.op != "literal":
            raise ValueError(node.value)  # noqa: TRY301  # one sentence for both
        return literal(date.fromisoformat(str(node.value)), "date")
    except ValueError:
        return reader.refuse(tree, f"{_said(node)} is not a date.", "Write DATE '2026-03-01'.")


def _yuan(reader: _Reader, tree: "exp.Anonymous") -> Node:
    if str(tree.this).lower() != "yuan":
        remedy = instead_of(str(tree.this))
        return reader.refuse(tree, f"There is no function `{tree.this}`.", remedy)
    amounts = [reader.node(part) for part in tree.expressions]
    if len(amounts) != 1 or amounts[0].op != "literal" or not isinstance(amounts[0].value, int):
        return reader.refuse(tree, "yuan takes one whole number.", "Write yuan(500000).")
    amount_fen = int(amounts[0].value) * FEN_PER_YUAN
    if not -GREATEST_FEN < amount_fen < GREATEST_FEN:
        return reader.refuse(tree, f"yuan({amounts[0].value}) is too large.", "Check the zeros.")
    return literal(amount_fen, "money")


def _left_over(reader: _Reader, tree: "exp.Alias") -> Node:
    reader.node(tree.this)  # what comes before it may be wrong too
    word = tree.alias
    return reader.refuse(tree.args["alias"], f"`{word}` is left over.", left_over(word))


def _null(reader: _Reader, tree: "exp.Null") -> Node:
    return reader.refuse(tree, "NULL equals nothing, not even itself.", "Use IS NULL.")
