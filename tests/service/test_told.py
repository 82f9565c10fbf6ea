"""Whoever is told that something cannot be done is told so in the language that was chosen."""

import re
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import pytest

import tallygrid.service as package
from tallygrid.core.application import ApplicationState
from tallygrid.core.clawback import ClawbackAct, ClawbackState
from tallygrid.core.voucher import VoucherState
from tallygrid.service.intent import ConflictError
from tallygrid.service.purchase import StateError
from tallygrid.service.recovering import ActError
from tallygrid.service.told import ToldError, either, quantity, state
from tallygrid.service.wish import Wish
from tallygrid.text import catalogue

KEY = UUID(int=7)
SOURCE = "".join(
    file.read_text(encoding="utf-8") for file in Path(package.__path__[0]).rglob("*.py")
)


def test_a_conflict_is_told_by_the_name_that_was_given() -> None:
    bought = ConflictError(Wish(KEY, "buy", {"id": "P-7"}))
    nameless = ConflictError(Wish(KEY, "begin", {}))

    assert str(bought).startswith("Purchase P-7 was asked for before, with other contents.")
    assert bought.sentence("zh").startswith("采购P-7此前已办理")
    assert str(KEY) in nameless.sentence("zh")


def test_every_name_is_that_of_a_wish_that_there_is() -> None:
    named = {code.split(".")[-1] for code in catalogue() if code.startswith("money.named.")}
    kinds = set(re.findall(r'\bkind="(\w+)"', SOURCE))
    kinds |= set(re.findall(r'Wish\([^"]*key_of\([^)]*\), "(\w+)"', SOURCE))
    kinds |= set(re.findall(r'Wish\(\w+\(\w+\), "(\w+)"', SOURCE))
    kinds |= {"appropriate", "reduce"}  # one use case for both

    assert named - {"other"} <= kinds


@pytest.mark.parametrize("life", [VoucherState, ClawbackState, ApplicationState, ClawbackAct])
def test_every_state_and_act_has_a_name(life: type[VoucherState]) -> None:
    assert {f"money.state.{one}" for one in life} <= catalogue().keys()


def test_states_and_quantities_are_said_in_the_language_of_their_sentence() -> None:
    error = StateError(
        "purchase", purchase="P-7", state=state("held"), allowed=either(["running", "settled"])
    )
    taken = ToldError(
        "takes_too_much",
        purchase="P-7",
        accepted=quantity(Fraction(3, 2), "server_month"),
        quantity=quantity(Fraction(2), "server_month"),
    )

    assert "only be done while it is begun or settled" in str(error)
    assert "仅在已开始或已结算时可以办理" in error.sentence("zh")
    assert "共验收1.5台·月" in taken.sentence("zh")


def test_what_a_clawback_cannot_do_is_told_with_what_it_can() -> None:
    error = ActError("K-1", ClawbackState.CONTESTED, ClawbackAct.WRITE_OFF)

    assert "is contested and cannot be written off" in str(error)
    assert "upheld" in str(error)
    assert "有异议" in error.sentence("zh")


def test_several_things_that_can_be_done_are_listed_as_each_language_does() -> None:
    error = ActError("K-1", ClawbackState.DEMANDED, ClawbackAct.REOPEN)

    told = "It can be contested, recovered in part, recovered, waived or written off."
    assert str(error).endswith(told)
    assert error.sentence("zh").endswith("可以登记异议、部分收回、全部收回、免予追回或核销坏账。")
