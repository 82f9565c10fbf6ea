"""Every format of payments does the same: what is written can be paid, what comes back is read."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from banking import ANSWERS, Given, camt_of, csv_of, entry_of

from tallygrid.core.money import yuan
from tallygrid.core.payment import PaymentOrder, Receipt
from tallygrid.files.mistake import FileError
from tallygrid.files.payments import FORMATS, PaymentBatch, PaymentFormat, format_of
from tallygrid.files.payments.port import BankAccount, MissingAccountError

AT: Final = datetime(2026, 7, 31, 9, tzinfo=UTC)
PAIN: Final = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"


def _order(
    n: int, amount_fen: int, *, funder: str = "city", name: str = "算力<有限>公司"
) -> PaymentOrder:
    return PaymentOrder(
        id=f"july-{n:04d}",
        programme="p",
        fiscal_year=2026,
        funder=funder,
        payee="91999999DEM000102Y",
        payee_name=name,
        amount_fen=amount_fen,
    )


ORDERS: Final = (_order(1, 6_000_000), _order(2, 1), _order(3, 10**14 + 7, funder="province"))
ACCOUNTS: Final = {
    "city": BankAccount("4000123", "102100099996"),
    "province": BankAccount("4000124", "102100099996"),
    "91999999DEM000102Y": BankAccount("6222001", "103100000026"),
}
OURS: Final = dict.fromkeys(("july-0001", "july-0002", "july-0003", "july-city-2026"))
"""By what a bank names payments that were sent, each once, and a block of them."""
BATCH: Final = PaymentBatch("july", AT, ORDERS, ACCOUNTS)


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def _read(form: str, text: str, folder: Path) -> tuple[Receipt, ...]:
    file = folder / f"receipts{FORMATS[form].suffix}"
    file.write_text(text, encoding="utf-8")
    assert format_of(file) is FORMATS[form]
    return format_of(file).read(file)(OURS)


def _mistakes(form: str, text: str, folder: Path) -> list[str]:
    with pytest.raises(FileError) as refused:
        _read(form, text, folder)
    assert all(one.line > 0 and one.column > 0 and one.remedy for one in refused.value.mistakes)
    return [one.problem for one in refused.value.mistakes]


def test_every_payment_goes_out_with_its_reference_and_amount(form: str) -> None:
    text = FORMATS[form].write(BATCH)

    for one in ORDERS:
        assert text.count(yuan(one.amount_fen)) >= 1
        assert re.search(rf"\b{one.reference}\b", text)
    assert FORMATS[form].write(BATCH) == text, "the same batch gives the same bytes"


def test_what_was_paid_and_what_came_back_is_read(form: str, tmp_path: Path) -> None:
    given = [
        Given("july-0001", "T-1", "60000.00"),
        Given("july-0002", "T-2", "0.01", is_paid=False),
        Given("july-0003", "T-3", "1000000000000.07"[-15:]),
    ]

    found = _read(form, ANSWERS[form](given), tmp_path)

    assert found == (
        Receipt("july-0001", "T-1", 6_000_000),
        Receipt("july-0002", "T-2", 1, is_paid=False),
        Receipt("july-0003", "T-3", 7),
    )


def test_what_was_said_last_of_a_payment_is_read_last(form: str, tmp_path: Path) -> None:
    """It came back, was sent again, and arrived: one file may tell of both."""
    given = [
        Given("july-0001", "T-1", "60000.00", is_paid=False),
        Given("july-0002", "T-2", "0.01"),
        Given("july-0001", "T-3", "60000.00", on="<Dt>2026-08-05</Dt>"),
    ]

    found = _read(form, ANSWERS[form](given), tmp_path)

    assert Receipt("july-0002", "T-2", 1) in found
    assert [one for one in found if one.payment == "july-0001"][-1].number == "T-3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_treasurys_table_may_be_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "receipts.csv"
    file.write_text(csv_of([Given("七月-0001", "豫财支〔2026〕7号", "1.00")]), encoding=encoding)

    assert format_of(file).read(file)(OURS) == (Receipt("七月-0001", "豫财支〔2026〕7号", 100),)


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "receipts.csv"
    file.write_bytes(b"payment,receipt,amount_yuan,paid\nx\xff,1,1.00,yes\n")

    with pytest.raises(FileError, match="is not UTF-8"):
        format_of(file).read(file)(OURS)


@pytest.mark.parametrize("amount", ["", "-1", "1e3", "0.001", "1;5", "NaN", "９"])
def test_an_amount_that_is_none_is_told_with_its_place(
    form: str, tmp_path: Path, amount: str
) -> None:
    given = [Given("july-0001", "T-1", amount), Given("july-0002", "T-2", amount)]

    problems = _mistakes(form, ANSWERS[form](given), tmp_path)

    assert len(problems) >= 2
    assert any("amount" in one for one in problems)


def test_a_receipt_needs_a_number(form: str, tmp_path: Path) -> None:
    assert _mistakes(form, ANSWERS[form]([Given("july-0001", "", "1.00")]), tmp_path)


@pytest.mark.parametrize("text", ["", "\x00", "<a>", "payment\n", "<Document/>"])
def test_what_holds_no_receipts_is_refused(form: str, tmp_path: Path, text: str) -> None:
    assert _mistakes(form, text, tmp_path)


def test_a_file_that_is_not_there_is_told(form: str, tmp_path: Path) -> None:
    with pytest.raises(FileError):
        FORMATS[form].read(tmp_path / "absent")


def test_every_format_is_a_format() -> None:
    formats: list[PaymentFormat] = list(FORMATS.values())
    assert len({one.suffix for one in formats}) == len(formats)


# What only one of them knows.

ISO: Final = FORMATS["iso20022"]

STRUCTURE: Final = {
    "Document": ["CstmrCdtTrfInitn"],
    "CstmrCdtTrfInitn": ["GrpHdr", "PmtInf"],
    "GrpHdr": ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"],
    "PmtInf": [
        *("PmtInfId", "PmtMtd", "BtchBookg", "NbOfTxs", "CtrlSum", "ReqdExctnDt", "Dbtr"),
        *("DbtrAcct", "DbtrAgt", "CdtTrfTxInf"),
    ],
    "CdtTrfTxInf": ["PmtId", "Amt", "CdtrAgt", "Cdtr", "CdtrAcct", "RmtInf"],
}
"""Elements in the order of the published schema of pain.001.001.09, those that we write."""


def _check_order(element: ET.Element) -> None:
    name = element.tag.removeprefix(PAIN)
    found = [child.tag.removeprefix(PAIN) for child in element]
    if name in STRUCTURE:
        assert list(dict.fromkeys(found)) == STRUCTURE[name], name
    for child in element:
        _check_order(child)


def test_a_pain_001_has_the_elements_of_the_schema_in_their_order() -> None:
    root = ET.fromstring(ISO.write(BATCH))  # noqa: S314  # our own file

    assert root.tag == f"{PAIN}Document"
    _check_order(root)
    for name in ("MsgId", "PmtInfId", "EndToEndId"):
        texts = [one.text or "" for one in root.iter(f"{PAIN}{name}")]
        assert texts
        assert all(1 <= len(text) <= 35 for text in texts)
        assert len(set(texts)) == len(texts)


def test_the_sums_of_a_pain_001_are_those_of_its_payments() -> None:
    root = ET.fromstring(ISO.write(BATCH))  # noqa: S314  # our own file
    blocks = list(root.iter(f"{PAIN}PmtInf"))

    assert [one.findtext(f"{PAIN}NbOfTxs") for one in blocks] == ["2", "1"]
    assert [one.findtext(f"{PAIN}CtrlSum") for one in blocks] == ["60000.01", "1000000000000.07"]
    header = root.find(f".//{PAIN}GrpHdr")
    assert header is not None
    assert header.findtext(f"{PAIN}CtrlSum") == "1000000060000.08"
    assert "算力<有限>公司" in {one.text for one in root.iter(f"{PAIN}Nm")}


def test_a_bank_is_not_asked_without_an_account() -> None:
    with pytest.raises(MissingAccountError, match=r"91999999DEM000102Y, city"):
        ISO.write(PaymentBatch("july", AT, ORDERS, {"province": ACCOUNTS["province"]}))


def test_what_is_pending_or_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    ours = Given("july-0001", "T-1", "1.00000")
    pending = entry_of(Given("july-0002", "T-2", "1"), status="PDNG")
    fee = entry_of(Given("NOTPROVIDED", "T-3", "5"))
    rent = entry_of(Given("RENT-7", "T-4", "5"))
    customer = entry_of(Given("INVOICE-9", "T-5", "5")).replace("DBIT", "CRDT")
    others = pending + fee + rent + customer

    assert _read("iso20022", camt_of(entry_of(ours) + others), tmp_path) == (
        Receipt("july-0001", "T-1", 100),
    )
    assert _mistakes("iso20022", camt_of(others), tmp_path)


def test_payments_that_are_booked_together_without_their_names_are_told(tmp_path: Path) -> None:
    together = """<Ntry><Amt Ccy="CNY">60000.01</Amt><CdtDbtInd>DBIT</CdtDbtInd>
      <Sts><Cd>BOOK</Cd></Sts><BkTxCd><Prtry><Cd>X</Cd></Prtry></BkTxCd><NtryDtls><Btch>
      <PmtInfId>july-city-2026</PmtInfId><NbOfTxs>2</NbOfTxs></Btch></NtryDtls></Ntry>"""

    problems = _mistakes("iso20022", camt_of(together), tmp_path)

    assert problems == ["The payments of 'july-city-2026' are booked together, and none is named."]


@pytest.mark.parametrize(
    ("said", "otherwise"),
    [
        ("<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>", ""),
        ("<SubFmlyCd>RRTN</SubFmlyCd>", "<SubFmlyCd>OTHR</SubFmlyCd>"),
    ],
)
def test_a_return_is_known_by_its_reason_or_its_code(
    tmp_path: Path, said: str, otherwise: str
) -> None:
    entry = entry_of(Given("july-0001", "T-1", "1.00", is_paid=False))
    assert said in entry

    found = _read("iso20022", camt_of(entry.replace(said, otherwise)), tmp_path)

    assert found == (Receipt("july-0001", "T-1", 100, is_paid=False),)


def test_the_older_version_of_a_statement_is_read_too(tmp_path: Path) -> None:
    entry = entry_of(Given("july-0001", "T-1", "1.00"), version="02")

    for text in (entry, entry.replace("TxAmt", "InstdAmt")):
        assert _read("iso20022", camt_of(text, version="02"), tmp_path)[0].amount_fen == 100


def test_what_went_and_came_back_in_one_statement_came_back(tmp_path: Path) -> None:
    entries = [Given("july-0001", "T-1", "1.00"), Given("july-0001", "T-2", "1.00", is_paid=False)]

    found = _read("iso20022", camt_of("".join(map(entry_of, entries))), tmp_path)

    assert found == (Receipt("july-0001", "T-2", 100, is_paid=False),)


@pytest.mark.parametrize(
    ("booked", "last"),
    [
        ("D1@3 R1@4 D2@5", "D2"),
        ("D2@5 R1@4 D1@3", "D2"),
        ("D1@3 R1@3 D2@3", "D2"),
        ("D1@3 R1@4 D2@5 R2@5", "R2"),
        ("R1@4 D2@5", "D2"),
        ("R1@4 D1@4", "R1"),
        ("D1@ R1@", "R1"),
        ("D1@3 D2@3", "D1 D2"),
        ("D1@3 D2@4 R1@5", "D1 D2 R1"),
        ("R1@ D2@5", "R1 D2"),
    ],
)
def test_of_several_entries_the_last_counts_if_their_order_is_told(
    tmp_path: Path, booked: str, last: str
) -> None:
    """A return is of a payment that was booked before it, or on the same day, or on none told."""
    entries = [
        Given("july-0001", name, "1.00", is_paid=name[0] == "D", on=f"<Dt>2026-08-0{day}</Dt>")
        for name, day in (one.split("@") for one in booked.split())
    ]

    found = _read("iso20022", camt_of("".join(map(entry_of, entries))), tmp_path)

    assert [one.number for one in found] == last.split()


def test_what_was_booked_before_a_payment_was_sent_again_answers_it_not(tmp_path: Path) -> None:
    """A statement of the days before, read late, says nothing of the new attempt."""
    sent = datetime(2026, 8, 4, 20, tzinfo=UTC)  # the fifth, in China
    days = ("<Dt>2026-08-03</Dt>", "<DtTm>2026-08-04T15:59:00Z</DtTm>", "<Dt>2026-08-05</Dt>")
    file = tmp_path / "statement.xml"
    numbers = []
    for given in ([Given("july-0001", "T-1", "1.00", on=on)] for on in days):
        file.write_text(ANSWERS["iso20022"]([*given, Given("july-0002", "T-2", "1.00")]))
        numbers.append([one.number for one in ISO.read(file)({**OURS, "july-0001": sent})])

    assert numbers == [["T-2"], ["T-2"], ["T-2", "T-1"]]
    that_day = [
        Given("july-0001", "T-3", "1.00", is_paid=False, on=days[2]),
        Given("july-0001", "T-4", "1.00", on=days[2]),
    ]
    file.write_text(ANSWERS["iso20022"](that_day))
    found = ISO.read(file)({**OURS, "july-0001": sent})
    assert [one.number for one in found] == ["T-3", "T-4"], "of which attempt is T-4?"


@pytest.mark.parametrize(
    "change",
    [("DBIT", "CRDT"), ("DBIT", "X"), ('Ccy="CNY"', 'Ccy="EUR"'), ("</Amt>", "</Amt><RtrInf/>")],
)
def test_an_entry_that_is_neither_a_payment_nor_a_return_is_told(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    entry = entry_of(Given("july-0001", "T-1", "1.00")).replace(*change)

    assert _mistakes("iso20022", camt_of(entry), tmp_path)


ATTACKS: Final = {
    "entities that grow": '<!DOCTYPE x [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;&a;">]>',
    "another file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "another machine": '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
    "a parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
    "nothing yet": "<!DOCTYPE x>",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_file_makes_us_read_another_or_grow(tmp_path: Path, attack: str) -> None:
    entry = entry_of(Given("july-0001", "T-1", "&b;" if "grow" in attack else "1.00"))
    text = camt_of(entry).replace("?>\n", f"?>\n{ATTACKS[attack]}", 1)

    problems = _mistakes("iso20022", text, tmp_path)

    assert problems == ["The file declares a document type, which may hide what it does."]


def test_a_file_of_very_many_levels_is_refused(tmp_path: Path) -> None:
    deep = "<a>" * 10_000 + "</a>" * 10_000

    assert _mistakes("iso20022", deep, tmp_path) == ["The elements stand too deep in each other."]
