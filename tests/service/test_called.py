"""Who gave the money is called by its name in a refusal, in the language of whoever reads it."""

from fractions import Fraction

import pytest
from desk import AT, CITY, Desk, request, scheme, used, wanted

from tallygrid.service import applying, correcting, lowering, paying
from tallygrid.service.correcting import CorrectionError
from tallygrid.service.lowering import Less, LoweringError


def test_a_delivery_that_was_paid_names_the_treasury_and_the_year(funded: Desk) -> None:
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    purchase = funded.buy(wanted("O-1", voucher, contract="A-1"))
    assert funded.deliver(purchase, 1, Fraction(1), final=True).accepted
    paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)

    with pytest.raises(CorrectionError) as refused:
        correcting.correct(funded.office, purchase, used(2, Fraction(-1)))

    assert f"{AT.year}年度市级财政应付" in refused.value.sentence("zh")
    assert f"from city treasury for {AT.year}" in refused.value.sentence("en")


def test_an_award_that_was_paid_names_the_treasury(funded: Desk) -> None:
    asked = request("A-1", contract_fen=60_000_000)
    applying.apply(funded.office, scheme(CITY), asked, at=AT, way="ex_post")
    paying.prepare(funded.office, programme=CITY, batch="B-1", at=AT)

    with pytest.raises(LoweringError) as refused:
        lowering.lower(funded.office, Less("A-1", 1, "0" * 64), at=AT)

    assert refused.value.sentence("zh").startswith("市级财政对申请A-1")
