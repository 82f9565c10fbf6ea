"""What is owed is sent once, and the treasury's receipts are booked once or not at all."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from banking import ANSWERS, Given
from desk import AT, CATALOGUE, CITY, OTHER_FIRM, SERVER, Desk, DiedError, wanted

from tallygrid.core.books import Event, Outcome, Problem
from tallygrid.core.money import yuan
from tallygrid.core.payment import Receipt
from tallygrid.files.payments import FORMATS
from tallygrid.ledger.queue import OverloadError
from tallygrid.service import paying, recovering
from tallygrid.service.intent import ConflictError
from tallygrid.service.office import Office
from tallygrid.service.paying import Payment, ReceiptError
from tallygrid.service.recovering import Demand, ExcessiveError
from tallygrid.service.wish import Answer

PROVIDER = CATALOGUE.providers[CATALOGUE.offers[SERVER].provider].credit_code


@dataclass(frozen=True)
class FullOffice(Office):
    """An office whose queue is full."""

    def post(self, role: str, programme: str, events: Sequence[Event]) -> tuple[Outcome, ...]:  # noqa: ARG002  # Office's signature
        """Say when to come again."""
        raise OverloadError(programme, waiting=4096, retry_after_s=3)


@pytest.fixture
def owing(funded: Desk) -> Desk:
    """The city owes a provider 15,000.00 yuan."""
    _earn(funded, "O-1")
    return funded


def _earn(desk: Desk, name: str) -> None:
    voucher = desk.voucher(CITY, f"A-{name}", 7_500_000)
    purchase = desk.buy(wanted(name, voucher, contract=f"A-{name}"))
    assert desk.deliver(purchase, 1, Fraction(1), final=True).accepted


def _prepare(desk: Desk, batch: str = "B-1") -> Payment:
    (payment,) = paying.prepare(desk.office, programme=CITY, batch=batch, at=AT)
    return payment


def _where(desk: Desk) -> list[int]:
    return [
        desk.balance(CITY, f"{kind}:{PROVIDER}:city").total_fen
        for kind in ("payable", "in_payment", "paid")
    ]


def _receipt(payment: Payment, number: str = "T-1", **changed: object) -> Receipt:
    values = {"payment": payment.id, "number": number, "amount_fen": payment.amount_fen}
    return Receipt(**{**values, **changed})  # type: ignore[arg-type]  # a test's own values


def test_a_batch_that_is_prepared_twice_is_sent_once(owing: Desk) -> None:
    first = _prepare(owing)
    _earn(owing, "O-2")

    assert _prepare(owing) == first
    assert _where(owing) == [1_500_000, 1_500_000, 0]
    assert _prepare(owing, "B-2").amount_fen == 1_500_000
    assert _where(owing) == [0, 3_000_000, 0]
    assert owing.problems() == ()


def test_a_receipt_that_comes_twice_is_booked_once(owing: Desk) -> None:
    receipt = _receipt(_prepare(owing))

    first = paying.confirm(owing.office, [receipt, receipt], at=AT)
    second = paying.confirm(owing.office, [receipt], at=AT)

    assert first == second
    assert _where(owing) == [0, 0, 1_500_000]


def test_a_receipt_for_another_amount_is_refused_with_the_whole_list(owing: Desk) -> None:
    _earn_of_other_payee(owing)
    good, wrong = paying.prepare(owing.office, programme=CITY, batch="B-1", at=AT)
    before = owing.snapshot()

    with pytest.raises(ReceiptError, match=r"is for 0\.01 yuan") as caught:
        paying.confirm(owing.office, [_receipt(good), _receipt(wrong, "T-2", amount_fen=1)], at=AT)

    assert len(caught.value.differences) == 1
    assert owing.snapshot() == before


def test_every_difference_of_a_list_is_named_at_once(owing: Desk) -> None:
    payment = _prepare(owing)
    receipts = [
        _receipt(payment, amount_fen=7),
        Receipt("B-9-0001", "T-2", 1),
        _receipt(payment, "T-3"),
    ]

    with pytest.raises(ReceiptError) as caught:
        paying.confirm(owing.office, receipts, at=AT)

    codes = [one.code.removeprefix("paying.difference.") for one in caught.value.differences]
    assert codes == ["other_amount", "unknown", "double"]
    assert "for 0.07 yuan" in caught.value.sentence("en").splitlines()[0]
    assert "金额为0.07元" in caught.value.sentence("zh").splitlines()[0]


def test_a_payment_is_known_by_its_reference_too(owing: Desk) -> None:
    """A bank passes on 35 plain characters; a longer name goes by its hash."""
    payment = _prepare(owing, "批次" * 20)
    (order,) = paying.orders(owing.office, [payment])
    receipt = Receipt(order.reference, "T-1", payment.amount_fen)
    assert order.reference != payment.id

    assert paying.unanswered(owing.office, [receipt]) == (payment,)
    first = paying.confirm(owing.office, [receipt], at=AT)
    assert paying.confirm(owing.office, [_receipt(payment)], at=AT) == first
    with pytest.raises(ReceiptError, match="has one receipt"):
        paying.confirm(owing.office, [receipt, _receipt(payment, "T-2")], at=AT)

    assert paying.unanswered(owing.office, [receipt]) == ()
    assert _where(owing) == [0, 0, 1_500_000]


def test_an_amount_that_differs_is_seen_after_the_payment_was_confirmed_too(owing: Desk) -> None:
    payment = _prepare(owing)
    paying.confirm(owing.office, [_receipt(payment)], at=AT)

    with pytest.raises(ReceiptError, match=r"is for 0\.07 yuan"):
        paying.confirm(owing.office, [_receipt(payment, amount_fen=7)], at=AT)


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_payment_ends_once_whatever_later_receipts_say(owing: Desk, *, is_paid: bool) -> None:
    """Another payment to the same payee is on its way, whose money must not be taken."""
    payment = _prepare(owing)
    _earn(owing, "O-2")
    _prepare(owing, "B-2")
    paying.confirm(owing.office, [_receipt(payment, is_paid=is_paid)], at=AT)
    before = owing.snapshot()

    for later in (_receipt(payment, is_paid=not is_paid), _receipt(payment, "T-2")):
        with pytest.raises(ReceiptError, match="already by receipt T-1") as caught:
            paying.confirm(owing.office, [later], at=AT)
        came_back_later = is_paid and not later.is_paid
        assert ("--late" in caught.value.sentence("zh")) is came_back_later

    assert owing.snapshot() == before


def test_a_payment_that_comes_back_after_all_is_owed_again_and_sent_again(owing: Desk) -> None:
    payment = _prepare(owing)
    paying.confirm(owing.office, [_receipt(payment)], at=AT)
    back = _receipt(payment, "T-2", is_paid=False)

    for _ in range(2):
        (answer,) = paying.confirm(owing.office, [back], at=AT, late=True)
        assert answer.accepted
    assert _where(owing) == [1_500_000, 0, 0]
    assert [(one.state, one.receipt) for one in paying.payments(owing.office)] == [
        ("failed", "T-2")
    ]
    paying.again(owing.office, batch="B-1", at=AT)
    paying.confirm(owing.office, [_receipt(payment, "T-3")], at=AT)

    assert _where(owing) == [0, 0, 1_500_000]
    assert owing.problems() == ()


def _confirmed(desk: Desk) -> Payment:
    """Return a payment that has arrived, beside another one to the same payee."""
    payment = _prepare(desk)
    _earn(desk, "O-2")
    other = _prepare(desk, "B-2")
    paying.confirm(desk.office, [_receipt(payment), _receipt(other, "T-9")], at=AT)
    return payment


def _demand(office: Office, payment: Payment, fen: int = 1) -> Answer:
    return recovering.demand(office, Demand("K-1", payment.id, fen, "idle cards"), at=AT)


def _return(office: Office, payment: Payment) -> Answer:
    back = _receipt(payment, "T-2", is_paid=False)
    (answer,) = paying.confirm(office, [back], at=AT, late=True)
    return answer


@pytest.mark.parametrize("fen", [1, 1_500_000])
def test_what_was_demanded_back_cannot_come_back_too(owing: Desk, fen: int) -> None:
    """Not out of what another payment brought to the same payee either."""
    payment = _confirmed(owing)
    assert _demand(owing.office, payment, fen).accepted
    before = owing.snapshot()

    with pytest.raises(ReceiptError, match=r"asked back already \(K-1\).*clawback waive") as caught:
        _return(owing.office, payment)

    assert "已有追回事项（K-1）" in caught.value.sentence("zh")
    assert owing.snapshot() == before
    recovering.waive(owing.office, "K-1", at=AT)
    assert _return(owing.office, payment).accepted
    assert _where(owing) == [1_500_000, 0, 1_500_000]
    assert owing.problems() == ()


def test_what_came_back_cannot_be_demanded_back_too(owing: Desk) -> None:
    payment = _confirmed(owing)
    assert _return(owing.office, payment).accepted

    with pytest.raises(ExcessiveError, match=r"came back.*tallygrid correct") as caught:
        _demand(owing.office, payment)

    assert "已被退回" in caught.value.sentence("zh")
    assert recovering.clawbacks(owing.office) == ()
    assert _where(owing) == [1_500_000, 0, 1_500_000]


def test_a_return_that_was_interrupted_comes_before_a_demand(owing: Desk) -> None:
    payment = _confirmed(owing)
    with pytest.raises(DiedError):
        _return(owing.dying(4), payment)
    assert owing.rows("SELECT kind FROM service.intent WHERE settled_at IS NULL") == [("receipt",)]

    with pytest.raises(ExcessiveError, match="came back"):
        _demand(owing.office, payment)

    assert _where(owing) == [1_500_000, 0, 1_500_000]


def test_a_demand_that_was_interrupted_comes_before_a_return(owing: Desk) -> None:
    payment = _confirmed(owing)
    with pytest.raises(DiedError):
        _demand(owing.dying(2), payment)
    assert recovering.clawbacks(owing.office) == ()

    with pytest.raises(ReceiptError, match="asked back already"):
        _return(owing.office, payment)

    assert _where(owing) == [0, 0, 2_999_999]


def test_a_demand_that_was_refused_is_worked_out_anew(owing: Desk) -> None:
    """The payment may have come back before it is asked again."""
    payment = _confirmed(owing)
    base = owing.office
    refused = _demand(FullOffice(base.sessions, base.catalogue, base.site), payment)
    assert not refused.accepted
    assert _return(owing.office, payment).accepted

    with pytest.raises(ExcessiveError, match="came back"):
        _demand(owing.office, payment)


def test_a_number_that_an_earlier_attempt_had_is_told_before_anything_is_booked(
    owing: Desk,
) -> None:
    _earn_of_other_payee(owing)
    good, failed = paying.prepare(owing.office, programme=CITY, batch="B-1", at=AT)
    paying.confirm(owing.office, [_receipt(failed, "R-1", is_paid=False)], at=AT)
    paying.again(owing.office, batch="B-1", at=AT)
    before = owing.snapshot()

    with pytest.raises(ReceiptError, match="R-1 was booked already") as caught:
        paying.confirm(
            owing.office,
            [_receipt(good, "R-0"), _receipt(failed, "R-1", is_paid=False)],
            at=AT,
        )

    assert "须有新的编号" in caught.value.sentence("zh")
    assert len(caught.value.differences) == 1
    assert owing.snapshot() == before
    assert paying.confirm(owing.office, [_receipt(failed, "R-2", is_paid=False)], at=AT)[0].accepted
    assert {one.id: one.state for one in paying.payments(owing.office)}[failed.id] == "failed"


def test_an_old_return_undoes_no_later_confirmation(owing: Desk) -> None:
    payment = _prepare(owing)
    back = _receipt(payment, "R-1", is_paid=False)
    paying.confirm(owing.office, [back], at=AT)
    paying.again(owing.office, batch="B-1", at=AT)
    paying.confirm(owing.office, [_receipt(payment, "R-2")], at=AT)

    for late in (False, True):
        with pytest.raises(ReceiptError, match="R-1 was booked already"):
            paying.confirm(owing.office, [back], at=AT, late=late)

    assert _where(owing) == [0, 0, 1_500_000]


def test_one_number_may_say_first_that_it_failed_and_then_that_it_arrived(owing: Desk) -> None:
    payment = _prepare(owing)
    paying.confirm(owing.office, [_receipt(payment, "R-1", is_paid=False)], at=AT)
    paying.again(owing.office, batch="B-1", at=AT)

    (answer,) = paying.confirm(owing.office, [_receipt(payment, "R-1")], at=AT)

    assert answer.accepted
    assert _where(owing) == [0, 0, 1_500_000]


def test_a_late_return_may_have_the_number_of_the_confirmation(owing: Desk) -> None:
    payment = _prepare(owing)
    paying.confirm(owing.office, [_receipt(payment, "R-1")], at=AT)
    back = _receipt(payment, "R-1", is_paid=False)

    for _ in range(2):
        (answer,) = paying.confirm(owing.office, [back], at=AT, late=True)
        assert answer.accepted

    assert _where(owing) == [1_500_000, 0, 0]
    assert owing.problems() == ()


def test_a_failed_payment_is_owed_again_and_goes_out_with_another_batch(owing: Desk) -> None:
    payment = _prepare(owing)
    failed = _receipt(payment, is_paid=False)

    first = paying.confirm(owing.office, [failed], at=AT)
    assert paying.confirm(owing.office, [failed], at=AT) == first
    assert _where(owing) == [1_500_000, 0, 0]
    again = _prepare(owing, "B-2")
    paying.confirm(owing.office, [_receipt(again, "T-2")], at=AT)

    assert _where(owing) == [0, 0, 1_500_000]
    assert [(one.id, one.state) for one in paying.payments(owing.office)] == [
        ("B-1-0001", "failed"),
        ("B-2-0001", "confirmed"),
    ]
    assert owing.problems() == ()


def test_a_failed_payment_is_sent_again_under_its_own_number(owing: Desk) -> None:
    payment = _prepare(owing)

    for n in (1, 2):
        failed = _receipt(payment, f"F-{n}", is_paid=False)
        paying.confirm(owing.office, [failed], at=AT)
        answer = paying.again(owing.office, batch="B-1", at=AT)
        assert answer is not None
        assert answer.accepted
        assert paying.again(owing.office, batch="B-1", at=AT) is None
        assert _where(owing) == [0, 1_500_000, 0]
    paying.confirm(owing.office, [_receipt(payment, "T-1")], at=AT)

    (known,) = paying.payments(owing.office)
    assert (known.id, known.attempt, known.state, known.receipt) == (
        payment.id,
        3,
        "confirmed",
        "T-1",
    )
    assert _where(owing) == [0, 0, 1_500_000]
    assert owing.problems() == ()


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_holds_both_attempts_of_a_payment_is_booked(
    owing: Desk, tmp_path: Path, form: str
) -> None:
    """Whatever the format; the other payments of the file too, and the whole file once."""
    _earn_of_other_payee(owing)
    good, failed = paying.prepare(owing.office, programme=CITY, batch="B-1", at=AT)
    back = _given(failed, "R-1", AT, is_paid=False)
    went = [_given(failed, "D-1", AT)] if form == "iso20022" else []
    paying.confirm(owing.office, _told(owing, tmp_path, form, *went, back)[0], at=AT)
    paying.again(owing.office, batch="B-1", at=AT)
    later = AT + timedelta(days=2)
    both = [*went, back, _given(failed, "D-2", later), _given(good, "D-3", later)]

    for _ in range(2):
        found, doubts = _told(owing, tmp_path, form, *both)
        assert doubts == ()
        assert [one.accepted for one in paying.confirm(owing.office, found, at=AT)] == [True] * 2

    assert {one.id: (one.state, one.receipt) for one in paying.payments(owing.office)} == {
        failed.id: ("confirmed", "D-2"),
        good.id: ("confirmed", "D-3"),
    }
    assert owing.problems() == ()


@pytest.mark.parametrize("form", FORMATS)
def test_a_payment_whose_answers_cannot_be_told_apart_is_left_alone(
    owing: Desk, tmp_path: Path, form: str
) -> None:
    _earn_of_other_payee(owing)
    good, odd = paying.prepare(owing.office, programme=CITY, batch="B-1", at=AT)
    twice = [_given(odd, number, AT) for number in ("D-1", "D-2")]

    found, (doubt,) = _told(owing, tmp_path, form, *twice, _given(good, "D-3", AT))

    assert doubt.code == "paying.difference.double"
    assert [one.number for one in found] == ["D-3"]


def test_an_answer_of_an_earlier_attempt_says_nothing_of_the_next(owing: Desk) -> None:
    payment = _prepare(owing)
    back = _receipt(payment, "R-1", is_paid=False)
    paying.confirm(owing.office, [back], at=AT)
    paying.again(owing.office, batch="B-1", at=AT)

    found, (doubt,) = paying.told_apart(owing.office, [back])

    assert (found, doubt.code) == ((), "paying.difference.spent")
    new = _receipt(payment, "R-2")
    assert paying.told_apart(owing.office, [new, back]) == ((new,), ())


def _given(payment: Payment, number: str, at: datetime, *, is_paid: bool = True) -> Given:
    on = f"<Dt>{at:%Y-%m-%d}</Dt>"
    return Given(payment.id, number, yuan(payment.amount_fen), is_paid, on)


def _told(
    desk: Desk, folder: Path, form: str, *given: Given
) -> tuple[tuple[Receipt, ...], tuple[Problem, ...]]:
    """Write receipts down in a format, and read them as `confirm` does."""
    file = folder / f"receipts{FORMATS[form].suffix}"
    file.write_text(ANSWERS[form](list(given)), encoding="utf-8")
    receipts = FORMATS[form].read(file)(paying.references(desk.office))
    return paying.told_apart(desk.office, receipts)


def test_a_failed_payment_whose_money_went_out_otherwise_is_not_sent_again(owing: Desk) -> None:
    failed = _receipt(_prepare(owing), is_paid=False)
    paying.confirm(owing.office, [failed], at=AT)
    _prepare(owing, "B-2")

    answer = paying.again(owing.office, batch="B-1", at=AT)

    assert answer is not None
    assert answer.refused is not None
    assert answer.refused.code == "insufficient"
    assert _where(owing) == [0, 1_500_000, 0]


def test_what_is_sent_again_is_a_list_of_its_own(owing: Desk) -> None:
    """A bank would pay once more what stands on two lists; and it refuses a list it knows."""
    _earn_of_other_payee(owing)
    waits, fails = paying.prepare(owing.office, programme=CITY, batch="B-1", at=AT)
    assert paying.last_list(owing.office, "B-1") == (1, (waits, fails))
    blocks = {name for name in paying.references(owing.office) if name.startswith("B-1-city")}

    paying.confirm(owing.office, [_receipt(fails, is_paid=False)], at=AT)
    assert paying.last_list(owing.office, "B-1") == (1, (waits,))
    for lifetime in range(1, 7):
        with suppress(DiedError):
            paying.again(owing.dying(lifetime), batch="B-1", at=AT)
    paying.again(owing.office, batch="B-1", at=AT)

    number, (sent,) = paying.last_list(owing.office, "B-1")
    assert (number, sent.id, sent.attempt) == (2, fails.id, 2)
    again = {name for name in paying.references(owing.office) if name.startswith("B-1.2-city")}
    assert len(blocks) == len(again) == 1
    assert owing.problems() == ()


def test_where_nothing_is_owed_there_is_no_batch(owing: Desk) -> None:
    payment = _prepare(owing)
    assert paying.prepare(owing.office, programme=CITY, batch="B-2", at=AT) == ()
    assert paying.owed_fen(owing.office, CITY) == 0

    paying.confirm(owing.office, [_receipt(payment, is_paid=False)], at=AT)
    assert paying.owed_fen(owing.office, CITY) == payment.amount_fen
    assert [one.id for one in paying.prepare(owing.office, programme=CITY, batch="B-2", at=AT)] == [
        "B-2-0001"
    ]


def test_of_two_receipts_at_once_the_second_is_told_of_the_first(
    owing: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = _prepare(owing)
    look = paying._differences  # noqa: SLF001  # between looking and booking the other one comes

    def overtaken(*given: Any, **how: Any) -> list[Problem]:  # noqa: ANN401  # passed on
        found = look(*given, **how)
        monkeypatch.undo()
        paying.confirm(owing.office, [_receipt(payment, "T-1")], at=AT)
        return found

    monkeypatch.setattr(paying, "_differences", overtaken)
    with pytest.raises(ReceiptError, match="already by receipt T-1"):
        paying.confirm(owing.office, [_receipt(payment, "T-2", is_paid=False)], at=AT)

    assert _where(owing) == [0, 0, 1_500_000]


def test_one_receipt_that_says_both_is_told_so(owing: Desk) -> None:
    payment = _prepare(owing)
    both = [_receipt(payment, "R-1"), _receipt(payment, "R-1", is_paid=False)]

    with pytest.raises(ReceiptError, match="both that it was paid and that it was not"):
        paying.confirm(owing.office, both, at=AT)


def test_a_batch_belongs_to_one_programme(owing: Desk) -> None:
    _prepare(owing)

    with pytest.raises(ConflictError):
        paying.prepare(owing.office, programme="registry", batch="B-1", at=AT)


def _earn_of_other_payee(desk: Desk) -> None:
    """Let the city owe a second provider."""
    other = "shenzhen.h100-server"
    voucher = desk.voucher(CITY, "A-9", 8_000_000, applicant=OTHER_FIRM)
    purchase = desk.buy(wanted("O-9", voucher, offer=other, applicant=OTHER_FIRM, contract="A-9"))
    assert desk.deliver(purchase, 1, Fraction(1), final=True).accepted


def test_why_a_batch_has_not_what_was_owed_when_it_was_counted_is_kept(owing: Desk) -> None:
    """Another batch sends the money between the counting and the sending of the first."""
    with pytest.raises(DiedError):
        paying.prepare(owing.dying(2), programme=CITY, batch="B-1", at=AT)
    _prepare(owing, "B-2")

    assert paying.prepare(owing.office, programme=CITY, batch="B-1", at=AT) == ()

    refused = paying.refused(owing.office, batch="B-1")
    assert refused is not None
    assert refused.code == "insufficient"
    assert paying.refused(owing.office, batch="B-2") is None
    assert paying.refused(owing.office, batch="B-3") is None
