"""Applications: every firm asks for help with its year's contract for cards; batches are closed."""

from datetime import datetime, timedelta
from functools import partial

from tallygrid.core.demand import Firm
from tallygrid.demo.cast import Contract, compute_contract
from tallygrid.demo.stage import Stage
from tallygrid.service import allocating
from tallygrid.service.allocating import Closing
from tallygrid.service.publishing import Scheme


def play(stage: Stage) -> None:
    """Play the scene."""
    firms = stage.demand.firms
    batches = [one for one in stage.schemes.values() if one.applied.allocation.in_batches]
    stage.each(
        "apply",
        [
            *(partial(_apply, stage, n, firm) for n, firm in enumerate(firms)),
            *(partial(_close, stage, scheme) for scheme in batches),
        ],
    )


def contract_of(stage: Stage, firm: Firm) -> Contract:
    """Return a firm's contract for cards."""
    return compute_contract(firm, stage.office.catalogue, at=stage.opened_at)


def _apply(stage: Stage, n: int, firm: Firm) -> None:
    """Apply a few minutes after the firm before."""
    stage.apply(contract_of(stage, firm), "compute", at=_turn(stage, n))


def _close(stage: Stage, scheme: Scheme) -> None:
    """Close the batch of a programme that awards nothing on application, after the last."""
    if scheme.applied.allocation.value is not None:
        at = _turn(stage, len(stage.demand.firms))
        allocating.allocate(stage.office, scheme, Closing("opening"), at=at)


def _turn(stage: Stage, n: int) -> datetime:
    return stage.opened_at + timedelta(hours=9, minutes=5 * n)
