"""Payments: what is owed is sent to the treasury, and the treasury's receipts come back.

The treasury is played: it pays every list in full, the day after. The lists and receipts
are the files that a real one would exchange.
"""

from datetime import datetime, timedelta
from functools import partial

from tallygrid.core.payment import Receipt
from tallygrid.demo.stage import Stage
from tallygrid.service import paying
from tallygrid.service.paying import Payment
from tallygrid.service.publishing import Scheme

_MONTHS_DAYS = 92


def play(stage: Stage) -> None:
    """Play the scene: one batch per programme, at the end."""
    stage.each("pay", [partial(_pay, stage, scheme) for scheme in stage.schemes.values()])


def closed_at(stage: Stage) -> datetime:
    """Return when the run ends on its own clock: after its last job and delivery."""
    return stage.opened_at + timedelta(days=_MONTHS_DAYS)


def _pay(stage: Stage, scheme: Scheme) -> None:
    at = closed_at(stage)
    batch = f"P-{scheme.id}-{at:%Y%m}"
    sent = paying.prepare(stage.office, programme=scheme.id, batch=batch, at=at)
    paying.confirm(stage.office, [_receipt(payment) for payment in sent], at=at + timedelta(days=1))


def _receipt(payment: Payment) -> Receipt:
    return Receipt(payment=payment.id, number=f"T-{payment.id}", amount_fen=payment.amount_fen)
