"""Applications: every firm asks for help with its year's contract for cards."""

from datetime import timedelta
from functools import partial

from tallygrid.core.demand import Firm
from tallygrid.demo.cast import Contract, compute_contract
from tallygrid.demo.stage import Stage


def play(stage: Stage) -> None:
    """Play the scene."""
    firms = stage.demand.firms
    stage.each("apply", [partial(_apply, stage, n, firm) for n, firm in enumerate(firms)])


def contract_of(stage: Stage, firm: Firm) -> Contract:
    """Return a firm's contract for cards."""
    return compute_contract(firm, stage.office.catalogue, at=stage.opened_at)


def _apply(stage: Stage, n: int, firm: Firm) -> None:
    """Apply a few minutes after the firm before."""
    at = stage.opened_at + timedelta(hours=9, minutes=5 * n)
    stage.apply(contract_of(stage, firm), "compute", at=at)
