"""The journal: the books written down for programs of others, which add them up on their own.

One reading of the books (`entries`), and a writer for each form: `beancount`, `hledger` and
`table` (CSV and Parquet).
"""

from tallygrid.ledger.journal.beancount import beancount
from tallygrid.ledger.journal.entries import Journal, journals
from tallygrid.ledger.journal.hledger import hledger
from tallygrid.ledger.journal.table import write_csv, write_parquet

__all__ = ["Journal", "beancount", "hledger", "journals", "write_csv", "write_parquet"]
