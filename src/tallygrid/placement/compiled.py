"""The kernel compiled: the same source over arrays of 64-bit whole numbers.

Rows are `numpy.int64` arrays; what is two-dimensional in the kernel is a two-dimensional
array. Whoever compiles a loop around `weigh` with a cache must renew it when the kernel
changes: numba asks only the outermost file.
"""

from collections.abc import Callable
from typing import Final, cast

from numba import njit
from numba.extending import overload, register_jitable

from tallygrid.core.money import GREATEST_FEN
from tallygrid.placement import kernel

_TOO_GREAT: Final = GREATEST_FEN + 2.0
"""Beyond doubt, although the quotient is worked out in floats."""

for _part in (kernel.wins_tie, kernel.holds, kernel.luck):
    register_jitable(_part)


@overload(kernel.ceil_product)
def _ceil_product(one: int, other: int, by: int) -> Callable[[int, int, int], int]:  # noqa: ARG001
    """Compile the product of two numbers, divided and rounded up, exactly.

    The product may need 128 bits. A float's quotient is off by one at most, as it is below
    2**50; what it leaves over is therefore less than twice the divisor, and right although
    both products wrap. So the divisor must be below 2**61.
    """

    def exact(one: int, other: int, by: int) -> int:
        about = float(one) * float(other) / float(by)
        if about >= _TOO_GREAT:
            return GREATEST_FEN
        quotient = int(about)
        rest = one * other - quotient * by
        if rest > by:
            quotient += 2
        elif rest > 0:
            quotient += 1
        elif rest <= -by:
            quotient -= 1
        return min(quotient, GREATEST_FEN)

    return exact


def _compiled(function: Callable[..., int]) -> Callable[..., int]:
    """Compile a function, and keep the result for the next run where a folder allows it."""
    try:
        made = njit(cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        made = njit(function)
    return cast("Callable[..., int]", made)


weigh: Final = _compiled(kernel.weigh)
"""`kernel.weigh` over arrays; to be called from Python, and from compiled code."""
