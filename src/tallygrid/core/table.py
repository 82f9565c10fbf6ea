"""A whole table decided: what `core.decision` answers for one case, for every row at once.

The conditions are the same nodes and the amounts the same formulas. How findings and readings
are put together is written a second time here, over columns; a property compares the two
for random programmes and rows, so that they cannot part. Nothing here reads or collects.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

import polars as pl

from tallygrid.core.arithmetic import (
    HIGHER_AWARD_FACT,
    OTHER_FUNDS_FACT,
    STAND_IN_FACT,
    TAXES,
    Used,
    base_fact,
)
from tallygrid.core.column import TEXT, Cell, Columns
from tallygrid.core.decision import Plan
from tallygrid.core.findings import CLAIMED_FACT, PURCHASE_FACT
from tallygrid.core.formula import Ends
from tallygrid.core.programme import OpenItem, Scalar
from tallygrid.core.rules import compiled
from tallygrid.core.trial import Given, Rule, Trial, Version

OUTCOMES: Final = ("eligible", "refused", "undecided")
_NO: Final = False
STATUSES: Final = ("passed", "failed", "unknown")
USED: Final = tuple(part.name for part in fields(Used) if part.name.endswith("_fen"))
"""What was drawn before, and what is left of the budget, by the names of `Used`."""

_ALWAYS: Final = (OTHER_FUNDS_FACT, HIGHER_AWARD_FACT, CLAIMED_FACT, PURCHASE_FACT)


def facts_asked(plans: Iterable[Plan]) -> frozenset[str]:
    """Return the facts that an answer can depend on, without those they may follow from."""
    found, amounts = set(_ALWAYS), {STAND_IN_FACT}
    for plan in plans:
        for chosen in plan.variants:
            found |= {name for node in compiled(chosen).nodes for name in node.facts}
            amounts |= {name for name in (base_fact(chosen),) if name}
            amounts |= {f"{one.of}_fen" for one in chosen.stacking.ceilings if one.of}
    taxes = {TAXES[name] for name in amounts if name in TAXES}
    return frozenset(found | amounts | taxes)


def decided(
    frame: pl.LazyFrame, plans: Sequence[Plan], given: Given, keep: Sequence[str] = ()
) -> pl.LazyFrame:
    """Return the answer under every plan for each row, behind the columns kept.

    Under several plans the columns of each begin with its programme's id and a dot.
    """
    answered = [*keep]
    for plan in plans:
        table = _Table(plan, Trial(plan, given))
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
class _Table:
    """One programme held against every row."""

    plan: Plan
    trial: Trial

    @property
    def do(self) -> Columns:
        """What works the columns out."""
        return self.trial.do

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
    def versions(self) -> tuple[Version, ...]:
        """Every version of the programme that its open questions allow."""
        return tuple(self.trial.tried(chosen) for chosen in self.plan.variants)

    # All versions put together

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        order = dict.fromkeys(rule for version in self.versions for rule in version.passed)
        return tuple(sorted(order, key=lambda rule: rule[0] in {"amount", "nothing"}))

    @cached_property
    def merged(self) -> dict[Rule, Cell]:
        """Whether each rule passes; one that depends on a reading is unknown."""
        return {rule: self._merged(rule) for rule in self._rules}

    @cached_property
    def arising(self) -> dict[Rule, Cell]:
        """Where each rule arises at all."""
        return {
            rule: self.do.any([version.arises.get(rule, False) for version in self.versions])
            for rule in self._rules
        }

    def _passes(self, rule: Rule) -> list[Cell]:
        # a rule that only some readings have is passed in the others
        return [version.passed.get(rule, True) for version in self.versions]

    def _merged(self, rule: Rule) -> Cell:
        first, *others = self._passes(rule)
        differs = self.do.any([self.do.differ(first, other) for other in others])
        return self.do.where(differs, None, first)

    @cached_property
    def outcome(self) -> Cell:
        """TRUE is eligible, FALSE refused, unknown undecided."""
        # each reading may refuse by another rule, of which none then fails in all
        refused = self.do.both([self.do.false(version.outcome) for version in self.versions])
        return self.do.where(refused, _NO, self.do.both(list(self.merged.values())))

    def matters(self, item: OpenItem) -> Cell:
        """Tell where the reading of an open question makes a difference."""
        refused = self.do.both([self.do.false(version.outcome) for version in self.versions])
        decides = self._decides(item) if item.can_change_answer else True
        return self.do.both([decides, self.do.opposite(refused)])

    def _decides(self, item: OpenItem) -> Cell:
        """Tell where another reading of an item, the others equal, changes the answer."""
        first: dict[tuple[tuple[str, Scalar], ...], Version] = {}
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
            belongs = self.do.true(self.trial.answer(node))
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
        return self.do.texts(list(self.trial.collected(wanted).items()))

    def _missing_to(self, rule: Rule) -> Iterator[tuple[str, Cell]]:
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


def _finding_columns(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Name the column of each rule; a later one of the same id is told apart by its kind."""
    found: dict[str, Rule] = {}
    for kind, name in rules:
        plain = f"finding.{name}"
        found[f"{plain}.{kind}" if plain in found else plain] = (kind, name)
    return found
