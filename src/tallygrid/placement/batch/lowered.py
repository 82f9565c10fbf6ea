"""Great amounts made smaller before the solver, so that its floats see small ones beside them.

Whoever means "never leave this out" writes an amount beside which nothing else counts. How
great it is then changes nothing: it is enough that it is more than all else together.
"""

from dataclasses import dataclass, replace

import numpy as np

from tallygrid.placement.batch.relaxation import Relaxation


@dataclass(frozen=True)
class Lowered:
    """A relaxation that has the same best assignments, and the way back to fen.

    Let all great amounts be multiples of `step`, and all else together never be more than
    `rest`, which is less. A value is then so many steps and what is left over, and of two
    values the one with fewer steps is the less; so it stays with any other step above `rest`.
    """

    relaxation: Relaxation
    step: float
    """What all great amounts are multiples of, in fen."""
    lower: float
    """What stands for a step in the relaxation."""
    rest: float
    """What all costs, and all amounts that are not great, come to at most."""

    @classmethod
    def of(cls, relaxation: Relaxation) -> "Lowered":
        """Lower the amounts where that leaves the order of all values as it is."""
        dearest = np.where(np.isfinite(relaxation.cost), relaxation.cost, 0.0)
        costs = dearest.max(axis=1, initial=0.0).sum()
        unplaced = relaxation.unplaced
        amounts = np.sort(unplaced)
        below = costs + np.cumsum(amounts) - amounts
        as_it_is = cls(relaxation, 1.0, 1.0, np.inf)
        if not len(amounts):
            return as_it_is
        first = int(np.argmax(amounts / (below + 1)))
        step, rest = float(np.gcd.reduce(amounts[first:].astype(np.int64))), float(below[first])
        # Twice as much as needed, so that what the solver errs is not taken for a step.
        lower = 2 * (rest + 1)
        if step <= lower:
            return as_it_is
        lowered = np.where(unplaced < amounts[first], unplaced, unplaced / step * lower)
        return cls(replace(relaxation, unplaced=lowered), step, lower, rest)

    def raised(self, bound: float) -> float:
        """Return a bound of the lowered relaxation as one of the values in fen, rounded down."""
        if np.isinf(self.rest) or np.isinf(bound):
            return bound
        steps, over = divmod(bound, self.lower)
        # No value lies between the most that can be left over and one step more.
        fen = (steps + 1) * self.step if over > self.rest else steps * self.step + over
        return float(np.nextafter(fen, 0.0))
