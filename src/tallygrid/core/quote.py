"""A quote (报价): the price, who pays which part, and what that means in cash and when.

An applicant must see three sums before signing: the cash needed today, the refund that
comes later if its claims are honoured, and the whole bill if every voucher is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from tallygrid.core.catalogue import Offer, PriceRules
from tallygrid.core.rating import Bill, Grant, Limit, Redeem, Stacking, Subsidy, Terms, rated
from tallygrid.core.settling import settled_after

__all__ = ["Bill", "Grant", "Limit", "Quote", "QuoteLine", "Redeem", "Stacking", "quote"]


@dataclass(frozen=True)
class QuoteLine:
    """One figure of a quote: the code of its sentence and the values in it."""

    code: str
    values: dict[str, object]


@dataclass(frozen=True)
class Quote:
    """What an offer costs in a quantity, for one applicant with its grants."""

    offer: str
    quantity: Fraction
    at: datetime
    terms: Terms
    bill: Bill
    refund_between: tuple[date, date] | None
    """The first and the last day on which the refund is expected; None where not published."""

    @property
    def gross_fen(self) -> int:
        """Return the listed price of the whole quantity, tax included."""
        return self.bill.gross_fen

    @property
    def net_fen(self) -> int:
        """Return the gross price without its tax."""
        return self.bill.net_fen

    @property
    def tax_fen(self) -> int:
        """Return the tax contained in the gross price."""
        return self.bill.tax_fen

    @property
    def discount_fen(self) -> int:
        """Return what the provider takes off."""
        return self.bill.discount_fen

    @property
    def subsidies(self) -> tuple[Subsidy, ...]:
        """Return what each grant pays, in the order in which they apply."""
        return self.bill.subsidies

    @property
    def co_payment_fen(self) -> int:
        """Return what stays with the applicant once everything is honoured."""
        return self.bill.co_payment_fen

    @property
    def refund_fen(self) -> int:
        """Return what the applicant pays first and gets back."""
        return sum(part.subsidy_fen for part in self.subsidies if part.redeem == "reimburse")

    @property
    def cash_today_fen(self) -> int:
        """Return what the applicant must pay before the job starts."""
        return self.co_payment_fen + self.refund_fen

    @property
    def worst_case_fen(self) -> int:
        """Return what the applicant pays if every voucher is refused."""
        return self.bill.billed_fen

    def lines(self) -> tuple[QuoteLine, ...]:
        """Return every figure with the code of the sentence that explains it."""
        return (
            *self._price_lines(),
            *(line for part in self.subsidies for line in _subsidy_lines(part)),
            QuoteLine("quote.co_payment", {"amount": self.co_payment_fen}),
            QuoteLine("quote.cash_today", {"amount": self.cash_today_fen}),
            *self._refund_lines(),
            QuoteLine("quote.worst_case", {"amount": self.worst_case_fen}),
        )

    def _price_lines(self) -> tuple[QuoteLine, ...]:
        price = self.terms.price
        gross = QuoteLine(
            f"quote.gross.{price.unit}",
            {
                "amount": self.gross_fen,
                "quantity": self.quantity,
                "price": price.amount_fen,
                "per": price.quantity,
            },
        )
        tax = QuoteLine(
            "quote.tax", {"net": self.net_fen, "tax": self.tax_fen, "rate": self.terms.vat_bp}
        )
        if not self.discount_fen:
            return (gross, tax)
        values: dict[str, object] = {"amount": self.discount_fen, "rate": self.terms.discount_bp}
        return (gross, tax, QuoteLine("quote.discount", values))

    def _refund_lines(self) -> tuple[QuoteLine, ...]:
        if not self.refund_fen:
            return ()
        if self.refund_between is None:
            refund = QuoteLine("quote.refund_undated", {"amount": self.refund_fen})
        else:
            first, last = self.refund_between
            values: dict[str, object] = {"amount": self.refund_fen, "first": first, "last": last}
            refund = QuoteLine("quote.refund", values)
        return (refund, *self._settled_lines())

    def _settled_lines(self) -> tuple[QuoteLine, ...]:
        """Return, for each grant that is settled by the quarter or the year, when that ends."""
        return tuple(
            QuoteLine(
                f"quote.settled.{grant.settles}",
                {
                    "programme": grant.programme,
                    "after": settled_after(grant.settles, self.at.date()),
                },
            )
            for grant in self.terms.grants
            if grant.redeem == "reimburse" and grant.settles in {"quarterly", "annual"}
        )


def quote(  # the offer, how much of it, whose money, when, under which common rules
    offer: Offer,
    quantity: Fraction,
    grants: Sequence[Grant] = (),
    *,
    at: datetime,
    rules: PriceRules,
    stacking: Stacking = "parallel",
) -> Quote:
    """Quote an offer to an applicant that holds these grants."""
    terms = Terms.of(offer, grants, rules, stacking=stacking)
    return Quote(
        offer=offer.id,
        quantity=quantity,
        at=at,
        terms=terms,
        bill=rated(terms, quantity),
        refund_between=_refund_between(grants, at.date()),
    )


def _refund_between(grants: Sequence[Grant], on: date) -> tuple[date, date] | None:
    """Return the days between which refunds come; one undated grant leaves all undated."""
    paid_back = [grant for grant in grants if grant.redeem == "reimburse"]
    spans = [_days_between(grant, on) for grant in paid_back]
    known = [span for span in spans if span is not None]
    if not known or len(known) < len(spans):
        return None
    return min(first for first, _ in known), max(last for _, last in known)


def _days_between(grant: Grant, on: date) -> tuple[date, date] | None:
    if grant.refund_days is None:
        return None
    settled_on = settled_after(grant.settles, on)
    first, last = grant.refund_days
    return settled_on + timedelta(days=first), settled_on + timedelta(days=last)


def _subsidy_lines(part: Subsidy) -> tuple[QuoteLine, ...]:
    """Return a grant's sum, what bound it, and its division when several funders share it."""
    of_grant: dict[str, object] = {"programme": part.programme, "voucher": part.voucher}
    amount = QuoteLine(
        f"quote.subsidy.{part.redeem}",
        {**of_grant, "amount": part.subsidy_fen, "rate": part.rate_bp, "base": part.base_fen},
    )
    lines = [amount]
    if part.limited_by != "rate":
        lines.append(QuoteLine(f"quote.limited.{part.limited_by}", {"amount": part.subsidy_fen}))
    if len(part.funders) > 1:
        lines += [
            QuoteLine(
                "quote.funder", {"programme": part.programme, "funder": funder, "amount": fen}
            )
            for funder, fen in part.funders
        ]
    return tuple(lines)
