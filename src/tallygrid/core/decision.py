"""A decision: every clause of a programme held against one case, and the arithmetic.

Every rule is checked even after one has failed, so that a refused applicant learns in one
letter everything to put right. What the text leaves open is tried in every reading; the
decision then names the least and the most, and cannot be issued on.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Literal

from tallygrid.core.amount import Line, Span
from tallygrid.core.arithmetic import Case, Used, Worked, worked
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Answers, Facts
from tallygrid.core.facts import derived
from tallygrid.core.finding import Finding, Status
from tallygrid.core.findings import Memo, findings, room
from tallygrid.core.programme import Name, OpenItem, Programme, Scalar
from tallygrid.core.variants import Fills, Variant, Variants, fills_of, variants
from tallygrid.core.window import day_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Outcome = Literal["eligible", "refused", "undecided"]


_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Reading:
    """The answer under one choice of readings of what the text leaves open."""

    fills: Mapping[str, Scalar]
    outcome: Outcome
    low_fen: int
    high_fen: int | None
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class OpenQuestion:
    """An open item as it stands in one decision."""

    id: str
    field: str
    en: str
    zh: str
    readings: tuple[Scalar, ...]
    matters: bool
    blocks_issue: bool


@dataclass(frozen=True)
class Decision:
    """The answer to one case under one version of one programme."""

    programme: str
    version: str
    edition: Literal["issued", "reported"]
    kind: Literal["compute", "model", "corpus"]
    place: str
    at: datetime | date
    outcome: Outcome
    at_least_fen: int
    at_most_fen: int | None
    exceptional_fen: int | None
    rate_bp: int | None
    base_fen: int | None
    provisional: bool
    findings: tuple[Finding, ...]
    readings: tuple[Reading, ...]
    questions: tuple[OpenQuestion, ...]
    missing: tuple[str, ...]
    assumptions: tuple[str, ...]
    assumed: Mapping[str, Scalar] = field(default_factory=dict)
    group: str = ""
    """The part of the budget that the applicant draws on; empty for the whole."""

    @property
    def amount_fen(self) -> int | None:
        """The amount, once nothing is open about it."""
        return self.at_least_fen if self.at_least_fen == self.at_most_fen else None

    @property
    def trace(self) -> tuple[Line, ...]:
        """The arithmetic of the first reading, which is the only one when nothing is open."""
        return self.readings[0].lines

    @property
    def open(self) -> tuple[str, ...]:
        """The open items that matter here."""
        return tuple(question.id for question in self.questions if question.matters)

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """The open items that must be filled before anything can be issued."""
        return tuple(q.id for q in self.questions if q.matters and q.blocks_issue)

    @property
    def issuable(self) -> bool:
        """A voucher may be issued on this decision."""
        settled = self.outcome == "eligible" and self.amount_fen is not None
        return settled and self.edition == "issued" and not self.blocked_by

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that refuse."""
        return tuple(finding for finding in self.findings if finding.status == "failed")

    @property
    def only_closed(self) -> bool:
        """Nothing refuses but the time: no window is open, or the scheme is not in force."""
        return bool(self.failed) and all(f.kind in {"in_force", "window"} for f in self.failed)

    @property
    def would_be(self) -> Span:
        """What the arithmetic gives whether or not anything refuses."""
        awards = [line for r in self.readings for line in r.lines if line.code == "award"]
        lows = [int(line.values["low_fen"] or 0) for line in awards]
        highs = [line.values["high_fen"] for line in awards]
        return Span(min(lows), _greatest([None if h is None else int(h) for h in highs]))

    def as_json(self) -> dict[str, Any]:
        """Return the decision as plain data, with the answers that are derived."""
        plain: dict[str, Any] = _adapter().dump_python(self, mode="json")
        plain |= {"amount_fen": self.amount_fen, "open": list(self.open)}
        return plain | {"blocked_by": list(self.blocked_by), "issuable": self.issuable}


def from_json(plain: Mapping[str, Any]) -> Decision:
    """Return the decision that plain data holds."""
    derived_names = {"amount_fen", "open", "blocked_by", "issuable"}
    kept = {name: value for name, value in plain.items() if name not in derived_names}
    at = str(kept["at"])  # a day and an instant are told apart by their form
    kept["at"] = datetime.fromisoformat(at) if "T" in at else date.fromisoformat(at)
    kept["findings"] = [
        {**finding, "saw": {name: _dated(value) for name, value in finding["saw"].items()}}
        for finding in kept["findings"]
    ]
    return _adapter().validate_python(kept)


def _dated(value: Any) -> Any:  # noqa: ANN401  # a fact as JSON writes it
    """Read a day back from the form that JSON gives it; no other fact is written so."""
    return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else value


@cache
def _adapter() -> "TypeAdapter[Decision]":
    from pydantic import TypeAdapter  # noqa: PLC0415  # built once, when first needed

    return TypeAdapter(Decision)


def decide(  # each is one thing the answer depends on
    programme: Programme,
    facts: Facts,
    *,
    at: datetime | date,
    assumptions: Assumptions | None = None,
    used: Used | None = None,
) -> Decision:
    """Answer one case under one programme, with every finding and the arithmetic.

    Args:
        programme: The version that applies.
        facts: What is known; a fact left out is unknown, not false.
        at: When the application comes in. An instant is read in the programme's own zone.
        assumptions: Readings chosen for what the text leaves open.
        used: What was drawn before, and what is left of the budget.
    """
    drawn = {} if used is None else {programme.id: used}
    return decide_all([programme], facts, at=at, assumptions=assumptions, used=drawn)[0]


def decide_all(
    programmes: Sequence[Programme],
    facts: Facts,
    *,
    at: datetime | date,
    assumptions: Assumptions | None = None,
    used: Mapping[str, Used] | None = None,
) -> tuple[Decision, ...]:
    """Answer one case under many programmes; equal conditions are answered once."""
    cases = [(programme, facts) for programme in programmes]
    return decide_each(cases, at=at, assumptions=assumptions, used=used)


def decide_each(
    cases: Sequence[tuple[Programme, Facts]],
    *,
    at: datetime | date,
    assumptions: Assumptions | None = None,
    used: Mapping[str, Used] | None = None,
) -> tuple[Decision, ...]:
    """Answer many cases, each under its own programme."""
    plans = _plans(cases, at, assumptions)
    answers = {id(plan.facts): Answers(plan.facts) for plan in plans}
    return tuple(
        _decided(plan, answers[id(plan.facts)], (used or {}).get(plan.programme.id, Used()))
        for plan in plans
    )


def _plans(
    cases: Sequence[tuple[Programme, Facts]],
    at: datetime | date,
    assumptions: Assumptions | None,
) -> "list[Plan]":
    """Plan every case; what follows from the same facts on the same day is one object."""
    complete: dict[tuple[int, date], Facts] = {}
    plans = []
    for programme, facts in cases:
        day = day_of(at, programme.place.zone)
        if (id(facts), day) not in complete:
            complete[id(facts), day] = derived(facts, on=day)
        plans.append(Plan.on(programme, complete[id(facts), day], at, assumptions))
    return plans


@dataclass(frozen=True)
class Plan:
    """What has to be tried for one case under one programme."""

    programme: Programme
    facts: Facts
    at: datetime | date
    day: date
    assumed: Mapping[Name, Scalar]
    names: tuple[str, ...]
    versions: Variants

    @classmethod
    def of(
        cls,
        programme: Programme,
        facts: Facts,
        at: datetime | date,
        assumptions: Assumptions | None,
    ) -> "Plan":
        """Choose what to try: every combination of the readings still open."""
        complete = derived(facts, on=day_of(at, programme.place.zone))
        return cls.on(programme, complete, at, assumptions)

    @classmethod
    def on(
        cls,
        programme: Programme,
        complete: Facts,
        at: datetime | date,
        assumptions: Assumptions | None,
    ) -> "Plan":
        """Choose what to try on facts that have all that follows from them."""
        known = {item.id for item in programme.open}
        filled = dict(assumptions.fills.get(programme.id, {})) if assumptions else {}
        assert filled.keys() <= known, (programme.id, filled.keys() - known)
        return cls(
            programme=programme,
            facts=complete,
            at=at,
            day=day_of(at, programme.place.zone),
            assumed=filled,
            names=(assumptions.id,) if assumptions and filled else (),
            versions=variants(programme, fills_of(filled)),
        )

    @property
    def variants(self) -> tuple[Programme, ...]:
        """The programme under every combination of readings."""
        return tuple(one.programme for one in self.versions.each)

    @property
    def fills(self) -> tuple[Mapping[str, Scalar], ...]:
        """The readings of each variant."""
        return tuple(one.fills for one in self.versions.each)

    @property
    def items(self) -> tuple[OpenItem, ...]:
        """What the text leaves open and nobody has filled."""
        return self.versions.open


@dataclass(frozen=True, eq=False)
class _Result:
    """What trying one version gave; versions that give the same share it."""

    findings: tuple[Finding, ...]
    worked: Worked
    outcome: Outcome
    span: Span
    """What it pays: nothing if refused, perhaps nothing if undecided."""

    @classmethod
    def of(cls, found: tuple[Finding, ...], sums: Worked) -> "_Result":
        """Return what the findings decide, and what is paid then."""
        outcome, paid = _outcome(found), sums.award.span
        if outcome == "refused":
            paid = Span(0, 0)
        elif outcome == "undecided":
            paid = Span(0, paid.high)
        return cls(found, sums, outcome, paid)


@dataclass(frozen=True, eq=False)
class _Tried:
    """Every version of a programme, tried: its readings, and its result."""

    fills: tuple[Mapping[str, Scalar], ...]
    results: tuple[_Result, ...]

    @cached_property
    def different(self) -> tuple[_Result, ...]:
        """The results, each once, in the order of the versions."""
        return tuple({id(result): result for result in self.results}.values())

    def by_fills(self, of: Callable[[_Result], Hashable]) -> "list[_Of]":
        """Return something of every result beside the readings that gave it."""
        once = {id(result): of(result) for result in self.different}
        pairs = zip(self.fills, self.results, strict=True)
        return [(fills, once[id(result)]) for fills, result in pairs]


_Of = tuple[Mapping[str, Scalar], Hashable]


def _decided(plan: Plan, answers: Answers, used: Used) -> Decision:
    tried = _try(plan, answers, used)
    different = tried.different
    found = tuple(_merged(tried))
    refused = all(one.outcome == "refused" for one in different)
    outcome = "refused" if refused else _outcome(found)
    programme = plan.programme
    return Decision(
        programme=programme.id,
        version=programme.hash,
        edition=programme.edition,
        kind=programme.kind,
        place=programme.place.code,
        at=plan.at,
        outcome=outcome,
        at_least_fen=min(one.span.low for one in different) if outcome == "eligible" else 0,
        at_most_fen=_greatest([o.span.high for o in different]) if outcome != "refused" else 0,
        exceptional_fen=_exceptional(different, outcome),
        rate_bp=_one({one.worked.rate for one in different}),
        base_fen=_one({one.worked.base for one in different}),
        provisional=any(_stands_in(one.worked) for one in different),
        findings=found,
        readings=tuple(_readings(tried)),
        questions=tuple(_questions(plan.versions.open, tried)),
        missing=tuple(dict.fromkeys(_missing(found, different, outcome))),
        assumptions=plan.names,
        assumed=dict(plan.assumed),
        group=_group(_case(plan, plan.versions.each[0], answers, used)),
    )


def _try(plan: Plan, answers: Answers, used: Used) -> _Tried:
    """Try every variant; what variants share is worked out and found once."""
    sums: dict[Fills, Worked] = {}
    ruled: dict[Fills, tuple[Finding, ...]] = {}
    results: dict[tuple[Fills, Fills], _Result] = {}
    memo: Memo = {}
    for one in plan.versions.each:
        rules_key, sums_key = key = one.rules_key, one.sums_key
        if key in results:
            continue
        case = _case(plan, one, answers, used)
        if sums_key not in sums:
            sums[sums_key] = worked(case)
        if rules_key not in ruled:
            ruled[rules_key] = findings(case, at=plan.at, memo=memo)
        closed = room(case, sums[sums_key].award)
        results[key] = _Result.of(ruled[rules_key] + closed, sums[sums_key])
    each = plan.versions.each
    return _Tried(
        fills=tuple(one.fills for one in each),
        results=tuple(results[one.rules_key, one.sums_key] for one in each),
    )


def _case(plan: Plan, one: Variant, answers: Answers, used: Used) -> Case:
    return Case(one.programme, one.rules, plan.facts, answers, plan.day, used)


def _group(case: Case) -> str:
    """Return the first budget group that the case belongs to for certain."""
    groups = zip(case.programme.budget.groups, case.rules.groups, strict=True)
    return next((group.id for group, node in groups if case.answer(node)), "")


def _outcome(found: Sequence[Finding]) -> Outcome:
    statuses = {finding.status for finding in found}
    if "failed" in statuses:
        return "refused"
    return "undecided" if "unknown" in statuses else "eligible"


def _merged(tried: _Tried) -> Iterator[Finding]:
    """Yield one finding per rule; one that depends on a reading is unknown, and says on which."""
    ways = {id(one.findings): one.findings for one in tried.different}
    if len(ways) == 1:
        yield from tried.different[0].findings
        return
    by_rule = [{(f.kind, f.id): f for f in found} for found in ways.values()]
    for rule in dict.fromkeys(rule for way in by_rule for rule in way):
        given = [way.get(rule) for way in by_rule]
        if all(finding is given[0] for finding in given) and given[0]:
            yield given[0]
            continue
        found = [finding for finding in given if finding]
        # a rule that only some readings have is passed in the others
        if len({finding.status if finding else "passed" for finding in given}) == 1:
            yield found[0]
            continue
        missing = dict.fromkeys(name for finding in found for name in finding.missing)
        asked = tuple(deciding(tried.by_fills(partial(_status_of, rule))))
        yield replace(found[0], status="unknown", missing=tuple(missing), open=asked)


def _status_of(rule: tuple[str, str], result: _Result) -> Status:
    found = (f.status for f in result.findings if (f.kind, f.id) == rule)
    return next(found, "passed")


def deciding(results: Sequence[tuple[Mapping[str, Scalar], Hashable]]) -> Iterator[str]:
    """Yield the open items whose reading, the others equal, changes a result.

    Args:
        results: One for every combination of readings, the last item's changing fastest.
    """
    values = [result for _, result in results]
    if len(set(values)) == 1:
        return
    stride = len(values)
    for item in results[0][0]:
        count = len({fills[item] for fills, _ in results})
        stride //= count
        beside = (
            place for place in range(len(values) - stride) if place // stride % count < count - 1
        )
        if any(values[place] != values[place + stride] for place in beside):
            yield item


def _questions(items: Sequence[OpenItem], tried: _Tried) -> Iterator[OpenQuestion]:
    decide_it = set(deciding(tried.by_fills(lambda one: (one.outcome, one.span))))
    refused = all(one.outcome == "refused" for one in tried.different)
    for item in items:
        matters = not item.can_change_answer or item.id in decide_it
        yield OpenQuestion(
            id=item.id,
            field=item.field,
            en=item.question.en,
            zh=item.question.zh,
            readings=item.readings,
            matters=matters and not refused,
            blocks_issue=item.blocks == "issue",
        )


def _exceptional(results: Sequence[_Result], outcome: Outcome) -> int | None:
    """Return the most that the authority may grant beyond the amount, if it may."""
    awards = [one.worked.award for one in results]
    if outcome == "refused" or all(award.exceptional == award.span for award in awards):
        return None
    return _greatest([award.exceptional.high for award in awards])


def _readings(tried: _Tried) -> Iterator[Reading]:
    for fills, one in zip(tried.fills, tried.results, strict=True):
        span = one.worked.award.span if one.outcome != "refused" else Span(0, 0)
        yield Reading(fills, one.outcome, span.low, span.high, one.worked.lines)


def _missing(
    found: Sequence[Finding], results: Sequence[_Result], outcome: Outcome
) -> Iterator[str]:
    for finding in found:
        yield from finding.missing
    if outcome != "refused":
        for one in results:
            yield from one.worked.missing


def _stands_in(sums: Worked) -> bool:
    return sums.lines[0].values.get("stands_in") is True


def _one(spans: set[Span]) -> int | None:
    if len(spans) != 1:
        return None
    span = next(iter(spans))
    return span.low if span.exact else None


def _greatest(highs: Sequence[int | None]) -> int | None:
    known = [high for high in highs if high is not None]
    return max(known) if len(known) == len(highs) else None


__all__ = [
    "Decision",
    "OpenQuestion",
    "Outcome",
    "Reading",
    "Status",
    "Used",
    "decide",
    "decide_all",
    "decide_each",
    "deciding",
    "from_json",
]
