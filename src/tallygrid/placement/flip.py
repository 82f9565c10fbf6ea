"""What a weight decides: how far it would have to move for another offer to be chosen.

Costs are sums of a weight times something, so an offer that is cheapest at two values of a
weight is so between them, but for the rounding of a part to whole fen. A search by halves
therefore finds the nearest value at which another is chosen.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

from tallygrid.core.placement import Flip, PoolState, Request, Weights
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Shelf

_MOST = 10**9
"""No weight is tried beyond this."""


def flips(request: Request, shelf: Shelf, state: PoolState, weights: Weights) -> tuple[Flip, ...]:
    """Return for every weight its nearest values, lower and higher, that change the choice."""
    return tuple(
        one for field in fields(weights) for one in _of(field.name, request, shelf, state, weights)
    )


def _of(
    name: str, request: Request, shelf: Shelf, state: PoolState, weights: Weights
) -> Iterator[Flip]:
    now: int = getattr(weights, name)

    def chosen(value: int) -> str | None:
        return place(request, shelf, state, replace(weights, **{name: value})).chosen

    held = chosen(now)
    for last in (0, _MOST):
        at = _first(lambda value: chosen(value) != held, now, last)
        offer = None if at is None else chosen(at)
        if at is not None and offer is not None:
            yield Flip(name, now, at, offer)


def _first(is_other: Callable[[int], bool], near: int, last: int) -> int | None:
    """Return the value nearest to one, on the way to another, at which something holds."""
    way, step, far = (1 if last > near else -1), 1, near
    while not is_other(far):
        if far == last:
            return None
        near, far = far, _within(near + way * step, last, way)
        step *= 2
    while abs(far - near) > 1:
        middle = (near + far) // 2
        near, far = (near, middle) if is_other(middle) else (middle, far)
    return far


def _within(value: int, last: int, way: int) -> int:
    return min(value, last) if way > 0 else max(value, last)
