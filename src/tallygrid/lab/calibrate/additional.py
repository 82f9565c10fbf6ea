"""Between what the additional part of the use lies that a voucher pays for.

Applications cannot tell it: nobody observed what the same firms would have bought without. So
it is no estimate but a range, in closed form, over all that the parameters may be.
"""

from collections.abc import Mapping

from tallygrid.core.programme import Programme
from tallygrid.lab.behaviour import Parameter


def additional(programme: Programme, priors: Mapping[str, Parameter]) -> tuple[float, float] | None:
    """Return the least and the greatest share of the paid use that would not come without.

    Of the use that comes at a part m of the price, with the elasticity e, the part 1 - m^e does
    not come at the whole price; m is what a firm still feels of the price, no less than the
    lowest price at which anything comes. None if the programme leaves its rate open.
    """
    steps = [step.value for tier in programme.rate.tiers for step in tier.rate or ()]
    if not steps:
        return None
    worth = (1.0, 1.0)
    if programme.redeem.value != "deduct":
        least_bp, most_bp = priors["refund_value_bp"].range
        worth = (least_bp / 10_000, 1.0 if programme.redeem.value is None else most_bp / 10_000)
    elasticity = [one / 1000 for one in priors["elasticity_milli"].range]
    lowest = [one / 1000 for one in priors["lowest_price_milli"].range]
    felt = (1 - min(steps) / 10_000 * worth[0], 1 - max(steps) / 10_000 * worth[1])
    return (
        1 - max(felt[0], lowest[1]) ** elasticity[0],
        1 - max(felt[1], lowest[0]) ** elasticity[1],
    )
