"""The formulas of an amount, each written once, for one case and for a table alike.

A quantity not known exactly is two ends, the least and the most it can be; the low end is
always known, a high end that is unknown bounds nothing. Every formula is monotone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal

from tallygrid.core.money import GREATEST_FEN
from tallygrid.core.number import N, Numbers, Y

Ends = tuple[N, N]
"""The least and the most that a quantity can be."""

LIMITLESS: Final = GREATEST_FEN
"""The low end of what limits nothing."""


def taxed(
    do: Numbers[N, Y], gross_fen: N, tax_fen: N, tax: Literal["included", "excluded"] | None
) -> Ends[N]:
    """Return the base after tax; where tax is taken off but not known it is at most the gross."""
    if tax == "included":
        return do.known(gross_fen, do.of(0)), gross_fen
    net_fen = do.less(gross_fen, tax_fen)
    high = gross_fen if tax is None else do.known(net_fen, gross_fen)
    return do.known(net_fen, do.of(0)), high


def possible_tiers(do: Numbers[N, Y], answers: Sequence[Y]) -> tuple[Y, list[Y]]:
    """Tell whether a tier applies for certain, and which do; if none, which may."""
    certain = do.true(do.any([do.true(answer) for answer in answers]))
    none = do.false(certain)
    return certain, [
        do.any([do.true(answer), do.both([none, do.unknown(answer)])]) for answer in answers
    ]


def tier_rate(do: Numbers[N, Y], possible: Sequence[Y], rates: Sequence[Ends[N]]) -> Ends[N]:
    """Return the least and the greatest rate of the tiers that are possible; of none it is 0."""
    nothing, zero = do.of(None), do.of(0)
    pairs = list(zip(possible, rates, strict=True))
    low = do.least([do.where(may, rate[0], nothing) for may, rate in pairs])
    high = do.greatest([do.where(may, rate[1], nothing) for may, rate in pairs])
    return do.known(low, zero), do.known(high, zero)


def under_cap(do: Numbers[N, Y], amount_fen: N, used_fen: N, applies: Y) -> Ends[N]:
    """Return what a cap leaves; one that does not apply limits nothing, a doubtful one may."""
    left = do.less(amount_fen, used_fen)
    low = do.where(do.false(applies), do.of(LIMITLESS), do.known(left, do.of(0)))
    return low, do.where(do.true(applies), left, do.of(None))


def under_ceiling(
    do: Numbers[N, Y],
    base: Ends[N],
    rate: Ends[N],
    other_fen: N,
    includes_this: bool | None,  # noqa: FBT001  # a reading of the text
) -> Ends[N]:
    """Return what a ceiling leaves for this voucher, given the other public money."""
    most = do.share(base[0], rate[0]), do.share(base[1], rate[1])
    counting = _counting_this(do, most, other_fen)
    apart = _counting_others(do, most, other_fen)
    if includes_this is None:
        return counting[0], apart[1]
    return counting if includes_this else apart


def _counting_this(do: Numbers[N, Y], most: Ends[N], other_fen: N) -> Ends[N]:
    zero = do.of(0)
    low = do.known(do.less(most[0], other_fen), zero)
    return low, do.less(most[1], do.known(other_fen, zero))


def _counting_others(do: Numbers[N, Y], most: Ends[N], other_fen: N) -> Ends[N]:
    """Other money alone must stay under the ceiling; then nothing here is limited."""
    zero = do.of(0)
    low = do.where(do.within(other_fen, most[0]), do.of(LIMITLESS), zero)
    return low, do.where(do.exceeds(other_fen, most[1]), zero, do.of(None))


@dataclass(frozen=True)
class Paid(Generic[N]):
    """What base, rate and rooms give; `bound_by` counts the rooms from 0, none is -1."""

    share: Ends[N]
    normal: Ends[N]
    exceptional: Ends[N]
    bound_by: N


def paid(
    do: Numbers[N, Y],
    base: Ends[N],
    rate: Ends[N],
    rooms: Sequence[tuple[Ends[N], bool]],
    unit_fen: int,
) -> Paid[N]:
    """Return the least of share and rooms, and the same without the rooms *in principle*."""
    whole = do.share(base[0], rate[0]), do.share(base[1], rate[1])
    normal = [room for room, _ in rooms]
    strict = [room for room, in_principle in rooms if not in_principle]
    return Paid(
        whole,
        _least(do, [whole, *normal], unit_fen),
        _least(do, [whole, *strict], unit_fen),
        _binding(do, whole[1], [high for _, high in normal]),
    )


def _least(do: Numbers[N, Y], ends: Sequence[Ends[N]], unit_fen: int) -> Ends[N]:
    low = do.least([low for low, _ in ends])
    high = do.least([high for _, high in ends])
    return do.rounded(low, unit_fen), do.rounded(high, unit_fen)


def _binding(do: Numbers[N, Y], share_fen: N, highs: Sequence[N]) -> N:
    """Return the place of the room that lowers the most; the first of equals."""
    at, binding = share_fen, do.of(-1)
    for place, high in enumerate(highs):
        lowers = do.below(high, at)
        at, binding = do.where(lowers, high, at), do.where(lowers, do.of(place), binding)
    return binding
