"""Delivering: what was ordered without a job arrives in parts, each with its evidence."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256

from tallygrid.core.key import key_of
from tallygrid.service import lines
from tallygrid.service.intent import alone, resume
from tallygrid.service.lines import Accepted, Line
from tallygrid.service.office import Office
from tallygrid.service.purchase import Purchase
from tallygrid.service.told import ToldError, quantity
from tallygrid.service.wish import Answer, Wish


@dataclass(frozen=True)
class Delivery:
    """One part of an order, as the provider's evidence shows it."""

    n: int
    quantity: Fraction
    delivered_at: datetime
    evidence: bytes
    """The provider's paper: statement, licence, acceptance report."""
    describes: str
    final: bool

    @property
    def evidence_sha256(self) -> str:
        """Names the evidence."""
        return sha256(self.evidence).hexdigest()


class DeliveryError(ToldError):
    """A delivery cannot be what was ordered."""


def in_turn(office: Office, purchase: str) -> AbstractContextManager[None]:
    """Let others who bring papers of a purchase wait, so that each gets a number of its own.

    Raises:
        HungError: Another process is at it for longer than anything takes.
    """
    return alone(office, Wish(key_of("deliver", purchase), "buy", {"id": purchase}))


def number_of(office: Office, purchase: Purchase, evidence: bytes) -> int:
    """Return the number of a delivery: the one its evidence had before, or the next."""
    resume(office, "capture", purchase=purchase.id)
    document = sha256(evidence).hexdigest()
    before = lines.of_purchase(office, purchase)
    same = [one.n for one in before if one.document == document]
    return same[0] if same else len(before) + 1


def accept(office: Office, purchase: Purchase, delivery: Delivery) -> Answer:
    """Accept a delivery: it becomes a line, and what it comes to is owed.

    Whoever calls this has examined the evidence; the books keep its hash.

    Raises:
        DeliveryError: It cannot be what was ordered; see `check`.
    """
    check(purchase, delivery, lines.of_purchase(office, purchase))
    if elsewhere := lines.proved_by(office, delivery.evidence_sha256, beside=purchase.id):
        raise DeliveryError("delivery.elsewhere", purchase=purchase.id, elsewhere=elsewhere)
    document = delivery.evidence_sha256
    return lines.capture(
        office,
        purchase,
        Accepted(
            n=delivery.n,
            quantity=delivery.quantity,
            used_at=delivery.delivered_at,
            evidence={"describes": delivery.describes, "sha256": document},
            document=document,
            final=delivery.final,
        ),
    )


def check(
    purchase: Purchase, delivery: Delivery, before: Sequence[Line], *, then: Fraction = Fraction(0)
) -> None:
    """Check a delivery against the order and what came before, as a clerk does.

    Use that is measured may go beyond what was ordered; what is declared may not. Nothing at
    all may be delivered last: then only the rest of what is held is given back. What shall be
    held for `then` counts as ordered too.

    Raises:
        DeliveryError: It is nothing, more than was ordered, or one paper with other contents.
    """
    unit, of = purchase.unit, {"purchase": purchase.id, "n": delivery.n}
    same = [one for one in before if one.n == delivery.n]
    if same and same[0].quantity != delivery.quantity:
        was, now = quantity(same[0].quantity, unit), quantity(delivery.quantity, unit)
        raise DeliveryError("delivery.other", **of, was=was, now=now)
    if delivery.quantity < 0 or not (delivery.quantity or delivery.final):
        raise DeliveryError("delivery.none", **of, quantity=quantity(delivery.quantity, unit))
    require_bought(purchase, delivery.delivered_at)
    delivered = sum((one.quantity for one in before if one.n != delivery.n), Fraction(0))
    if delivered + delivery.quantity + then > purchase.quantity:
        raise DeliveryError(
            "delivery.too_much",
            **of,
            ordered=quantity(purchase.quantity, unit),
            delivered=quantity(delivered, unit),
            more=quantity(delivery.quantity + then, unit),
        )


def require_bought(purchase: Purchase, used_at: datetime) -> None:
    """See that use is not dated before the day of the order; a paper names its day alone.

    Raises:
        DeliveryError: It is.
    """
    bought = purchase.placed_at.date()
    used_on = used_at.astimezone(purchase.placed_at.tzinfo).date()
    if used_on < bought:
        raise DeliveryError(
            "delivery.early", purchase=purchase.id, bought=bought, delivered=used_on
        )
