"""From a decision to the grant that a bill sees."""

from tallygrid.core.amount import UNITS_FEN
from tallygrid.core.decision import Decision
from tallygrid.core.programme import Programme
from tallygrid.core.rating import Grant


def grant_of(programme: Programme, decision: Decision, *, voucher: str) -> Grant:
    """Return what a voucher issued on a decision would pay.

    Args:
        programme: The programme with its open items filled.
        decision: An eligible decision about nothing open.
        voucher: The voucher's name.
    """
    refund = programme.refund
    assert decision.rate_bp is not None, decision.programme
    assert decision.amount_fen is not None, decision.programme
    assert programme.redeem.value is not None, programme.id
    assert programme.tax.value is not None, programme.id
    published = refund.days_min is not None and refund.days_max is not None
    return Grant(
        programme=programme.id,
        voucher=voucher,
        rate_bp=decision.rate_bp,
        room_fen=decision.amount_fen,
        redeem=programme.redeem.value,
        funders=programme.funders,
        refund_days=(refund.days_min or 0, refund.days_max or 0) if published else None,
        settles=programme.allocation.settles or "on_use",
        tax=programme.tax.value,
        unit_fen=UNITS_FEN[programme.rounding.unit],
    )
