"""Rating (计费): what a use costs, and who pays which part of it, to the fen.

Only totals are rounded. `rated` gives the bill of everything used so far; a line adds the
difference between that and what is booked. However often usage is reported, the lines sum
to the bill of the whole at once. See docs/algorithms/rounding.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Final, Literal

from tallygrid.core.catalogue import Offer, Price, PriceRules
from tallygrid.core.money import BASIS_POINTS, GREATEST_FEN, share, split
from tallygrid.core.settling import Settles

Redeem = Literal["deduct", "reimburse"]
Stacking = Literal["parallel", "sequential"]
Tax = Literal["included", "excluded"]
Limit = Literal["rate", "reference", "room", "bill"]

HIGH_RATE_BP: Final = 8_000
"""From this rate on the buyer hardly feels the price, so a reference price caps the base."""


@dataclass(frozen=True)
class Grant:
    """A voucher, or a decision that may become one, as a bill sees it."""

    programme: str
    voucher: str
    rate_bp: int
    room_fen: int
    """What it may still pay on this contract, counted before the contract's first line."""
    redeem: Redeem = "deduct"
    funders: tuple[tuple[str, int], ...] = (("", 1),)
    """Who funds it, by weight."""
    refund_days: tuple[int, int] | None = None
    """Reimbursed between so many and so many days after settlement; None where not published."""
    settles: Settles = "on_use"
    """When what was used is settled; by the quarter or the year, not before its end."""
    tax: Tax = "included"
    """Whether the base contains the value added tax."""
    unit_fen: int = 1
    """The programme pays whole units only; the odd part of a total is not paid."""

    def __post_init__(self) -> None:
        assert self.unit_fen > 0, self.unit_fen
        assert 0 <= self.rate_bp <= BASIS_POINTS, self.rate_bp
        assert 0 <= self.room_fen < GREATEST_FEN, self.room_fen
        assert self.funders, self.voucher


@dataclass(frozen=True)
class Terms:
    """What a contract fixes: the price, the provider's discount, the tax, the grants."""

    price: Price
    grants: tuple[Grant, ...] = ()
    stacking: Stacking = "parallel"
    discount_bp: int = 0
    vat_bp: int = 0
    reference: Price | None = None

    @classmethod
    def of(
        cls,
        offer: Offer,
        grants: Sequence[Grant],
        rules: PriceRules,
        *,
        stacking: Stacking = "parallel",
    ) -> "Terms":
        """Return the terms on which an offer is bought with these grants."""
        reference = rules.references.get(offer.model)
        comparable = reference is not None and reference.unit == offer.unit
        return cls(
            price=offer.price,
            grants=tuple(grants),
            stacking=stacking,
            discount_bp=offer.discount_bp,
            vat_bp=rules.vat_bp,
            reference=reference if comparable else None,
        )


@dataclass(frozen=True)
class Subsidy:
    """What one grant pays of a bill, and which funder how much of it."""

    programme: str
    voucher: str
    redeem: Redeem
    rate_bp: int
    base_fen: int
    subsidy_fen: int
    funders: tuple[tuple[str, int], ...]
    limited_by: Limit = "rate"

    def __post_init__(self) -> None:
        assert sum(fen for _, fen in self.funders) == self.subsidy_fen, self


@dataclass(frozen=True)
class Bill:
    """An amount due, divided: tax, discount, every grant and funder, and the applicant."""

    gross_fen: int
    tax_fen: int
    discount_fen: int
    subsidies: tuple[Subsidy, ...]
    co_payment_fen: int

    def __post_init__(self) -> None:
        paid_fen = sum(part.subsidy_fen for part in self.subsidies) + self.co_payment_fen
        assert self.net_fen + self.tax_fen == self.gross_fen, self
        assert self.gross_fen - self.discount_fen == paid_fen, self

    @property
    def net_fen(self) -> int:
        """Return the gross price without its tax."""
        return self.gross_fen - self.tax_fen

    @property
    def billed_fen(self) -> int:
        """Return what is due after the provider's discount: contract and invoice say this."""
        return self.gross_fen - self.discount_fen

    @property
    def subsidy_fen(self) -> int:
        """Return what all grants pay together."""
        return sum(part.subsidy_fen for part in self.subsidies)


def rated(terms: Terms, quantity: Fraction) -> Bill:
    """Return the bill of a whole quantity.

    >>> h100 = Price(7_500_000, "card_hour", 5_760)
    >>> grant = Grant("p", "V-1", rate_bp=5_000, room_fen=10**9)
    >>> bill = rated(Terms(h100, (grant,)), Fraction(1))
    >>> bill.gross_fen, bill.subsidy_fen, bill.co_payment_fen
    (1303, 651, 652)
    """
    gross_fen = terms.price.gross_fen(quantity)
    discount_fen = share(gross_fen, terms.discount_bp)
    billed_fen = gross_fen - discount_fen
    subsidies = _subsidies(terms, quantity, billed_fen)
    paid_fen = sum(part.subsidy_fen for part in subsidies)
    return Bill(
        gross_fen=gross_fen,
        tax_fen=tax_within(gross_fen, terms.vat_bp),
        discount_fen=discount_fen,
        subsidies=subsidies,
        co_payment_fen=billed_fen - paid_fen,
    )


def line(terms: Terms, *, to_date: Fraction, booked: Bill) -> Bill:
    """Return what a line adds when usage stands at a total and part of it is booked.

    Gross, tax, discount, every subsidy and every funder's part of it never fall from line to
    line. The co-payment may fall, by less than the grants' units together, because each grant
    is rounded down by itself: with one grant and whole fen never, with two by a fen, which
    goes back to the applicant. Where a reference price caps a base, whose rounding is its own,
    a part may fall by a fen too: book it as a correction.
    """
    total = rated(terms, to_date)
    return Bill(
        gross_fen=total.gross_fen - booked.gross_fen,
        tax_fen=total.tax_fen - booked.tax_fen,
        discount_fen=total.discount_fen - booked.discount_fen,
        subsidies=tuple(
            _less(after, before)
            for after, before in zip(total.subsidies, booked.subsidies, strict=True)
        ),
        co_payment_fen=total.co_payment_fen - booked.co_payment_fen,
    )


def together(terms: Terms, lines: Sequence[Bill]) -> Bill:
    """Return what lines of one contract have booked so far; of none, the empty bill."""
    empty = rated(terms, Fraction(0))
    return Bill(
        gross_fen=sum(one.gross_fen for one in lines),
        tax_fen=sum(one.tax_fen for one in lines),
        discount_fen=sum(one.discount_fen for one in lines),
        subsidies=tuple(
            _sum(start, [one.subsidies[n] for one in lines])
            for n, start in enumerate(empty.subsidies)
        ),
        co_payment_fen=sum(one.co_payment_fen for one in lines),
    )


def tax_within(amount_fen: int, vat_bp: int) -> int:
    """Return the tax contained in an amount, rounded to the nearest fen, half upwards.

    >>> tax_within(10_600, 600)
    600
    """
    whole = BASIS_POINTS + vat_bp
    return (2 * amount_fen * vat_bp + whole) // (2 * whole)


def _subsidies(terms: Terms, quantity: Fraction, billed_fen: int) -> tuple[Subsidy, ...]:
    """Give each grant its part of what is billed, in the order in which they stand.

    Parallel grants count the same base, sequential ones what the earlier have left. In no
    case do they pay more than the bill. What is left stays a rational among parallel grants,
    so that each is rounded once and by itself; among sequential ones it is in fen, whatever
    the unit in which the earlier pay, so that it never falls when the bill grows.
    """
    subsidies = []
    left = Fraction(billed_fen)
    for grant in terms.grants:
        full_fen = billed_fen if terms.stacking == "parallel" else floor(left)
        capped_fen = _capped(terms, grant, quantity, full_fen)
        base_fen = capped_fen
        if grant.tax == "excluded":
            base_fen -= tax_within(capped_fen, terms.vat_bp)
        by_rate = Fraction(base_fen * grant.rate_bp, BASIS_POINTS)
        exact = min(by_rate, Fraction(grant.room_fen), left)
        limit: Limit = "reference" if capped_fen < full_fen else "rate"
        subsidy_fen = floor(exact / grant.unit_fen) * grant.unit_fen
        if subsidy_fen < floor(by_rate / grant.unit_fen) * grant.unit_fen:
            limit = "bill" if exact == left else "room"
        subsidies.append(_subsidy(grant, base_fen, subsidy_fen, limit))
        left -= exact if terms.stacking == "parallel" else floor(exact)
    return tuple(subsidies)


def _capped(terms: Terms, grant: Grant, quantity: Fraction, full_fen: int) -> int:
    """Return the base before tax is left out: a high rate counts no more than the reference."""
    if grant.rate_bp < HIGH_RATE_BP or terms.reference is None:
        return full_fen
    return min(full_fen, terms.reference.gross_fen(quantity))


def _subsidy(grant: Grant, base_fen: int, subsidy_fen: int, limited_by: Limit) -> Subsidy:
    parts = split(subsidy_fen, tuple(weight for _, weight in grant.funders))
    names = (funder for funder, _ in grant.funders)
    return Subsidy(
        programme=grant.programme,
        voucher=grant.voucher,
        redeem=grant.redeem,
        rate_bp=grant.rate_bp,
        base_fen=base_fen,
        subsidy_fen=subsidy_fen,
        funders=tuple(zip(names, parts, strict=True)),
        limited_by=limited_by,
    )


def _less(after: Subsidy, before: Subsidy) -> Subsidy:
    """Return the difference of two totals of one grant."""
    return _with(after, after.base_fen - before.base_fen, before, sign=-1)


def _sum(start: Subsidy, parts: Sequence[Subsidy]) -> Subsidy:
    """Return the sum of one grant's parts."""
    total = start
    for part in parts:
        total = _with(part, total.base_fen + part.base_fen, total, sign=1)
    return total


def _with(one: Subsidy, base_fen: int, other: Subsidy, *, sign: int) -> Subsidy:
    assert one.voucher == other.voucher, (one.voucher, other.voucher)
    return Subsidy(
        programme=one.programme,
        voucher=one.voucher,
        redeem=one.redeem,
        rate_bp=one.rate_bp,
        base_fen=base_fen,
        subsidy_fen=one.subsidy_fen + sign * other.subsidy_fen,
        funders=tuple(
            (funder, fen + sign * earlier)
            for (funder, fen), (_, earlier) in zip(one.funders, other.funders, strict=True)
        ),
        limited_by=one.limited_by,
    )
