"""One version of a programme tried on every row of a table: its findings and its arithmetic.

What `core.arithmetic` and `core.findings` do for one case, with the same conditions and the
same formulas, but in columns; `core.table` puts the versions together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from tallygrid.core.amount import UNITS_FEN
from tallygrid.core.arithmetic import (
    HIGHER_AWARD_FACT,
    OTHER_AWARD_FACT,
    OTHER_FUNDS_FACT,
    STAND_IN_FACT,
    TAXES,
    base_fact,
    cap_on,
    rate_on,
)
from tallygrid.core.column import Cell, Columns
from tallygrid.core.condition import Node, answer, is_joining
from tallygrid.core.decision import Plan
from tallygrid.core.expression import dtype_of, expression
from tallygrid.core.facts import DERIVED_FROM
from tallygrid.core.findings import CLAIMED_FACT, PURCHASE_FACT, higher_rule
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
from tallygrid.core.programme import Ceiling, Programme
from tallygrid.core.rules import Rules, compiled
from tallygrid.core.window import holds, is_open

_YES: Final = True
_STAND_IN_TAX: Final = TAXES[STAND_IN_FACT]
Rule = tuple[str, str]
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


@dataclass
class Version:
    """One version of a programme, tried on every row."""

    programme: Programme
    rules: Rules
    passed: dict[Rule, Cell] = field(default_factory=dict)
    arises: dict[Rule, Cell] = field(default_factory=dict)
    missing: dict[Rule, dict[str, Cell]] = field(default_factory=dict)
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
class Trial:
    """The versions of one programme, tried one after another on the same columns."""

    plan: Plan
    given: Given
    do: Columns = field(default_factory=Columns)

    def tried(self, programme: Programme) -> Version:
        """Try one version."""
        version = Version(programme, compiled(programme))
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
            return answer(node, {})
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

    def collected(self, wanted: Iterable[tuple[str, Cell]]) -> dict[str, Cell]:
        """Put together what is said of each fact."""
        found: dict[str, list[Cell]] = {}
        for name, cell in wanted:
            found.setdefault(name, []).append(cell)
        return {name: self.do.any(cells) for name, cells in found.items()}

    # The arithmetic

    def _work(self, version: Version) -> None:
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
        version.wanting = self.collected(self._wanting(version, certain))

    def _base(self, version: Version) -> Ends[Cell]:
        name = base_fact(version.programme)
        if name is None:
            return 0, None
        own, stand_in = self._fact(name), self._stand_in(name)
        if name not in {STAND_IN_FACT, OTHER_AWARD_FACT}:
            known = self.do.opposite(self.do.unknown(stand_in))
            version.stands_in = self.do.both([self.do.unknown(own), known])
        gross = self.do.known(own, stand_in)
        return taxed(self.do, gross, self._tax(name), version.programme.tax.value)

    def _stand_in(self, name: str) -> Cell:
        """Return what stands in for the base; nothing does for another award."""
        return self._fact(name if name == OTHER_AWARD_FACT else STAND_IN_FACT)

    def _tax(self, name: str) -> Cell:
        """Return the tax in an amount, or in the contract's value where that stands in."""
        own = TAXES.get(name)
        if own is None:
            return 0
        unknown = self.do.unknown(self._fact(name))
        return self.do.where(unknown, self._fact(_STAND_IN_TAX), self._fact(own))

    def _wanting_tax(self, name: str) -> Iterator[tuple[str, Cell]]:
        """Yield the tax that is not known of an amount that is, or of what stands in for it."""
        own = TAXES.get(name)
        if own is None:
            return
        unknown, contract = (self.do.unknown(self._fact(fact)) for fact in (name, STAND_IN_FACT))
        stands_in = self.do.both([unknown, self.do.opposite(contract)])
        for tax, where in ((own, self.do.opposite(unknown)), (_STAND_IN_TAX, stands_in)):
            yield tax, self.do.both([where, self.do.unknown(self._fact(tax))])

    def _project(self, version: Version, ceiling: Ceiling) -> Ends[Cell]:
        """Return what a ceiling is a share of: what it says, or the base, or the contract."""
        if ceiling.of is not None:
            tax = ceiling.tax or version.programme.tax.value
            return taxed(self.do, self._gross(ceiling.of), self._tax(f"{ceiling.of}_fen"), tax)
        if base_fact(version.programme) != OTHER_AWARD_FACT:
            return version.base
        contract = self._fact(STAND_IN_FACT)
        return self.do.known(contract, self.do.of(0)), contract

    def _gross(self, of: str) -> Cell:
        return self.do.known(self._fact(f"{of}_fen"), self._fact(STAND_IN_FACT))

    def _rooms(self, version: Version) -> Iterator[tuple[str, Ends[Cell], bool]]:
        programme, do = version.programme, self.do
        for cap, node in zip(programme.caps.limits, version.rules.caps, strict=True):
            applies = True if cap.when is None else self.answer(node)
            used = self._used(f"{cap.per}_fen", 0)
            room = under_cap(do, cap_on(cap, self.plan.day), used, applies)
            yield cap.id, room, cap.strength == "in_principle"
        other = self._fact(OTHER_FUNDS_FACT)
        for ceiling in programme.stacking.ceilings:
            rate: Ends[Cell] = rate_on(ceiling.rate, self.plan.day)
            project, includes = self._project(version, ceiling), ceiling.includes_this
            yield ceiling.id, under_ceiling(do, project, rate, other, includes), False
        left = self._used("budget_fen", None)
        if left is not None:
            yield "budget", (do.known(left, LIMITLESS), left), False

    def _used(self, name: str, otherwise: int | None) -> Cell:
        programme = self.plan.programme.id
        if name in self.given.used.get(programme, ()):
            return self.do.column(used_column(programme, name))
        return otherwise

    def _wanting(self, version: Version, certain: Cell) -> Iterator[tuple[str, Cell]]:
        """Yield the facts that would make the arithmetic exact, where they are unknown."""
        programme, do = version.programme, self.do
        if name := base_fact(programme):
            gross = do.known(self._fact(name), self._stand_in(name))
            yield name, do.unknown(gross)
            if programme.tax.value != "included":
                yield from self._wanting_tax(name)
        doubtful = do.false(certain)
        for node in version.rules.tiers:
            yield from self._under(do.both([doubtful, self._unknown(node)]), node)
        for limit in version.rules.caps:
            if limit is not None:
                yield from self._under(self._unknown(limit), limit)
        yield from self._wanting_ceilings(version)

    def _wanting_ceilings(self, version: Version) -> Iterator[tuple[str, Cell]]:
        programme, do = version.programme, self.do
        if programme.stacking.ceilings:
            yield OTHER_FUNDS_FACT, do.unknown(self._fact(OTHER_FUNDS_FACT))
            if base_fact(programme) == OTHER_AWARD_FACT:
                yield STAND_IN_FACT, do.unknown(self._fact(STAND_IN_FACT))
        for ceiling in programme.stacking.ceilings:
            if ceiling.of is not None:
                gross = self._gross(ceiling.of)
                yield f"{ceiling.of}_fen", do.unknown(gross)
                if (ceiling.tax or programme.tax.value) != "included":
                    yield from self._wanting_tax(f"{ceiling.of}_fen")

    def _under(self, condition: Cell, node: Node) -> Iterator[tuple[str, Cell]]:
        for name, wanted in self._wanted(node):
            yield name, self.do.both([condition, wanted])

    # The findings of one version

    def _find(self, version: Version) -> None:
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
        self._find_higher(version)
        self._find_rooms(version)

    def _note(self, version: Version, rule: Rule, passed: Cell, node: Node | None = None) -> None:
        version.passed[rule] = passed
        version.arises[rule] = True
        version.missing[rule] = {}
        if node is not None:
            unknown = self._unknown(node)
            if unknown is not False:
                version.missing[rule] = self.collected(self._under(unknown, node))

    def _find_purchase(self, version: Version) -> None:
        if not self._is_given(PURCHASE_FACT):
            return
        kind, column = version.programme.kind, self._column(PURCHASE_FACT)
        rule = ("purchase", "purchase")
        same = self.do.expression((rule, kind), lambda: pl.col(column) == kind)
        self._note(version, rule, self.do.known(same, _YES))
        version.arises[rule] = self.do.opposite(self.do.unknown(self._fact(PURCHASE_FACT)))

    def _find_claim(self, version: Version) -> None:
        rule = version.programme.stacking.one_contract_one_claim
        if rule is not None and rule.value is not False:
            name = ("claim", "one-contract-one-claim")
            self._find_unless(version, name, CLAIMED_FACT, certain=rule.value is not None)

    def _find_higher(self, version: Version) -> None:
        rule = higher_rule(version.programme)
        if rule is not None:
            name = ("higher", "higher-only")
            self._find_unless(version, name, HIGHER_AWARD_FACT, certain=rule.value is not None)

    def _find_unless(self, version: Version, name: Rule, fact: str, *, certain: bool) -> None:
        """Refuse where a fact is TRUE; where the text leaves that open it is unknown."""
        said = self._fact(fact)
        passed = self.do.opposite(said)
        if not certain:
            passed = self.do.where(self.do.true(passed), _YES, None)
        self._note(version, name, passed)
        version.missing[name] = {fact: self.do.unknown(said)}

    def _find_rooms(self, version: Version) -> None:
        """A cap, a ceiling or the budget that leaves nothing refuses; so does a base of nothing."""
        hits: dict[str, list[Cell]] = {}
        nothing = self.do.opposite(self.do.differ(version.paid.normal[1], 0))
        for place, name in enumerate(version.rooms):
            binds = self.do.opposite(self.do.differ(version.paid.bound_by, place))
            hits.setdefault(name, []).append(self.do.both([nothing, binds]))
        found = {("amount", name): self.do.any(cells) for name, cells in hits.items()}
        unbound = self.do.opposite(self.do.differ(version.paid.bound_by, -1))
        found["nothing", "nothing"] = self.do.both([nothing, unbound])
        for rule, hit in found.items():
            self._note(version, rule, self.do.opposite(hit))
            version.arises[rule] = hit


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
