"""What base, rate and rooms are for one programme and one case, with their lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from tallygrid.core.amount import (
    UNITS_FEN,
    Award,
    Line,
    Room,
    Span,
    Value,
    award,
    room_line,
    span_line,
)
from tallygrid.core.condition import Answers, Facts, Node, missing_facts
from tallygrid.core.formula import Ends, possible_tiers, taxed, tier_rate, under_cap, under_ceiling
from tallygrid.core.money import BASIS_POINTS, FEN_PER_YUAN
from tallygrid.core.number import ONE, Number
from tallygrid.core.programme import (
    Cap,
    Ceiling,
    Cell,
    DatedRate,
    DatedYuan,
    Programme,
    RateStep,
    Scalar,
    Tier,
    YuanStep,
)
from tallygrid.core.rules import Rules, bounds

_UNKNOWN: Final = Span(0, None)
STAND_IN_FACT: Final = "contract_fen"
OTHER_FUNDS_FACT: Final = "other_fiscal_fen"
OTHER_AWARD_FACT: Final = "other_award_fen"
HIGHER_AWARD_FACT: Final = "higher_award"
TAXES: Final[Mapping[str, str]] = {
    f"{amount}_fen": f"{amount}_tax_fen"
    for amount in ("contract", "approved", "settled", "rent", "fee")
}
"""The amounts that may contain tax, and the fact that says how much; an award contains none."""


@dataclass(frozen=True)
class Used:
    """What was drawn before under each kind of cap, and what is left of the budget."""

    contract_fen: int = 0
    applicant_year_fen: int = 0
    applicant_total_fen: int = 0
    group_fen: int = 0
    budget_fen: int | None = None
    by_id: Mapping[str, int] = field(default_factory=dict)
    """What was drawn under one cap or one group of the budget, where that is known by its id."""

    def under(self, cap: Cap) -> int:
        """Return what was drawn under a cap."""
        if cap.id in self.by_id:
            return self.by_id[cap.id]
        drawn = {
            "contract": self.contract_fen,
            "applicant_year": self.applicant_year_fen,
            "applicant_total": self.applicant_total_fen,
            "group": self.group_fen,
        }
        return drawn[cap.per]


@dataclass(frozen=True)
class Case:
    """One programme with its readings chosen, held against one set of facts on one day."""

    programme: Programme
    rules: Rules
    facts: Facts
    answers: Answers
    day: date
    used: Used

    def answer(self, node: Node | None) -> bool | None:
        """Return what a rule answers; a rule left open answers unknown."""
        return None if node is None else self.answers[node]

    def number(self, name: str) -> int | None:
        """Return a fact that is a whole number, if it is known."""
        value = self.facts.get(name)
        return value if isinstance(value, int) else None

    def missing(self, node: Node) -> tuple[str, ...]:
        """Return the facts for want of which a rule is unknown."""
        return missing_facts(node, self.answers)


@dataclass(frozen=True)
class Worked:
    """The arithmetic of one case, and the facts that would make it exact."""

    award: Award
    base: Span
    rate: Span
    lines: tuple[Line, ...]
    missing: tuple[str, ...]


def worked(case: Case) -> Worked:
    """Work out what a programme pays in a case, whoever may have it."""
    base, base_lines, base_missing = _base(case)
    rate, rate_lines, rate_missing = _rate(case)
    pairs = [*_caps(case), *_ceilings(case, base), *_budget(case)]
    result = award(
        base=base,
        rate=rate,
        rooms=[room for room, _ in pairs],
        unit_fen=UNITS_FEN[case.programme.rounding.unit],
    )
    limits = (*(line for _, line in pairs), *_idle_caps(case))
    lines = (*base_lines, *rate_lines, *limits, *result.lines)
    missing = (*base_missing, *rate_missing, *_missing_rooms(case))
    return Worked(result, base, rate, lines, tuple(dict.fromkeys(missing)))


def base_fact(programme: Programme) -> str | None:
    """Return the fact that holds the base, if the text says which."""
    return f"{programme.base.value}_fen" if programme.base.value else None


def _tax(case: Case, amount: str) -> int | None:
    return case.number(TAXES[amount]) if amount in TAXES else 0


def _base(case: Case) -> tuple[Span, tuple[Line, ...], tuple[str, ...]]:
    name = base_fact(case.programme)
    if name is None:
        return _UNKNOWN, (span_line("base", _UNKNOWN, base=None, fact=None),), ()
    source = name if name in case.facts or name == OTHER_AWARD_FACT else STAND_IN_FACT
    gross, bill = case.number(source), _bill(case)
    if gross is None:
        line = span_line("base", _UNKNOWN, base=case.programme.base.value, fact=name, **bill)
        return _UNKNOWN, (line,), (name,)
    tax_fen, tax = _tax(case, source), TAXES.get(source)
    span = Span.of(taxed(ONE, gross, tax_fen, case.programme.tax.value))
    is_asked = case.programme.tax.value != "included" and tax_fen is None
    missing = (tax,) if tax and is_asked else ()
    line = span_line(
        "base", span, base=case.programme.base.value, fact=source, gross_fen=gross,
        stands_in=source != name, tax=case.programme.tax.value, tax_fen=tax_fen, **bill,
    )  # fmt: skip
    return span, (line,), missing


def _bill(case: Case) -> dict[str, int]:
    """Return the contract's value where the base is another award, which is no part of the bill."""
    contract_fen = case.number(STAND_IN_FACT)
    matches = base_fact(case.programme) == OTHER_AWARD_FACT
    return {"bill_fen": contract_fen} if matches and contract_fen is not None else {}


def _rate(case: Case) -> tuple[Span, tuple[Line, ...], tuple[str, ...]]:
    tiers = case.programme.rate.tiers
    certain, possible = possible_tiers(ONE, [case.answer(node) for node in case.rules.tiers])
    span = Span.of(tier_rate(ONE, possible, [rate_on(tier.rate, case.day) for tier in tiers]))
    rows = zip(tiers, case.rules.tiers, possible, strict=True)
    chosen = [(tier, node) for tier, node, may in rows if may]
    names = [] if certain else [name for _, node in chosen for name in case.missing(node)]
    line = Line(
        "rate",
        {
            "tier": "|".join(tier.id for tier, _ in chosen) or None,
            "by": ", ".join(case.programme.rate.by),
            "low_bp": span.low,
            "high_bp": span.high,
        },
    )
    sure = [tier for tier, _ in chosen] if certain else []
    lines = (line, *_why(case, sure))
    return span, lines, tuple(dict.fromkeys(names))


def _why(case: Case, chosen: Sequence[Tier]) -> Iterator[Line]:
    """Yield what led to the row: every fact of the table, its value, the cell it fell in."""
    for name, node in zip(case.programme.rate.by, case.rules.by, strict=True):
        defined = node.op != "fact" or name not in case.programme.facts
        value = case.answer(node) if defined else case.facts.get(name)
        cells = [tier.when[name] for tier in chosen if name in tier.when]
        cell = cell_said(cells[0]) if cells else None
        yield Line("why", {"fact": name, "value": _plain(value), "cell": cell})
        for under in node.facts if defined else ():
            yield Line("saw", {"fact": under, "value": _plain(case.facts.get(under))})


def _plain(value: Scalar | None) -> Value:
    return value.isoformat() if isinstance(value, date) else value


def cell_said(cell: Cell) -> str:
    """Return a cell as an interval, amounts in fen, or as its values.

    >>> cell_said(Cell(at_least=1, below=12)), cell_said(Cell(any_of=("small", "micro")))
    ('1 ≤ x < 12', 'small | micro')
    """
    if cell.any_of:
        return " | ".join(str(value).lower() for value in cell.any_of)
    low, high = bounds(cell)
    return ("" if low is None else f"{low} ≤ ") + "x" + ("" if high is None else f" < {high}")


def rate_on(rate: DatedRate | None, day: date) -> Ends[Number]:
    """Return the ends of a rate on a day; one that the text leaves open may be any."""
    step = on_day(rate, day)
    return (0, BASIS_POINTS) if step is None else (step, step)


def on_day(steps: DatedYuan | DatedRate | None, day: date) -> int | None:
    """Return the value that holds on a day: that of the last step begun.

    >>> on_day((RateStep(value="50%"), RateStep(first_day=date(2026, 1, 1), value="30%")),
    ...        date(2026, 5, 1))
    3000
    """
    begun: list[YuanStep | RateStep] = [s for s in steps or () if s.first_day <= day]
    return max(begun, key=lambda step: step.first_day).value if begun else None


def _caps(case: Case) -> Iterator[tuple[Room, Line]]:
    for cap, applies in _caps_of(case):
        if applies is False:
            continue
        amount_fen, used_fen = cap_on(cap, case.day), case.used.under(cap)
        left = Span.of(under_cap(ONE, amount_fen, used_fen, applies))
        room = Room(cap.id, "cap", left, cap.strength == "in_principle")
        yield (
            room,
            room_line(room, per=cap.per, amount_fen=amount_fen, used_fen=used_fen, applies=applies),
        )


def _idle_caps(case: Case) -> Iterator[Line]:
    """Yield the caps that are for others, so that nobody wonders where they are."""
    for cap, applies in _caps_of(case):
        if applies is False:
            yield Line("cap_idle", {"id": cap.id, "per": cap.per})


def _caps_of(case: Case) -> Iterator[tuple[Cap, bool | None]]:
    for cap, node in zip(case.programme.caps.limits, case.rules.caps, strict=True):
        yield cap, True if cap.when is None else case.answer(node)


def cap_on(cap: Cap, day: date) -> int | None:
    """Return the amount of a cap on a day, unless the text leaves it open."""
    amount_yuan = on_day(cap.amount_yuan, day)
    return None if amount_yuan is None else amount_yuan * FEN_PER_YUAN


def _ceilings(case: Case, base: Span) -> Iterator[tuple[Room, Line]]:
    other_fen = case.number(OTHER_FUNDS_FACT)
    for ceiling in case.programme.stacking.ceilings:
        rate, includes = rate_on(ceiling.rate, case.day), ceiling.includes_this
        project, whole = _project(case, ceiling, base)
        left = under_ceiling(ONE, project.ends, rate, other_fen, includes)
        room = Room(ceiling.id, "ceiling", Span.of(left))
        line = room_line(
            room, low_bp=rate[0], high_bp=rate[1], includes_this=includes, other_fen=other_fen,
            **whole,
        )  # fmt: skip
        yield room, line


def _project(case: Case, ceiling: Ceiling, base: Span) -> tuple[Span, dict[str, Value]]:
    """Return what a ceiling is a share of, and how that is worked out where it is not the base."""
    if ceiling.of is not None:
        source = _source(case, ceiling.of)
        gross_fen, tax_fen = case.number(source), _tax(case, source)
        tax = ceiling.tax or case.programme.tax.value
        whole: dict[str, Value] = {
            "of": ceiling.of, "gross_fen": gross_fen, "tax": tax, "tax_fen": tax_fen,
        }  # fmt: skip
        known = gross_fen is not None
        return Span.of(taxed(ONE, gross_fen, tax_fen, tax)) if known else _UNKNOWN, whole
    if base_fact(case.programme) != OTHER_AWARD_FACT:
        return base, {}
    bill = _bill(case)
    return Span(bill["bill_fen"], bill["bill_fen"]) if bill else _UNKNOWN, {}


def whole_of(line: Mapping[str, Any]) -> Ends[Number]:
    """Return what the ceiling of a line is a share of, where the line says so."""
    return taxed(ONE, line["gross_fen"], line["tax_fen"], line["tax"])


def _source(case: Case, of: str) -> str:
    """Return the fact that holds an amount; the contract's stands in for others."""
    own = f"{of}_fen"
    return own if own in case.facts else STAND_IN_FACT


def _budget(case: Case) -> Iterator[tuple[Room, Line]]:
    if case.used.budget_fen is not None:
        left_fen = max(0, case.used.budget_fen)
        room = Room("budget", "budget", Span(left_fen, left_fen))
        yield room, room_line(room)
    for group, node in zip(case.programme.budget.groups, case.rules.groups, strict=True):
        belongs = case.answer(node)
        if belongs is False or group.id not in case.used.by_id:
            continue
        kept_yuan, drawn_fen = on_day(group.amount_yuan, case.day), case.used.by_id[group.id]
        kept_fen = (kept_yuan or 0) * FEN_PER_YUAN
        room = Room(group.id, "budget", Span.of(under_cap(ONE, kept_fen, drawn_fen, belongs)))
        yield room, room_line(room, group=group.id)


def _missing_rooms(case: Case) -> Iterator[str]:
    groups = zip(case.programme.budget.groups, case.rules.groups, strict=True)
    counted = (node for group, node in groups if group.id in case.used.by_id)
    for node in (*case.rules.caps, *counted):
        if node is not None and case.answer(node) is None:
            yield from case.missing(node)
    if case.programme.stacking.ceilings:
        yield from (name for name in _ceiling_facts(case) if name not in case.facts)


def _ceiling_facts(case: Case) -> tuple[str, ...]:
    """Return the facts that would make the ceilings exact, known or not."""
    matches = case.programme.base.value == "other_award"
    found = [OTHER_FUNDS_FACT, *([STAND_IN_FACT] if matches else [])]
    for ceiling in case.programme.stacking.ceilings:
        if ceiling.of is None:
            continue
        source = _source(case, ceiling.of)
        if source not in case.facts:
            found.append(f"{ceiling.of}_fen")
        elif (ceiling.tax or case.programme.tax.value) != "included":
            found.append(TAXES[source])
    return tuple(found)
