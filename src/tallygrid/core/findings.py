"""Hold every rule of a programme against a case."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from tallygrid.core.amount import Award
from tallygrid.core.arithmetic import HIGHER_AWARD_FACT, STAND_IN_FACT, TAXES, Case, base_fact
from tallygrid.core.condition import Node
from tallygrid.core.finding import Citation, Finding, RuleKind, Status
from tallygrid.core.programme import LEVELS, Cited, Condition, HigherOnly, Programme, Scalar
from tallygrid.core.window import holds, next_opening, open_windows

CLAIMED_FACT: Final = "contract_claimed"
PURCHASE_FACT: Final = "purchase_kind"


Memo = dict[tuple[str, str, int], tuple[Finding, ...]]
"""What was found about a rule: variants of one programme share most rules, by their node."""


def findings(case: Case, *, at: datetime | date, memo: Memo) -> tuple[Finding, ...]:
    """Return one finding per rule, in the order of the programme; see `room` for one more."""
    rules, nodes = case.programme, case.rules
    if (key := ("time", "", 0)) not in memo:
        memo[key] = tuple(_time(case, at))
    return (
        *memo[key],
        *_ruled(case, rules.conditions, nodes.conditions, "condition", memo),
        *_ruled(case, rules.exclusions, nodes.exclusions, "exclusion", memo),
        *_purchase(case),
        *_claim(case),
        *_higher(case),
    )


def _ruled(
    case: Case,
    rules: Sequence[Condition],
    nodes: Sequence[Node | None],
    kind: RuleKind,
    memo: Memo,
) -> Iterator[Finding]:
    for rule, node in zip(rules, nodes, strict=True):
        key = kind, rule.id, id(node)
        if key not in memo:
            memo[key] = (_rule(case, rule, node, kind),)
        yield from memo[key]


def _time(case: Case, at: datetime | date) -> Iterator[Finding]:
    programme = case.programme
    period = programme.in_force
    saw: dict[str, Scalar | None] = {
        "day": case.day, "first_day": period.first_day, "last_day": period.last_day,
    }  # fmt: skip
    in_force = _status(holds(period, case.day))
    yield Finding("in-force", "in_force", in_force, Citation.of(period), saw=saw)
    if programme.windows:
        shut = {"day": case.day, "next_opening": next_opening(programme, at)}
        now = open_windows(programme, at)
        last = max(now or programme.windows, key=lambda window: window.last_day or date.max)
        shut["last_day"] = last.last_day
        yield Finding("window", "window", _status(bool(now)), Citation.of(last), saw=shut)


def _status(passed: bool | None) -> Status:  # noqa: FBT001  # the answer of one rule
    if passed is None:
        return "unknown"
    return "passed" if passed else "failed"


def _rule(case: Case, rule: Condition, node: Node | None, kind: RuleKind) -> Finding:
    answer = case.answer(node)
    passed = answer if kind == "condition" or answer is None else not answer
    names = node.facts if node else ()
    saw: Mapping[str, Scalar | None] = {name: case.facts.get(name) for name in names}
    missing = case.missing(node) if node and passed is None else ()
    open_items = () if node else _asking(case, f"{kind}s.{rule.id}.when")
    return Finding(
        rule.id, kind, _status(passed), Citation.of(rule), rule.en, rule.zh, saw, missing,
        open_items,
    )  # fmt: skip


def _asking(case: Case, field: str) -> tuple[str, ...]:
    return tuple(item.id for item in case.programme.open if item.field == field)


def _purchase(case: Case) -> Iterator[Finding]:
    """Refuse a purchase of another kind, once it is known what is bought."""
    kind = case.facts.get(PURCHASE_FACT)
    if kind is not None:
        status = _status(kind == case.programme.kind)
        cited = Citation.of(case.programme.document)
        yield Finding("purchase", "purchase", status, cited, saw={PURCHASE_FACT: kind})


def _claim(case: Case) -> Iterator[Finding]:
    """Refuse a contract that has served a claim, where one contract serves one claim."""
    rule = case.programme.stacking.one_contract_one_claim
    if rule is None or rule.value is False:
        return
    claimed = case.facts.get(CLAIMED_FACT)
    passed = None if claimed is None else not claimed
    if claimed and rule.value is None:
        passed = None
    yield Finding(
        "one-contract-one-claim", "claim", _status(passed), Citation.of(rule),
        saw={CLAIMED_FACT: claimed}, missing=() if claimed is not None else (CLAIMED_FACT,),
    )  # fmt: skip


def higher_rule(programme: Programme) -> HigherOnly | None:
    """Return the rule that pays nothing beside the voucher of a level above, if it can apply."""
    rule, place = programme.stacking.higher_only, programme.place.level
    above = LEVELS[: LEVELS.index(place)]
    covers = rule is not None and (set(rule.levels or above) & set(above))
    return rule if covers and rule is not None and rule.value is not False else None


def _higher(case: Case) -> Iterator[Finding]:
    """Refuse whoever holds the voucher of the level above, where only the higher one is paid."""
    rule = higher_rule(case.programme)
    if rule is None:
        return
    held = case.facts.get(HIGHER_AWARD_FACT)
    passed = None if held is None or (held and rule.value is None) else not held
    asking = _asking(case, "stacking.higher_only.value") if held else ()
    yield Finding(
        "higher-only", "higher", _status(passed), Citation.of(rule),
        saw={HIGHER_AWARD_FACT: held}, missing=() if held is not None else (HIGHER_AWARD_FACT,),
        open=asking if passed is None else (),
    )  # fmt: skip


def room(case: Case, award: Award) -> tuple[Finding, ...]:
    """Refuse where a cap, a ceiling or the budget leaves nothing, or nothing comes of the base."""
    if award.span.high != 0:
        return ()
    programme = case.programme
    if not award.bound_by:
        return (_nothing(case),)
    limits: dict[str, Cited] = {cap.id: cap for cap in programme.caps.limits}
    limits |= {ceiling.id: ceiling for ceiling in programme.stacking.ceilings}
    limits |= {group.id: group for group in programme.budget.groups}
    cited = limits.get(award.bound_by, programme.budget)
    return (Finding(award.bound_by, "amount", "failed", Citation.of(cited)),)


def _nothing(case: Case) -> Finding:
    """Refuse an award of nothing, which no cap brings about: so little is asked for."""
    base = base_fact(case.programme)
    names = [name for name in (base, STAND_IN_FACT) if name and name in case.facts][:1]
    names += [TAXES[name] for name in names if TAXES.get(name) in case.facts]
    saw: dict[str, Scalar | None] = {name: case.facts[name] for name in names}
    return Finding("nothing", "nothing", "failed", Citation.of(case.programme.base), saw=saw)
