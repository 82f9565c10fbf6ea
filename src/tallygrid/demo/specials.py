"""Specials: applications that a rule must refuse, so that every common reason is seen."""

from datetime import timedelta
from functools import partial

from tallygrid.core.condition import Facts
from tallygrid.core.demand import Firm
from tallygrid.demo.cast import Contract, contract_facts
from tallygrid.demo.orders import firm_of
from tallygrid.demo.script import Refusal, facts_of
from tallygrid.demo.stage import Stage
from tallygrid.lab.profile import invented_credit_code
from tallygrid.service import parties
from tallygrid.service.matching import match


def play(stage: Stage) -> None:
    """Play the scene."""
    specials = stage.script.refusals
    stage.each("special", [partial(_apply, stage, n, one) for n, one in enumerate(specials)])


def _apply(stage: Stage, number: int, one: Refusal) -> None:
    """Apply with the facts of the script's firm, but for what the refusal is about."""
    at = stage.opened_at + timedelta(days=one.days_later, hours=12)
    known = stage.script.firm
    given = {name: value for name, value in {**known, **one.facts}.items() if value is not None}
    facts = facts_of(given)
    firm = _firm(stage, number, one, facts)
    amount = facts.get("contract_fen", facts["spend_year_fen"])
    assert isinstance(amount, int), amount
    vat_bp = stage.office.catalogue.rules.vat_bp
    case = contract_facts(facts, amount, kind="compute", vat_bp=vat_bp, at=stage.opened_at)
    contract = Contract(f"C-{one.order or one.id}", firm, case)
    found = match(stage.office.catalogue, [stage.schemes[one.programme]], case, at=at)
    stage.apply_for(found[0], contract, at=at, name=f"A-{one.id}")


def _firm(stage: Stage, number: int, one: Refusal, facts: Facts) -> Firm:
    """Return the firm that applies: that of the order named, or one for this alone."""
    if one.order:
        return firm_of(stage, next(order for order in stage.script.orders if order.id == one.order))
    name = {"en": f"Firm {one.id}", "zh": f"企业{one.id}"}
    firm = Firm(one.id, invented_credit_code(950 + number), name, facts, {})
    parties.register(stage.office, firm.credit_code, name=name, facts=facts)
    return firm
