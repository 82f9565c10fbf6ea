"""The list over all programmes for people: eligible or not, how much, why, what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from tallygrid.core.amount import Span
from tallygrid.core.match import Match
from tallygrid.core.programme import Programme
from tallygrid.core.stacking import Combination, Kind, Part
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.decision import next_step, rule_said
from tallygrid.text.facts import label, listed, said
from tallygrid.text.sums import amount_said

_SHOWN_FACTS = 6


def match_lines(
    matches: Sequence[Match], combinations: Mapping[Kind, Combination], language: Language
) -> tuple[str, ...]:
    """Return the ranked list as lines for a terminal, reported editions apart at the end."""
    if not matches:
        return (render("match.none", language),)
    lines: list[str] = []
    for group, members in groupby(matches, key=lambda match: match.group):
        lines.append(render(f"match.heading.{group}", language))
        for match in members:
            lines += ("  " + line for line in _match(match, language))
    names = {match.programme.id: match.programme for match in matches}
    for kind, combination in combinations.items():
        lines += combination_lines(kind, combination, names, language)
    return tuple(lines)


def _match(match: Match, language: Language) -> Iterator[str]:
    place, name = match.programme.place.code, said(match.programme.name, language)
    if match.group == "reported":
        yield render("match.no", language, place=place, name=name)
        yield from _reported(match, language)
    elif match.group == "refused":
        yield render("match.no", language, place=place, name=name)
    else:
        yield _row(match, place, name, language)
    yield from _why(match, language)


def _row(match: Match, place: str, name: str, language: Language) -> str:
    decision = match.decision
    span = Span(decision.at_least_fen, decision.at_most_fen)
    if match.group == "closed":
        span = decision.would_be
    rate = ""
    if decision.rate_bp is not None:
        base = render(f"decision.base.{match.programme.base.value}", language)
        rate = render("match.rate", language, rate=decision.rate_bp, base=base)
    redeem = match.programme.redeem.value or decision.assumed.get("redeem")
    return render(
        "match.row",
        language,
        place=place,
        name=name,
        amount=amount_said(span, language),
        rate=rate,
        redeem=render(f"match.redeem.{redeem}", language),
    )


def _reported(match: Match, language: Language) -> Iterator[str]:
    if match.programme.claim is not None:
        claim = said(match.programme.claim, language)
        yield "  " + render("match.claim", language, claim=claim)
    amount = amount_said(match.decision.would_be, language)
    yield "  " + render("match.would", language, amount=amount)


def _why(match: Match, language: Language) -> Iterator[str]:
    decision = match.decision
    for finding in decision.failed if match.group != "reported" else ():
        code = "applies" if finding.kind == "exclusion" else "not_met"
        yield "  " + render(f"match.{code}", language, rule=rule_said(finding, language))
        if match.group == "closed":
            step = next_step(finding, match.programme, language)
            yield "  " + render("decision.next", language, step=step)
    if match.group in {"eligible", "undecided"} and decision.missing:
        shown = [label(n, match.programme, language) for n in decision.missing[:_SHOWN_FACTS]]
        more = ["…"] if len(decision.missing) > _SHOWN_FACTS else []
        yield "  " + render("match.missing", language, facts=listed([*shown, *more], language))
    if match.group in {"eligible", "undecided", "closed"} and decision.open:
        yield "  " + render("match.open", language, items=listed(decision.open, language))


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
