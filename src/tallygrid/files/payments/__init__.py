"""Payment lists out and receipts in: one port, and an adapter for each format.

`treasury` is the treasury's own CSV, `iso20022` is pain.001 out and camt.053 in. Whatever the
format, the same payments go out and the same receipts come back; tests/contract holds every
adapter to that.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tallygrid.files.payments.iso20022 import Iso20022
from tallygrid.files.payments.port import PaymentBatch, PaymentFormat
from tallygrid.files.payments.treasury import Treasury

__all__ = ["FORMATS", "PaymentBatch", "PaymentFormat", "format_of"]

FORMATS: Final[Mapping[str, PaymentFormat]] = {"csv": Treasury(), "iso20022": Iso20022()}
"""Every format by the name that a user gives."""


def format_of(path: Path) -> PaymentFormat:
    """Return the format of a file of receipts, by its name."""
    return FORMATS["iso20022" if path.suffix.lower() == ".xml" else "csv"]
