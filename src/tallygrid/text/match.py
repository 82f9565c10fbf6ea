"""The list over all programmes for people: eligible or not, how much, why, what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from tallygrid.core.amount import Span
from tallygrid.core.decision import Decision
from tallygrid.core.match import Match
from tallygrid.core.programme import Programme
from tallygrid.core.stacking import Combination, Kind, Part
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.allocation import timing_lines
from tallygrid.text.decision import next_step, rule_said
from tallygrid.text.facts import facts_said, label, listed, said
from tallygrid.text.flip import Places, flip_lines
from tallygrid.text.sums import amount_said

_SHOWN_FACTS = 6
_FIRST_SHOWN = 5


def match_lines(
    matches: Sequence[Match], combinations: Mapping[Kind, Combination], language: Language
) -> tuple[str, ...]:
    """Return the ranked list as lines for a terminal, reported editions apart at the end."""
    if not matches:
        return (render("match.none", language),)
    places = places_of([match.programme for match in matches], language)
    lines: list[str] = []
    for group, members in groupby(matches, key=lambda match: match.group):
        lines.append(render(f"match.heading.{group}", language))
        for match in members:
            lines += ("  " + line for line in _match(match, places, language))
    names = {match.programme.id: match.programme for match in matches}
    for kind, combination in combinations.items():
        lines += combination_lines(kind, combination, names, language)
    return tuple(lines)


def places_of(programmes: Sequence[Programme], language: Language) -> Places:
    """Return what the programmes call their places, by code."""
    places = (programme.place for programme in programmes)
    return {place.code: said(place.name, language) for place in places if place.name}


def first_lines(
    asked: Sequence[tuple[str, int]], programmes: Sequence[Programme], language: Language
) -> Iterator[str]:
    """Yield the few facts that most programmes wait for."""
    if asked:
        yield render("match.first", language)
    for name, count in asked[:_FIRST_SHOWN]:
        owner = next((one for one in programmes if name in one.facts), None)
        words = label(name, owner, language) if owner else name
        yield "  " + render("match.first_fact", language, name=words, fact=name, count=count)


def _match(match: Match, places: Places, language: Language) -> Iterator[str]:
    place, name = match.programme.place.code, said(match.programme.name, language)
    if match.group == "reported":
        yield render("match.no", language, place=place, name=name)
        yield from _reported(match, language)
    elif match.group == "refused":
        yield render("match.no", language, place=place, name=name)
    else:
        yield _row(match, place, name, language)
    yield from ("  " + line for line in _why(match, places, language))
    if match.group in {"eligible", "undecided", "closed"}:
        for line in timing_lines(match.decision, match.programme, language):
            yield "  " + line


def _row(match: Match, place: str, name: str, language: Language) -> str:
    decision = match.decision
    span = Span(decision.at_least_fen, decision.at_most_fen)
    if match.group == "closed":
        span = decision.would_be
    rate = ""
    if decision.rate_bp is not None:
        base = render(f"decision.base.{match.programme.base.value}", language)
        rate = render("match.rate", language, rate=decision.rate_bp, base=base)
    return render(
        "match.row",
        language,
        place=place,
        name=name,
        amount=amount_said(span, language),
        rate=rate,
        provisional=render("match.provisional", language) if decision.provisional else "",
        redeem=_redeem(match, language),
    )


def _redeem(match: Match, language: Language) -> str:
    redeem = match.programme.redeem.value or match.decision.assumed.get("redeem")
    known = [match.programme.refund.days_max, match.programme.refund.days_min]
    days = next((one for one in known if one is not None), None)
    if redeem == "reimburse" and days is not None:
        period = match.programme.allocation.settles
        code = f"within_{period}" if period in {"quarterly", "annual"} else "within"
        return render(f"match.redeem.reimburse_{code}", language, days=days)
    return render(f"match.redeem.{redeem}", language)


def _reported(match: Match, language: Language) -> Iterator[str]:
    if match.programme.claim is not None:
        claim = said(match.programme.claim, language)
        yield "  " + render("match.claim", language, claim=claim)
    decision = match.decision
    if decision.outcome == "refused" and not decision.only_closed:
        yield "  " + render("match.would_refused", language)
        yield from ("    " + line for line in _refusals(decision, language))
        return
    code = "match.would_closed" if decision.only_closed else "match.would"
    yield "  " + render(code, language, amount=amount_said(decision.would_be, language))


def _refusals(decision: Decision, language: Language) -> Iterator[str]:
    """Yield the rules that refuse; where each reading has its own, these."""
    own = [finding for finding in decision.findings if finding.open]
    for finding in decision.failed or (own if decision.outcome == "refused" else []):
        code = "applies" if finding.kind == "exclusion" else "not_met"
        yield render(f"match.{code}", language, rule=rule_said(finding, language))


def _why(match: Match, places: Places, language: Language) -> Iterator[str]:
    """Yield what stands against an answer, what would change it, by when, and what to bring."""
    if match.group == "reported":
        return
    yield from _refusals(match.decision, language)
    yield from _next(match, language)
    if match.flip is not None:
        yield from flip_lines(match.flip, match.programme, places, language)
    if match.group != "refused":
        yield from _to_do(match, language)


def _next(match: Match, language: Language) -> Iterator[str]:
    """Yield the next step of a refusal: for the rule that cannot be mended, if there is one."""
    failed = match.decision.failed
    steps = [f for f in failed if f.kind not in {"in_force", "window"}] or failed
    code = f"match.next.{steps[0].kind}" if steps else ""
    if match.group == "refused" and code in {"match.next.condition", "match.next.exclusion"}:
        finding = steps[0]
        saw = facts_said(finding.saw, match.programme, language)
        yield render(code, language, saw=saw)
    elif steps:
        step = next_step(steps[-1], match.programme, language)
        yield render("decision.next", language, step=step)


def _to_do(match: Match, language: Language) -> Iterator[str]:
    decision = match.decision
    of_rules = {name for finding in decision.findings for name in finding.missing}
    missing = [name for name in decision.missing if name not in of_rules]
    if missing:
        shown = [label(n, match.programme, language) for n in missing[:_SHOWN_FACTS]]
        more = ["…"] if len(missing) > _SHOWN_FACTS else []
        yield render("match.missing", language, facts=listed([*shown, *more], language))
    if match.apply_by is not None:
        yield render("match.apply_by", language, on=match.apply_by)
    papers = [one for one in match.programme.evidence if one.stage == "apply"]
    if papers:
        names = (one.zh if language == "zh" else one.en for one in papers)
        yield render("match.bring", language, papers=listed(names, language))
    if decision.open:
        yield render("match.open", language, items=listed(decision.open, language))


def combination_lines(
    kind: Kind, combination: Combination, programmes: Mapping[str, Programme], language: Language
) -> Iterator[str]:
    """Yield the best legal combination with its arithmetic, and why others are not in it."""
    bought = render(f"match.kind.{kind}", language)
    if not combination.parts:
        yield render("match.best_none", language, kind=bought)
        return
    code = "match.best" if combination.certain else "match.best_at_most"
    yield render(code, language, kind=bought, amount=combination.total_fen)
    for part in combination.parts:
        yield "  " + _part(part, said(programmes[part.programme].name, language), language)
    for left in combination.left_out:
        if left.beside:
            name = said(programmes[left.programme].name, language)
            beside = said(programmes[left.beside].name, language)
            yield "  " + render(f"match.left.{left.code}", language, name=name, beside=beside)
        elif left.code == "no_gain":
            name = said(programmes[left.programme].name, language)
            yield "  " + render("match.left.no_gain", language, name=name)


def _part(part: Part, name: str, language: Language) -> str:
    code = "match.part"
    if part.amount_fen < part.alone_fen:
        code = "match.part_bound" if part.bound_by else "match.part_less"
    return render(
        code, language, name=name, amount=part.amount_fen, alone=part.alone_fen, by=part.bound_by
    )
