"""A statement (对账单): what one party was owed, sent and paid in a month.

Every movement is dated by when it happened. Opening, movements and closing of each column add
up, and all months together come to the balances of the books.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

COLUMNS: Final = ("payable", "in_payment", "paid", "recoverable", "written_off")
"""The accounts of a party, which are the columns of its statement."""


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month.

    >>> Month.of("2026-12").next
    Month(year=2027, month=1)
    """

    year: int
    month: int

    @classmethod
    def of(cls, written: str) -> "Month":
        """Read `2026-05`.

        Raises:
            ValueError: It is no month.
        """
        first = date.fromisoformat(f"{written}-01")
        return cls(first.year, first.month)

    @property
    def first(self) -> date:
        """The first day."""
        return date(self.year, self.month, 1)

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True, order=True)
class Sums:
    """An amount for every column."""

    payable_fen: int = 0
    in_payment_fen: int = 0
    paid_fen: int = 0
    recoverable_fen: int = 0
    written_off_fen: int = 0

    @classmethod
    def of(cls, kind: str, amount_fen: int) -> "Sums":
        """Return an amount in one column; in none, if the account is not the party's."""
        return cls(**{f"{kind}_fen": amount_fen}) if kind in COLUMNS else cls()

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(one + more for one, more in zip(self.all, other.all, strict=True)))

    @property
    def all(self) -> tuple[int, ...]:
        """The amounts in the order of the columns."""
        return tuple(vars(self).values())


@dataclass(frozen=True, order=True)
class Movement:
    """One event as far as it concerns the party, its programme, year and funder."""

    at: datetime
    programme: str
    seq: int
    year: int
    funder: str
    event: str
    voucher: str
    reason: str
    change: Sums


@dataclass(frozen=True)
class Statement:
    """A party's month."""

    party: str
    name: str
    month: Month
    drawn_at: datetime
    heads: tuple[tuple[str, int], ...]
    """Up to which event of every programme's books it was drawn up."""
    opening: Sums
    movements: tuple[Movement, ...]

    @property
    def turnover(self) -> Sums:
        """What the month changed."""
        return total(one.change for one in self.movements)

    @property
    def closing(self) -> Sums:
        """What stands at its end."""
        return self.opening + self.turnover


def total(sums: Iterable[Sums]) -> Sums:
    """Return several amounts together, column by column.

    >>> total([Sums(1, 2), Sums(3)])
    Sums(payable_fen=4, in_payment_fen=2, paid_fen=0, recoverable_fen=0, written_off_fen=0)
    """
    return sum(sums, start=Sums())
