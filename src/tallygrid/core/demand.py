"""Demand: the firms that ask, and what they ask for and when."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final, Literal

Fact = int | bool | str | date
Origin = Literal["trace", "fitted", "synthetic"]
"""Where a request comes from: a row of a trace, a fitted generator, or nowhere but here."""

WEEK_S: Final = 7 * 24 * 3600


@dataclass(frozen=True)
class Firm:
    """An applicant of the laboratory or the demonstration; never a real organisation."""

    id: str
    credit_code: str
    name: Mapping[str, str]
    """The name by language: `en`, `zh`."""
    facts: Mapping[str, Fact]
    labels: Mapping[str, str]
    """How each attribute came to be, `assumed` for all that is invented."""


@dataclass(frozen=True)
class JobRequest:
    """Cards wanted by a firm for a time, from an instant on."""

    number: int
    arrival_s: int
    """Seconds from the first arrival of the demand."""
    firm: str
    cards: int
    duration_s: int
    origin: Origin


@dataclass(frozen=True)
class PurchaseRequest:
    """Model or corpus offers wanted by a firm: bought by order, without a job."""

    number: int
    arrival_s: int
    firm: str
    kind: Literal["model", "corpus"]
    unit: str
    quantity: int
    origin: Origin


@dataclass(frozen=True)
class Demand:
    """All requests of a period, in the order of their arrival."""

    label: str
    """What this demand is, in words that stand on every report made from it."""
    seed: int
    week_offset_s: int
    """Local time of the first arrival, in seconds since Monday 00:00."""
    firms: tuple[Firm, ...]
    jobs: tuple[JobRequest, ...]
    purchases: tuple[PurchaseRequest, ...]

    def __post_init__(self) -> None:
        known = {firm.id for firm in self.firms}
        assert len(known) == len(self.firms), "firms have different ids"
        assert 0 <= self.week_offset_s < WEEK_S, self.week_offset_s
        for requests in (self.jobs, self.purchases):
            arrivals = [request.arrival_s for request in requests]
            assert arrivals == sorted(arrivals), "requests stand in the order of arrival"
            assert all(request.firm in known for request in requests), "every firm is known"

    def as_json(self) -> dict[str, object]:
        """Return the demand as plain values that JSON can hold, the same for the same demand."""
        plain: dict[str, object] = asdict(self)
        plain["firms"] = [
            {**asdict(firm), "facts": {name: _plain(fact) for name, fact in firm.facts.items()}}
            for firm in self.firms
        ]
        return plain


def _plain(fact: Fact) -> int | bool | str:
    return fact.isoformat() if isinstance(fact, date) else fact
