"""Vouchers are issued within their caps, their budget and their contract, once per contract."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from desk import (
    ASSUMPTIONS,
    AT,
    CITY,
    FIRM,
    OTHER_FIRM,
    PROGRAMMES,
    PROVINCE,
    Desk,
    DiedError,
    request,
    scheme,
    wanted,
)

from tallygrid.core.assumptions import Assumptions
from tallygrid.core.programme import Programme, Scalar
from tallygrid.service import applying, buying, intent, publishing
from tallygrid.service.buying import VoucherError
from tallygrid.service.issuing import Issue
from tallygrid.service.publishing import ReportedError, Scheme

CAP_FEN: Final = 100_000_000
"""A million yuan for one applicant in one year, in both programmes."""
FILLING_FEN: Final = 5 * CAP_FEN
"""The contract of which 20 % fill the cap."""


def test_a_decision_that_cannot_be_issued_on_leads_to_no_voucher(funded: Desk) -> None:
    applied = applying.apply(
        funded.office,
        Scheme(PROGRAMMES[PROVINCE]),
        request("A-1", contract_fen=7_500_000),
        at=AT,
    )

    assert (applied.state, applied.voucher) == ("approved", None)
    assert not applied.decision.issuable
    assert applied.decision.blocked_by
    assert funded.balance(PROVINCE, "reserved:A-1:city").in_fen == 0


def test_a_refused_application_moves_no_money(funded: Desk) -> None:
    applied = funded.apply(PROVINCE, "A-1", contract_fen=7_500_000, applicant_class="individual")

    assert (applied.state, applied.voucher) == ("refused", None)
    assert applied.decision.failed
    assert funded.rows("SELECT id FROM service.voucher") == []


def test_the_assumptions_that_a_voucher_rests_on_are_named_on_it(funded: Desk) -> None:
    voucher = funded.voucher(PROVINCE, "A-1", 7_500_000)

    assert funded.rows("SELECT id, assumptions FROM service.voucher") == [
        (voucher, [ASSUMPTIONS.id])
    ]


@pytest.mark.parametrize(
    "programme", [one.id for one in PROGRAMMES.values() if one.edition == "reported"]
)
def test_what_is_only_reported_cannot_be_published(desk: Desk, programme: str) -> None:
    with pytest.raises(ReportedError, match=str(PROGRAMMES[programme].contradicts)):
        publishing.publish(desk.office, scheme(programme), at=AT)


def test_a_contract_has_one_claim_on_a_programme(funded: Desk) -> None:
    funded.voucher(PROVINCE, "A-1", 7_500_000, contract="C-1")

    again = funded.apply(PROVINCE, "A-2", contract="C-1", contract_fen=7_500_000)

    assert (again.state, again.voucher) == ("waiting", None)
    assert again.refused is not None
    assert again.refused.code == "insufficient"
    assert funded.balance(PROVINCE, "reserved:A-2:city").in_fen == 0


def test_of_two_claims_at_once_on_a_contract_one_is_met(funded: Desk) -> None:
    names = ["A-1", "A-2"]
    for name in names:
        with pytest.raises(DiedError):
            applying.apply(
                funded.dying(1),
                scheme(PROVINCE),
                request(name, contract="C-1", contract_fen=7_500_000),
                at=AT,
            )

    with ThreadPoolExecutor(2) as threads:
        applied = list(
            threads.map(
                lambda name: funded.apply(PROVINCE, name, contract="C-1", contract_fen=7_500_000),
                names,
            )
        )

    assert sorted(one.state for one in applied) == ["awarded", "waiting"]
    assert len(funded.rows("SELECT id FROM service.voucher")) == 1
    assert funded.held_fen("registry") == 0
    assert funded.problems() == ()


def test_public_money_never_exceeds_the_contract(funded: Desk) -> None:
    """Where one programme pays 90 % of a contract, another cannot pay 20 % of it."""
    asked = request("A-1", contract="C-1", contract_fen=7_500_000)

    first = applying.apply(funded.office, _generous(), asked, at=AT)
    second = funded.apply(CITY, "A-2", contract="C-1", contract_fen=7_500_000)

    assert first.decision.amount_fen == 6_750_000
    assert (second.state, second.voucher) == ("waiting", None)
    assert second.refused is not None
    assert second.refused.detail["account"] == f"ceiling_room:{FIRM}.C-1@9999"
    assert funded.balance("registry", f"ceiling_used:{FIRM}.C-1@9999").total_fen == 6_750_000
    assert funded.problems() == ()


def test_the_same_number_of_another_firm_is_another_contract(funded: Desk) -> None:
    """Whoever claims a number first, on its own word, takes nothing from whose contract it is."""
    tricky = f"{PROVINCE}.{FIRM}.C-1", f"{FIRM}.C-1"
    for n, contract in enumerate(("C-1", *tricky)):
        facts: dict[str, Scalar] = {"applicant": OTHER_FIRM, "contract": contract}
        asked = request(f"B-{n}", **facts, contract_fen=1_000_000 + n)
        assert applying.apply(funded.office, scheme(PROVINCE), asked, at=AT).state == "awarded"

    mine = [
        funded.apply(programme, name, contract="C-1", contract_fen=7_500_000)
        for programme, name in ((PROVINCE, "A-1"), (CITY, "A-2"))
    ]

    assert [one.state for one in mine] == ["awarded", "awarded"]
    face_fen = sum(one.decision.amount_fen or 0 for one in mine)
    assert funded.balance("registry", f"ceiling_used:{FIRM}.C-1@9999").total_fen == face_fen
    assert [one.application for one in applying.of_contract(funded.office, FIRM, "C-1")] == [
        *("A-1", "A-2")
    ]
    assert funded.problems() == ()


def test_who_waits_for_ever_is_told_why_whenever_it_asks(funded: Desk) -> None:
    """The registry knows the firm's contract with another amount, and will not change that."""
    funded.voucher(PROVINCE, "A-1", 7_500_000, contract="C-1")

    for _ in range(2):
        told = funded.apply(CITY, "A-2", contract="C-1", contract_fen=8_000_000)
        assert told.state == "waiting"
        assert told.refused is not None
        assert (told.refused.programme, told.refused.code) == ("registry", "conflict")
        assert told.refused.final
    assert applying.of_contract(funded.office, FIRM, "C-1")[1].refused == told.refused


def test_a_later_programme_sees_what_the_registry_knows_of_a_contract(funded: Desk) -> None:
    funded.voucher(PROVINCE, "A-1", 7_500_000, contract="C-1")

    def seen(contract: str, other_fiscal_fen: int) -> Scalar:
        asked = request("A-2", contract=contract, other_fiscal_fen=other_fiscal_fen)
        return funded.office.transact(
            "web", lambda it: Issue(it, scheme(CITY), asked, AT).facts()["other_fiscal_fen"]
        )

    assert seen("C-1", 100) == 1_500_100
    assert seen("C-2", 100) == 100


def test_a_cap_can_be_filled_to_the_fen(funded: Desk) -> None:
    voucher = funded.voucher(PROVINCE, "A-1", FILLING_FEN)

    cap = funded.balance(PROVINCE, f"cap_used:year.{FIRM}")

    assert cap.total_fen == CAP_FEN
    assert funded.balance(PROVINCE, f"cap_room:year.{FIRM}").total_fen == 0
    assert funded.rows("SELECT grant_terms ->> 'room_fen' FROM service.voucher") == [
        (str(CAP_FEN),)
    ]
    assert voucher == "V-A-1"


def test_above_a_cap_only_the_rest_of_it_is_granted(funded: Desk) -> None:
    funded.voucher(PROVINCE, "A-1", FILLING_FEN - 500)

    rest = funded.apply(PROVINCE, "A-2", contract_fen=7_500_000)

    assert rest.decision.amount_fen == 100
    assert rest.voucher is not None
    assert funded.balance(PROVINCE, f"cap_used:year.{FIRM}").total_fen == CAP_FEN


def test_nothing_is_granted_above_a_full_cap_but_other_applicants_have_their_own(
    funded: Desk,
) -> None:
    funded.voucher(PROVINCE, "A-1", FILLING_FEN)

    same = funded.apply(PROVINCE, "A-2", contract_fen=7_500_000)
    other = funded.apply(PROVINCE, "A-3", applicant=OTHER_FIRM, contract_fen=7_500_000)

    assert (same.decision.amount_fen, same.voucher) == (0, None)
    assert other.decision.amount_fen == 1_500_000
    assert other.voucher is not None


def test_two_applications_at_once_stay_within_the_cap_together(funded: Desk) -> None:
    """Both were decided on a cap with room for either."""
    names = ["A-1", "A-2"]
    for name in names:
        with pytest.raises(DiedError):
            applying.apply(
                funded.dying(2), scheme(PROVINCE), request(name, contract_fen=FILLING_FEN), at=AT
            )

    assert intent.recover(funded.office) == 2

    applied = [funded.apply(PROVINCE, name, contract_fen=FILLING_FEN) for name in names]
    assert [one.state for one in applied] == ["awarded", "waiting"]
    refused = applied[1].refused
    assert refused is not None
    assert refused.code == "insufficient"
    assert refused.detail["account"] == f"cap_room:year.{FIRM}@2026"
    assert funded.held_fen("registry") == 0
    assert funded.problems() == ()


def test_a_cap_of_redemption_counts_what_is_bought_and_not_what_is_issued(funded: Desk) -> None:
    redeemed = _redeemed()
    for n in (1, 2):
        applied = applying.apply(
            funded.office, redeemed, request(f"A-{n}", contract_fen=FILLING_FEN), at=AT
        )
        assert applied.voucher is not None
    assert funded.balance(PROVINCE, f"cap_used:year.{FIRM}").total_fen == 0

    purchase = funded.buy(wanted("O-1", "V-A-1", quantity=60, contract="A-1"))
    assert funded.balance(PROVINCE, f"cap_room:year.{FIRM}").free_fen < 10_000_000 + 1
    beyond = buying.buy(funded.office, wanted("O-2", "V-A-2", quantity=60, contract="A-2"), at=AT)
    funded.deliver(purchase, 1, purchase.quantity, final=True)

    assert beyond.refused is not None
    assert beyond.refused.detail["account"] == f"cap_room:year.{FIRM}@2026"
    assert funded.balance(PROVINCE, f"cap_used:year.{FIRM}").total_fen == 90_000_000
    assert funded.balance(PROVINCE, f"cap_room:year.{FIRM}").free_fen == 10_000_000
    assert funded.problems() == ()


def test_a_redemption_counts_in_the_year_in_which_it_is_made(funded: Desk) -> None:
    applying.apply(funded.office, _redeemed(), request("A-1", contract_fen=FILLING_FEN), at=AT)
    next_year = AT.replace(year=2027, month=2)

    purchase = funded.buy(wanted("O-1", "V-A-1", contract="A-1"), at=next_year)
    buying.begin(funded.office, purchase, at=next_year)
    assert funded.deliver(purchase, 1, purchase.quantity, final=True).accepted

    assert funded.balance(PROVINCE, f"cap_used:year.{FIRM}@2026").total_fen == 0
    assert funded.balance(PROVINCE, f"cap_used:year.{FIRM}@2027").total_fen == 1_500_000
    assert funded.problems() == ()


def test_in_turn_each_is_granted_whole_or_waits_and_nobody_overtakes(desk: Desk) -> None:
    desk.fund(PROVINCE, 2_000_000)

    first = desk.apply(PROVINCE, "A-1", contract_fen=7_500_000)
    second = desk.apply(PROVINCE, "A-2", contract_fen=7_500_000)
    smaller = desk.apply(PROVINCE, "A-3", contract_fen=1_000_000)

    assert (first.state, first.decision.amount_fen) == ("awarded", 1_500_000)
    assert [(one.state, one.decision.amount_fen) for one in (second, smaller)] == [
        ("waiting", 0),
        ("waiting", 0),
    ]
    assert [one.id for one in smaller.decision.failed] == ["budget"]
    assert desk.balance(PROVINCE, "available::city").total_fen == 250_000


def test_where_the_text_says_so_what_is_left_is_granted_in_part(desk: Desk) -> None:
    desk.fund(PROVINCE, 2_000_000)
    partly = _partly()

    states = []
    for n in range(3):
        asked = request(f"A-{n}", contract_fen=7_500_000)
        applied = applying.apply(desk.office, partly, asked, at=AT)
        states.append((applied.state, applied.decision.amount_fen))

    assert states == [("awarded", 1_500_000), ("awarded", 500_000), ("waiting", 0)]
    assert desk.balance(PROVINCE, "available::city").total_fen == 0
    assert desk.balance(PROVINCE, "available::province").total_fen == 0
    assert desk.problems() == ()


def test_a_voucher_is_worth_nothing_once_its_validity_has_ended(funded: Desk) -> None:
    """Twelve months from the day of issue; the day a year later is the first outside."""
    voucher = funded.voucher(PROVINCE, "A-1", 7_500_000)
    late, last = AT.replace(year=AT.year + 1), AT.replace(year=AT.year + 1, day=AT.day - 1)

    with pytest.raises(VoucherError):
        buying.buy(funded.office, wanted("O-1", voucher, contract="A-1"), at=late)
    assert buying.buy(funded.office, wanted("O-2", voucher, contract="A-1"), at=last).accepted


def test_an_application_overtaken_on_the_last_money_waits_and_frees_its_contract(
    desk: Desk,
) -> None:
    desk.fund(PROVINCE, 1_500_000)
    asked = request("A-1", contract="C-1", contract_fen=7_500_000)
    with pytest.raises(DiedError):
        applying.apply(desk.dying(2), scheme(PROVINCE), asked, at=AT)
    desk.voucher(PROVINCE, "A-2", 7_500_000, contract="C-2")

    waiting = applying.apply(desk.office, scheme(PROVINCE), asked, at=AT)
    desk.fund(PROVINCE, 1_500_000, name="second")
    anew = desk.apply(PROVINCE, "A-3", contract="C-1", contract_fen=7_500_000)

    assert (waiting.state, waiting.voucher) == ("waiting", None)
    assert anew.state == "awarded"
    assert desk.problems() == ()


def test_an_application_interrupted_for_days_still_comes_to_its_voucher(funded: Desk) -> None:
    """The claim on its contract is held meanwhile, however long nobody comes back."""
    asked = request("A-1", contract_fen=7_500_000)
    for transactions in (3, 4):
        with pytest.raises(DiedError):
            applying.apply(funded.dying(transactions), scheme(PROVINCE), asked, at=AT)
        funded.administer("UPDATE books.hold SET deadline = deadline - interval '90 days'")

    intent.recover(funded.office)

    assert funded.rows("SELECT id FROM service.voucher") == [("V-A-1",)]
    assert funded.balance("registry", f"ceiling_used:{FIRM}.A-1@9999").total_fen == 1_500_000


def _redeemed() -> Scheme:
    """Return the province's programme, read so that its yearly cap counts redemption."""
    fills = dict(ASSUMPTIONS.fills)
    fills[PROVINCE] = {**fills[PROVINCE], "cap-year": "redemption"}
    assumptions: Assumptions = ASSUMPTIONS.model_copy(update={"fills": fills})
    return Scheme(PROGRAMMES[PROVINCE], assumptions)


def _generous() -> Scheme:
    """Return a programme that pays 90 % of a contract."""
    plain = PROGRAMMES[PROVINCE].model_dump(mode="json", exclude_defaults=True)
    plain["rate"]["tiers"][0]["rate"] = [{"value": "90%"}]
    return Scheme(Programme.model_validate_json(json.dumps(plain)), ASSUMPTIONS)


def _partly() -> Scheme:
    """Return the province's programme, with a text that pays the last claim in part."""
    plain = PROGRAMMES[PROVINCE].model_dump(mode="json", exclude_defaults=True)
    cited = {"clause": "x", "sources": ["hn_2025"], "confidence": "low"}
    plain["allocation"]["last"] = {"value": "part", **cited}
    return Scheme(Programme.model_validate_json(json.dumps(plain)), ASSUMPTIONS)
