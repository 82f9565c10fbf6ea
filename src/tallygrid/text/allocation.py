"""A budget shared out, for people: the rule, the sums, and what every claim got and why."""

from collections.abc import Iterator, Sequence

from tallygrid.core.allocation import Award, Money
from tallygrid.core.decision import Decision
from tallygrid.core.programme import Programme
from tallygrid.core.rules import variant
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.facts import said

_HASH_SHOWN = len("sha256:") + 12


def allocation_lines(
    programme: Programme, awards: Sequence[Award], money: Money, language: Language, *, seed: str
) -> Iterator[str]:
    """Yield an allocation as lines for a terminal."""
    yield render(
        "allocation.title",
        language,
        programme=said(programme.name, language),
        version=programme.hash[:_HASH_SHOWN],
        rule=rule_said(programme, language),
    )
    if seed:
        yield render("allocation.seed", language, seed=seed)
    yield _sums("allocation.sums", awards, money.whole_fen, language)
    if money.groups:
        for group in (*money.groups, ""):
            of_group = [award for award in awards if award.claim.group == group]
            code = "allocation.group" if group else "allocation.group_rest"
            yield "  " + _sums(code, of_group, money.of(group), language, group=group)
    for award in awards:
        yield "  " + award_said(award, language)


def timing_lines(decision: Decision, programme: Programme, language: Language) -> Iterator[str]:
    """Yield when an award under a decision is made and its money comes, where it is not at once."""
    if decision.outcome == "refused" and not decision.only_closed:
        return
    applied = variant(programme, tuple(sorted(decision.assumed.items())))
    rule = applied.allocation
    if rule.value == "apply_free":
        yield render("allocation.apply_free", language)
    if rule.in_batches and rule.value is not None:
        yield render("allocation.in_batches", language, rule=rule_said(applied, language))
    if rule.settles in {"quarterly", "annual"}:
        yield render(f"allocation.settles.{rule.settles}", language)


def rule_said(programme: Programme, language: Language) -> str:
    """Return the rule of allocation in words."""
    return render(f"allocation.rule.{programme.allocation.value}", language)


def award_said(award: Award, language: Language) -> str:
    """Return what one claim got, and why."""
    return render(
        f"allocation.{award.result}",
        language,
        claim=award.claim.id,
        amount=award.amount_fen,
        asked=award.claim.asked_fen,
        factor=award.factor,
        place=award.place,
        score=award.claim.score,
    )


def _sums(
    code: str, awards: Sequence[Award], left_fen: int, language: Language, *, group: str = ""
) -> str:
    awarded_fen = sum(award.amount_fen for award in awards)
    return render(
        code,
        language,
        group=group,
        count=len(awards),
        asked=sum(award.claim.asked_fen for award in awards),
        left=left_fen,
        awarded=awarded_fen,
        rest=left_fen - awarded_fen,
    )
