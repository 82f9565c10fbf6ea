"""Stacking (叠加): the best legal combination of vouchers for one contract.

Two programmes go together only where a text allows it and none forbids it; where both are
silent the combination is named as possible, never as legal. Amounts are taken in order, the
higher level first: each is what its own decision gives, less what the ceilings of all, and
the bill itself, leave no room for.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from tallygrid.core.amount import Line, recomputed
from tallygrid.core.arithmetic import HIGHER_AWARD_FACT, OTHER_AWARD_FACT, on_day, whole_of
from tallygrid.core.decision import Decision, Reading
from tallygrid.core.money import share
from tallygrid.core.programme import Base, Ceiling, Programme, StacksWith
from tallygrid.core.rules import variant
from tallygrid.core.window import day_of

Relation = Literal["allowed", "silent", "higher_only", "one_claim", "other_kind"]
WhereSilent = Literal["apart", "together"]
Kind = Literal["compute", "model", "corpus"]
KINDS: Final[tuple[Kind, ...]] = ("compute", "model", "corpus")

_ORDER: Final = {"national": 0, "province": 1, "city": 2, "district": 3}
_TRIED_MAX: Final = 10
"""Of more candidates only the largest are combined; no contract has as many."""


@dataclass(frozen=True)
class Limit:
    """What the bill or a ceiling allows, and the vouchers already taken that count under it."""

    id: str
    limit_fen: int
    counts: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One voucher in a combination, and what it pays there, with its arithmetic."""

    programme: str
    base_fen: int
    alone_fen: int
    amount_fen: int
    bound_by: str = ""
    version: str = ""
    whole_base_fen: int = 0
    matched: tuple[str, ...] = ()
    """The vouchers whose amounts together are the base, where this one adds to their awards."""
    after: tuple[str, ...] = ()
    """The vouchers whose amounts come off the base before this rate applies."""
    rooms: tuple[Limit, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A programme that is not in the combination, and why."""

    programme: str
    code: str
    beside: str = ""


@dataclass(frozen=True)
class Combination:
    """The vouchers that together pay the most for one contract."""

    parts: tuple[Part, ...]
    left_out: tuple[LeftOut, ...]
    silent: tuple[tuple[str, str], ...] = ()
    certain: bool = True
    """The amounts are the least that the decisions give; else the most, nothing being certain."""

    @property
    def total_fen(self) -> int:
        """What all pay together."""
        return sum(part.amount_fen for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """Return the combination as plain data, from which its total can be recomputed."""
        return {"total_fen": self.total_fen, **asdict(self)}


def best(
    decisions: Sequence[Decision],
    programmes: Sequence[Programme],
    *,
    where_silent: WhereSilent = "apart",
) -> Combination:
    """Return the combination that pays the most for one contract of one kind.

    Amounts are what is certain. While nothing is, as long as the texts leave too much open,
    they are the most that can be, and the combination says so.

    Args:
        decisions: On the same facts; those that are not eligible, or only reported, are left out.
        programmes: The programmes decided.
        where_silent: Whether programmes whose texts are silent about each other are combined,
            to show what might be asked for; by default they are not.
    """
    certain = _best(decisions, programmes, where_silent, certain=True)
    if certain.total_fen:
        return certain
    return _best(decisions, programmes, where_silent, certain=False)


def best_of_each_kind(
    decisions: Sequence[Decision], programmes: Sequence[Programme]
) -> Mapping[Kind, Combination]:
    """Return the best combination for a contract of each kind that some decision is about."""
    return {
        kind: best([d for d in decisions if d.kind == kind], programmes)
        for kind in KINDS
        if any(_can_pay(d) for d in decisions if d.kind == kind)
    }


def _best(
    decisions: Sequence[Decision],
    programmes: Sequence[Programme],
    where_silent: WhereSilent,
    *,
    certain: bool,
) -> Combination:
    assumed = {
        decision.programme: tuple(sorted(decision.assumed.items())) for decision in decisions
    }
    known = {p.id: variant(p, assumed.get(p.id, ())) for p in programmes}
    found = (_candidate(d, known[d.programme], certain=certain) for d in decisions if _can_pay(d))
    paying = [one for one in found if one and (one.alone_fen > 0 or one.matches_award)]
    usable = sorted(paying, key=lambda c: (-c.alone_fen, c.programme.id))[:_TRIED_MAX]
    parts = max(_legal(usable, where_silent), key=_rank, default=())
    chosen = {part.programme for part in parts}
    return Combination(
        parts=parts,
        left_out=tuple(_left_out(decisions, known, usable, chosen)),
        silent=tuple(_silent([c.programme for c in usable if c.programme.id in chosen])),
        certain=certain,
    )


def _legal(usable: Sequence["_Candidate"], where_silent: WhereSilent) -> Iterator[tuple[Part, ...]]:
    for size in range(1, len(usable) + 1):
        for group in itertools.combinations(usable, size):
            if _goes_together(group, where_silent):
                parts = _valued(group)
                if all(part.amount_fen for part in parts):
                    yield parts


def relation(one: Programme, other: Programme) -> Relation:
    """Say how two programmes stand to each other for the same contract."""
    if one.kind != other.kind:
        return "other_kind"  # one contract buys one kind of thing
    for a, b in ((one, other), (other, one)):
        rule = a.stacking.higher_only
        if rule is not None and rule.value and _covers(rule.levels, b):
            return "higher_only"
        claim = a.stacking.one_contract_one_claim
        if claim is not None and claim.value and _same_scope(claim.scope, a, b):
            return "one_claim"
    pairs = ((one, other), (other, one))
    allowed = any(_names(rule, a, b) for a, b in pairs for rule in a.stacking.stacks_with)
    matched = any(matches(a, b) for a, b in pairs)
    return "allowed" if allowed or matched else "silent"


def matches(one: Programme, other: Programme) -> bool:
    """Tell whether a programme pays a share of what the other awards for the same contract."""
    return one.base.value == "other_award" and _names(one.base, one, other)


def _can_pay(decision: Decision) -> bool:
    """Tell whether a decision pays, or would if only the award that it matches were known."""
    if decision.edition != "issued":
        return False
    return decision.outcome == "eligible" or _waits_for_award(decision)


def _waits_for_award(decision: Decision) -> bool:
    """Tell whether nothing is unknown but what the programme that is matched will award."""
    missing = set(decision.missing)
    asks = any(finding.status == "unknown" and finding.open for finding in decision.findings)
    only_award = OTHER_AWARD_FACT in missing and missing <= {OTHER_AWARD_FACT, HIGHER_AWARD_FACT}
    return decision.outcome == "undecided" and only_award and not asks


def _covers(levels: Sequence[str], other: Programme) -> bool:
    return not levels or other.place.level in levels


def _same_scope(scope: str, one: Programme, other: Programme) -> bool:
    if scope == "place":
        return one.place.code == other.place.code
    return scope == "all"


def _names(rule: StacksWith | Base, one: Programme, other: Programme) -> bool:
    if other.id in rule.programmes:
        return True
    return other.place.level in rule.levels and _nested(one.place.code, other.place.code)


def _nested(one: str, other: str) -> bool:
    """Tell whether one place lies in the other, by their codes."""
    short, long = sorted((one.rstrip("0"), other.rstrip("0")), key=len)
    return long.startswith(short)


@dataclass(frozen=True)
class _Candidate:
    """One decision, as a combination sees it."""

    decision: Decision
    programme: Programme
    reading: Reading
    base_fen: int
    bill_fen: int
    alone_fen: int
    certain: bool

    @property
    def matches_award(self) -> bool:
        """Its base is what another programme awards."""
        return self.programme.base.value == "other_award"

    @property
    def order(self) -> tuple[int, str]:
        """The higher level first, then by name."""
        return _ORDER[self.programme.place.level], self.programme.id

    def on_base(self, base_fen: int) -> int:
        """Return what the decision gives when its rate applies to another base."""
        if base_fen == self.base_fen or (base_fen > self.base_fen and not self.matches_award):
            return self.alone_fen
        span = recomputed([_as_plain(line, base_fen) for line in self.reading.lines])
        amount_fen = (span.low if self.certain else span.high) or 0
        return amount_fen if self.matches_award else min(self.alone_fen, amount_fen)

    def most_fen(self, ceiling: Ceiling) -> int:
        """Return the amount of one of its own ceilings."""
        day = day_of(self.decision.at, self.programme.place.zone)
        return share(self._whole_fen(ceiling), on_day(ceiling.rate, day) or 0)

    def _whole_fen(self, ceiling: Ceiling) -> int:
        """Return what a ceiling is a share of, as its line says, else the bill."""
        lines = (line.values for line in self.reading.lines if line.code == "ceiling")
        line = next((one for one in lines if one["id"] == ceiling.id and "of" in one), None)
        if line is None:
            return self.bill_fen
        low_fen, high_fen = whole_of(line)
        return (low_fen if self.certain else high_fen) or 0


def _candidate(decision: Decision, programme: Programme, *, certain: bool) -> _Candidate | None:
    """Take the reading that pays the least, or the most; none where that is not known."""
    if certain:
        reading = min(decision.readings, key=lambda reading: reading.low_fen)
    else:
        reading = max(decision.readings, key=lambda reading: reading.high_fen or 0)
    base = next(line for line in reading.lines if line.code == "base")
    base_fen = base.values["low_fen" if certain else "high_fen"]
    alone_fen = decision.at_least_fen if certain else decision.at_most_fen
    if programme.base.value == "other_award" and base.values["high_fen"] is None:
        base_fen, alone_fen = 0, 0  # by itself it pays nothing; beside what it matches, a share
    if base_fen is None or alone_fen is None:
        return None
    bill_fen = int(base.values.get("bill_fen", base_fen) or 0)
    return _Candidate(decision, programme, reading, int(base_fen), bill_fen, alone_fen, certain)


def _as_plain(line: Line, base_fen: int) -> Mapping[str, object]:
    values = dict(line.values)
    if line.code == "base":
        values |= {"low_fen": base_fen, "high_fen": base_fen}
    return {"code": line.code, "values": values}


def _goes_together(group: Sequence[_Candidate], where_silent: str) -> bool:
    fine = {"allowed", "silent"} if where_silent == "together" else {"allowed"}
    return all(
        relation(a.programme, b.programme) in fine for a, b in itertools.combinations(group, 2)
    )


def _valued(group: Sequence[_Candidate]) -> tuple[Part, ...]:
    """Return what each voucher of a legal group pays, the higher level first."""
    taken: list[tuple[_Candidate, int]] = []
    parts = []
    for candidate in _in_order(group):
        part = _part(candidate, taken)
        parts.append(part)
        taken.append((candidate, part.amount_fen))
    return tuple(parts)


def _part(candidate: _Candidate, taken: Sequence[tuple[_Candidate, int]]) -> Part:
    """Return what a voucher pays after those already taken."""
    paid = {c.programme.id: amount_fen for c, amount_fen in taken}
    matched, after = _base_of(candidate, [c for c, _ in taken])
    left_over_fen = candidate.base_fen - sum(paid[name] for name in after)
    base_fen = sum(paid[name] for name in matched) if matched else max(0, left_over_fen)
    own_fen = candidate.on_base(base_fen)
    rooms = tuple(_rooms(candidate, taken))
    left = [(room.limit_fen - sum(paid[name] for name in room.counts), room.id) for room in rooms]
    left_fen, bound_by = min(left)
    return Part(
        programme=candidate.programme.id,
        base_fen=base_fen,
        alone_fen=own_fen if candidate.matches_award else candidate.alone_fen,
        amount_fen=min(own_fen, max(0, left_fen)),
        bound_by=bound_by if max(0, left_fen) < own_fen else "",
        version=candidate.decision.version,
        whole_base_fen=candidate.base_fen,
        matched=matched,
        after=after,
        rooms=rooms,
        lines=candidate.reading.lines,
    )


def _base_of(
    candidate: _Candidate, taken: Sequence[_Candidate]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the vouchers whose awards are the base, else those that come off it first."""
    if candidate.matches_award:
        own = (c.programme.id for c in taken if matches(candidate.programme, c.programme))
        return tuple(own), ()
    return (), tuple(c.programme.id for c in taken if _sequential(c, candidate))


def _in_order(group: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """Yield the higher level first, but nobody before the one whose award it matches."""
    left = sorted(group, key=lambda c: c.order)
    while left:
        free = (c for c in left if not any(matches(c.programme, o.programme) for o in left))
        chosen = next(free, left[0])
        left.remove(chosen)
        yield chosen


def _sequential(earlier: _Candidate, later: _Candidate) -> bool:
    """Tell whether the later rate applies to what the earlier voucher leaves of the bill."""
    pairs = ((earlier, later), (later, earlier))
    modes = {
        rule.mode
        for a, b in pairs
        for rule in a.programme.stacking.stacks_with
        if _names(rule, a.programme, b.programme)
    }
    return modes != {"parallel"} and bool(modes)


def _rooms(candidate: _Candidate, taken: Sequence[tuple[_Candidate, int]]) -> Iterator[Limit]:
    """Yield what the bill and the ceilings of all leave to share with those already taken."""
    yield Limit("bill", candidate.bill_fen, tuple(c.programme.id for c, _ in taken))
    for owner, _ in [*taken, (candidate, 0)]:
        for ceiling in owner.programme.stacking.ceilings:
            if _counts(ceiling, owner, candidate):
                counted = (c.programme.id for c, _ in taken if _counts(ceiling, owner, c))
                yield Limit(ceiling.id, owner.most_fen(ceiling), tuple(counted))


def _counts(ceiling: Ceiling, owner: _Candidate, candidate: _Candidate) -> bool:
    """Tell whether a voucher counts under a ceiling; where it is open it does."""
    if candidate.programme.id == owner.programme.id:
        return ceiling.includes_this is not False
    everyone = not ceiling.levels and not ceiling.programmes
    named = candidate.programme.id in ceiling.programmes
    return everyone or named or candidate.programme.place.level in ceiling.levels


def _rank(parts: tuple[Part, ...]) -> tuple[int, int, tuple[str, ...]]:
    """Prefer the larger total, then fewer vouchers, then the name that sorts last."""
    return sum(part.amount_fen for part in parts), -len(parts), tuple(p.programme for p in parts)


def _left_out(
    decisions: Sequence[Decision],
    known: Mapping[str, Programme],
    usable: Sequence[_Candidate],
    chosen: set[str],
) -> Iterator[LeftOut]:
    tried = {candidate.programme.id for candidate in usable}
    for decision in decisions:
        if decision.programme in chosen:
            continue
        if decision.programme not in tried:
            code = "reported" if decision.edition == "reported" else decision.outcome
            yield LeftOut(decision.programme, code)
            continue
        yield _clash(known[decision.programme], [known[name] for name in sorted(chosen)])


def _clash(programme: Programme, chosen: Sequence[Programme]) -> LeftOut:
    for other in chosen:
        how = relation(programme, other)
        if how != "allowed":
            return LeftOut(programme.id, how, other.id)
    return LeftOut(programme.id, "no_gain")


def _silent(programmes: Sequence[Programme]) -> Iterator[tuple[str, str]]:
    for one, other in itertools.combinations(sorted(programmes, key=lambda p: p.id), 2):
        if relation(one, other) == "silent":
            yield one.id, other.id
