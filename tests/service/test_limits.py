"""Caps stand in the books as the text in force says, contracts at what they come to now."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from desk import ASSUMPTIONS, AT, CITY, FIRM, PROGRAMMES, PROVINCE, Desk, DiedError, request, scheme

from tallygrid.core.books import REGISTRY
from tallygrid.core.programme import Programme
from tallygrid.service import applying, contract, correcting, ending, intent, publishing
from tallygrid.service.applying import Applied
from tallygrid.service.contract import Amendment, ContractError
from tallygrid.service.intent import ConflictError
from tallygrid.service.publishing import Scheme

CONTRACT_FEN = 7_500_000
AWARD_FEN = 1_500_000


def _capped(yuan: int) -> Scheme:
    """Return the province's programme with another cap for an applicant's year."""
    plain = PROGRAMMES[PROVINCE].model_dump(mode="json", exclude_defaults=True)
    (cap,) = plain["caps"]["limits"]
    cap["amount_yuan"] = [{"value": yuan}]
    return Scheme(Programme.model_validate_json(json.dumps(plain)), ASSUMPTIONS)


def _apply(desk: Desk, version: Scheme, name: str, at: datetime = AT) -> Applied:
    return applying.apply(desk.office, version, request(name, contract_fen=CONTRACT_FEN), at=at)


def _cap_fen(desk: Desk) -> int:
    """Return how wide the cap stands in the books, what is used of it included."""
    ((fen,),) = desk.rows(
        "SELECT coalesce(sum(in_fen - out_fen), 0)::bigint FROM books.account"
        " WHERE kind IN ('cap_room', 'cap_used')"
    )
    return int(fen)


def test_a_cap_follows_the_text_up_and_down_as_often_as_it_changes(funded: Desk) -> None:
    for n, yuan in enumerate((90_000, 30_000, 90_000, 60_000, 90_000)):
        assert _apply(funded, _capped(yuan), f"A-{n}").state == "awarded"
        assert _cap_fen(funded) == yuan * 100
    assert funded.problems() == ()


def test_two_at_once_under_a_lower_cap_do_not_find_the_wider_room_of_before(funded: Desk) -> None:
    """Both were decided before either was posted: each alone fits, both together do not."""
    assert _apply(funded, _capped(60_000), "A-0").state == "awarded"
    lower = _capped(35_000)
    publishing.publish(funded.office, lower, at=AT + timedelta(hours=1))
    for name in ("A-1", "A-2"):
        with suppress(DiedError):
            asked = request(name, contract_fen=CONTRACT_FEN)
            applying.apply(funded.dying(2), lower, asked, at=AT + timedelta(hours=2))
    assert len(funded.rows("SELECT key FROM service.intent WHERE settled_at IS NULL")) == 2

    intent.recover(funded.office)

    assert len(funded.rows("SELECT id FROM service.voucher")) == 2
    assert _cap_fen(funded) == 3_500_000
    assert funded.problems() == ()


def test_a_cap_that_two_texts_open_at_once_is_opened_by_one(funded: Desk) -> None:
    """The first was decided and died; the second opened the cap meanwhile, and wider."""
    with suppress(DiedError):
        asked = request("A-1", contract_fen=CONTRACT_FEN)
        applying.apply(funded.dying(2), _capped(35_000), asked, at=AT)
    wider = _capped(60_000)
    publishing.publish(funded.office, wider, at=AT + timedelta(hours=1))
    assert _apply(funded, wider, "A-2", AT + timedelta(hours=2)).state == "awarded"

    intent.recover(funded.office)

    assert _cap_fen(funded) == 6_000_000
    assert funded.problems() == ()


def test_a_cap_whose_opening_was_undone_is_opened_again(funded: Desk) -> None:
    voucher = funded.voucher(PROVINCE, "A-1", CONTRACT_FEN)
    ending.revoke(funded.office, voucher, at=AT, why="a slip")
    ((key,),) = funded.rows("SELECT key FROM books.event WHERE kind = 'limit' AND reason ~ '^cap'")
    assert correcting.reverse(funded.office, PROVINCE, [key], at=AT, why="a slip").accepted
    assert _cap_fen(funded) == 0

    assert funded.voucher(PROVINCE, "A-2", CONTRACT_FEN) == "V-A-2"
    assert funded.problems() == ()


def _amend(desk: Desk, fen: int, document: str = "D-1") -> bool:
    asked = Amendment(FIRM, "C-1", document, fen)
    return contract.amend(desk.office, asked, at=AT).accepted


def _ceiling_fen(desk: Desk) -> int:
    room, used = (
        desk.balance(REGISTRY, f"ceiling_{kind}:{FIRM}.C-1@9999").total_fen
        for kind in ("room", "used")
    )
    return room + used


def test_an_amended_contract_is_claimed_with_what_it_comes_to_now(funded: Desk) -> None:
    funded.voucher(PROVINCE, "A-1", 60_000_000, contract="C-1")
    for _ in range(2):
        assert _amend(funded, 15_000_000)
    assert _ceiling_fen(funded) == 15_000_000

    for n, contract_fen in enumerate((60_000_000, 14_000_000)):
        told = funded.apply(CITY, f"B-{n}", contract="C-1", contract_fen=contract_fen)
        assert told.refused is not None
        assert (told.refused.programme, told.refused.code) == (REGISTRY, "conflict")
    applied = funded.apply(CITY, "B-2", contract="C-1", contract_fen=15_000_000)
    assert applied.state == "awarded"
    assert funded.problems() == ()


def test_a_claim_that_follows_an_amendment_that_was_cut_short_finds_it(funded: Desk) -> None:
    funded.voucher(PROVINCE, "A-1", 60_000_000, contract="C-1")
    with suppress(DiedError):
        asked = Amendment(FIRM, "C-1", "D-1", 90_000_000)
        contract.amend(funded.dying(3), asked, at=AT)
    assert _ceiling_fen(funded) == 60_000_000

    assert funded.apply(CITY, "B-1", contract="C-1", contract_fen=90_000_000).state == "awarded"
    assert _ceiling_fen(funded) == 90_000_000
    assert funded.problems() == ()


def test_amended_back_a_contract_is_what_it_was(funded: Desk) -> None:
    funded.voucher(PROVINCE, "A-1", 60_000_000, contract="C-1")
    assert _amend(funded, 90_000_000)
    assert _amend(funded, 60_000_000, "D-2")
    assert _ceiling_fen(funded) == 60_000_000

    assert funded.apply(CITY, "B-1", contract="C-1", contract_fen=60_000_000).state == "awarded"
    assert funded.problems() == ()


def _signed_on(desk: Desk, name: str, programme: str, day: date) -> Applied:
    return desk.apply(
        programme, name, contract="C-1", contract_fen=60_000_000, contract_signed_on=day
    )


def test_a_day_of_signing_that_was_written_wrongly_is_put_right_from_now_on(funded: Desk) -> None:
    wrong, right = date(2026, 5, 1), date(2026, 5, 2)
    voucher = _signed_on(funded, "A-1", PROVINCE, wrong).voucher
    told = _signed_on(funded, "B-1", CITY, right)
    assert told.refused is not None
    assert (told.refused.programme, told.refused.code) == (REGISTRY, "conflict")
    before = funded.rows("SELECT * FROM service.application WHERE id = 'A-1'")

    asked = Amendment(FIRM, "C-1", "D-1", signed_on=right)
    with suppress(DiedError):
        contract.amend(funded.dying(2), asked, at=AT)
    assert contract.amend(funded.office, asked, at=AT).accepted
    with pytest.raises(ConflictError, match="Document D-1 for contract C-1"):
        contract.amend(funded.office, replace(asked, signed_on=wrong), at=AT)

    assert _signed_on(funded, "B-2", CITY, wrong).refused is not None
    assert _signed_on(funded, "B-3", CITY, right).state == "awarded"
    assert funded.rows("SELECT * FROM service.application WHERE id = 'A-1'") == before
    assert voucher is not None
    ending.revoke(funded.office, voucher, at=AT, why="the right day would have changed it")
    assert _signed_on(funded, "A-2", PROVINCE, right).state == "awarded"
    opened = (
        "SELECT DISTINCT (event.occurred_at AT TIME ZONE 'UTC')::date FROM books.event"
        " JOIN books.programme ON programme.id = event.programme"
        " WHERE (code, event.kind) = ('registry', 'limit')"
    )
    assert funded.rows(opened) == [(wrong,)], "what opened it stays"
    assert funded.problems() == ()


def test_a_day_of_signing_that_was_right_after_all_holds_again(funded: Desk) -> None:
    """The amount stays amended all the while."""
    _signed_on(funded, "A-1", PROVINCE, AT.date())
    assert _amend(funded, 90_000_000)
    for document, day in (("D-2", date(2026, 5, 1)), ("D-3", AT.date())):
        asked = Amendment(FIRM, "C-1", document, signed_on=day)
        assert contract.amend(funded.office, asked, at=AT).accepted

    assert _signed_on(funded, "B-1", CITY, AT.date()).refused is not None
    assert funded.apply(CITY, "B-2", contract="C-1", contract_fen=90_000_000).state == "awarded"
    assert funded.problems() == ()


def test_what_is_promised_on_a_contract_stays_and_one_paper_says_one_thing(funded: Desk) -> None:
    with pytest.raises(ContractError, match="Nobody has claimed a contract C-1"):
        _amend(funded, 1)
    funded.voucher(PROVINCE, "A-1", 60_000_000, contract="C-1")

    with pytest.raises(ContractError, match=r"120,000\.00 is promised on contract C-1"):
        _amend(funded, 11_999_999)
    assert _amend(funded, 12_000_000)
    with pytest.raises(ConflictError, match="Document D-1 for contract C-1"):
        _amend(funded, 12_000_001)
    assert _ceiling_fen(funded) == 12_000_000


def test_an_award_that_is_claimed_but_not_counted_yet_is_promised_too(funded: Desk) -> None:
    asked = request("A-1", contract="C-1", contract_fen=60_000_000)
    applying.apply(funded.office, scheme(CITY), asked, at=AT, way="notice")

    with pytest.raises(ContractError, match=r"120,000\.00 is promised"):
        _amend(funded, 1)
