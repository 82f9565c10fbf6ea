"""A quote tells the cash needed today, the refund and when, and the worst case."""

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

from tallygrid.core.catalogue import Name, Offer, Price, PriceRules
from tallygrid.core.quote import Grant, Quote, quote
from tallygrid.text import catalogue
from tallygrid.text.quote import sentence, sentences

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
RULES = PriceRules(vat_bp=600, references={"H100": Price(8_000_000, "card_hour", 5_760)})
MONTH_OF_64_CARDS = Fraction(64 * 720)
DEDUCTED = Grant("city", "V-1", 2_000, 10**9)
REIMBURSED = Grant("province", "V-2", 3_000, 10**9, redeem="reimburse", refund_days=(30, 90))


def an_offer(*, amount_fen: int = 7_500_000, discount_bp: int = 0) -> Offer:
    return Offer(
        id="somewhere.h100",
        name=Name("H100 somewhere", "某地 H100"),
        kind="compute",
        site="somewhere",
        provider="operator",
        price=Price(amount_fen, "card_hour", 5_760),
        model="H100",
        origin="foreign",
        memory_gb=80,
        discount_bp=discount_bp,
    )


def a_quote(*grants: Grant, offer: Offer | None = None) -> Quote:
    return quote(offer or an_offer(), MONTH_OF_64_CARDS, grants, at=AT, rules=RULES)


def test_without_a_voucher_everything_is_paid_today() -> None:
    found = a_quote()

    assert found.cash_today_fen == found.worst_case_fen == found.gross_fen == 60_000_000
    assert found.refund_fen == 0
    assert found.refund_between is None


def test_a_deducting_voucher_lowers_the_cash_needed_today() -> None:
    found = a_quote(DEDUCTED)

    assert found.cash_today_fen == found.co_payment_fen == 48_000_000
    assert found.worst_case_fen == 60_000_000


def test_what_is_settled_by_the_quarter_or_year_is_refunded_after_its_end() -> None:
    quarterly = a_quote(replace(REIMBURSED, settles="quarterly"))
    annual = a_quote(replace(REIMBURSED, settles="annual"))
    undated = a_quote(replace(REIMBURSED, settles="annual", refund_days=None))

    assert quarterly.refund_between == (date(2026, 4, 30), date(2026, 6, 29))
    assert annual.refund_between == (date(2027, 1, 30), date(2027, 3, 31))
    assert quarterly.cash_today_fen == annual.cash_today_fen == 60_000_000
    assert "before it ends on 31 March 2026" in "\n".join(sentences(quarterly, "en"))
    assert "2026年12月31日年度结束" in "\n".join(sentences(undated, "zh"))


def test_a_voucher_that_is_deducted_waits_for_no_quarter() -> None:
    found = a_quote(replace(DEDUCTED, settles="quarterly"))

    assert found.cash_today_fen == 48_000_000
    assert "quarter" not in "\n".join(sentences(found, "en"))


def test_a_reimbursing_voucher_leaves_the_full_price_to_be_paid_first() -> None:
    found = a_quote(REIMBURSED)

    assert found.cash_today_fen == 60_000_000
    assert found.refund_fen == 18_000_000
    assert found.co_payment_fen == 42_000_000
    assert found.refund_between == (date(2026, 3, 31), date(2026, 5, 30))


def test_both_ways_to_redeem_stand_beside_each_other() -> None:
    found = a_quote(DEDUCTED, REIMBURSED)

    assert found.cash_today_fen == 48_000_000
    assert found.refund_fen == 18_000_000
    assert found.co_payment_fen == 30_000_000


def test_a_refund_without_a_published_day_has_no_day() -> None:
    undated = Grant("town", "V-3", 1_000, 10**9, redeem="reimburse")

    assert a_quote(REIMBURSED, undated).refund_between is None


def test_the_worst_case_is_the_price_after_the_providers_discount() -> None:
    assert a_quote(DEDUCTED, offer=an_offer(discount_bp=5_000)).worst_case_fen == 30_000_000


def test_a_full_voucher_does_not_pay_a_price_above_the_reference() -> None:
    """A programme of 100 % leaves the part above the reference with the applicant."""
    whole = Grant("all", "V-4", 10_000, 10**12)

    found = a_quote(whole, offer=an_offer(amount_fen=80_000_000))

    assert found.co_payment_fen == 640_000_000 - 64_000_000


def test_every_figure_of_a_quote_is_said_in_both_languages() -> None:
    shared = Grant("both", "V-5", 9_000, 10**6, funders=(("province", 1), ("city", 1)))
    found = a_quote(DEDUCTED, REIMBURSED, shared, offer=an_offer(discount_bp=1_000))

    english, chinese = sentences(found, "en"), sentences(found, "zh")

    assert len(english) == len(chinese) == len(found.lines())
    assert any("CN¥540,000.00" in said for said in english)
    assert any("服务机构让利 ¥60,000.00" in said for said in chinese)


def test_programmes_are_called_by_their_names() -> None:
    said = sentences(a_quote(DEDUCTED), "zh", {"city": "某市算力券"})

    assert any(one.startswith("某市算力券 直接抵扣 ¥120,000.00") for one in said)


def test_every_unit_and_every_limit_has_a_sentence() -> None:
    units = ("card_hour", "server_month", "million_tokens", "dataset_licence", "service_fee")
    limits = ("reference", "room", "bill")

    codes = {f"quote.gross.{unit}" for unit in units} | {f"quote.limited.{x}" for x in limits}

    assert codes <= catalogue().keys()


def test_a_quantity_is_written_exactly() -> None:
    third = quote(an_offer(), Fraction(1, 3), at=AT, rules=RULES).lines()[0]

    assert "1/3 card-hours" in sentence(third, "en")
