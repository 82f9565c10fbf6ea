"""Delivering: what was ordered without a job arrives in parts, each with its evidence."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256

from tallygrid.service import lines
from tallygrid.service.intent import Answer
from tallygrid.service.lines import Accepted
from tallygrid.service.office import Office
from tallygrid.service.purchase import Purchase


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


def number_of(office: Office, purchase: Purchase, evidence: bytes) -> int:
    """Return the number of a delivery: the one its evidence had before, or the next."""
    document = sha256(evidence).hexdigest()
    before = lines.of_purchase(office, purchase)
    same = [one.n for one in before if one.document == document]
    return same[0] if same else len(before) + 1


def accept(office: Office, purchase: Purchase, delivery: Delivery) -> Answer:
    """Accept a delivery: it becomes a line, and what it comes to is owed.

    Whoever calls this has examined the evidence; the books keep its hash.
    """
    document = sha256(delivery.evidence).hexdigest()
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
