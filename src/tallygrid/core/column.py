"""Numbers and answers of a whole table at once: the formulas, written down for Polars.

`Columns` does for every row what `number.ONE` does for one case. Each operation is a step of
a plan, noted once however often it is asked for; what is the same in every row stays a plain
value and is worked out on the spot. `computed` turns the plan into a lazy frame, so that
nothing is read before somebody collects, and the rows may stream.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any, Final

import polars as pl

from tallygrid.core.number import ONE


@dataclass(frozen=True)
class Step:
    """A value that differs from row to row, by its place in the plan."""

    place: int


Cell = Step | int | None
"""A number, or a yes or no, of every row; a plain one is the same in all of them."""
_Make = Callable[..., Any]
_CHUNK: Final = 16
"""So many texts are told apart by one code, whose table then has at most 65,536 places."""


@dataclass(frozen=True)
class _Made:
    """How a step is made of others."""

    make: _Make
    parts: tuple[Cell, ...] = ()
    is_column: bool = False


@dataclass
class Columns:
    """The operations of `number.Numbers` on columns, and the plan they make up."""

    steps: list[_Made] = field(default_factory=list)
    places: dict[tuple[object, ...], Step] = field(default_factory=dict)

    def column(self, name: str) -> Cell:
        """Return a column of the table."""
        return self._step(("column", name), _Made(lambda: pl.col(name), is_column=True))

    def expression(self, key: object, expression: Callable[[], pl.Expr]) -> Cell:
        """Return an expression over columns of the table, known by its key."""
        return self._step(("expression", key), _Made(expression))

    def of(self, value: int | None) -> Cell:
        """Return a fixed number."""
        return value

    def share(self, amount: Cell, rate_bp: Cell) -> Cell:
        """See `Numbers`; both ends are checked to be small enough before they come here."""
        if amount is None or rate_bp is None:
            return None
        if isinstance(amount, int) and isinstance(rate_bp, int):
            return ONE.share(amount, rate_bp)
        return self._made("share", lambda a, r: a * r // 10_000, amount, rate_bp)

    def less(self, amount: Cell, part: Cell) -> Cell:
        """See `Numbers`."""
        if not (isinstance(amount, Step) or isinstance(part, Step)):
            return ONE.less(amount, part)
        if amount is None or part is None or part == 0:
            return None if part is None else amount
        return self._made("less", lambda a, p: (a - p).clip(lower_bound=0), amount, part)

    def rounded(self, amount: Cell, unit_fen: int) -> Cell:
        """See `Numbers`."""
        if not isinstance(amount, Step):
            return ONE.rounded(amount, unit_fen)
        if unit_fen == 1:
            return amount
        return self._made("rounded", lambda a, u: a - a % u, amount, unit_fen)

    def least(self, values: Sequence[Cell]) -> Cell:
        """See `Numbers`."""
        return self._extreme("least", ONE.least, pl.min_horizontal, values)

    def greatest(self, values: Sequence[Cell]) -> Cell:
        """See `Numbers`."""
        return self._extreme("greatest", ONE.greatest, pl.max_horizontal, values)

    def known(self, value: Cell, otherwise: Cell) -> Cell:
        """See `Numbers`."""
        if not isinstance(value, Step):
            return otherwise if value is None else value
        if otherwise is None:
            return value
        return self._made("known", lambda v, o: v.fill_null(o), value, otherwise)

    def where(self, condition: Cell, value: Cell, otherwise: Cell) -> Cell:
        """See `Numbers`; it chooses between answers as well."""
        if not isinstance(condition, Step):
            return value if condition else otherwise
        if _same(value, otherwise):
            return value
        return self._made(
            "where", lambda c, v, o: pl.when(c).then(v).otherwise(o), condition, value, otherwise
        )

    def below(self, value: Cell, limit: Cell) -> Cell:
        """See `Numbers`."""
        if value is None:
            return False
        if limit is None:
            return self.opposite(self.unknown(value))
        if isinstance(value, int) and isinstance(limit, int):
            return value < limit
        return self._made("below", lambda v, t: (v < t).fill_null(v.is_not_null()), value, limit)

    def exceeds(self, value: Cell, other: Cell) -> Cell:
        """See `Numbers`."""
        if not (isinstance(value, Step) or isinstance(other, Step)):
            return ONE.exceeds(value, other)
        if value is None or other is None:
            return False
        return self._made("exceeds", lambda v, o: (v > o).fill_null(value=False), value, other)

    def within(self, value: Cell, other: Cell) -> Cell:
        """See `Numbers`."""
        if not (isinstance(value, Step) or isinstance(other, Step)):
            return ONE.within(value, other)
        if value is None or other is None:
            return False
        return self._made("within", lambda v, o: (v <= o).fill_null(value=False), value, other)

    def any(self, answers: Sequence[Cell]) -> Cell:
        """See `Numbers`."""
        return self._joined("any", answers, decides=True)

    def both(self, answers: Sequence[Cell]) -> Cell:
        """See `Numbers`."""
        return self._joined("both", answers, decides=False)

    def opposite(self, answer: Cell) -> Cell:
        """Return NO for YES and YES for NO; unknown stays unknown."""
        if not isinstance(answer, Step):
            return None if answer is None else not answer
        return self._made("opposite", lambda a: ~a, answer)

    def true(self, answer: Cell) -> Cell:
        """See `Numbers`."""
        if not isinstance(answer, Step):
            return answer is True
        return self._made("true", lambda a: a.fill_null(value=False), answer)

    def false(self, answer: Cell) -> Cell:
        """See `Numbers`."""
        if not isinstance(answer, Step):
            return answer is False
        return self._made("false", lambda a: (~a).fill_null(value=False), answer)

    def unknown(self, answer: Cell) -> Cell:
        """See `Numbers`; it asks the same of a number."""
        if not isinstance(answer, Step):
            return answer is None
        return self._made("unknown", lambda a: a.is_null(), answer)

    def differ(self, one: Cell, other: Cell) -> Cell:
        """Tell whether two numbers or answers differ; one that is unknown equals another."""
        if _same(one, other):
            return False
        if not (isinstance(one, Step) or isinstance(other, Step)):
            return one != other
        return self._made("differ", lambda a, b: a.ne_missing(b), one, other)

    def texts(self, parts: Sequence[tuple[str, Cell]]) -> Cell:
        """Join the texts that stand beside a TRUE, in order, with bars between them.

        A row costs one small code; the few different texts are made once for many rows.
        """
        possible = [(text, self.true(said)) for text, said in parts]
        possible = [(text, said) for text, said in possible if said is not False]
        chunks = [
            self._text(possible[first : first + _CHUNK])
            for first in range(0, len(possible), _CHUNK)
        ]
        return self._made("joined", _joined_texts, *chunks)

    def _text(self, parts: Sequence[tuple[str, Cell]]) -> Step:
        words = tuple(text for text, _ in parts)
        flags = tuple(said for _, said in parts)

        def make(*flags: pl.Expr) -> pl.Expr:
            return _coded(flags).map_batches(
                lambda codes: _worded(codes, words), return_dtype=pl.String, is_elementwise=True
            )

        return self._step(("text", words, flags), _Made(make, flags))

    def _extreme(
        self, op: str, plain: Callable[[Sequence[int | None]], int | None], make: _Make,
        values: Sequence[Cell],
    ) -> Cell:  # fmt: skip
        varying = dict.fromkeys(value for value in values if isinstance(value, Step))
        fixed = plain([value for value in values if not isinstance(value, Step)])
        if not varying:
            return fixed
        parts: list[Cell] = [*varying, *([] if fixed is None else [fixed])]
        return parts[0] if len(parts) == 1 else self._made(op, make, *parts)

    def _joined(self, op: str, answers: Sequence[Cell], *, decides: bool) -> Cell:
        varying = dict.fromkeys(answer for answer in answers if isinstance(answer, Step))
        fixed = {answer for answer in answers if not isinstance(answer, Step)}
        if decides in fixed:
            return decides
        parts: list[Cell] = [*varying, *([None] if None in fixed else [])]
        if not varying:
            return None if parts else not decides
        join = or_ if decides else and_
        return parts[0] if len(parts) == 1 else self._made(op, lambda *p: reduce(join, p), *parts)

    def _made(self, op: str, make: _Make, *parts: Cell) -> Step:
        return self._step((op, *((type(part), part) for part in parts)), _Made(make, parts))

    def _step(self, key: tuple[object, ...], made: _Made) -> Step:
        if key not in self.places:
            self.places[key] = Step(len(self.steps))
            self.steps.append(made)
        return self.places[key]

    def computed(
        self, frame: pl.LazyFrame, outputs: Mapping[str, tuple[Cell, pl.DataType]]
    ) -> pl.LazyFrame:
        """Return the frame with the outputs added, each of a type, and nothing of the way there."""
        before = frame.collect_schema().names()
        plan = _Laid(self.steps, [cell for cell, _ in outputs.values()])
        for stage in plan.stages():
            frame = frame.with_columns(stage)
        found = [_typed(plan.read(cell), kind).alias(n) for n, (cell, kind) in outputs.items()]
        return frame.select(*before, *found)


class _Laid:
    """A plan laid out in stages: what is used more than once becomes a column for a while."""

    def __init__(self, steps: Sequence[_Made], wanted: Sequence[Cell]) -> None:
        self._steps = steps
        uses: dict[int, int] = {}
        for cell in wanted:
            self._count(cell, uses)
        self._kept = {n for n, used in uses.items() if used > 1 and not steps[n].is_column}
        self._needed = sorted(uses)

    def _count(self, cell: Cell, uses: dict[int, int]) -> None:
        if isinstance(cell, Step):
            uses[cell.place] = uses.get(cell.place, 0) + 1
            if uses[cell.place] == 1:
                for part in self._steps[cell.place].parts:
                    self._count(part, uses)

    def stages(self) -> Iterator[list[pl.Expr]]:
        """Yield what to compute together, each stage only from those before it."""
        depth: dict[int, int] = {}
        stages: dict[int, list[int]] = {}
        for place in self._needed:  # a step is always noted after its parts
            parts = [part.place for part in self._steps[place].parts if isinstance(part, Step)]
            depth[place] = max((depth[p] + (p in self._kept) for p in parts), default=0)
            if place in self._kept:
                stages.setdefault(depth[place], []).append(place)
        for _, places in sorted(stages.items()):
            yield [self._expression(place).alias(_column(place)) for place in places]

    def read(self, cell: Cell) -> pl.Expr:
        """Return the expression that reads a value once all stages are done."""
        if not isinstance(cell, Step):
            return _literal(cell)
        if cell.place in self._kept:
            return pl.col(_column(cell.place))
        return self._expression(cell.place)

    def _expression(self, place: int) -> pl.Expr:
        made = self._steps[place]
        found: pl.Expr = made.make(*(self.read(part) for part in made.parts))
        return found


def _typed(found: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return a column of a type; one of few words holds their places."""
    return found.cast(pl.UInt8).cat.to(kind) if isinstance(kind, pl.Enum) else found.cast(kind)


def _column(place: int) -> str:
    return f"#{place}"


def _literal(value: int | None) -> pl.Expr:
    kinds = {bool: pl.Boolean, int: pl.Int64}
    return pl.lit(value, dtype=kinds.get(type(value)))


def _same(one: Cell, other: Cell) -> bool:
    return type(one) is type(other) and one == other


def _coded(flags: Sequence[pl.Expr]) -> pl.Expr:
    """Return a whole number with one bit for every yes or no."""
    kind = pl.UInt16
    bits = [flag.cast(kind) * pl.lit(1 << bit, dtype=kind) for bit, flag in enumerate(flags)]
    return reduce(or_, bits)


def _worded(codes: pl.Series, words: Sequence[str]) -> pl.Series:
    """Return the text of every code; nothing at all where no bit is set."""
    used: list[int] = codes.unique().to_list()
    table: list[str | None] = [None] * (max(used, default=0) + 1)
    for code in used:
        table[code] = "|".join(w for bit, w in enumerate(words) if code >> bit & 1) or None
    return pl.Series(codes.name, table, dtype=pl.String).gather(codes)


def _joined_texts(*chunks: pl.Expr) -> pl.Expr:
    if not chunks:
        return pl.lit("")
    if len(chunks) == 1:
        return chunks[0].fill_null("")
    return pl.concat_str(chunks, separator="|", ignore_nulls=True)
