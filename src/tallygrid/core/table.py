"""A whole table decided: what `core.decision` answers for one case, for every row at once.

The conditions are the same nodes and the amounts the same formulas. How findings and readings
are put together is written a second time here, over columns; a property compares the two
for random programmes and rows, so that they cannot part. Nothing here reads or collects.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from typing import Final

import polars as pl

from tallygrid.core.amount import UNITS_FEN
from tallygrid.core.arithmetic import (
    OTHER_AWARD_FACT,
    OTHER_FUNDS_FACT,
    STAND_IN_FACT,
    TAX_FACT,
    Used,
    base_fact,
    cap_on,
    rate_on,
)
from tallygrid.core.column import TEXT, Cell, Columns
from tallygrid.core.condition import Node, dtype_of, evaluate, expression, is_joining
from tallygrid.core.decision import Plan
from tallygrid.core.facts import DERIVED_FROM
from tallygrid.core.findings import CLAIMED_FACT, PURCHASE_FACT
from tallygrid.core.formula import (
    LIMITLESS,
    Ends,
    Paid,
    paid,
    possible_tiers,
    taxed,
    tier_rate,
    under_cap,
    under_ceiling,
)
from tallygrid.core.programme import OpenItem, Programme, Scalar
from tallygrid.core.rules import Rules, compiled
from tallygrid.core.window import holds, is_open

OUTCOMES: Final = ("eligible", "refused", "undecided")
STATUSES: Final = ("passed", "failed", "unknown")
USED: Final = tuple(part.name for part in fields(Used) if part.name.endswith("_fen"))
"""What was drawn before, and what is left of the budget, by the names of `Used`."""

_ALWAYS: Final = (STAND_IN_FACT, TAX_FACT, OTHER_FUNDS_FACT, CLAIMED_FACT, PURCHASE_FACT)
_YES: Final = True
_Rule = tuple[str, str]
"""The kind and the id of a rule."""


@dataclass(frozen=True)
class Given:
    """Which facts a table has, and which amounts drawn before under which programme."""

    facts: frozenset[str]
    used: Mapping[str, frozenset[str]] = field(default_factory=dict)


def fact_column(name: str, day: date) -> str:
    """Return the name of the column of a fact; one that follows from another has a day."""
    return f"fact.{name}@{day}" if name in DERIVED_FROM else f"fact.{name}"


def used_column(programme: str, name: str) -> str:
    """Return the name of the column of what was drawn before under a programme."""
    return f"used.{programme}.{name}"


def facts_asked(plans: Iterable[Plan]) -> frozenset[str]:
    """Return the facts that an answer can depend on, without those they may follow from."""
    found = set(_ALWAYS)
    for plan in plans:
        for chosen in plan.variants:
            found |= {name for node in compiled(chosen).nodes for name in node.facts}
            found |= {name for name in (base_fact(chosen),) if name}
    return frozenset(found)


def decided(
    frame: pl.LazyFrame, plans: Sequence[Plan], given: Given, keep: Sequence[str] = ()
) -> pl.LazyFrame:
    """Return the answer under every plan for each row, behind the columns kept.

    Under several plans the columns of each begin with its programme's id and a dot.
    """
    answered = [*keep]
    for plan in plans:
        table = _Table(plan, given)
        prefix = f"{plan.programme.id}." if len(plans) > 1 else ""
        outputs = {prefix + name: output for name, output in table.outputs().items()}
        frame = table.do.computed(frame, outputs)
        answered += outputs
    return frame.select(answered)


def column_names(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return the names of the columns that `decided` adds."""
    found = decided(pl.LazyFrame(), plans, Given(frozenset()))
    return tuple(found.collect_schema().names())


@dataclass
class _Version:
    """One version of a programme, tried on every row."""

    programme: Programme
    rules: Rules
    passed: dict[_Rule, Cell] = field(default_factory=dict)
    arises: dict[_Rule, Cell] = field(default_factory=dict)
    missing: dict[_Rule, dict[str, Cell]] = field(default_factory=dict)
    base: Ends[Cell] = (0, None)
    rate: Ends[Cell] = (0, 0)
    tiers: Sequence[Cell] = ()
    paid: Paid[Cell] = field(default_factory=lambda: Paid((0, 0), (0, 0), (0, 0), -1))
    rooms: tuple[str, ...] = ()
    wanting: dict[str, Cell] = field(default_factory=dict)
    stands_in: Cell = False
    outcome: Cell = None
    span: Ends[Cell] = (0, 0)


@dataclass
class _Table:
    """One programme held against every row."""

    plan: Plan
    given: Given
    do: Columns = field(default_factory=Columns)

    def outputs(self) -> dict[str, tuple[Cell, pl.DataType]]:
        """Return every column of the answer with its type."""
        answer, yes, text = self.outcome, pl.Boolean(), TEXT
        refused = self.do.false(answer)
        return {
            "outcome": self._one_of(OUTCOMES, answer, arises=True),
            **{name: (cell, pl.Int64()) for name, cell in self._amounts(refused).items()},
            "tier": (self._tiers(), text),
            "bound_by": (self._bounds(), text),
            "group": (self._group(), text),
            "provisional": (self.do.any([v.stands_in for v in self.versions]), yes),
            "issuable": (self._issuable(), yes),
            "reasons": (self._reasons(), text),
            "missing": (self._missing(refused), text),
            "open": (self._open(), text),
            **{
                name: self._one_of(STATUSES, self.merged[rule], arises=self.arising[rule])
                for name, rule in _finding_columns(self.merged).items()
            },
        }  # fmt: skip

    @cached_property
    def versions(self) -> tuple[_Version, ...]:
        """Every version of the programme that its open questions allow."""
        return tuple(self._tried(chosen) for chosen in self.plan.variants)

    def _tried(self, programme: Programme) -> _Version:
        version = _Version(programme, compiled(programme))
        self._work(version)
        self._find(version)
        version.outcome = self.do.both(list(version.passed.values()))
        low, high = version.paid.normal
        version.span = (
            self.do.where(self.do.true(version.outcome), low, 0),
            self.do.where(self.do.false(version.outcome), 0, high),
        )
        return version

    # Facts and conditions

    def _is_given(self, name: str) -> bool:
        return name in self.given.facts

    def _fact(self, name: str) -> Cell:
        """Return the column of a fact; one that the table has not is unknown in every row."""
        return self.do.column(self._column(name)) if self._is_given(name) else None

    def _column(self, name: str) -> str:
        return fact_column(name, self.plan.day)

    def answer(self, node: Node | None) -> Cell:
        """Return what a condition answers; one left open is unknown."""
        if node is None:
            return None
        if is_joining(node):
            parts = [self.answer(arg) for arg in node.args]
            if node.op == "not":
                return self.do.opposite(parts[0])
            return self.do.both(parts) if node.op == "and" else self.do.any(parts)
        if not any(self._is_given(name) for name in node.facts):
            return evaluate([node], {})[node]
        return self.do.expression(node, lambda: expression(node, self._read))

    def _read(self, fact: Node) -> pl.Expr:
        name = str(fact.value)
        if self._is_given(name):
            return pl.col(self._column(name))
        return pl.lit(None, dtype=dtype_of(fact.kind))

    def _unknown(self, node: Node) -> Cell:
        """Tell where a condition is unknown; one that follows a single fact, where that is."""
        if _is_unknown_with_its_fact(node):
            return self.do.unknown(self._fact(node.facts[0]))
        return self.do.unknown(self.answer(node))

    def _wanted(self, node: Node) -> Iterator[tuple[str, Cell]]:
        """Yield the facts for want of which a condition is unknown, where it is."""
        if not is_joining(node):
            for name in node.facts:
                yield name, self.do.unknown(self._fact(name))
            return
        for arg in node.args:
            unknown = self._unknown(arg)
            if unknown is not False:
                for name, wanted in self._wanted(arg):
                    yield name, self.do.both([unknown, wanted])

    def _collected(self, wanted: Iterable[tuple[str, Cell]]) -> dict[str, Cell]:
        """Put together what is said of each fact."""
        found: dict[str, list[Cell]] = {}
        for name, cell in wanted:
            found.setdefault(name, []).append(cell)
        return {name: self.do.any(cells) for name, cells in found.items()}

    # The arithmetic

    def _work(self, version: _Version) -> None:
        programme, rules, do = version.programme, version.rules, self.do
        version.base = self._base(version)
        answers = [self.answer(node) for node in rules.tiers]
        certain, version.tiers = possible_tiers(do, answers)
        rates: list[Ends[Cell]] = [
            rate_on(tier.rate, self.plan.day) for tier in programme.rate.tiers
        ]
        version.rate = tier_rate(do, version.tiers, rates)
        rooms = list(self._rooms(version))
        version.rooms = tuple(name for name, _, _ in rooms)
        unit_fen = UNITS_FEN[programme.rounding.unit]
        left = [(ends, in_principle) for _, ends, in_principle in rooms]
        version.paid = paid(do, version.base, version.rate, left, unit_fen)
        version.wanting = self._collected(self._wanting(version, certain))

    def _base(self, version: _Version) -> Ends[Cell]:
        name = base_fact(version.programme)
        if name is None:
            return 0, None
        own, stand_in = self._fact(name), self._stand_in(name)
        if name not in {STAND_IN_FACT, OTHER_AWARD_FACT}:
            known = self.do.opposite(self.do.unknown(stand_in))
            version.stands_in = self.do.both([self.do.unknown(own), known])
        gross = self.do.known(own, stand_in)
        return taxed(self.do, gross, self._fact(TAX_FACT), version.programme.tax.value)

    def _stand_in(self, name: str) -> Cell:
        """Return what stands in for the base; nothing does for another award."""
        return self._fact(name if name == OTHER_AWARD_FACT else STAND_IN_FACT)

    def _project(self, version: _Version) -> Ends[Cell]:
        """Return what ceilings are a share of: the base, or the contract where that is an award."""
        if base_fact(version.programme) != OTHER_AWARD_FACT:
            return version.base
        contract = self._fact(STAND_IN_FACT)
        return self.do.known(contract, self.do.of(0)), contract

    def _rooms(self, version: _Version) -> Iterator[tuple[str, Ends[Cell], bool]]:
        programme, do = version.programme, self.do
        for cap, node in zip(programme.caps.limits, version.rules.caps, strict=True):
            applies = True if cap.when is None else self.answer(node)
            used = self._used(f"{cap.per}_fen", 0)
            room = under_cap(do, cap_on(cap, self.plan.day), used, applies)
            yield cap.id, room, cap.strength == "in_principle"
        other, project = self._fact(OTHER_FUNDS_FACT), self._project(version)
        for ceiling in programme.stacking.ceilings:
            rate: Ends[Cell] = rate_on(ceiling.rate, self.plan.day)
            yield (
                ceiling.id,
                under_ceiling(do, project, rate, other, ceiling.includes_this),
                False,
            )
        left = self._used("budget_fen", None)
        if left is not None:
            yield "budget", (do.known(left, LIMITLESS), left), False

    def _used(self, name: str, otherwise: int | None) -> Cell:
        programme = self.plan.programme.id
        if name in self.given.used.get(programme, ()):
            return self.do.column(used_column(programme, name))
        return otherwise

    def _wanting(self, version: _Version, certain: Cell) -> Iterator[tuple[str, Cell]]:
        """Yield the facts that would make the arithmetic exact, where they are unknown."""
        programme, do = version.programme, self.do
        if name := base_fact(programme):
            gross = do.known(self._fact(name), self._stand_in(name))
            yield name, do.unknown(gross)
            if programme.tax.value != "included":
                known = do.opposite(do.unknown(gross))
                yield TAX_FACT, do.both([known, do.unknown(self._fact(TAX_FACT))])
        doubtful = do.false(certain)
        for node in version.rules.tiers:
            yield from self._under(do.both([doubtful, self._unknown(node)]), node)
        for limit in version.rules.caps:
            if limit is not None:
                yield from self._under(self._unknown(limit), limit)
        if programme.stacking.ceilings:
            yield OTHER_FUNDS_FACT, do.unknown(self._fact(OTHER_FUNDS_FACT))
            if base_fact(programme) == OTHER_AWARD_FACT:
                yield STAND_IN_FACT, do.unknown(self._fact(STAND_IN_FACT))

    def _under(self, condition: Cell, node: Node) -> Iterator[tuple[str, Cell]]:
        for name, wanted in self._wanted(node):
            yield name, self.do.both([condition, wanted])

    # The findings of one version

    def _find(self, version: _Version) -> None:
        programme, day = version.programme, self.plan.day
        self._note(version, ("in_force", "in-force"), holds(programme.in_force, day))
        if programme.windows:
            self._note(version, ("window", "window"), is_open(programme, self.plan.at))
        for rule, node in zip(programme.conditions, version.rules.conditions, strict=True):
            self._note(version, ("condition", rule.id), self.answer(node), node)
        for rule, node in zip(programme.exclusions, version.rules.exclusions, strict=True):
            passed = self.do.opposite(self.answer(node))
            self._note(version, ("exclusion", rule.id), passed, node)
        self._find_purchase(version)
        self._find_claim(version)
        self._find_rooms(version)

    def _note(self, version: _Version, rule: _Rule, passed: Cell, node: Node | None = None) -> None:
        version.passed[rule] = passed
        version.arises[rule] = True
        version.missing[rule] = {}
        if node is not None:
            unknown = self._unknown(node)
            if unknown is not False:
                version.missing[rule] = self._collected(self._under(unknown, node))

    def _find_purchase(self, version: _Version) -> None:
        if not self._is_given(PURCHASE_FACT):
            return
        kind, column = version.programme.kind, self._column(PURCHASE_FACT)
        rule = ("purchase", "purchase")
        same = self.do.expression((rule, kind), lambda: pl.col(column) == kind)
        self._note(version, rule, self.do.known(same, _YES))
        version.arises[rule] = self.do.opposite(self.do.unknown(self._fact(PURCHASE_FACT)))

    def _find_claim(self, version: _Version) -> None:
        rule = version.programme.stacking.one_contract_one_claim
        if rule is None or rule.value is False:
            return
        claimed, name = self._fact(CLAIMED_FACT), ("claim", "one-contract-one-claim")
        passed = self.do.opposite(claimed)
        if rule.value is None:
            passed = self.do.where(self.do.true(passed), _YES, None)
        self._note(version, name, passed)
        version.missing[name] = {CLAIMED_FACT: self.do.unknown(claimed)}

    def _find_rooms(self, version: _Version) -> None:
        """A cap, a ceiling or the budget that leaves nothing refuses."""
        hits: dict[str, list[Cell]] = {}
        nothing = self.do.opposite(self.do.differ(version.paid.normal[1], 0))
        for place, name in enumerate(version.rooms):
            binds = self.do.opposite(self.do.differ(version.paid.bound_by, place))
            hits.setdefault(name, []).append(self.do.both([nothing, binds]))
        for name, cells in hits.items():
            hit = self.do.any(cells)
            self._note(version, ("amount", name), self.do.opposite(hit))
            version.arises["amount", name] = hit

    # All versions put together

    @cached_property
    def _rules(self) -> tuple[_Rule, ...]:
        order = dict.fromkeys(rule for version in self.versions for rule in version.passed)
        return tuple(sorted(order, key=lambda rule: rule[0] == "amount"))

    @cached_property
    def merged(self) -> dict[_Rule, Cell]:
        """Whether each rule passes; one that depends on a reading is unknown."""
        return {rule: self._merged(rule) for rule in self._rules}

    @cached_property
    def arising(self) -> dict[_Rule, Cell]:
        """Where each rule arises at all."""
        return {
            rule: self.do.any([version.arises.get(rule, False) for version in self.versions])
            for rule in self._rules
        }

    def _passes(self, rule: _Rule) -> list[Cell]:
        # a rule that only some readings have is passed in the others
        return [version.passed.get(rule, True) for version in self.versions]

    def _merged(self, rule: _Rule) -> Cell:
        first, *others = self._passes(rule)
        differs = self.do.any([self.do.differ(first, other) for other in others])
        return self.do.where(differs, None, first)

    @cached_property
    def outcome(self) -> Cell:
        """TRUE is eligible, FALSE refused, unknown undecided."""
        return self.do.both(list(self.merged.values()))

    def matters(self, item: OpenItem) -> Cell:
        """Tell where the reading of an open question makes a difference."""
        refused = self.do.both([self.do.false(version.outcome) for version in self.versions])
        decides = self._decides(item) if item.can_change_answer else True
        return self.do.both([decides, self.do.opposite(refused)])

    def _decides(self, item: OpenItem) -> Cell:
        """Tell where another reading of an item, the others equal, changes the answer."""
        first: dict[tuple[tuple[str, Scalar], ...], _Version] = {}
        differ: list[Cell] = []
        for fills, version in zip(self.plan.fills, self.versions, strict=True):
            others = tuple((name, value) for name, value in fills.items() if name != item.id)
            before = first.setdefault(others, version)
            differ += [
                self.do.differ(before.outcome, version.outcome),
                self.do.differ(before.span[0], version.span[0]),
                self.do.differ(before.span[1], version.span[1]),
            ]
        return self.do.any(differ)

    # The columns of the answer

    def _amounts(self, refused: Cell) -> dict[str, Cell]:
        do, versions = self.do, self.versions
        low = do.least([version.span[0] for version in versions])
        return {
            "at_least_fen": do.where(do.true(self.outcome), low, 0),
            "at_most_fen": do.where(refused, 0, self._greatest([v.span[1] for v in versions])),
            "exceptional_fen": self._exceptional(refused),
            "rate_bp": self._one([version.rate for version in versions]),
            "base_fen": self._one([version.base for version in versions]),
        }

    def _greatest(self, highs: Sequence[Cell]) -> Cell:
        """Return the greatest; unknown where any is."""
        unbounded = self.do.any([self.do.unknown(high) for high in highs])
        return self.do.where(unbounded, None, self.do.greatest(highs))

    def _exceptional(self, refused: Cell) -> Cell:
        more = [
            self.do.differ(v.paid.exceptional[end], v.paid.normal[end])
            for v in self.versions
            for end in (0, 1)
        ]
        may = self.do.both([self.do.opposite(refused), self.do.any(more)])
        highs = [version.paid.exceptional[1] for version in self.versions]
        return self.do.where(may, self._greatest(highs), None)

    def _one(self, spans: Sequence[Ends[Cell]]) -> Cell:
        """Return what all versions agree on exactly."""
        low, high = spans[0]
        differ = [self.do.differ(low, high)]
        for other in spans[1:]:
            differ += [self.do.differ(low, other[0]), self.do.differ(high, other[1])]
        return self.do.where(self.do.any(differ), None, low)

    def _tiers(self) -> Cell:
        tiers = self.plan.programme.rate.tiers
        return self.do.texts(
            [
                (tier.id, self.do.any([version.tiers[n] for version in self.versions]))
                for n, tier in enumerate(tiers)
            ]
        )

    def _bounds(self) -> Cell:
        rooms: dict[str, list[Cell]] = {}
        for version in self.versions:
            for place, name in enumerate(version.rooms):
                binds = self.do.opposite(self.do.differ(version.paid.bound_by, place))
                rooms.setdefault(name, []).append(binds)
        return self.do.texts([(name, self.do.any(cells)) for name, cells in rooms.items()])

    def _group(self) -> Cell:
        """Return the first budget group that a row belongs to for certain."""
        first, found = self.versions[0], []
        earlier: list[Cell] = []
        groups = first.programme.budget.groups
        for group, node in zip(groups, first.rules.groups, strict=True):
            belongs = self.do.true(self.answer(node))
            found.append((group.id, self.do.both([belongs, *map(self.do.opposite, earlier)])))
            earlier.append(belongs)
        return self.do.texts(found)

    def _issuable(self) -> Cell:
        do, versions = self.do, self.versions
        low = do.least([version.span[0] for version in versions])
        settled = do.opposite(do.differ(low, self._greatest([v.span[1] for v in versions])))
        issued = self.plan.programme.edition == "issued"
        blocked = [self.matters(item) for item in self.plan.items if item.blocks == "issue"]
        return do.both([do.true(self.outcome), settled, issued, *map(do.opposite, blocked)])

    def _open(self) -> Cell:
        return self.do.texts([(item.id, self.matters(item)) for item in self.plan.items])

    def _reasons(self) -> Cell:
        """Return the ids of the rules that did not pass."""
        found: dict[str, list[Cell]] = {}
        for (_, name), passed in self.merged.items():
            found.setdefault(name, []).append(self.do.opposite(self.do.true(passed)))
        return self.do.texts([(name, self.do.any(cells)) for name, cells in found.items()])

    def _missing(self, refused: Cell) -> Cell:
        """Return the facts that would settle what is unknown."""
        wanted = [pair for rule in self._rules for pair in self._missing_to(rule)]
        for version in self.versions:
            for name, cell in version.wanting.items():
                wanted.append((name, self.do.both([self.do.opposite(refused), cell])))
        return self.do.texts(list(self._collected(wanted).items()))

    def _missing_to(self, rule: _Rule) -> Iterator[tuple[str, Cell]]:
        """Yield what a rule wants: where all agree what the first says, else what any says."""
        do, passes = self.do, self._passes(rule)
        agreed = do.both([do.opposite(do.differ(passes[0], other)) for other in passes[1:]])
        said = [version.missing[rule] for version in self.versions if rule in version.missing]
        for number, missing in enumerate(said):
            for name, cell in missing.items():
                where = cell if not number else do.both([do.opposite(agreed), cell])
                yield name, where

    def _one_of(self, words: Sequence[str], answer: Cell, arises: Cell) -> tuple[Cell, pl.DataType]:
        """Return a column of three words: for TRUE, for FALSE, and for what is unknown."""
        yes = self.do.where(answer, 0, self.do.where(self.do.unknown(answer), 2, 1))
        return self.do.where(arises, yes, None), pl.Enum(list(words))


def _is_unknown_with_its_fact(node: Node) -> bool:
    """Tell whether a condition is unknown exactly where the one fact in it is."""
    subject = node.args[:1] if node.op == "in" else node.args
    others = node.args[len(subject) :]
    plain = all(part.op in _PLAIN for part in (node, *subject) if part.kind != "boolean")
    simple = all(part.op in {"fact", "literal"} for part in subject if part.kind == "boolean")
    fixed = all(part.op == "literal" for part in others)
    return node.op in _SIMPLE and len(node.facts) == 1 and plain and simple and fixed


_PLAIN: Final = frozenset({"fact", "literal", "+", "-", "*"})
_SIMPLE: Final = frozenset({"fact", "=", "<>", "<", "<=", ">", ">=", "in"})


def _finding_columns(rules: Iterable[_Rule]) -> dict[str, _Rule]:
    """Name the column of each rule; a later one of the same id is told apart by its kind."""
    found: dict[str, _Rule] = {}
    for kind, name in rules:
        plain = f"finding.{name}"
        found[f"{plain}.{kind}" if plain in found else plain] = (kind, name)
    return found
