"""Rating: totals are rounded, lines are differences, and every part has its payer."""

from fractions import Fraction

from tallygrid.core.catalogue import CARD_MS_PER_CARD_HOUR, Price
from tallygrid.core.rating import Bill, Grant, Terms, line, rated, tax_within, together

H100 = Price(7_500_000, "card_hour", 5_760)
DAY_OF_64_CARDS = Fraction(64 * 24)


def a_grant(voucher: str = "V-1", *, rate_bp: int = 5_000, room_fen: int = 10**12) -> Grant:
    return Grant("programme", voucher, rate_bp=rate_bp, room_fen=room_fen)


def test_eight_servers_for_thirty_days_cost_exactly_600_000_yuan() -> None:
    bill = rated(Terms(H100, vat_bp=600), 30 * DAY_OF_64_CARDS)

    assert bill.gross_fen == 60_000_000
    assert bill.net_fen + bill.tax_fen == 60_000_000
    assert bill.tax_fen == 3_396_226


def test_four_weekly_captures_sum_to_the_contract_to_the_fen() -> None:
    terms = Terms(H100, (a_grant(rate_bp=3_333, room_fen=15_000_001),), vat_bp=600)
    lines: list[Bill] = []

    for days in (7, 14, 21, 30):
        booked = together(terms, lines)
        lines.append(line(terms, to_date=days * DAY_OF_64_CARDS, booked=booked))

    assert [one.gross_fen for one in lines] == [14_000_000, 14_000_000, 14_000_000, 18_000_000]
    assert together(terms, lines).gross_fen == 60_000_000
    assert together(terms, lines).subsidy_fen == 15_000_001
    assert lines[3].subsidy_fen == 15_000_001 - 3 * 4_666_200


def test_a_thousand_short_jobs_cost_what_one_long_job_costs() -> None:
    """Each alone would be rounded up to 1,303 fen: 300 fen too much in a thousand."""
    terms = Terms(H100, (a_grant(),), vat_bp=600)
    lines: list[Bill] = []
    for hour in range(1, 1_001):
        booked = rated(terms, Fraction(hour - 1))
        lines.append(line(terms, to_date=Fraction(hour), booked=booked))

    whole = rated(terms, Fraction(1_000))

    assert together(terms, lines) == whole
    assert whole.gross_fen == 1_302_084


def test_the_same_use_costs_the_same_by_the_hour_and_by_the_month() -> None:
    by_month = Price(7_500_000, "server_month")
    card_ms = 64 * 30 * 24 * CARD_MS_PER_CARD_HOUR + 1

    assert by_month.gross_fen(by_month.quantity_of(card_ms)) == H100.gross_fen(
        H100.quantity_of(card_ms)
    )


def test_parallel_grants_count_the_same_base() -> None:
    grants = (a_grant("V-1", rate_bp=3_000), a_grant("V-2", rate_bp=2_000))

    bill = rated(Terms(H100, grants), Fraction(5_760))

    assert [part.subsidy_fen for part in bill.subsidies] == [2_250_000, 1_500_000]
    assert bill.co_payment_fen == 3_750_000


def test_sequential_grants_count_what_the_earlier_have_left() -> None:
    grants = (a_grant("V-1", rate_bp=3_000), a_grant("V-2", rate_bp=2_000))

    bill = rated(Terms(H100, grants, stacking="sequential"), Fraction(5_760))

    assert [part.base_fen for part in bill.subsidies] == [7_500_000, 5_250_000]
    assert [part.subsidy_fen for part in bill.subsidies] == [2_250_000, 1_050_000]


def test_the_odd_fen_that_one_grant_leaves_is_in_the_next_ones_base() -> None:
    grants = (a_grant("V-1", rate_bp=5_000), a_grant("V-2", rate_bp=10_000))

    bill = rated(Terms(Price(3, "service_fee"), grants, stacking="sequential"), Fraction(1))

    assert [part.subsidy_fen for part in bill.subsidies] == [1, 2]


def test_grants_never_pay_more_than_the_bill() -> None:
    grants = (a_grant("V-1", rate_bp=7_000), a_grant("V-2", rate_bp=7_000))

    bill = rated(Terms(H100, grants), Fraction(5_760))

    assert [part.subsidy_fen for part in bill.subsidies] == [5_250_000, 2_250_000]
    assert bill.subsidies[1].limited_by == "bill"
    assert bill.co_payment_fen == 0


def test_a_grant_pays_no_more_than_its_room() -> None:
    bill = rated(Terms(H100, (a_grant(room_fen=99),)), Fraction(5_760))

    assert bill.subsidy_fen == 99
    assert bill.subsidies[0].limited_by == "room"


def test_a_programme_that_pays_whole_yuan_keeps_the_odd_fen() -> None:
    whole_yuan = Grant("p", "V-1", 5_000, 10**9, unit_fen=100)

    bill = rated(Terms(Price(1_999, "service_fee"), (whole_yuan,)), Fraction(1))

    assert bill.subsidy_fen == 900
    assert bill.co_payment_fen == 1_099


def test_funders_share_a_subsidy_by_weight_and_the_odd_fen_goes_to_the_later() -> None:
    shared = Grant("p", "V-1", 5_000, 10**9, funders=(("province", 1), ("city", 1)))

    bill = rated(Terms(Price(5, "service_fee"), (shared,)), Fraction(2))

    assert bill.subsidies[0].funders == (("province", 2), ("city", 3))


def test_the_providers_discount_comes_before_every_subsidy() -> None:
    bill = rated(Terms(H100, (a_grant(),), discount_bp=5_000), Fraction(5_760))

    assert bill.discount_fen == 3_750_000
    assert bill.subsidies[0].base_fen == 3_750_000
    assert bill.subsidy_fen == 1_875_000


def test_a_base_without_tax_is_smaller_by_the_tax() -> None:
    without = Grant("p", "V-1", 5_000, 10**9, tax="excluded")

    bill = rated(Terms(Price(10_600, "service_fee"), (without,), vat_bp=600), Fraction(1))

    assert bill.subsidies[0].base_fen == 10_000


def test_a_grant_of_eighty_percent_counts_no_more_than_the_reference_price() -> None:
    """Else a buyer who hardly pays is indifferent, and the provider names the price."""
    dear = Price(100_000_000, "card_hour", 5_760)
    terms = Terms(dear, (a_grant(rate_bp=8_000),), reference=H100)

    bill = rated(terms, Fraction(5_760))

    assert bill.subsidies[0].base_fen == 7_500_000
    assert bill.subsidies[0].limited_by == "reference"


def test_a_grant_below_eighty_percent_counts_the_price_as_it_is() -> None:
    dear = Price(100_000_000, "card_hour", 5_760)
    terms = Terms(dear, (a_grant(rate_bp=7_999),), reference=H100)

    assert rated(terms, Fraction(5_760)).subsidies[0].base_fen == 100_000_000


def test_tax_is_rounded_to_the_nearest_fen() -> None:
    assert [tax_within(fen, 600) for fen in (0, 8, 9, 53, 10_600)] == [0, 0, 1, 3, 600]
