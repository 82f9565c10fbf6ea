"""A statement as CSV: opening, every movement, turnover and closing, in yuan."""

import csv
from pathlib import Path
from typing import Final

from tallygrid.core.money import yuan
from tallygrid.core.statement import COLUMNS, Movement, Statement, Sums

HEADER: Final = (
    *("row", "date", "programme", "seq", "year", "funder", "event", "voucher", "reason"),
    *(f"{name}_yuan" for name in COLUMNS),
)


def write_table(statement: Statement, path: Path) -> None:
    """Write a statement as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEADER)
        table.writerow(_sums("opening", statement.opening))
        table.writerows(_movement(one) for one in statement.movements)
        table.writerow(_sums("turnover", statement.turnover))
        table.writerow(_sums("closing", statement.closing))


def _sums(row: str, sums: Sums) -> tuple[str, ...]:
    return (row, *[""] * (len(HEADER) - len(COLUMNS) - 1), *map(yuan, sums.all))


def _movement(one: Movement) -> tuple[object, ...]:
    day = one.at.date().isoformat()
    said = (one.event, one.voucher, one.reason)
    amounts = map(yuan, one.change.all)
    return ("movement", day, one.programme, one.seq, one.year, one.funder, *said, *amounts)
