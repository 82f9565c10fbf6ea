"""The journal: another program recomputes the same balances from the same events."""

import csv
import io
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from bookkeeping import Books, event
from patience import PATIENCE_S

from tallygrid import ledger
from tallygrid.core.books import Account
from tallygrid.ledger.journal.entries import journal_account


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
        event("copay", {"copay_source > copay_due:企业(1)": 333}, reason='he said; "pay", 付款\\'),
    )
    books.codes("payer", event("pay", {"payable:P > in_payment:P": 7}, document="0" * 64))
    books.codes("web", event("limit", {"cap_source > cap_room:A/2026": 5}))


def check(journal: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / "books.beancount"
    file.write_text(journal, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "bean-check"), "--no-cache", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def journal_of(books: Books) -> str:
    lines = ledger.beancount(ledger.journals(books.connect("auditor"), books.programme))
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


HLEDGER = shutil.which("hledger")
needs_hledger = pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed")


def run_hledger(journal: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    file = directory / "books.journal"
    file.write_text(journal, encoding="utf-8")
    command = [str(HLEDGER), "-f", str(file), *words]
    environment = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": str(directory)}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=environment
    )


def hledger_of(books: Books) -> str:
    lines = ledger.hledger(ledger.journals(books.connect("auditor"), books.programme))
    return "\n".join(lines) + "\n"


@needs_hledger
def test_hledger_accepts_the_journal_strictly(books: Books, tmp_path: Path) -> None:
    history(books)

    checked = run_hledger(hledger_of(books), tmp_path, "check", "--strict")

    assert (checked.returncode, checked.stderr) == (0, "")


@needs_hledger
def test_hledger_refuses_a_journal_that_is_one_fen_off(books: Books, tmp_path: Path) -> None:
    history(books)
    journal = hledger_of(books)
    assert "= 0.07 CNY" in journal

    checked = run_hledger(journal.replace("= 0.07 CNY", "= 0.08 CNY"), tmp_path, "check")

    assert checked.returncode == 1
    assert "assertion" in checked.stderr


@needs_hledger
def test_hledger_comes_to_the_same_balances(books: Books, tmp_path: Path) -> None:
    history(books)

    said = run_hledger(
        hledger_of(books), tmp_path, "balance", "--flat", "--no-total", "--empty", "-O", "csv"
    )

    rows = list(csv.reader(io.StringIO(said.stdout)))[1:]
    found = {name: amount.split(" ")[0] for name, amount in rows}
    (journal,) = ledger.journals(books.connect("auditor"), books.programme)
    claimed = {journal.name(one): one.amount_fen for one in journal.balances}
    assert found.keys() <= claimed.keys()
    assert {name: _fen(found.get(name, "0")) for name in claimed} == claimed


def _fen(yuan: str) -> int:
    return int(yuan.replace(",", "").replace(".", "")) if "." in yuan else 100 * int(yuan)


def test_the_rows_of_a_table_come_to_the_same_balances(books: Books, tmp_path: Path) -> None:
    history(books)
    auditor = books.connect("auditor")
    text = io.StringIO()

    ledger.write_csv(ledger.journals(auditor, books.programme), text)
    ledger.write_parquet(ledger.journals(auditor, books.programme), tmp_path / "books.parquet")

    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    (journal,) = ledger.journals(auditor, books.programme)
    sums = Counter[tuple[str, str]]()
    for row in rows:
        sums[row["account"], row["half"]] += int(row["amount_fen"])
    assert {key: fen for key, fen in sums.items() if fen} == {
        (one.account.code, "aside" if one.is_aside else "spendable"): one.amount_fen
        for one in journal.balances
        if one.amount_fen
    }
    table = pl.read_parquet(tmp_path / "books.parquet")
    assert table["amount_fen"].to_list() == [int(row["amount_fen"]) for row in rows]
    assert table["reason"].to_list() == [row["reason"] for row in rows]
    assert 'he said; "pay", 付款\\' in table["reason"].to_list()
    assert table["occurred_at"].to_list() == [
        datetime.fromisoformat(row["occurred_at"]).astimezone(UTC) for row in rows
    ]
    of_events = table.group_by("seq").agg(pl.col("amount_fen").sum())
    assert of_events["amount_fen"].unique().to_list() == [0]


def test_a_table_of_many_parts_is_whole(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(books)
    auditor = books.connect("auditor")
    ledger.write_parquet(ledger.journals(auditor, books.programme), tmp_path / "one.parquet")
    monkeypatch.setattr("tallygrid.ledger.journal.table._ROWS_PER_WRITE", 3)

    ledger.write_parquet(ledger.journals(auditor, books.programme), tmp_path / "many.parquet")

    one, many = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("one", "many"))
    assert one.equals(many)
    assert len(one) > 9


def test_the_journal_is_the_same_every_time(books: Books) -> None:
    history(books)

    assert journal_of(books) == journal_of(books)


def test_all_programmes_make_one_journal(books: Books) -> None:
    history(books)
    other = Books(books.server)
    other.fund(5)
    lines = list(ledger.beancount(ledger.journals(other.connect("auditor"))))
    other.close()

    assert f"; Programme {books.programme}" in lines
    assert f"; Programme {other.programme}" in lines


def test_different_accounts_have_different_names_in_the_journal() -> None:
    holders = ("a-b", "a--b", "a_b", "-5f-", "_", "券", "a b"[:1] + "/b", "A", "a")
    names = {journal_account("p", Account("payable", 2026, h, "city")) for h in holders}

    assert len(names) == len(holders)
