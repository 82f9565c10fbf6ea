"""A decision for people: outcome, every rule with what it saw, arithmetic, open questions."""

from collections.abc import Iterator, Mapping
from datetime import date

from tallygrid.core.amount import Span
from tallygrid.core.decision import Decision, OpenQuestion, deciding
from tallygrid.core.finding import Finding
from tallygrid.core.programme import Programme, Scalar
from tallygrid.core.rules import variant
from tallygrid.core.window import day_of
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.allocation import timing_lines
from tallygrid.text.facts import asked_for, facts_said, label, listed, said, value_of
from tallygrid.text.sums import amount_said, line_said


def decision_lines(decision: Decision, programme: Programme, language: Language) -> tuple[str, ...]:
    """Return a whole decision as lines for a terminal."""
    return (
        *_head(decision, programme, language),
        *_rules(decision, programme, language),
        *_sums(decision, programme, language),
        *_open(decision, language),
        *_missing(decision, programme, language),
    )


def outcome_said(decision: Decision, language: Language) -> str:
    """Return the outcome and the amount in one sentence."""
    if decision.only_closed and decision.would_be.high != 0:
        amount = amount_said(decision.would_be, language)
        return render("decision.closed", language, amount=amount)
    if decision.outcome == "refused":
        return render("decision.refused", language)
    amount = amount_said(Span(decision.at_least_fen, decision.at_most_fen), language)
    open_end = decision.outcome == "eligible" and decision.amount_fen is None
    code = "eligible_open" if open_end else decision.outcome
    return render(f"decision.{code}", language, amount=amount)


def _head(decision: Decision, programme: Programme, language: Language) -> Iterator[str]:
    yield render(
        "decision.title",
        language,
        name=said(programme.name, language),
        authority=said(programme.authority, language),
    )
    yield render(
        "decision.version",
        language,
        on=day_of(decision.at, programme.place.zone),
        programme=decision.programme,
        version=decision.version,
    )
    if programme.claim is not None:
        yield render(
            "decision.reported",
            language,
            claim=said(programme.claim, language),
            contradicts=programme.contradicts,
        )
    yield outcome_said(decision, language)
    yield from _conditions_of_amount(decision, programme, language)
    yield from timing_lines(decision, programme, language)


def _conditions_of_amount(
    decision: Decision, programme: Programme, language: Language
) -> Iterator[str]:
    if decision.exceptional_fen is not None:
        yield render("decision.exceptional", language, amount=decision.exceptional_fen)
    if decision.provisional and decision.outcome != "refused":
        base = render(f"decision.base.{programme.base.value}", language)
        yield render("decision.provisional", language, base=base)
    if decision.assumed:
        names = listed(decision.assumptions, language)
        readings = _readings(decision.assumed, language)
        yield render("decision.assumed", language, names=names, readings=readings)
    if decision.issuable:
        applied = variant(programme, tuple(sorted(decision.assumed.items())))
        code = "in_batch" if applied.allocation.in_batches else "issuable"
        yield render(f"decision.{code}", language)
    elif decision.blocked_by and decision.outcome != "refused":
        yield render("decision.blocked", language, items=listed(decision.blocked_by, language))


def _readings(fills: Mapping[str, Scalar], language: Language) -> str:
    return listed(
        (
            render("decision.reading", language, id=item, value=value_of(value, None, language))
            for item, value in fills.items()
        ),
        language,
    )


def _rules(decision: Decision, programme: Programme, language: Language) -> Iterator[str]:
    yield render("decision.heading.rules", language)
    for finding in decision.findings:
        yield from ("  " + line for line in finding_lines(finding, programme, language))


def finding_lines(finding: Finding, programme: Programme, language: Language) -> Iterator[str]:
    """Yield a finding: the rule with what it saw, where it stands, and the next step."""
    saw = ""
    if finding.saw and finding.kind not in {"in_force", "window", "amount"}:
        facts = facts_said(finding.saw, programme, language)
        saw = render("decision.saw", language, facts=facts)
    rule = rule_said(finding, language)
    yield render(f"decision.finding.{finding.status}", language, rule=rule, saw=saw)
    cited = finding.citation
    yield "    " + render(
        "decision.cited",
        language,
        clause=cited.clause,
        sources=listed(cited.sources, language),
        confidence=render(f"decision.confidence.{cited.confidence}", language),
    )
    if finding.status != "passed":
        step = next_step(finding, programme, language)
        yield "    " + render("decision.next", language, step=step)


def rule_said(finding: Finding, language: Language) -> str:
    """Return the rule of a finding in words."""
    words = finding.zh if language == "zh" else finding.en
    if finding.kind == "condition":
        return words
    if finding.kind == "exclusion":
        return render("decision.rule.exclusion", language, rule=words)
    if finding.kind in {"in_force", "window"}:
        return _time_said(finding, language)
    return render(f"decision.rule.{finding.kind}", language, id=finding.id)


def _time_said(finding: Finding, language: Language) -> str:
    first, last = finding.saw.get("first_day"), finding.saw.get("last_day")
    if finding.kind == "window":
        form = ("now" if finding.status == "passed" else "until") if last else "open_end"
    else:
        form = {(True, True): "both", (True, False): "from", (False, True): "until"}.get(
            (first is not None, last is not None), "always"
        )
    return render(f"decision.rule.{finding.kind}.{form}", language, first=first, last=last)


def next_step(finding: Finding, programme: Programme, language: Language) -> str:
    """Return what the applicant can do about a rule that did not pass."""
    if finding.status == "unknown":
        if finding.missing:
            asked = asked_for(finding.missing, programme, language)
            return render("decision.next.unknown", language, asked=asked)
        return render("decision.next.open", language, items=listed(finding.open, language))
    opening = finding.saw.get("next_opening")
    if opening is not None:
        return render("decision.next.window.opens", language, next_opening=opening)
    first, today = finding.saw.get("first_day"), finding.saw.get("day")
    if isinstance(first, date) and isinstance(today, date) and today < first:
        return render("decision.next.in_force.later", language, first_day=first)
    return render(f"decision.next.{finding.kind}.failed", language)


def _sums(decision: Decision, programme: Programme, language: Language) -> Iterator[str]:
    """Yield the arithmetic, once per different way it can go."""
    ways = {repr(reading.lines): reading for reading in reversed(decision.readings)}
    apart = set(deciding([(r.fills, repr(r.lines)) for r in decision.readings]))
    code = "would_be" if decision.outcome == "refused" else "sums"
    for reading in reversed(ways.values()):
        fills = {item: value for item, value in reading.fills.items() if item in apart}
        readings = _readings(fills, language)
        yield render(
            f"decision.heading.{code}{'_of' if fills else ''}", language, readings=readings
        )
        yield from ("  " + line_said(line, programme, language) for line in reading.lines)


def _open(decision: Decision, language: Language) -> Iterator[str]:
    if decision.questions:
        yield render("decision.heading.open", language)
    for question in decision.questions:
        yield "  " + _question(question, language)


def _question(question: OpenQuestion, language: Language) -> str:
    words = question.zh if language == "zh" else question.en
    if not question.matters:
        return render("decision.open.beside", language, id=question.id, question=words)
    if not question.readings:
        return render("decision.open.unread", language, id=question.id, question=words)
    readings = listed((value_of(value, None, language) for value in question.readings), language)
    return render(
        "decision.open.matters", language, id=question.id, question=words, readings=readings
    )


def _missing(decision: Decision, programme: Programme, language: Language) -> Iterator[str]:
    if decision.missing:
        yield render("decision.heading.missing", language)
    for name in decision.missing:
        yield "  " + missing_said(name, programme, language)


def missing_said(name: str, programme: Programme, language: Language) -> str:
    """Return a missing fact with how to provide it."""
    spec = programme.facts.get(name)
    how = ""
    if spec is not None and spec.how is not None:
        how = render("decision.missing_how", language, how=said(spec.how, language))
    words = label(name, programme, language)
    return render("decision.missing", language, label=words, name=name, how=how)
