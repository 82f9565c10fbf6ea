"""The journal: another program recomputes the same balances from the same events."""

import subprocess
import sys
from pathlib import Path

from bookkeeping import Books, event

from tallygrid import ledger
from tallygrid.core.books import Account
from tallygrid.ledger.export import journal_account


def history(books: Books) -> None:
    books.fund(1_000_000)
    open_hold, closed, expired = (books.hold(amount) for amount in (30_001, 5_000, 70))
    books.make_overdue(expired)
    books.codes(
        "worker",
        event("start", hold=open_hold),
        event("capture", {"committed:V-1 > payable:P": 10_000}, hold=open_hold),
        event("extend", {"committed:V-1 > payable:P": 99}, hold=open_hold),
        event("capture", {"committed:V-1 > payable:P": 0}, hold=closed),
        event("capture", {"committed:V-1 > payable:P": 1}, hold=closed, final=True),
        event("copay", {"copay_source > copay_due:企业(1)": 333}, reason='he said "pay"\\'),
    )
    books.codes("payer", event("pay", {"payable:P > in_payment:P": 7}, document="0" * 64))
    books.codes("web", event("limit", {"cap_source > cap_room:A/2026": 5}))


def check(journal: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / "books.beancount"
    file.write_text(journal, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "bean-check"), "--no-cache", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def journal_of(books: Books) -> str:
    lines = ledger.export_beancount(books.connect("auditor"), books.programme)
    return "\n".join(lines) + "\n"


def test_beancount_accepts_the_journal_and_finds_the_same_balances(
    books: Books, tmp_path: Path
) -> None:
    history(books)
    journal = journal_of(books)

    checked = check(journal, tmp_path)

    assert checked.stderr == ""
    assert checked.returncode == 0
    held = "Pprogramme" + books.programme.removeprefix("programme").replace("-", "--")
    assert f"balance Assets:{held}:Y2026:Committed:Fcity:HV--1:Aside  201.00 ~ 0.00 CNY" in journal


def test_beancount_refuses_a_journal_that_is_one_fen_off(books: Books, tmp_path: Path) -> None:
    """The assertions at the end are the books' own balances, compared to the fen."""
    history(books)
    lines = journal_of(books).split("\n")
    last = max(n for n, line in enumerate(lines) if " balance " in line and "0.07" in line)
    lines[last] = lines[last].replace("0.07", "0.08")

    checked = check("\n".join(lines), tmp_path)

    assert checked.returncode == 1
    assert "Balance failed" in checked.stderr


def test_the_journal_is_the_same_every_time(books: Books) -> None:
    history(books)

    assert journal_of(books) == journal_of(books)


def test_all_programmes_make_one_journal(books: Books) -> None:
    history(books)
    other = Books(books.server)
    other.fund(5)
    lines = list(ledger.export_beancount(other.connect("auditor")))
    other.close()

    assert f"; Programme {books.programme}" in lines
    assert f"; Programme {other.programme}" in lines


def test_different_accounts_have_different_names_in_the_journal() -> None:
    holders = ("a-b", "a--b", "a_b", "-5f-", "_", "券", "a b"[:1] + "/b", "A", "a")
    names = {journal_account("p", Account("payable", 2026, h, "city")) for h in holders}

    assert len(names) == len(holders)
