"""Orders: models, corpora and cards by the month, delivered in parts that are each accepted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from itertools import accumulate

from tallygrid.core.catalogue import Offer
from tallygrid.core.demand import Firm, PurchaseRequest
from tallygrid.core.placement import Request
from tallygrid.demo.cast import Contract, contract_facts
from tallygrid.demo.script import Order, facts_of
from tallygrid.demo.stage import Stage, wanted
from tallygrid.lab.profile import invented_credit_code
from tallygrid.service import buying, delivering, parties
from tallygrid.service.delivering import Delivery
from tallygrid.service.matching import eligible, match
from tallygrid.service.publishing import Scheme
from tallygrid.service.purchase import Cards, Purchase
from tallygrid.service.quoting import Proposal, nearest_place

_DAY_S = 24 * 3600


def play(stage: Stage) -> None:
    """Play the scene: the demand's orders, then those of the script."""
    stage.each(
        "order",
        [
            *(partial(_of_demand, stage, one) for one in stage.demand.purchases),
            *(partial(_of_script, stage, one) for one in stage.script.orders),
        ],
    )


def _of_demand(stage: Stage, asked: PurchaseRequest) -> None:
    order = Order(
        id=f"O-{asked.number:04d}",
        kind=asked.kind,
        unit=asked.unit,  # type: ignore[arg-type]  # the demand's table names units of the catalogue
        quantity=asked.quantity,
        days=(1, 1) if asked.quantity > 1 else (1,),
    )
    at = stage.opened_at + timedelta(seconds=asked.arrival_s)
    _order(stage, order, stage.firm(asked.firm), at)


def _of_script(stage: Stage, order: Order) -> None:
    _order(stage, order, firm_of(stage, order), stage.opened_at + timedelta(hours=12))


def firm_of(stage: Stage, order: Order) -> Firm:
    """Return the firm that exists for an order of the script alone, registered."""
    facts = facts_of({**stage.script.firm, **order.facts})
    name = {"en": f"Firm {order.id}", "zh": f"企业{order.id}"}
    credit_code = invented_credit_code(900 + stage.script.orders.index(order))
    parties.register(stage.office, credit_code, name=name, facts=facts)
    return Firm(order.id, credit_code, name, facts, {})


def _order(stage: Stage, order: Order, firm: Firm, at: datetime) -> None:
    purchase = stage.once(order.id, lambda: _bought(stage, order, firm, at))
    if purchase is None:
        return
    days = sum(order.days)
    parts = [Fraction(order.quantity * part, days) for part in order.days]
    _deliver(stage, purchase, parts, [at + timedelta(days=end) for end in accumulate(order.days)])


def _bought(stage: Stage, order: Order, firm: Firm, at: datetime) -> Purchase | None:
    """Apply for vouchers for the order's contract, and buy with what was awarded."""
    offer = _offer(stage, order, firm, at)
    amount_fen = offer.price.gross_fen(Fraction(order.quantity))
    contract = _contract(stage, order, firm, amount_fen, at)
    schemes = _schemes(stage, order)
    found = match(stage.office.catalogue, schemes, contract.facts, at=at)
    for one in found if order.programmes else eligible(found)[:1]:
        stage.apply_for(one, contract, at=at)
    proposal, cards = _proposal(stage, order, contract, offer, at)
    if proposal.offer is None:
        return None
    bought = wanted(order.id, contract, proposal, cards)
    if cards is not None:
        bought = replace(
            bought, first_stage=Fraction(order.quantity * order.days[0], sum(order.days))
        )
    return stage.buy(bought, at=at)


def _proposal(
    stage: Stage, order: Order, contract: Contract, offer: Offer, at: datetime
) -> tuple[Proposal, Cards | None]:
    """Place cards, or quote the offer of something that is not placed."""
    purses = stage.purses(contract, order.kind, at=at)
    if not order.cards:
        return stage.counter.order(offer, Fraction(order.quantity), purses, at=at), None
    seconds = sum(order.days) * _DAY_S
    request = Request(
        cards=order.cards,
        seconds=seconds,
        place=nearest_place(stage.office.catalogue, str(contract.facts["registered_in"])),
        models=frozenset({order.model}),
    )
    proposal = stage.counter.place(request, purses, at=at, unit=order.unit)
    return proposal, Cards(order.model, order.cards, seconds)


def _offer(stage: Stage, order: Order, firm: Firm, at: datetime) -> Offer:
    """Return the cheapest offer of the unit from a seller with whom something can be had."""
    offers = sorted(
        (one for one in stage.office.catalogue.offers_of(order.kind) if one.unit == order.unit),
        key=lambda one: (one.price.unit_fen, one.id),
    )
    for offer in offers:
        amount_fen = offer.price.gross_fen(Fraction(order.quantity))
        contract = _contract(stage, order, firm, amount_fen, at)
        for scheme in _schemes(stage, order):
            place = scheme.programme.place.code
            seller = stage.office.catalogue.facts(offer.id, authority=place)
            facts = {**contract.facts, **seller}
            if eligible(match(stage.office.catalogue, [scheme], facts, at=at)):
                return offer
    return offers[0]


def _schemes(stage: Stage, order: Order) -> list[Scheme]:
    return [
        one
        for one in stage.schemes.values()
        if one.programme.kind == order.kind and (not order.programmes or one.id in order.programmes)
    ]


def _contract(stage: Stage, order: Order, firm: Firm, amount_fen: int, at: datetime) -> Contract:
    vat_bp = stage.office.catalogue.rules.vat_bp
    facts = contract_facts(firm.facts, amount_fen, kind=order.kind, vat_bp=vat_bp, at=at)
    return Contract(f"C-{order.id}", firm, facts)


def _deliver(
    stage: Stage, purchase: Purchase, parts: Sequence[Fraction], ends: Sequence[datetime]
) -> None:
    """Accept part after part; before each but the first, hold for it where that was not done.

    A part that no money can be held for is not delivered, nor is any after it.
    """
    if not buying.begin(stage.office, purchase, at=purchase.placed_at).accepted:
        return
    for n, (part, end) in enumerate(zip(parts, ends, strict=True), start=1):
        if n > 1 and purchase.is_staged:
            held = buying.extend(stage.office, purchase, stage=n, quantity=part, at=end)
            if not held.accepted:
                return
        delivery = Delivery(
            n=n,
            quantity=part,
            delivered_at=end,
            evidence=_statement(purchase, n, part, end),
            describes=f"delivery {n} of {len(parts)}",
            final=n == len(parts),
        )
        delivering.accept(stage.office, purchase, delivery)


def _statement(purchase: Purchase, n: int, part: Fraction, end: datetime) -> bytes:
    """Return the provider's statement of a delivery, as its evidence."""
    text = f"{purchase.id},{n},{purchase.offer},{part},{purchase.unit},{end.isoformat()}\n"
    return f"purchase,delivery,offer,quantity,unit,delivered_at\n{text}".encode()
