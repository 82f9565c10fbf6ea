"""The treasury's receipts as CSV, matched by the number of its document (支付凭证号)."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.files.document import FileError, Mistake, read_text

COLUMNS: Final = ("payment", "receipt", "amount_yuan", "paid")
_DECIMALS_MAX: Final = 2


class ReceiptRow(NamedTuple):
    """One receipt as the treasury wrote it."""

    payment: str
    number: str
    amount_fen: int
    is_paid: bool


def read_receipts(path: Path) -> tuple[ReceiptRow, ...]:
    """Read a receipts file with the columns payment, receipt, amount_yuan, paid (yes or no).

    Raises:
        FileError: With every mistake in the file.
    """
    text = read_text(path)
    table = csv.DictReader(text.splitlines())
    if tuple(table.fieldnames or ()) != COLUMNS:
        problem = f"The first line is {','.join(table.fieldnames or ())!r}."
        remedy = f"Write {','.join(COLUMNS)}."
        raise FileError([Mistake(str(path), 1, 1, problem, remedy)])
    rows = [(table.line_num, row) for row in table]
    mistakes = [one for line, row in rows for one in _mistakes(str(path), line, row)]
    if mistakes:
        raise FileError(mistakes)
    return tuple(
        ReceiptRow(row["payment"], row["receipt"], _fen(row["amount_yuan"]), row["paid"] == "yes")
        for _, row in rows
    )


def _mistakes(file: str, line: int, row: dict[str, str]) -> Iterator[Mistake]:
    if row.get("paid") not in {"yes", "no"}:
        problem = f"`paid` is {row.get('paid')!r}."
        yield Mistake(file, line, 1, problem, "Write yes, or no if the payment came back.")
    try:
        _fen(row.get("amount_yuan") or "")
    except ValueError:
        problem = f"`amount_yuan` is {row.get('amount_yuan')!r}."
        yield Mistake(file, line, 1, problem, "Write an amount such as 1234.50.")
    for name in ("payment", "receipt"):
        if not row.get(name):
            yield Mistake(file, line, 1, f"`{name}` is empty.", "Fill it in.")


def _fen(written: str) -> int:
    """Read an amount in yuan of at most two decimals as fen.

    >>> _fen("1234.5")
    123450
    """
    whole, _, odd = written.partition(".")
    if not whole.isdecimal() or len(odd) > _DECIMALS_MAX or (odd and not odd.isdecimal()):
        raise ValueError(written)
    return int(whole) * FEN_PER_YUAN + int(odd.ljust(_DECIMALS_MAX, "0") or 0)
