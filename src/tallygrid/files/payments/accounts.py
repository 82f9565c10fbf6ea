"""The accounts that payments are made from and to, as CSV: party, account, bank."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tallygrid.files.mistake import FileError, Mistake, shown
from tallygrid.files.payments.port import BankAccount
from tallygrid.files.receipts import GB
from tallygrid.files.rows import read_rows

COLUMNS: Final = ("party", "account", "bank")
_SHAPES: Final = {
    "party": (re.compile(r"\S.*"), "Write a funder or a payee's credit code."),
    "account": (re.compile(r"[A-Za-z0-9]{1,34}"), "Write at most 34 letters and digits."),
    "bank": (re.compile(r"[0-9]{12}"), "Write the 12 digits of the bank's CNAPS number."),
}


def read_accounts(path: Path) -> dict[str, BankAccount]:
    """Read a file of accounts: of every funder the one that pays, of every payee the one paid to.

    Raises:
        FileError: With every mistake in the file.
    """
    rows = read_rows(path, COLUMNS, empty="There is no account.", also=GB)
    mistakes = [one for line, row in rows for one in _mistakes(str(path), line, row)]
    found: dict[str, BankAccount] = {}
    for line, row in rows:
        if row["party"] in found:
            problem = f"`party` is {shown(row['party'])} a second time."
            mistakes.append(Mistake(str(path), line, 1, problem, "Give each one account."))
        found[row["party"]] = BankAccount(row["account"], row["bank"])
    if mistakes:
        raise FileError(mistakes)
    return found


def _mistakes(file: str, line: int, row: dict[str, str]) -> Iterator[Mistake]:
    for name, (shape, remedy) in _SHAPES.items():
        if not shape.fullmatch(row[name]):
            yield Mistake(file, line, 1, f"`{name}` is {shown(row[name])}.", remedy)
