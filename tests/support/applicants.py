"""Invented applications with a planted truth, firm by firm; nothing of the estimators is used."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from math import erf, exp, log, sqrt
from random import Random
from typing import Final

from tallygrid.core.programme import Programme, Window
from tallygrid.files.programme import read_programmes
from tallygrid.lab.calibrate.history import History, history_of

FIRST: Final = date(2026, 3, 2)
LAST: Final = date(2026, 4, 30)
_DAYS: Final = (LAST - FIRST).days + 1
_FIRMS: Final = 6_000
_HOURS: Final = 40
_LEAST_FEN: Final = 50_000_000
_CAP_FEN: Final = 1_000_000_000
_SPREAD: Final = 0.9
_AGES: Final = 120


@dataclass(frozen=True)
class Truth:
    """What is planted."""

    boost: float = 0.0
    rush_days: float = 7.0
    hazard: float = 0.006
    gives_up_per_hour: float = 0.005
    gives_up_per_day: float = 0.004
    uses: float = 0.8
    claims: float = 0.9
    young: float = 1.0
    """How readily firms under a year apply, against all others."""
    raised: float = 0.0
    """The share of those up to a fifth below the least amount who raise theirs."""
    cut: float = 0.0
    """The share of those up to a third above the cap who cut theirs."""

    def of(self, code: str) -> float:
        """Return what an estimate of this truth should cover."""
        return {
            "rush.boost": self.boost,
            "rush.days": self.rush_days,
            "share.paperwork": exp(-_HOURS * self.gives_up_per_hour),
            "waiting": self.gives_up_per_day,
            "share.use": self.uses,
            "share.claim": self.claims,
            "jump": 1 / self.young,
            "above_least": 1 + self.raised * _between(0.8, 1) / _between(1, 1.1),
            "at_cap": 1 + self.cut * _between(1.05, 1.4) / _between(0.95, 1.05),
        }[code]


def programme() -> Programme:
    """Return a packaged programme with a tier by age, a least amount and a cap; and a window."""
    (found,) = (one for one in read_programmes() if one.id == "shenzhen-compute-issued")
    window = Window(
        first_day=FIRST, last_day=LAST, clause="invented", sources=("sz_text",), confidence="low"
    )
    return found.model_copy(update={"windows": (window,)})


def history(truth: Truth, seed: int) -> History:
    """Return the applications of one seed, seen two years later."""
    random = Random(seed)  # noqa: S311  # invented data
    rows = [row for n in range(_FIRMS) for row in _firm(truth, random, n)]
    return history_of(rows, seen_on=LAST + timedelta(days=730))


def _firm(truth: Truth, random: Random, n: int) -> Iterator[dict[str, str | int | date | None]]:
    """Yield what a firm does, if it begins at all."""
    age = int(_AGES * random.random() ** 1.3)
    if age < 12 and random.random() > truth.young:
        return
    begun = bisect_left(_clock(truth), random.expovariate(1))
    if begun == _DAYS:
        return
    row: dict[str, str | int | date | None] = {
        "id": f"A-{n}",
        "begun": FIRST + timedelta(days=begun),
        "company_age_months": age,
        "spend_year_fen": _spend(truth, random),
        "before_caps_fen": _award(truth, random),
    }
    row.update(_course(truth, random, FIRST + timedelta(days=begun + 5)))
    yield row


@cache
def _clock(truth: Truth) -> list[float]:
    """Return by day how far the clock has run at which firms begin."""
    hazards = (
        truth.hazard * (1 + truth.boost * exp(-left / truth.rush_days))
        for left in reversed(range(_DAYS))
    )
    return list(accumulate(hazards))


def _course(truth: Truth, random: Random, submitted: date) -> Iterator[tuple[str, date]]:
    """Yield the days of the steps that a firm takes once it has begun."""
    if random.expovariate(truth.gives_up_per_hour) < _HOURS:
        return
    yield "submitted", submitted
    answer = random.randrange(10, 60)
    lasts = random.expovariate(truth.gives_up_per_day)
    if lasts < answer:
        # Some tell at once; others are found gone when the answer comes.
        tells = random.random() < 0.5
        yield "dropped", submitted + timedelta(days=int(lasts) if tells else answer)
        if not tells:
            yield "decided", submitted + timedelta(days=answer)
        return
    decided = submitted + timedelta(days=answer)
    yield "decided", decided
    yield "issued", decided
    yield "valid_until", decided + timedelta(days=365)
    if random.random() < truth.uses:
        yield "first_used", decided + timedelta(days=30)
        if random.random() < truth.claims:
            yield "settled", decided + timedelta(days=60)


def _spend(truth: Truth, random: Random) -> int:
    """Return what a firm spends: nobody below the least amount applies, but some raise theirs."""
    while True:
        part = exp(random.gauss(log(1.2), _SPREAD))
        if 0.8 <= part < 1 and random.random() < truth.raised:
            part = 1 + 0.1 * random.random()
        if part >= 1:
            return int(part * _LEAST_FEN)


def _award(truth: Truth, random: Random) -> int:
    """Return what the rate gives before the cap: some aim at the cap."""
    part = exp(random.gauss(log(1.2), _SPREAD))
    if 1.05 <= part < 1.4 and random.random() < truth.cut:
        part = 0.95 + 0.1 * random.random()
    return int(part * _CAP_FEN)


def _between(low: float, high: float) -> float:
    """Return the share of amounts between two parts of the threshold."""

    def below(part: float) -> float:
        return (1 + erf((log(part) - log(1.2)) / _SPREAD / sqrt(2))) / 2

    return below(high) - below(low)
