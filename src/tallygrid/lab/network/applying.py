"""Who applies for what, and when: every firm before every programme, step by step.

A firm hears of a programme, finds that it qualifies and that it is worth the work, begins
sooner the more it is worth and the nearer the window's end, gets through the paperwork or
does not, and waits for the answer or does not. docs/algorithms/laboratory.md tells the law
of each step; whatever luck decides was drawn with the population.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.condition import Facts
from tallygrid.core.facts import Vocabulary
from tallygrid.core.programme import Scalar
from tallygrid.core.rating import tax_within
from tallygrid.core.rules import compiled
from tallygrid.core.stacking import relation
from tallygrid.core.window import holds, is_open, last_day
from tallygrid.lab.behaviour import Behaviour
from tallygrid.lab.network.office import OF_SELLER, Application
from tallygrid.lab.network.population import Population
from tallygrid.lab.network.schemes import Answer, Scheme, answers, midnight

Real = NDArray[np.float64]

STEPS: Final = (
    *("qualifies", "aware", "worthwhile", "begun", "submitted", "answered", "awarded", "used"),
    "claimed",
)
"""What a firm does before a programme, in order; who does one has done all before."""
_OFFICE_HOUR: Final = 10
_HOURS_A_DAY: Final = 8
_DAY: Final = timedelta(days=1)
_NO_END: Final = 10**6


@dataclass
class Attempt:
    """One firm before one programme: how far it came."""

    firm: int
    programme: str
    step: str = ""
    """The last step that it took; empty if not even the first."""
    benefit_fen: int = 0
    why: str = ""
    application: Application | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Intake:
    """Everybody's attempts, and when batches are closed."""

    attempts: tuple[Attempt, ...]
    closings: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True)
class Calendar:
    """The days of a scenario."""

    first_day: date
    days: int

    def day(self, n: int) -> date:
        """Return the day so many after the first."""
        return self.first_day + n * _DAY

    @property
    def end(self) -> date:
        """The first day after the scenario."""
        return self.first_day + self.days * _DAY


@dataclass
class Applicants:
    """The firms of a population before the programmes of a scenario."""

    population: Population
    schemes: Sequence[tuple[Scheme, int]]
    """Each with how many days apart its batches are closed where no window says it."""
    behaviour: Behaviour
    calendar: Calendar
    catalogue: Catalogue
    vocabulary: Vocabulary
    _found: dict[str, "_Prospect"] = field(init=False, default_factory=dict)

    def intake(self) -> Intake:
        """Return who gets how far."""
        for scheme, batch_days in self.schemes:
            self._found[scheme.id] = self._prospect(scheme, batch_days)
        attempts = [one for firm in range(self._firms) for one in self._attempts(firm)]
        self._decide(attempts)
        closings = [
            (at, scheme.id)
            for scheme, _ in self.schemes
            if scheme.applied.allocation.in_batches
            for at in self._found[scheme.id].closings
        ]
        return Intake(tuple(attempts), tuple(sorted(closings)))

    @property
    def _firms(self) -> int:
        return len(self.population.firms)

    # What could be had

    def _prospect(self, scheme: Scheme, batch_days: int) -> "_Prospect":
        """Ask for every firm what it would get, stretch of days by stretch."""
        open_ = [self._is_open(scheme, self.calendar.day(n)) for n in range(self.calendar.days)]
        benefit = np.zeros((self._firms, self.calendar.days), dtype=np.int64)
        segments = [scheme.segment(self.calendar.day(n)) for n in range(self.calendar.days)]
        for segment in dict.fromkeys(s for s, is_ in zip(segments, open_, strict=True) if is_):
            days = [n for n, s in enumerate(segments) if s == segment and open_[n]]
            at = self._hour(scheme, days[0])
            cases = [(self.facts(firm, at.date()), at) for firm in range(self._firms)]
            found = completed(scheme, cases, self.catalogue, self.vocabulary)
            for firm, (answer, _) in enumerate(found):
                amount_fen = answer.amount_fen or 0
                if answer.pays:
                    benefit[firm, days] = amount_fen
        return _Prospect(
            open=np.array(open_), benefit=benefit, closings=self._closings(scheme, batch_days)
        )

    def _is_open(self, scheme: Scheme, day: date) -> bool:
        at = datetime.combine(day, time(_OFFICE_HOUR), scheme.zone)
        return holds(scheme.applied.in_force, day) and is_open(scheme.applied, at)

    def _hour(self, scheme: Scheme, n: int) -> datetime:
        return datetime.combine(self.calendar.day(n), time(_OFFICE_HOUR), scheme.zone)

    def _closings(self, scheme: Scheme, batch_days: int) -> tuple[datetime, ...]:
        """Return when batches are answered: after each window, or every so many days."""
        wait = timedelta(days=scheme.decision_days)
        ends = [w.last_day for w in scheme.applied.windows if w.last_day is not None]
        if not ends:
            ends = [
                self.calendar.day(n) for n in range(batch_days - 1, self.calendar.days, batch_days)
            ]
        return tuple(
            sorted(
                midnight(end, scheme.zone) + _DAY + wait
                for end in ends
                if end >= self.calendar.first_day
            )
        )

    def facts(self, firm: int, day: date) -> Facts:
        """Return what a firm states with an application: its contract is its plan for a year."""
        amount_fen = int(self.population.plan_fen[firm])
        facts: dict[str, Scalar] = {
            **self.population.firms[firm].facts,
            "spend_year_fen": amount_fen,
            "purchase_kind": "compute",
            "contract_fen": amount_fen,
            "contract_tax_fen": tax_within(amount_fen, self.catalogue.rules.vat_bp),
            "contract_signed_on": day,
            "contract_term_months": 12,
        }
        return facts

    # What firms make of it

    def _attempts(self, firm: int) -> Iterator[Attempt]:
        """Yield a firm's attempts: at what pays most, what goes with it, or by mistake."""
        net = {scheme.id: self._net(scheme, firm) for scheme, _ in self.schemes}
        ranked = sorted(net, key=lambda name: (-net[name], name))
        chosen: list[Scheme] = []
        by_id = {scheme.id: scheme for scheme, _ in self.schemes}
        for name in ranked:
            scheme, best = by_id[name], int(self._found[name].benefit[firm].max(initial=0))
            attempt = Attempt(firm, name, benefit_fen=best)
            beside = [relation(scheme.applied, other.applied) for other in chosen]
            if not best and not self._errs(scheme, firm):
                continue
            if any(how != "allowed" for how in beside):
                attempt.step, attempt.why = "qualifies" if best else "", "another programme"
            else:
                self._go(scheme, firm, attempt)
                if best and attempt.step not in {"", "qualifies"}:
                    chosen.append(scheme)
            yield attempt

    def _net(self, scheme: Scheme, firm: int) -> int:
        best = int(self._found[scheme.id].benefit[firm].max(initial=0))
        return best * self._value_bp(scheme) // 10_000 - self._cost_fen(scheme)

    def _value_bp(self, scheme: Scheme) -> int:
        """Return what an award is worth before the job: less, where it is paid back later."""
        return 10_000 if scheme.applied.redeem.value == "deduct" else self.behaviour.refund_value_bp

    def _cost_fen(self, scheme: Scheme) -> int:
        hours = self.behaviour.paperwork_hours
        if scheme.applied.redeem.value != "deduct":
            hours += self.behaviour.claim_hours
        return hours * self.behaviour.hour_cost_yuan * 100

    def _errs(self, scheme: Scheme, firm: int) -> bool:
        """Tell whether a firm of the place applies although it does not qualify."""
        home = str(self.population.firms[firm].facts.get("registered_in", ""))
        code = scheme.programme.place.code.rstrip("0")
        errs = self.population.luck["misjudge"][firm] < self.behaviour.misjudge_bp / 10_000
        return bool(errs) and home.startswith(code)

    def _go(self, scheme: Scheme, firm: int, attempt: Attempt) -> None:
        """Take the steps up to the answer, as far as the firm gets."""
        luck = {name: float(drawn[firm]) for name, drawn in self.population.luck.items()}
        found, by = self._found[scheme.id], self.behaviour
        attempt.step = "qualifies" if attempt.benefit_fen else ""
        if luck["aware"] >= by.aware_bp / 10_000:
            attempt.why = "never heard"
            return
        half = by.half_benefit_yuan * 100
        net: Real = found.benefit[firm] * (self._value_bp(scheme) / 10_000) - self._cost_fen(scheme)
        if not attempt.benefit_fen:  # who errs expects something
            net = np.where(found.open, float(half), 0.0)
        attempt.step = "aware"
        if net.max(initial=0) <= 0:
            attempt.why = "not worth the work"
            return
        attempt.step = "worthwhile"
        begun = self._begins(scheme, found, np.maximum(net, 0), half, luck["begin"])
        if begun is None:
            attempt.why = "put it off until too late"
            return
        attempt.step = "begun"
        if luck["paperwork"] >= np.exp(-by.dropout_per_hour_bp / 10_000 * by.paperwork_hours):
            attempt.why = "gave up the paperwork"
            return
        day = begun + -(-by.paperwork_hours // _HOURS_A_DAY)
        if day >= self.calendar.days or not found.open[day]:
            attempt.why = "closed before the paperwork was done"
            return
        self._submit(scheme, attempt, day, luck["wait"])

    def _begins(
        self, scheme: Scheme, found: "_Prospect", net: Real, half: int, luck: float
    ) -> int | None:
        """Return the day on which a firm begins: its chance grows with what it gains."""
        by = self.behaviour
        if found.days_left is None:
            found.days_left = np.array(
                [self._days_left(scheme, n) for n in range(self.calendar.days)], dtype=np.float64
            )
        boost = 1 + by.deadline_boost_milli / 1000 * np.exp(-found.days_left / by.deadline_days)
        hazard = by.hazard_per_day_bp / 10_000 * net / (net + half) * boost * found.open
        ready = np.cumsum(hazard) >= -np.log1p(-luck)
        return int(np.argmax(ready)) if ready.any() else None

    def _days_left(self, scheme: Scheme, n: int) -> int:
        if not self._is_open(scheme, self.calendar.day(n)):
            return _NO_END
        end = last_day(scheme.applied, self._hour(scheme, n))
        return _NO_END if end is None else (end - self.calendar.day(n)).days

    def _submit(self, scheme: Scheme, attempt: Attempt, day: int, luck: float) -> None:
        attempt.step = "submitted"
        # A minute of the day by firm, so that no two come at once.
        at = self._hour(scheme, day) + timedelta(seconds=attempt.firm % 7_200)
        answered_at = at + timedelta(days=scheme.decision_days)
        if scheme.applied.allocation.in_batches:
            later = [one for one in self._found[scheme.id].closings if one >= at]
            if not later:
                attempt.why = "no batch is closed any more"
                return
            answered_at = later[0]
        waited = (answered_at - at) / _DAY
        if luck >= np.exp(-self.behaviour.dropout_per_day_bp / 10_000 * waited):
            attempt.why = "gave up waiting"
            return
        attempt.answered_at = answered_at
        facts = self.facts(attempt.firm, at.date())
        attempt.application = Application(
            id=f"A-{attempt.firm:06d}-{scheme.id}",
            firm=attempt.firm,
            programme=scheme.id,
            contract=f"C-{attempt.firm:06d}",
            facts=facts,
            at=at,
            alone=Answer("refused", 0, None, "", "", ""),
        )

    def _decide(self, attempts: Sequence[Attempt]) -> None:
        """Decide every application at the instant at which it came in, programme by programme."""
        for scheme, _ in self.schemes:
            asked = [a for a in attempts if a.application and a.programme == scheme.id]
            cases = [(a.application.facts, a.application.at) for a in asked if a.application]
            found = completed(scheme, cases, self.catalogue, self.vocabulary)
            for attempt, (answer, facts) in zip(asked, found, strict=True):
                given = attempt.application
                assert given is not None, "only those who apply are decided"
                attempt.application = Application(
                    given.id, given.firm, given.programme, given.contract, facts, given.at, answer
                )


@dataclass
class _Prospect:
    """What a programme offers to whom, day by day."""

    open: NDArray[np.bool_]
    benefit: NDArray[np.int64]
    closings: tuple[datetime, ...]
    days_left: Real | None = None


def completed(
    scheme: Scheme,
    cases: Sequence[tuple[Facts, datetime]],
    catalogue: Catalogue,
    vocabulary: Vocabulary,
) -> list[tuple[Answer, Facts]]:
    """Answer cases; where only the seller is unknown, with the first that suits."""
    found = [(answer, facts) for answer, (facts, _) in
             zip(answers(scheme, cases, vocabulary), cases, strict=True)]  # fmt: skip
    undecided = [n for n, (answer, _) in enumerate(found) if answer.outcome == "undecided"]
    sellers = list(_sellers(scheme, catalogue)) if undecided else []
    again = [({**cases[n][0], **one}, cases[n][1]) for n in undecided for one in sellers]
    tried = answers(scheme, again, vocabulary)
    for place, (answer, (facts, _)) in enumerate(zip(tried, again, strict=True)):
        n = undecided[place // len(sellers)]
        if answer.outcome == "eligible" and found[n][0].outcome == "undecided":
            found[n] = answer, facts
    return found


def _sellers(scheme: Scheme, catalogue: Catalogue) -> Iterator[Mapping[str, Scalar]]:
    """Yield the facts of each different seller, if the programme asks about sellers."""
    rules = compiled(scheme.applied)
    nodes = (*rules.conditions, *rules.exclusions, *rules.tiers, *rules.by)
    if not any(node is not None and OF_SELLER & set(node.facts) for node in nodes):
        return
    seen: list[Mapping[str, Scalar]] = []
    for offer in catalogue.offers_of("compute"):
        facts = catalogue.facts(offer.id, authority=scheme.programme.place.code)
        if facts not in seen:
            seen.append(facts)
            yield facts
