"""The books: double entry in PostgreSQL, whole fen, only ever added to.

The tables are SQL, in `migrations/`, and every function in `migrations/functions/`, in the
order in which to read them;
`docs/algorithms/ledger.md` explains them with a worked example. Here is what Python calls.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from tallygrid.ledger.balance import balance, balances
from tallygrid.ledger.heads import heads, publish, published
from tallygrid.ledger.journal import (
    Journal,
    beancount,
    hledger,
    journals,
    write_csv,
    write_parquet,
)
from tallygrid.ledger.post import (
    EVENTS_PER_BATCH_MAX,
    expire_holds,
    open_programme,
    post,
    programmes,
)
from tallygrid.ledger.recorded import Batch, batches, recorded
from tallygrid.ledger.verify import against, verify

MIGRATIONS: Final[Traversable] = files("tallygrid.ledger").joinpath("migrations")
"""What `database.migrate` applies: numbered files once, and the functions when they change."""

__all__ = [
    "EVENTS_PER_BATCH_MAX",
    "MIGRATIONS",
    "Batch",
    "Journal",
    "against",
    "balance",
    "balances",
    "batches",
    "beancount",
    "expire_holds",
    "heads",
    "hledger",
    "journals",
    "open_programme",
    "post",
    "programmes",
    "publish",
    "published",
    "recorded",
    "verify",
    "write_csv",
    "write_parquet",
]
