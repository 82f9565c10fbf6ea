"""Orders: models, corpora and cards by the month, delivered in parts that are each accepted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial

from tallygrid.core.catalogue import Offer
from tallygrid.core.demand import Firm, PurchaseRequest
from tallygrid.core.placement import Request
from tallygrid.demo.cast import Contract, contract_facts, home_of
from tallygrid.demo.script import facts_of
from tallygrid.demo.stage import Stage, wanted
from tallygrid.lab.profile import invented_credit_code
from tallygrid.service import buying, delivering, parties
from tallygrid.service.buying import Cards
from tallygrid.service.delivering import Delivery
from tallygrid.service.matching import match
from tallygrid.service.purchase import Purchase

_DAY_S = 24 * 3600


def play(stage: Stage) -> None:
    """Play the scene."""
    stage.each(
        "order",
        [
            *(partial(_order, stage, one) for one in stage.demand.purchases),
            partial(_reserve, stage),
        ],
    )


def _order(stage: Stage, asked: PurchaseRequest) -> None:
    """Buy a model or a corpus: the cheapest offer of its unit, with what voucher can be had."""
    name = f"O-{asked.number:04d}"
    at = stage.opened_at + timedelta(seconds=asked.arrival_s)
    purchase = stage.bought(name)
    if purchase is None:
        firm, quantity = stage.firm(asked.firm), Fraction(asked.quantity)
        offer = _cheapest(stage, asked)
        contract = _contract(stage, f"C-{name}", firm, offer.price.gross_fen(quantity), at)
        stage.apply(contract, asked.kind, at=at)
        purses = stage.purses(contract, asked.kind, at=at)
        proposal = stage.counter.order(offer, quantity, purses, at=at)
        purchase = stage.buy(wanted(name, contract, proposal), at=at)
    if purchase is not None:
        half = Fraction(asked.quantity // 2)
        parts = [half, asked.quantity - half] if half else [Fraction(asked.quantity)]
        _deliver(stage, purchase, parts, [at + timedelta(days=n) for n in (1, 2)])


def _reserve(stage: Stage) -> None:
    """Order cards for a month, held week by week and accepted week by week."""
    asked, name, at = stage.script.reservation, "R-0001", stage.opened_at + timedelta(hours=12)
    days = sum(asked.days)
    parts = [Fraction(asked.quantity * part, days) for part in asked.days]
    purchase = stage.bought(name) or _reserved(stage, name, parts[0], at)
    if purchase is None:
        return
    ends = [at + timedelta(days=sum(asked.days[: n + 1])) for n in range(len(parts))]
    _deliver(stage, purchase, parts, ends)


def _reserved(stage: Stage, name: str, first: Fraction, at: datetime) -> Purchase | None:
    asked, office = stage.script.reservation, stage.office
    facts = facts_of(asked.facts)
    firm = Firm("R", invented_credit_code(0), {"en": "Start-up R", "zh": "初创企业R"}, facts, {})
    parties.register(office, firm.credit_code, name=firm.name, facts=facts)
    amount = facts["contract_fen"]
    assert isinstance(amount, int), amount
    contract = _contract(stage, asked.contract, firm, amount, at)
    schemes = [stage.schemes[one] for one in asked.programmes]
    for one in match(office.catalogue, schemes, contract.facts, at=at):
        stage.apply_for(one, contract, at=at)
    seconds = sum(asked.days) * _DAY_S
    request = Request(
        cards=asked.cards,
        seconds=seconds,
        place=home_of(facts, office.catalogue),
        models=frozenset({asked.model}),
    )
    purses = stage.purses(contract, "compute", at=at)
    proposal = stage.counter.place(request, purses, at=at, unit=asked.unit)
    if proposal.offer is None:
        return None
    cards = Cards(asked.model, asked.cards, seconds)
    return stage.buy(replace(wanted(name, contract, proposal, cards), first_stage=first), at=at)


def _deliver(
    stage: Stage, purchase: Purchase, parts: Sequence[Fraction], ends: Sequence[datetime]
) -> None:
    """Accept part after part; before each but the first, hold for it."""
    buying.begin(stage.office, purchase, at=purchase.placed_at)
    for n, (part, end) in enumerate(zip(parts, ends, strict=False), start=1):
        if n > 1 and purchase.is_staged:
            buying.extend(stage.office, purchase, stage=n, quantity=part, at=end)
        delivering.accept(
            stage.office,
            purchase,
            Delivery(
                n=n,
                quantity=part,
                delivered_at=end,
                evidence=_statement(purchase, n, part, end),
                describes=f"delivery {n} of {len(parts)}",
                final=n == len(parts),
            ),
        )


def _statement(purchase: Purchase, n: int, part: Fraction, end: datetime) -> bytes:
    """Return the provider's statement of a delivery, as its evidence."""
    text = f"{purchase.id},{n},{purchase.offer},{part},{purchase.unit},{end.isoformat()}\n"
    return f"purchase,delivery,offer,quantity,unit,delivered_at\n{text}".encode()


def _contract(stage: Stage, number: str, firm: Firm, amount_fen: int, at: datetime) -> Contract:
    vat_bp = stage.office.catalogue.rules.vat_bp
    return Contract(number, firm, contract_facts(firm.facts, amount_fen, vat_bp=vat_bp, at=at))


def _cheapest(stage: Stage, asked: PurchaseRequest) -> Offer:
    offers = stage.office.catalogue.offers_of(asked.kind)
    return min(
        (one for one in offers if one.unit == asked.unit),
        key=lambda one: (one.price.unit_fen, one.id),
    )
