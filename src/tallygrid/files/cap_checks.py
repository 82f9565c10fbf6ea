"""Whether caps and budget fit each other: none above what there is, none that never binds."""

from collections.abc import Iterator
from itertools import permutations
from typing import Final

from tallygrid.core.programme import Cap, Programme, YuanStep
from tallygrid.files.document import Document, Mistake, Where

_WIDER: Final = {"contract": 0, "applicant_year": 1, "applicant_total": 2}
"""Each holds all that the ones before it hold; a cap per group stands by itself."""


def cap_mistakes(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield caps above the budget, groups that sum to more, exceptions below the rule."""
    yield from _above_budget(document, programme)
    yield from _groups(document, programme)
    for one, other in permutations(enumerate(programme.caps.limits), 2):
        yield from _exception(document, one, other)


def cap_doubts(document: Document, programme: Programme) -> Iterator[Mistake]:
    """Yield caps that can never bind, and exceptions that nothing bounds."""
    limits = programme.caps.limits
    for (n, one), (m, other) in permutations(enumerate(limits), 2):
        if _never_binds(one, other, later=n > m):
            problem = f"`{one.id}` can never bind: `{other.id}` is at most {_greatest(other)} yuan."
            yield document.mistake(("caps", "limits", n), problem, "Check the zeros of both.")
    for n, cap in enumerate(limits):
        bounded = any(o.strength == "at_most" and o.per == cap.per for o in limits)
        if cap.strength == "in_principle" and not bounded:
            problem = f"Nothing bounds the exceptions from `{cap.id}`."
            remedy = f"Add an `at_most` cap per {cap.per} if the text names one."
            yield document.mistake(("caps", "limits", n, "strength"), problem, remedy)


def _above_budget(document: Document, programme: Programme) -> Iterator[Mistake]:
    budget = _most(programme.budget.amount_yuan)
    parts: list[tuple[Where, str, tuple[YuanStep, ...] | None]] = [
        *((("caps", "limits", n), cap.id, cap.amount_yuan)
          for n, cap in enumerate(programme.caps.limits)),
        *((("budget", "groups", n), group.id, group.amount_yuan)
          for n, group in enumerate(programme.budget.groups)),
    ]  # fmt: skip
    for where, name, steps in parts:
        amount = _most(steps)
        if amount is not None and budget is not None and amount > budget:
            problem = f"`{name}` is {amount} yuan, more than the budget of {budget} yuan."
            yield document.mistake((*where, "amount_yuan"), problem, "Check the zeros of both.")


def _groups(document: Document, programme: Programme) -> Iterator[Mistake]:
    budget = _most(programme.budget.amount_yuan)
    amounts = [_most(group.amount_yuan) or 0 for group in programme.budget.groups]
    if budget is not None and max(amounts, default=0) <= budget < sum(amounts):
        problem = f"The groups sum to {sum(amounts)} yuan, more than the budget of {budget} yuan."
        yield document.mistake(("budget", "groups"), problem, "Check the zeros of all.")


def _exception(
    document: Document, one: tuple[int, Cap], other: tuple[int, Cap]
) -> Iterator[Mistake]:
    """Check that what holds in principle does not exceed what holds without exception."""
    (n, usual), (_, utmost) = one, other
    pair = (usual.strength, utmost.strength) == ("in_principle", "at_most")
    if not pair or usual.per != utmost.per or utmost.when not in {None, usual.when}:
        return
    least, most = _least(usual.amount_yuan), _most(utmost.amount_yuan)
    if least is not None and most is not None and least > most:
        problem = f"`{usual.id}` is {least} yuan in principle, above the {most} of `{utmost.id}`."
        yield document.mistake(("caps", "limits", n, "amount_yuan"), problem, "Exchange them.")


def _never_binds(one: Cap, other: Cap, *, later: bool) -> bool:
    """Tell whether a second cap always stops at or before the first, wherever the first applies."""
    if {one.strength, other.strength} != {"at_most"} or other.when not in {None, one.when}:
        return False
    least, most = _least(one.amount_yuan), _greatest(other)
    if least is None or most is None:
        return False
    if one.per == other.per:
        return least > most or (least == most and (later or one.when != other.when))
    wider = one.per in _WIDER and other.per in _WIDER and _WIDER[one.per] < _WIDER[other.per]
    return wider and least > most


def _greatest(cap: Cap) -> int | None:
    return _most(cap.amount_yuan)


def _most(steps: tuple[YuanStep, ...] | None) -> int | None:
    return max((step.value for step in steps or ()), default=None)


def _least(steps: tuple[YuanStep, ...] | None) -> int | None:
    return min((step.value for step in steps or ()), default=None)
