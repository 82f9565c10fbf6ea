"""However usage is reported, no fen is made or lost, and nobody's part ever falls."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tallygrid.core.catalogue import CARD_MS_PER_CARD_HOUR, Price
from tallygrid.core.money import BASIS_POINTS, split
from tallygrid.core.rating import Bill, Grant, Stacking, Terms, line, rated, together
from tallygrid.core.recompute_bill import added, recompute_bill
from tallygrid.service.plain import dump

STACKINGS: tuple[Stacking, ...] = ("parallel", "sequential")
weights = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)
prices = st.builds(
    Price,
    amount_fen=st.integers(0, 10**8),
    unit=st.just("card_hour"),
    quantity=st.integers(1, 10_000),
)
grants = st.builds(
    Grant,
    programme=st.just("p"),
    voucher=st.just("V"),
    rate_bp=st.integers(0, BASIS_POINTS),
    room_fen=st.integers(0, 10**6),
    redeem=st.sampled_from(["deduct", "reimburse"]),
    funders=weights.map(lambda all_: tuple((str(n), weight) for n, weight in enumerate(all_))),
    tax=st.sampled_from(["included", "excluded"]),
    unit_fen=st.sampled_from([1, 1, 1, 7, 100]),
)
terms = st.builds(
    Terms,
    price=prices,
    grants=st.lists(grants, max_size=3).map(tuple),
    stacking=st.sampled_from(STACKINGS),
    discount_bp=st.integers(0, BASIS_POINTS),
    vat_bp=st.integers(0, 2_000),
    reference=st.none() | prices,
)
uses_ms = st.lists(st.integers(0, 50 * CARD_MS_PER_CARD_HOUR), max_size=12)


def quantity(card_ms: int) -> Fraction:
    return Fraction(card_ms, CARD_MS_PER_CARD_HOUR)


def lines_of(of: Terms, uses: list[int]) -> list[Bill]:
    lines: list[Bill] = []
    for n in range(len(uses)):
        to_date = quantity(sum(uses[: n + 1]))
        lines.append(line(of, to_date=to_date, booked=together(of, lines)))
    return lines


@given(terms, uses_ms)
def test_the_lines_sum_to_the_bill_of_the_whole_at_once(of: Terms, uses: list[int]) -> None:
    booked, whole = together(of, lines_of(of, uses)), rated(of, quantity(sum(uses)))

    assert (booked.gross_fen, booked.tax_fen) == (whole.gross_fen, whole.tax_fen)
    assert (booked.discount_fen, booked.co_payment_fen) == (
        whole.discount_fen,
        whole.co_payment_fen,
    )
    for one, other in zip(booked.subsidies, whole.subsidies, strict=True):
        assert (one.subsidy_fen, one.funders) == (other.subsidy_fen, other.funders)


@given(terms, uses_ms)
def test_every_line_adds_up_by_itself(of: Terms, uses: list[int]) -> None:
    for one in lines_of(of, uses):
        assert one.net_fen + one.tax_fen == one.gross_fen
        assert one.gross_fen - one.discount_fen == one.subsidy_fen + one.co_payment_fen


@given(terms, uses_ms)
def test_no_grant_pays_more_than_its_room_or_its_rate(of: Terms, uses: list[int]) -> None:
    whole = rated(of, quantity(sum(uses)))

    for grant, part in zip(of.grants, whole.subsidies, strict=True):
        assert 0 <= part.subsidy_fen <= grant.room_fen
        assert part.subsidy_fen % grant.unit_fen == 0
        assert part.subsidy_fen * BASIS_POINTS <= part.base_fen * grant.rate_bp
    assert whole.co_payment_fen >= 0


by_the_fen = st.builds(
    Terms,
    price=st.just(Price(1, "card_hour")),
    grants=st.lists(grants, min_size=1, max_size=3).map(tuple),
    stacking=st.sampled_from(STACKINGS),
    discount_bp=st.sampled_from([0, 3_000]),
    vat_bp=st.just(600),
)
"""Contracts so small that every rounding shows: a card-hour costs a fen."""


@given(by_the_fen, st.integers(0, 200))
def test_no_subsidy_and_no_funders_part_falls_when_usage_grows(of: Terms, hours: int) -> None:
    booked = rated(of, Fraction(hours))

    one = line(of, to_date=Fraction(hours + 1), booked=booked)

    assert min(one.gross_fen, one.net_fen, one.tax_fen, one.discount_fen) >= 0
    assert all(fen >= 0 for part in one.subsidies for _, fen in part.funders)


@given(by_the_fen, st.integers(0, 200))
def test_a_co_payment_falls_by_less_than_the_grants_units_together(of: Terms, hours: int) -> None:
    booked = rated(of, Fraction(hours))

    one = line(of, to_date=Fraction(hours + 1), booked=booked)

    assert one.co_payment_fen > -sum(grant.unit_fen for grant in of.grants)


@given(st.integers(0, 10**12), st.integers(0, 10**6), weights)
def test_no_funders_part_falls_when_the_amount_grows(
    amount_fen: int, more_fen: int, by: list[int]
) -> None:
    before, after = split(amount_fen, tuple(by)), split(amount_fen + more_fen, tuple(by))

    assert sum(after) == amount_fen + more_fen
    assert all(later >= earlier for earlier, later in zip(before, after, strict=True))


@given(st.integers(0, 10**12), weights)
def test_a_funders_part_is_near_its_exact_share(amount_fen: int, by: list[int]) -> None:
    for part, weight in zip(split(amount_fen, tuple(by)), by, strict=True):
        assert abs(part - Fraction(amount_fen * weight, sum(by))) < len(by)


@given(terms, uses_ms)
def test_a_bill_follows_from_its_json_alone(of: Terms, uses: list[int]) -> None:
    whole = dump(rated(of, quantity(sum(uses))))
    every_room_is_known = [{**one, "limited_by": "rate"} for one in whole["subsidies"]]

    again = recompute_bill(dump(of), quantity(sum(uses)), every_room_is_known)

    assert again == whole


@given(terms, uses_ms.filter(bool))
def test_lines_add_up_to_what_their_total_comes_to(of: Terms, uses: list[int]) -> None:
    bill = None
    for one in lines_of(of, uses):
        bill = added(bill, dump(one))
    assert bill is not None

    known = [{**one, "limited_by": "rate"} for one in bill["subsidies"]]

    assert recompute_bill(dump(of), quantity(sum(uses)), known) == bill
