"""What every format of payments does: it writes a batch, and reads receipts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tallygrid.core.payment import PaymentOrder, Receipt
from tallygrid.text.error import SentenceError


@dataclass(frozen=True)
class BankAccount:
    """Where money is taken from or goes: an account at a bank, known by its CNAPS number."""

    number: str
    bank: str


@dataclass(frozen=True)
class PaymentBatch:
    """Payments that go out together."""

    name: str
    at: datetime
    orders: tuple[PaymentOrder, ...]
    accounts: Mapping[str, BankAccount] = field(default_factory=dict)
    """The account of every funder and payee, for formats that go to a bank."""


class MissingAccountError(SentenceError):
    """A bank is asked to pay, and it is not known from or to which account."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__("paying.no_account", names=", ".join(names))


Sent = Mapping[str, datetime | None]
"""What identifies payments that were sent, and their blocks; if again, with when that was."""
Statement = Callable[[Sent], tuple[Receipt, ...]]
"""Returns the receipts of a file for the payments that were sent, those of one in their order.

The statement of an account holds its other business too; what is not ours is passed over.
"""


class PaymentFormat(Protocol):
    """One way to write payments down, and to read what became of them."""

    suffix: str
    """What the name of a list ends in."""
    needs_accounts: bool
    """Whether the list goes to a bank, which has to be told the accounts."""

    def write(self, batch: PaymentBatch) -> str:
        """Return a batch as the text of a file.

        Raises:
            MissingAccountError: The format needs an account that is not known.
        """
        ...

    def read(self, path: Path) -> Statement:
        """Read a file of receipts.

        Raises:
            FileError: With every mistake in it; likewise when its receipts are asked for.
        """
        ...
