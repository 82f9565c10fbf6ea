"""The treasury's receipts as CSV, matched by the number of its document (支付凭证号)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.payment import Receipt
from tallygrid.files.mistake import FileError, Mistake, shown
from tallygrid.files.rows import read_rows

COLUMNS: Final = ("payment", "receipt", "amount_yuan", "paid")
GB: Final = "gb18030"
"""What programs of Chinese offices write where they do not write UTF-8."""
_DECIMALS_MAX: Final = 2
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{0,2})?")


def read_receipts(path: Path) -> tuple[Receipt, ...]:
    """Read a receipts file with the columns payment, receipt, amount_yuan, paid (yes or no).

    Raises:
        FileError: With every mistake in the file.
    """
    rows = read_rows(path, COLUMNS, empty="There is no receipt.", also=GB)
    mistakes = [one for line, row in rows for one in _mistakes(str(path), line, row)]
    if mistakes:
        raise FileError(mistakes)
    return tuple(
        Receipt(row["payment"], row["receipt"], fen_of(row["amount_yuan"]), row["paid"] == "yes")
        for _, row in rows
    )


def _mistakes(file: str, line: int, row: dict[str, str]) -> Iterator[Mistake]:
    if len(row) > len(COLUMNS):
        problem = "The row has more cells than there are columns."
        yield Mistake(file, line, 1, problem, f"Write {len(COLUMNS)} cells.")
    if row["paid"] not in {"yes", "no"}:
        problem = f"`paid` is {shown(row['paid'])}."
        yield Mistake(file, line, 1, problem, "Write yes, or no if the payment came back.")
    try:
        fen_of(row["amount_yuan"])
    except ValueError:
        problem = f"`amount_yuan` is {shown(row['amount_yuan'])}."
        yield Mistake(file, line, 1, problem, "Write an amount such as 1234.50.")
    for name in ("payment", "receipt"):
        if not row[name].strip():
            yield Mistake(file, line, 1, f"`{name}` is empty.", "Fill it in.")


def fen_of(written: str) -> int:
    """Read an amount in yuan of at most two decimals as fen.

    >>> fen_of("1234.5")
    123450
    """
    if not _AMOUNT.fullmatch(written):
        raise ValueError(written)
    whole, _, odd = written.partition(".")
    return int(whole) * FEN_PER_YUAN + int(odd.ljust(_DECIMALS_MAX, "0") or 0)
