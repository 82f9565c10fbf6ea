"""Whole numbers and yes-or-no answers that may be unknown, of one case or of a column of cases.

The formulas of amounts (`core.formula`) are written once, in the few operations named here.
`ONE` works them out for one case in plain whole numbers; `core.column` does for every row of
a table at once. An unknown number is `None` (a null); an unknown answer follows Kleene.
"""

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from tallygrid.core.money import share

N = TypeVar("N")
"""A whole number, perhaps unknown."""
Y = TypeVar("Y")
"""A yes or no, perhaps unknown."""


class Numbers(Protocol[N, Y]):
    """What the formulas need of numbers and answers."""

    def of(self, value: int | None) -> N:
        """Return a fixed number."""

    def share(self, amount: N, rate_bp: N) -> N:
        """Return the part of an amount that a rate pays, rounded down; unknown if either is."""

    def less(self, amount: N, part: N) -> N:
        """Return what is left of an amount, never below zero; unknown if either is."""

    def rounded(self, amount: N, unit_fen: int) -> N:
        """Round an amount down to a unit."""

    def least(self, values: Sequence[N]) -> N:
        """Return the least of the numbers that are known."""

    def greatest(self, values: Sequence[N]) -> N:
        """Return the greatest of the numbers that are known."""

    def known(self, value: N, otherwise: N) -> N:
        """Return a number, or another where it is unknown."""

    def where(self, condition: Y, value: N, otherwise: N) -> N:
        """Return a number where a condition is TRUE, else another."""

    def below(self, value: N, limit: N) -> Y:
        """Tell whether a known number is below a limit; below no limit every number is."""

    def exceeds(self, value: N, other: N) -> Y:
        """Tell whether one known number is greater than another."""

    def within(self, value: N, other: N) -> Y:
        """Tell whether one known number is no greater than another."""

    def any(self, answers: Sequence[Y]) -> Y:
        """Tell whether any answer is TRUE; unknown if that is not known (Kleene)."""

    def both(self, answers: Sequence[Y]) -> Y:
        """Tell whether all answers are TRUE; unknown if that is not known (Kleene)."""

    def true(self, answer: Y) -> Y:
        """Tell whether an answer is TRUE."""

    def false(self, answer: Y) -> Y:
        """Tell whether an answer is FALSE."""

    def unknown(self, answer: Y) -> Y:
        """Tell whether an answer is unknown."""


Number = int | None
Answer = bool | None


class _One:
    """The numbers and answers of one case."""

    def of(self, value: int | None) -> Number:
        return value

    def share(self, amount: Number, rate_bp: Number) -> Number:
        return None if amount is None or rate_bp is None else share(amount, rate_bp)

    def less(self, amount: Number, part: Number) -> Number:
        return None if amount is None or part is None else max(0, amount - part)

    def rounded(self, amount: Number, unit_fen: int) -> Number:
        return None if amount is None else amount - amount % unit_fen

    def least(self, values: Sequence[Number]) -> Number:
        return min((value for value in values if value is not None), default=None)

    def greatest(self, values: Sequence[Number]) -> Number:
        return max((value for value in values if value is not None), default=None)

    def known(self, value: Number, otherwise: Number) -> Number:
        return otherwise if value is None else value

    def where(self, condition: Answer, value: Number, otherwise: Number) -> Number:  # an answer
        return value if condition else otherwise

    def below(self, value: Number, limit: Number) -> Answer:
        return value is not None and (limit is None or value < limit)

    def exceeds(self, value: Number, other: Number) -> Answer:
        return value is not None and other is not None and value > other

    def within(self, value: Number, other: Number) -> Answer:
        return value is not None and other is not None and value <= other

    def any(self, answers: Sequence[Answer]) -> Answer:
        return True if True in answers else None if None in answers else False

    def both(self, answers: Sequence[Answer]) -> Answer:
        return False if False in answers else None if None in answers else True

    def true(self, answer: Answer) -> Answer:  # an answer
        return answer is True

    def false(self, answer: Answer) -> Answer:  # an answer
        return answer is False

    def unknown(self, answer: Answer) -> Answer:  # an answer
        return answer is None


ONE: Final = _One()
"""The numbers and answers of one case, plain."""
