"""A flip: the fewest facts, not given yet, that would make a programme grant, and their values.

The rules that are still unknown must all hold, so rules that share no fact can be looked at
apart, and the smallest sets of each together are the smallest set of all. Values to try are
those that the rules themselves compare a fact with, and their neighbours; a rule is answered as
in a decision. A fact that is given is never contradicted. Where the search had to stop, or no
value was found, the flip says so.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final

from tallygrid.core.amount import Span
from tallygrid.core.arithmetic import HIGHER_AWARD_FACT, STAND_IN_FACT, base_fact
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Answers, Facts, Node, answer, can_be, settled
from tallygrid.core.decision import Decision, Outcome, decide_each
from tallygrid.core.facts import DERIVED_FROM, PLACE_OF, derived
from tallygrid.core.findings import CLAIMED_FACT, higher_rule
from tallygrid.core.programme import FactSpec, Programme, Scalar
from tallygrid.core.variants import Variant, fills_of, variants
from tallygrid.core.window import day_of

FACTS_MAX: Final = 3
"""The most facts of one set of connected rules that are tried together."""
TRIALS_MAX: Final = 4_000
"""The most combinations of values tried for one set of connected rules."""
_WAYS_MAX: Final = 3
_ENTAILING: Final = frozenset(DERIVED_FROM.values())
"""Facts from which others follow."""


@dataclass(frozen=True)
class Need:
    """A fact to give, and what it would have to be: one of the values, or within the ends."""

    fact: str
    values: tuple[Scalar, ...]
    low: Scalar | None = None
    high: Scalar | None = None

    @property
    def only(self) -> bool:
        """Just one value does."""
        ends = {self.low, self.high} == {None} or self.low == self.high
        return len(self.values) == 1 and ends


Way = tuple[Need, ...]


@dataclass(frozen=True)
class Flip:
    """What would make one programme grant, and how much it would then be."""

    programme: str
    choices: tuple[tuple[Way, ...], ...]
    """Each must be met in one of its ways, all of which need as few facts as can be."""
    unresolved: tuple[str, ...]
    """Facts for which no values were found that do."""
    cut: bool
    """The search was stopped before all values were tried."""
    outcome: Outcome
    """What is decided once the first way of every choice is met."""
    then: Span
    """What the programme would then pay, within what is still open."""

    @property
    def needs(self) -> Way:
        """The first way of every choice."""
        return tuple(need for ways in self.choices for need in ways[0])


def flips(
    decisions: Sequence[Decision],
    programmes: Sequence[Programme],
    facts: Facts,
    *,
    at: datetime | date,
    assumptions: Assumptions | None = None,
) -> Mapping[str, Flip]:
    """Return, per programme that lacks facts and is not refused for others, what would flip it."""
    known = {programme.id: programme for programme in programmes}
    waiting = [known[d.programme] for d in decisions if _waits(d)]
    cases = [_Case.of(programme, facts, at, assumptions) for programme in waiting]
    searches = [search for case in cases for search in case.searches()]
    found = {search: _searched(search) for search in searches}
    return _judged(cases, found, facts, at, assumptions)


def first_questions(
    decisions: Sequence[Decision], programmes: Sequence[Programme]
) -> tuple[tuple[str, int], ...]:
    """Return the facts that most programmes wait for, each with their number, most first."""
    known = {programme.id: programme for programme in programmes}
    asked = Counter[str]()
    for decision in decisions:
        if _waits(decision):
            asked.update({_to_give(name, known[decision.programme]) for name in decision.missing})
    return tuple(sorted(asked.items(), key=lambda pair: (-pair[1], pair[0])))


def _to_give(name: str, programme: Programme) -> str:
    """Return the fact that an applicant would give: a place, and the contract's value."""
    return STAND_IN_FACT if name == base_fact(programme) else _source(name)


def _waits(decision: Decision) -> bool:
    """Tell whether facts could still make the programme grant, once it takes applications."""
    refused = decision.outcome == "refused" and not decision.only_closed
    return decision.edition == "issued" and not refused and bool(decision.missing)


def _source(name: str) -> str:
    """Return the place that a division follows from; other facts stand for themselves."""
    return PLACE_OF.get(name, name)


@dataclass(frozen=True, eq=False)
class _Case:
    """One programme that waits, and the rules that would have to hold in every reading."""

    programme: Programme
    day: date
    facts: Facts
    each: tuple[Variant, ...]

    @classmethod
    def of(
        cls, programme: Programme, facts: Facts, at: datetime | date, chosen: Assumptions | None
    ) -> "_Case":
        filled = fills_of(chosen.of(programme.id) if chosen else {})
        day = day_of(at, programme.place.zone)
        each = variants(programme, filled).each
        return cls(programme, day, derived(facts, on=day), each)

    def goals(self, one: Variant) -> tuple[Node, ...]:
        """Return what must be TRUE for a variant to grant; what is open cannot be."""
        rules = [node for node in one.rules.conditions if node is not None]
        rules += [_not(node) for node in one.rules.exclusions if node is not None]
        claim = one.programme.stacking.one_contract_one_claim
        if claim is not None and claim.value is not False:
            rules.append(_not(Node("fact", "boolean", value=CLAIMED_FACT)))
        if higher_rule(one.programme) is not None:
            rules.append(_not(Node("fact", "boolean", value=HIGHER_AWARD_FACT)))
        return tuple(rules)

    def searches(self) -> Iterator["_Search"]:
        """Yield the unknown rules, those that share a fact together."""
        answers = Answers(self.facts)
        alive = [goals for one in self.each if not _dead(goals := self.goals(one), answers)]
        unknown = dict.fromkeys(g for goals in alive for g in goals if answers[g] is None)
        for goals, names in _connected([(goal, self.unknown(goal)) for goal in unknown]):
            yield _Search(self, goals, tuple(sorted(names, key=self.order)))

    def unknown(self, goal: Node) -> frozenset[str]:
        """Return the facts to give for a rule; what only the text can say is none of them."""
        asked = (name for name in goal.facts if name in self.programme.facts)
        return frozenset(_source(name) for name in asked if name not in self.facts)

    def rank(self, ways: Sequence[Way]) -> tuple[bool, int]:
        """Sort choices by their first fact."""
        return self.order(ways[0][0].fact)

    def order(self, name: str) -> tuple[bool, int]:
        """Sort places first, then facts in the order of the programme."""
        return name not in PLACE_OF.values(), list(self.programme.facts).index(name)


def _dead(goals: Sequence[Node], answers: Answers) -> bool:
    return any(answers[goal] is False for goal in goals)


def _not(node: Node) -> Node:
    return Node("not", "boolean", (node,))


def _connected(
    goals: Sequence[tuple[Node, frozenset[str]]],
) -> Iterator[tuple[tuple[Node, ...], frozenset[str]]]:
    """Yield the goals in sets of those that share facts, directly or through others."""
    left = [(goal, names) for goal, names in goals if names]
    while left:
        (goal, names), left = left[0], left[1:]
        together = [goal]
        while touching := [pair for pair in left if pair[1] & names]:
            together += [other for other, _ in touching]
            names = names.union(*(more for _, more in touching))
            left = [pair for pair in left if pair not in touching]
        yield tuple(together), names


_Trial = tuple[tuple[str, ...], tuple[Scalar, ...]]
"""Some facts, and a value of each."""


@dataclass(frozen=True, eq=False)
class _Search:
    """Connected rules of one case, and the facts whose values are tried."""

    case: _Case
    goals: tuple[Node, ...]
    names: tuple[str, ...]
    possible: dict[tuple[str, ...], bool] = field(default_factory=dict)

    def trials(self) -> Iterator[_Trial]:
        """Yield sets of facts with values, small sets first."""
        for size in range(1, min(FACTS_MAX, len(self.names)) + 1):
            for names in itertools.combinations(self.names, size):
                for chosen in itertools.product(*(self.values[name] for name in names)):
                    yield names, chosen

    @cached_property
    def values(self) -> Mapping[str, tuple[Scalar, ...]]:
        """The values of each fact that can make a difference, in a fixed order."""
        return {name: self._candidates(name) for name in self.names}

    @cached_property
    def rules(self) -> tuple[Node, ...]:
        """The goals with all worked out that does not depend on the facts tried."""
        return tuple(settled(goal, self.case.facts) for goal in self.goals)

    def _candidates(self, name: str) -> tuple[Scalar, ...]:
        spec = self.case.programme.facts[name]
        if spec.type == "boolean":
            return True, False
        if spec.values:
            return tuple(spec.values)
        compared = [value for goal in self.goals for value in _compared(goal, name, self.case)]
        if name in PLACE_OF.values():
            return tuple(code for code in dict.fromkeys(compared) if self._agrees(name, code))
        values = [near for value in compared for near in _neighbours(value, spec)]
        return tuple(_sorted(values))

    def _agrees(self, name: str, value: Scalar) -> bool:
        """Tell whether what follows from a value contradicts nothing that is given."""
        follows = derived({name: value}, on=self.case.day)
        return all(self.case.facts.get(more, of) == of for more, of in follows.items())

    def holds(self, names: Sequence[str], values: Sequence[Scalar]) -> bool:
        """Tell whether every rule holds in one trial."""
        if not self._can_hold(tuple(names)):
            return False
        tried: Facts = dict(zip(names, values, strict=True))
        if not _ENTAILING.isdisjoint(names):
            tried = derived(tried, on=self.case.day)
        return all(answer(rule, tried) for rule in self.rules)

    def _can_hold(self, names: tuple[str, ...]) -> bool:
        """Tell whether any values of these facts could do, the others being unknown."""
        if names not in self.possible:
            follow = (more for more, source in DERIVED_FROM.items() if source in names)
            known = {*self.case.facts, *names, *follow}
            self.possible[names] = all(can_be(rule, known)[0] for rule in self.rules)
        return self.possible[names]


def _compared(node: Node, name: str, case: _Case) -> Iterator[Scalar]:
    """Yield the values that a rule compares a fact with, literal or given."""
    if node.op in _COMPARING and any(_source(n) == name for n in node.facts):
        for leaf in _leaves(node):
            value = leaf.value if leaf.op == "literal" else case.facts.get(str(leaf.value))
            if value is not None:
                yield value
        return
    for arg in node.args:
        yield from _compared(arg, name, case)


_COMPARING: Final = frozenset({"=", "<>", "<", "<=", ">", ">=", "in"})


def _leaves(node: Node) -> Iterator[Node]:
    if not node.args:
        yield node
    for arg in node.args:
        yield from _leaves(arg)


def _neighbours(value: Scalar, spec: FactSpec) -> Iterator[Scalar]:
    """Yield a value and those beside it."""
    if type(value) is int and spec.type == "integer":
        yield from (n for n in (value - 1, value, value + 1) if n >= spec.minimum)
    elif isinstance(value, date) and spec.type == "date":
        yield from (value + timedelta(days=n) for n in (-1, 0, 1))
    elif isinstance(value, str) and spec.type == "text":
        yield value


def _sorted(values: Sequence[Scalar]) -> list[Scalar]:
    """Sort numbers and days by size."""
    return sorted(
        set(values), key=lambda value: (value, "") if isinstance(value, int) else (0, str(value))
    )


@dataclass(frozen=True)
class _Found:
    """The ways that a search found, and whether it was cut."""

    ways: tuple[Way, ...]
    cut: bool


def _searched(search: _Search) -> _Found:
    """Try all values of one search."""
    tried = list(itertools.islice(search.trials(), TRIALS_MAX + 1))
    held = [trial for trial in tried[:TRIALS_MAX] if search.holds(*trial)]
    cut = len(tried) > TRIALS_MAX or (not held and len(search.names) > FACTS_MAX)
    return _Found(tuple(_ways(search, held)), cut)


def _ways(search: _Search, held: Sequence[_Trial]) -> Iterator[Way]:
    """Yield the smallest sets of facts that do, each with all the values that do."""
    fewest = [trial for trial in held if len(trial[0]) == len(held[0][0])]
    for names in itertools.islice(dict.fromkeys(names for names, _ in fewest), _WAYS_MAX):
        doing = {values for tried, values in fewest if tried == names}
        first = next(values for tried, values in fewest if tried == names)
        yield tuple(_needs(search, names, first, doing))


def _needs(
    search: _Search, names: Sequence[str], first: Sequence[Scalar], doing: set[tuple[Scalar, ...]]
) -> Iterator[Need]:
    """Yield what each fact may be, the first values widened as far as all of them do."""
    wide: list[tuple[Scalar, ...]] = [(value,) for value in first]
    for place, name in enumerate(names):
        wide[place] = tuple(
            value
            for value in search.values[name]
            if doing.issuperset(itertools.product(*wide[:place], [value], *wide[place + 1 :]))
        )
        yield _need(search, name, first[place], wide[place])


def _need(search: _Search, name: str, first: Scalar, values: Sequence[Scalar]) -> Need:
    """Return the values that do, those of numbers and days as the run around the first."""
    spec = search.case.programme.facts[name]
    if spec.type not in {"integer", "date"}:
        return Need(name, tuple(values))
    tried = search.values[name]
    start = stop = tried.index(first)
    while start > 0 and tried[start - 1] in values:
        start -= 1
    while stop + 1 < len(tried) and tried[stop + 1] in values:
        stop += 1
    # what does at either end of all that was tried does beyond it too
    low = tried[start] if start else None
    high = tried[stop] if stop + 1 < len(tried) else None
    return Need(name, (first,), low, high)


def _judged(
    cases: Sequence[_Case],
    found: Mapping[_Search, _Found],
    facts: Facts,
    at: datetime | date,
    assumptions: Assumptions | None,
) -> Mapping[str, Flip]:
    """Decide every case again with what was found, so that nothing is promised untried."""
    by_case = [[(s, f) for s, f in found.items() if s.case is case] for case in cases]
    needs = [[need for _, f in pairs if f.ways for need in f.ways[0]] for pairs in by_case]
    met = [{**facts, **{need.fact: need.values[0] for need in first}} for first in needs]
    # where several values would do, the amount must hold for each of them
    sure = [{**facts, **{n.fact: n.values[0] for n in first if n.only}} for first in needs]
    programmes = [case.programme for case in cases]
    pairs = [*zip(programmes, met, strict=True), *zip(programmes, sure, strict=True)]
    decided = decide_each(pairs, at=at, assumptions=assumptions)
    half = len(cases)
    return {
        case.programme.id: _flip(case, pairs, decided[place], decided[half + place])
        for place, (case, pairs) in enumerate(zip(cases, by_case, strict=True))
    }


def _flip(
    case: _Case, pairs: Sequence[tuple[_Search, _Found]], met: Decision, sure: Decision
) -> Flip:
    return Flip(
        programme=case.programme.id,
        choices=tuple(sorted((f.ways for _, f in pairs if f.ways), key=case.rank)),
        unresolved=tuple(name for s, found in pairs if not found.ways for name in s.names),
        cut=any(found.cut for _, found in pairs),
        outcome="eligible" if met.only_closed else met.outcome,
        then=Span(0 if sure.outcome != "eligible" else sure.at_least_fen, sure.would_be.high),
    )
