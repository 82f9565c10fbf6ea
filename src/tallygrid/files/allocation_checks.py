"""What a programme file can have wrong about how its money is shared out."""

from collections.abc import Iterator
from typing import Final

from tallygrid.core.arithmetic import on_day
from tallygrid.core.programme import Cap, Ceiling, Programme
from tallygrid.files.document import Document, Mistake
from tallygrid.files.nearest import nearest

_IN_TURN: Final = frozenset({"first_come", "ranked", "lottery"})


def allocation_mistakes(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield what the rule of allocation, the groups of the budget and a matched award lack."""
    yield from _ranking(document, programme)
    yield from _lottery(document, programme)
    yield from _last(document, programme)
    yield from _groups(document, programme)
    yield from _named_like_a_cap(document, programme)
    yield from _matched(document, programme)


def rules_of(programme: Programme) -> frozenset[object]:
    """Return the rule of allocation, or what it may turn out to be."""
    if programme.allocation.value is not None:
        return frozenset({programme.allocation.value})
    asked = (item for item in programme.open if item.field == "allocation.value")
    return frozenset(reading for item in asked for reading in item.readings)


def _ranking(document: Document, programme: Programme) -> Iterator[Mistake]:
    rule, where = programme.allocation, ("allocation", "rank_by")
    ranked = {"rank_by": rule.rank_by, "score_min": rule.score_min}
    given = [name for name, value in ranked.items() if value is not None]
    given += ["ties"] if rule.ties != "earlier" else []
    if "ranked" not in rules_of(programme):
        for name in given:
            problem = f"`{name}` is given, but nothing is ranked."
            yield document.mistake(("allocation", name), problem, "Remove it, or rank.")
        return
    if rule.rank_by is None:
        if rule.value == "ranked":
            yield document.mistake(where, "Nothing says what is ranked by.", "Add `rank_by`.")
        return
    numbers = [name for name, spec in programme.facts.items() if spec.type == "integer"]
    if rule.rank_by not in numbers:
        problem = f"`{rule.rank_by}` is not a fact that is a whole number."
        yield document.mistake(where, problem, nearest(rule.rank_by, numbers))


def _lottery(document: Document, programme: Programme) -> Iterator[Mistake]:
    where, rule = ("allocation", "seed_from"), programme.allocation
    if rule.value == "lottery" and rule.seed_from is None:
        problem = "Nothing says what the lottery is drawn with."
        remedy = "Say in `seed_from` which number is the seed, and when it is published."
        yield document.mistake(where, problem, remedy)
    if rule.seed_from is not None and "lottery" not in rules_of(programme):
        problem = "`seed_from` is given, but there is no lottery."
        yield document.mistake(where, problem, "Remove it, or draw lots.")


def _last(document: Document, programme: Programme) -> Iterator[Mistake]:
    if programme.allocation.last is not None and not rules_of(programme) & _IN_TURN:
        problem = "`last` is given, but no claim is the last one served."
        remedy = "Remove it; it belongs to first_come, ranked and lottery."
        yield document.mistake(("allocation", "last"), problem, remedy)


def _groups(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield days on which more is kept for groups than there is."""
    budget = programme.budget
    steps = [*(budget.amount_yuan or ()), *(s for g in budget.groups for s in g.amount_yuan)]
    for day in sorted({step.first_day for step in steps}):
        whole = on_day(budget.amount_yuan, day)
        kept = sum(on_day(group.amount_yuan, day) or 0 for group in budget.groups)
        if whole is not None and kept > whole:
            problem = f"The groups together have {kept} yuan, more than the budget of {whole} yuan."
            yield document.mistake(("budget", "groups"), problem, "Check the zeros of all.")
            return


def _named_like_a_cap(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield groups whose name is a cap's or a ceiling's: what was drawn is kept by that name."""
    limits: tuple[Cap | Ceiling, ...] = (*programme.caps.limits, *programme.stacking.ceilings)
    taken = {"budget", *(limit.id for limit in limits)}
    for position, group in enumerate(programme.budget.groups):
        if group.id in taken:
            problem = f"`{group.id}` is the name of a limit already."
            where = ("budget", "groups", position, "id")
            yield document.mistake(where, problem, "Give each its own id.")


def _matched(document: Document, programme: Programme) -> Iterator[Mistake]:
    base = programme.base
    asked = {r for item in programme.open if item.field == "base.value" for r in item.readings}
    names_others = bool(base.levels or base.programmes)
    if base.value == "other_award" and not names_others:
        problem = "Nothing says whose award the rate applies to."
        yield document.mistake(("base",), problem, "Add `levels` or `programmes`.")
    if base.value == "other_award" and programme.tax.value == "excluded":
        problem = "An award contains no tax that could be taken off."
        yield document.mistake(("tax", "value"), problem, "Write included.")
    if names_others and "other_award" not in {base.value, *asked}:
        problem = "`levels` and `programmes` belong to the base `other_award`."
        yield document.mistake(("base",), problem, "Remove them, or mend `value`.")
