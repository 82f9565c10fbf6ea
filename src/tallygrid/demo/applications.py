"""Applications: every firm asks for help with its year's contract for cards."""

from datetime import timedelta
from functools import partial

from tallygrid.core.demand import Firm
from tallygrid.demo.cast import Contract, compute_contract
from tallygrid.demo.script import Refusal, facts_of
from tallygrid.demo.stage import Stage
from tallygrid.service.matching import match


def play(stage: Stage) -> None:
    """Play the scene: those who may hope, then those whom a rule must refuse."""
    stage.each(
        "apply",
        [
            *(partial(_apply, stage, n, firm) for n, firm in enumerate(stage.demand.firms)),
            *(partial(_refused, stage, one) for one in stage.script.refusals),
        ],
    )


def contract_of(stage: Stage, firm: Firm) -> Contract:
    """Return a firm's contract for cards."""
    return compute_contract(firm, stage.office.catalogue, at=stage.opened_at)


def _apply(stage: Stage, n: int, firm: Firm) -> None:
    """Apply a few minutes after the firm before."""
    at = stage.opened_at + timedelta(hours=9, minutes=5 * n)
    stage.apply(contract_of(stage, firm), "compute", at=at)


def _refused(stage: Stage, one: Refusal) -> None:
    """Apply as the script says, for a reason that must be refused."""
    firm = stage.demand.firms[0]
    facts = {**contract_of(stage, firm).facts, **facts_of(one.facts)}
    contract = Contract(one.contract or f"C-{one.id}", firm, facts)
    at = stage.opened_at + timedelta(days=one.days_later, hours=17)
    found = match(stage.office.catalogue, [stage.schemes[one.programme]], facts, at=at)
    stage.apply_for(found[0], contract, at=at)
