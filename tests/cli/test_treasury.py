"""A year of a budget at the terminal: tranches, transfers, corrections, clawbacks, the close."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import AT, EXAMPLES, FACTS, Terminal

HENAN, CITY = "henan-compute-issued", "zhengzhou-compute-issued"
YEAR = ("--year", 2026)
DONE = {
    "contract_yuan": 100_000,
    "contract_tax_yuan": 5_660,
    "contract_signed_on": "2026-05-01",
    "contract_term_months": 12,
    "provider_kind": "ai_computing_centre",
    "provider_pflops": 400,
}
SOON = ("--at", "2026-05-02")


@pytest.fixture(scope="module")
def terminal(own_home: Path) -> Iterator[Terminal]:
    found = Terminal(own_home)
    for name in (HENAN, CITY):
        found.does("programme", "publish", name, "--assume", "demonstration", "--at", "2026-05-01")
    yield found
    found.does("stop")


def _books(terminal: Terminal, *words: object) -> str:
    return terminal.does("books", *words, *SOON)


def test_budgets_come_go_and_move(terminal: Terminal) -> None:
    henan, city = ("--programme", HENAN, *YEAR), ("--programme", CITY, *YEAR)

    said = _books(terminal, "appropriate", *henan, "--yuan", "20000000", "--document", "H-1")
    assert "CN¥20,000,000.00 appropriated (province CN¥10,000,000.00, city" in said
    _books(terminal, "appropriate", *city, "--funder", "city", "9000000", "--document", "C-1")
    moved = ("transfer", *henan, "--to", CITY, "--yuan", "2000.50", "--document", "H-2")
    assert f"CN¥2,000.50 of 2026 moved from {HENAN} to {CITY}" in _books(terminal, *moved)
    assert _books(terminal, *moved) == _books(terminal, *moved)
    _books(terminal, "reduce", *city, "--yuan", "2000.50", "--document", "C-2")

    refused = terminal.fails("books", "reduce", *city, "--yuan", "9000000.01", "--document", "C-3")
    assert "CN¥9,000,000.00 free; CN¥9,000,000.01 was asked" in " ".join(refused.split())
    assert terminal.does("books", "verify") == ""


ON_NO_PAPER = (
    ("books", "appropriate", *YEAR, "--programme", HENAN, "--yuan", 1, "--document"),
    ("books", "reduce", *YEAR, "--programme", HENAN, "--yuan", 1, "--document"),
    ("books", "transfer", *YEAR, "--programme", HENAN, "--to", CITY, "--yuan", 1, "--document"),
    ("books", "close-year", *YEAR, "--programme", HENAN, "--carry", "--document"),
    ("books", "amend", "--applicant", "A", "--contract", "C", "--yuan", 1, "--document"),
    ("books", "reverse", "--programme", HENAN, "K", "--because"),
    ("programme", "publish", HENAN, "--budget", 2026, 1, "--document"),
    ("voucher", "revoke", "V", "--because"),
    ("notice", "withdraw", "A", "--because"),
    ("clawback", "demand", "--payment", "P", "--yuan", 1, "--because", "x"),
    ("clawback", "demand", "K", "--payment", "P", "--yuan", 1, "--because"),
    ("clawback", "recover", "K", "--yuan", 1, "--receipt"),
    ("copay", "receive", "XX", "--programme", CITY, "--yuan", 1, "--receipt"),
    ("copay", "late", "XX", "--programme", CITY, "--notice"),
    ("award", "--programme", HENAN, "--batch"),
)


@pytest.mark.parametrize("words", ON_NO_PAPER, ids=lambda words: " ".join((*words[:2], words[-1])))
def test_nothing_is_done_on_a_paper_without_a_number(
    terminal: Terminal, words: tuple[object, ...]
) -> None:
    assert "It is empty." in terminal.errs(*words, "")
    assert "It is empty." in terminal.errs(*words, " \t")


def test_slips_of_the_pen_are_told_and_move_nothing(terminal: Terminal) -> None:
    henan = ("books", "appropriate", "--programme", HENAN, *YEAR, "--document", "H-9")
    before = terminal.does("books", "export", "--format", "csv")

    assert "--yuan, to be divided" in terminal.errs(*henan)
    assert "--yuan, to be divided" in terminal.errs(*henan, "--yuan", 1, "--funder", "city", 1)
    assert "is not an amount" in terminal.errs(*henan, "--yuan", "1.234")
    assert "is not an amount" in terminal.errs(*henan, "--yuan", "0")
    assert "has no funder county" in terminal.errs(*henan, "--funder", "county", 1)
    undo = ("books", "reverse", "--programme", HENAN, "--because", "x")
    assert "is not the key of an entry" in terminal.errs(*undo, "7")
    assert "have no entry" in terminal.fails(*undo, "00000000-0000-0000-0000-000000000000")
    close = ("books", "close-year", "--programme", HENAN, *YEAR, "--carry", "--document", "Y")
    assert "is not over on" in terminal.fails(*close, "--at", "2026-12-31")
    assert "no clawback 'K-0'" in terminal.errs("clawback", "waive", "K-0")
    ask = ("copay", "receive", "XX", "--programme", CITY, "--yuan", 1, "--receipt", "R")
    assert "CN¥1.00 is more" in terminal.fails(*ask)
    assert "No own money is owed." in terminal.does("copay", "list")
    assert "no voucher 'V-0'" in terminal.errs("voucher", "revoke", "V-0", "--because", "x")
    assert terminal.does("books", "export", "--format", "csv") == before


def test_what_was_accepted_and_paid_wrongly_is_put_right(
    terminal: Terminal, tmp_path: Path
) -> None:
    paper, corrected = tmp_path / "paper", tmp_path / "corrected"
    paper.write_text("statement")
    corrected.write_text("statement, corrected")
    terminal.does("run", EXAMPLES / "reservation.yaml", "--id", "r", *AT)
    terminal.does("deliver", "r", "--evidence", paper, "--days", 14, "--last", *AT)

    less = ("correct", "r", "--evidence", corrected, "--less", "7/30", *AT)
    assert "line 2: 7/30 server-months taken back" in terminal.does(*less)
    assert terminal.does(*less) == terminal.does(*less)
    _claw_back(terminal, _paid(terminal, tmp_path, CITY))
    assert terminal.does("books", "verify") == ""


def _claw_back(terminal: Terminal, payment: str) -> None:
    """Ask a part of a payment back, and book what became of it."""
    ask = ("clawback", "demand", "K-1", "--payment", payment, "--because", "idle cards")
    assert "can be asked back" in terminal.fails(*ask, "--yuan", 99_999_999)
    assert "CN¥100.00 asked back" in terminal.does(*ask, "--yuan", 100, *AT)
    early = ("--language", "zh", "clawback", "contest", "K-1", "--at", "2026-05-01")
    assert "不能在2026年5月1日登记异议" in terminal.fails(*early)
    assert "contested" in terminal.does("clawback", "contest", "K-1", *AT)
    assert "cannot" in terminal.fails("clawback", "write-off", "K-1")
    terminal.does("clawback", "uphold", "K-1", *AT)
    back = ("clawback", "recover", "K-1", "--yuan", 40, "--receipt", "R-1", *AT)
    assert "CN¥40.00 of CN¥100.00 recovered" in terminal.does(*back)
    assert "written off" in terminal.does("clawback", "write-off", "K-1")
    assert "reopened" in terminal.fails(*back[:-2], "--receipt", "R-2", *AT)
    assert "demanded" in terminal.does("clawback", "reopen", "K-1")
    assert "written off" in terminal.does("clawback", "write-off", "K-1")
    (known,) = terminal.reads("clawback", "list")
    assert (known["state"], known["recovered_fen"]) == ("written_off", 4_000)
    assert "已核销坏账" in terminal.does("--language", "zh", "clawback", "list")


def test_work_that_is_done_is_awarded_without_a_voucher(terminal: Terminal, tmp_path: Path) -> None:
    facts = tmp_path / "done.json"
    known = json.loads(FACTS.read_text(encoding="utf-8"))
    facts.write_text(json.dumps({**known, **DONE}), encoding="utf-8")
    words = ("reward", "--programme", CITY, "--facts", facts, *AT, "--contract")

    said = terminal.does(*words, "D-1")
    assert "awarded, owed to" in said
    assert terminal.does(*words, "D-1") == said
    amend = ("books", "amend", "--contract", "D-1", "--applicant", known["credit_code"], *SOON)
    lower = (*amend, "--yuan", 90_000, "--document", "S-1")
    assert "Contract D-1 of" in terminal.does(*lower)
    assert "合同D-1金额现为¥90,000.00" in terminal.does("--language", "zh", *lower)
    _sign(terminal, *amend, "--document", "S-3")
    refused = terminal.fails(*amend, "--yuan", 1, "--document", "S-2")
    assert "CN¥20,000.00 is promised on contract D-1" in refused
    back = ("correct", f"E-D-1-{CITY}", "--evidence", facts, *AT)
    assert "--yuan for an award" in terminal.errs(*back)
    less = (*back, "--yuan", "5000.5")
    assert "CN¥5,000.50 taken back; its award comes to CN¥14,999.50 now" in terminal.does(*less)
    assert "核定金额现为¥14,999.50" in terminal.does("--language", "zh", *less)
    assert "CN¥14,999.50 awarded" in terminal.does(*words, "D-1")
    assert "应付" in terminal.does("--language", "zh", *words, "D-1")
    assert terminal.does("books", "verify") == ""


def _sign(terminal: Terminal, *amend: object) -> None:
    """Let another day of signing hold."""
    assert "--signed-on for the day" in terminal.errs(*amend)
    assert "--signed-on" in terminal.errs(*amend, "--signed-on", "yesterday")
    right = (*amend, "--signed-on", "2026-05-02")
    assert "counts as signed on 2 May 2026" in terminal.does(*right)
    assert "签订日期现为2026年5月2日" in terminal.does("--language", "zh", *right)


def test_a_notice_begins_once_and_after_its_withdrawal_under_another_name(
    terminal: Terminal, tmp_path: Path
) -> None:
    case = tmp_path / "case.json"
    case.write_text(json.dumps({**json.loads(FACTS.read_text()), **DONE}))
    begin = ("notice", "begin", "--programme", CITY, "--facts", case, "--contract", "ZZ-N-1")
    name = f"N-ZZ-N-1-{CITY}"

    first = terminal.does(*begin, *AT)
    assert f"application {name} is in notice" in first
    assert terminal.does(*begin) == first
    terminal.does("notice", "withdraw", name, "--because", "objection 3", *AT)
    assert f"application {name} withdrawn" in terminal.does(*begin)
    assert "application N-2 is in notice" in terminal.does(*begin, "--id", "N-2", *AT)
    terminal.does("notice", "withdraw", "N-2", "--because", "objection 4", *AT)
    case.write_text(json.dumps({**json.loads(FACTS.read_text()), **DONE, "contract_yuan": 90_000}))
    for _ in range(2):
        told = terminal.fails(*begin, "--id", "N-3", *AT)
        assert "is known with another amount" in " ".join(told.split())


def test_a_year_ends(terminal: Terminal) -> None:
    terminal.does("apply", EXAMPLES / "reservation.yaml", "--id", "late", "--at", "2026-11-01")
    close = ("books", "close-year", *YEAR, "--at", "2027-01-05")

    said = terminal.does(*close, "--programme", HENAN, "--carry", "--document", "Y-1")
    assert "Carried forward" in said
    assert "Lapsed" in terminal.does(*close, "--programme", CITY, "--release", "--document", "Y-1")
    late = ("books", "appropriate", "--programme", CITY, *YEAR, "--yuan", 1, "--document", "L-1")
    assert "was closed under Y-1" in terminal.fails(*late, "--at", "2027-02-01")
    assert "请列入2027年度" in terminal.fails("--language", "zh", *late, "--at", "2027-02-01")

    assert "No voucher is due." in terminal.does(
        "voucher", "expire", "--programme", HENAN, "--at", "2027-01-06"
    )
    assert "expired" in terminal.does(
        "voucher", "expire", "--programme", HENAN, "--at", "2029-01-06"
    )
    assert terminal.does("books", "verify") == ""


def _paid(terminal: Terminal, folder: Path, programme: str) -> str:
    """Pay what a programme owes: come back once, sent again, confirmed; return the payment."""
    sent = folder / "list.csv"
    receipts = folder / "receipts.csv"
    pay = ("pay", "--programme", programme, *AT)
    assert "cannot name a file" in terminal.errs(*pay, "--batch", "../june")
    batch = (*pay, "--batch", "june", "--out", sent)
    terminal.does(*batch)
    (row,) = csv.DictReader(sent.read_text(encoding="utf-8").splitlines())
    text = "payment,receipt,amount_yuan,paid\n"
    for number, paid in (("T-1", "no"), ("T-2", "yes")):
        text += f"{row['payment']},{number},{row['amount_yuan']},{paid}\n"
        receipts.write_text(text, encoding="utf-8")
        terminal.does("confirm", receipts, *AT)
        if paid == "no":
            assert "is on no list of batch june" in terminal.fails(*batch)
            assert "sent once more: 1" in terminal.does(*batch, "--again")
            assert "was booked already" in terminal.fails("confirm", receipts, *AT)
    return row["payment"]
