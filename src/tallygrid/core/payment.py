"""Payments as they leave for the treasury and come back: the values that every format carries."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from tallygrid.core.key import key_of

_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+?/:().,'-]{0,34}")


@dataclass(frozen=True)
class PaymentOrder:
    """One amount to be paid, as the treasury or a bank is asked to pay it."""

    id: str
    programme: str
    fiscal_year: int
    funder: str
    payee: str
    """The unified social credit code of whoever is paid."""
    payee_name: str
    amount_fen: int

    @property
    def reference(self) -> str:
        """What identifies the payment from end to end (端到端标识)."""
        return reference_of(self.id)


class Receipt(NamedTuple):
    """The treasury's word on one payment: paid, under its own document number (支付凭证号)."""

    payment: str
    """The payment's id, or its reference."""
    number: str
    amount_fen: int
    is_paid: bool = True


def list_of(batch: str, attempt: int) -> str:
    """Return the name of a batch's list: a bank that knows a name refuses it as a repetition.

    >>> list_of("july", 1), list_of("july", 2)
    ('july', 'july.2')
    """
    return batch if attempt == 1 else f"{batch}.{attempt}"


def block_of(name: str, funder: str, year: int) -> str:
    """Return what identifies the payments of a list that one funder makes of one year."""
    return reference_of(f"{name}-{funder}-{year}")


def reference_of(name: str) -> str:
    """Return a name as banks pass it on: 35 plain characters at the most, else a hash of it.

    >>> reference_of("july-0001")
    'july-0001'
    >>> len(reference_of("7月-0001")), len(reference_of("j" * 36))
    (32, 32)
    """
    return name if _REFERENCE.fullmatch(name) else key_of("reference", name).hex
