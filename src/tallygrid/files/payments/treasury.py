"""The treasury's CSV: a payment list out, receipts in, by the number of its document."""

import csv
import io
from pathlib import Path

from tallygrid.core.money import yuan
from tallygrid.files.payments.port import PaymentBatch, Statement
from tallygrid.files.receipts import read_receipts

_COLUMNS = ("payment", "programme", "year", "funder", "payee", "amount_yuan")


class Treasury:
    """The treasury's CSV."""

    suffix = ".csv"
    needs_accounts = False

    def write(self, batch: PaymentBatch) -> str:
        """Return the payment list."""
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(_COLUMNS)
        for one in batch.orders:
            amount = yuan(one.amount_fen)
            table.writerow((one.id, one.programme, one.fiscal_year, one.funder, one.payee, amount))
        return text.getvalue()

    def read(self, path: Path) -> Statement:
        """Read receipts; see `read_receipts`. It holds nothing but answers to our payments."""
        receipts = read_receipts(path)
        return lambda _: receipts
