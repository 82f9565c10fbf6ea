"""A programme as a scenario applies it, and its answers for a whole population at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from tallygrid.core.amount import UNITS_FEN
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Facts, kind_of
from tallygrid.core.decision import Decision, Plan
from tallygrid.core.expression import dtype_of
from tallygrid.core.facts import DERIVED_FROM, Vocabulary, derived
from tallygrid.core.programme import Programme
from tallygrid.core.table import decided, facts_asked
from tallygrid.core.trial import Given, fact_column

_ANSWER: Final = ("outcome", "at_least_fen", "at_most_fen", "rate_bp", "group", "reasons", "open")


@dataclass(frozen=True)
class Answer:
    """What the table path says of one case; the same as the single decision."""

    outcome: str
    amount_fen: int | None
    """None where something that is open decides how much."""
    rate_bp: int | None
    group: str
    reasons: str
    open: str

    @property
    def pays(self) -> bool:
        """Something certain is paid."""
        return self.outcome == "eligible" and bool(self.amount_fen) and self.rate_bp is not None


@dataclass(frozen=True)
class Scheme:
    """A programme and the readings assumed where its text is silent."""

    programme: Programme
    assumptions: Assumptions | None = None
    decision_days: int = 0
    """From the application to the answer, or from the close of a batch."""

    @property
    def id(self) -> str:
        """The programme's id."""
        return self.programme.id

    @cached_property
    def applied(self) -> Programme:
        """The programme with its open items filled."""
        if self.assumptions is None:
            return self.programme
        return self.programme.with_readings(self.assumptions.of(self.id))

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its days are read."""
        return ZoneInfo(self.programme.place.zone)

    @property
    def unit_fen(self) -> int:
        """What amounts are rounded down to."""
        return UNITS_FEN[self.programme.rounding.unit]

    def lacks(self) -> tuple[str, ...]:
        """Return what must be known before a voucher can be issued, and is open."""
        one = self.applied
        named = {
            "redeem": one.redeem.value,
            "paid_to": one.paid_to.value,
            "tax": one.tax.value,
            "validity": one.validity.value,
            "allocation": one.allocation.value,
        }
        return tuple(name for name, value in named.items() if value is None)

    @cached_property
    def days_of_change(self) -> tuple[date, ...]:
        """Return the days on which an answer may change though the facts do not."""
        found = set(_dates(self.applied.model_dump()))
        return tuple(sorted(found | {day + timedelta(days=1) for day in found if day < date.max}))

    def segment(self, day: date) -> int:
        """Return in which stretch between the days of change a day lies."""
        return sum(change <= day for change in self.days_of_change)


def _dates(data: Any) -> Iterator[date]:  # noqa: ANN401  # plain data of any shape
    if isinstance(data, datetime):
        yield data.date()
    elif isinstance(data, date):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _dates(value)
    elif isinstance(data, list | tuple | set | frozenset):
        for value in data:
            yield from _dates(value)


def answers(
    scheme: Scheme, cases: Sequence[tuple[Facts, datetime]], vocabulary: Vocabulary
) -> list[Answer]:
    """Answer many cases, each at its own instant, by one table for each stretch of days.

    A window that closes within a day is a stretch of its own: instants on days of change are
    decided by themselves.
    """
    found: list[Answer | None] = [None] * len(cases)
    stretches: dict[tuple[int, datetime | None], list[int]] = {}
    changes = set(scheme.days_of_change)
    for n, (_, at) in enumerate(cases):
        day = at.astimezone(scheme.zone).date()
        exact = at if day in changes else None
        stretches.setdefault((scheme.segment(day), exact), []).append(n)
    for members in stretches.values():
        for n, answer in zip(
            members, _table(scheme, [cases[n] for n in members], vocabulary), strict=True
        ):
            found[n] = answer
    return [answer for answer in found if answer is not None]


def _table(
    scheme: Scheme, cases: Sequence[tuple[Facts, datetime]], vocabulary: Vocabulary
) -> list[Answer]:
    """Answer cases between which no day changes the rules; ages are those of each one's day."""
    plan = Plan.of(scheme.programme, {}, cases[0][1], scheme.assumptions)
    asked = facts_asked([plan])
    complete = [derived(facts, on=at.astimezone(scheme.zone).date()) for facts, at in cases]
    names = sorted(name for name in asked if any(name in facts for facts in complete))
    columns = {
        fact_column(name, plan.day): pl.Series(
            [facts.get(name) for facts in complete], dtype=dtype_of(kind_of(vocabulary[name]))
        )
        for name in names
    }
    given = frozenset({*names, *(source for source in DERIVED_FROM.values() if source in names)})
    rows = pl.DataFrame({"#": pl.Series(range(len(cases)), dtype=pl.Int64), **columns})
    result = decided(rows.lazy(), [plan], Given(given), ("#",)).select("#", *_ANSWER).collect()
    return [_answer(row) for row in result.sort("#").iter_rows()]


def _answer(row: tuple[Any, ...]) -> Answer:
    _, outcome, least, most, rate_bp, group, reasons, open_ = row
    return Answer(
        outcome=str(outcome),
        amount_fen=least if least == most else None,
        rate_bp=rate_bp,
        group=group or "",
        reasons=reasons or "",
        open=open_ or "",
    )


def answer_of(decision: Decision) -> Answer:
    """Return a single decision in the same form."""
    return Answer(
        outcome=decision.outcome,
        amount_fen=decision.amount_fen,
        rate_bp=decision.rate_bp,
        group=decision.group,
        reasons="|".join(dict.fromkeys(f.id for f in decision.findings if f.status != "passed")),
        open="|".join(decision.open),
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day."""
    return datetime.combine(day, time(), zone)
