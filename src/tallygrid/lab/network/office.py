"""The office: applications decided in their turn on what is left, and vouchers issued.

It answers as `service.applying` does, and the twin test holds the two against one another.
What an application gives when nobody else asks comes from the table of the population; where
earlier vouchers of the same firm or contract matter, the case is decided anew by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final, Literal

from tallygrid.core.allocation import Award, Claim, Money, allocate
from tallygrid.core.arithmetic import OTHER_AWARD_FACT, OTHER_FUNDS_FACT, Used, on_day
from tallygrid.core.catalogue import Catalogue
from tallygrid.core.condition import Facts
from tallygrid.core.decision import Decision, decide
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import Cap, Programme
from tallygrid.core.rules import compiled
from tallygrid.core.stacking import matches, relation
from tallygrid.core.validity import valid_until
from tallygrid.lab.network import rows
from tallygrid.lab.network.run import Run
from tallygrid.lab.network.schemes import Answer, Scheme, answer_of, midnight

Result = Literal["awarded", "refused", "undecided", "waiting", "barred", "batch"]
_ALL_YEARS: Final = 9999
_CONTRACT_FACT: Final = "contract_fen"


@dataclass(frozen=True)
class Application:
    """What a firm asks a programme for, and what it would get if nobody else asked."""

    id: str
    firm: int
    programme: str
    contract: str
    facts: Facts
    at: datetime
    alone: Answer


@dataclass
class Answered:
    """What became of an application."""

    application: Application
    result: Result
    at: datetime
    """When it was answered."""
    amount_fen: int = 0
    voucher: int = rows.NOBODY
    why: str = ""


@dataclass
class _Taken:
    """A voucher as later applications must know it."""

    application: Application
    face_fen: int
    row: int
    ends_at: datetime


@dataclass
class Office:
    """All programmes of a run, and what they have answered so far."""

    run: Run
    schemes: Mapping[str, Scheme]
    opened_at: datetime
    """Second 0 of the run."""
    seed: int = 0
    answered: list[Answered] = field(default_factory=list)
    _by_contract: dict[str, list[_Taken]] = field(default_factory=dict)
    _by_firm: dict[tuple[str, int], list[_Taken]] = field(default_factory=dict)
    _by_group: dict[tuple[str, str, int], int] = field(default_factory=dict)
    _waited_for: set[tuple[str, str]] = field(default_factory=set)
    _batches: dict[str, list[Answered]] = field(default_factory=dict)
    _admitted: dict[object, int] = field(default_factory=dict)

    def appropriate(self, programme: str, amount_fen: int) -> None:
        """Give a programme its money."""
        self.run.budgets[self._row(programme), rows.AVAILABLE] += amount_fen

    def apply(self, application: Application, *, at: datetime) -> Answered:
        """Answer an application at an instant, which may be later than its own.

        The rules are those of the day it came in; the money is what is left when it is
        answered.
        """
        scheme = self.schemes[application.programme]
        self.run.end_vouchers(self.second(at))
        answer = self._answer(scheme, application)
        found = Answered(application, "refused", at, why=answer.reasons or answer.open)
        if bar := self._barred(scheme, application):
            found.result, found.why = "barred", bar
        elif answer.outcome == "undecided" or (
            answer.outcome == "eligible" and answer.amount_fen is None
        ):
            found.result = "undecided"
        elif answer.pays and scheme.applied.allocation.in_batches:
            found.result = "batch"
            self._batches.setdefault(scheme.id, []).append(found)
        elif answer.pays:
            self._award(scheme, found, answer)
        self.answered.append(found)
        return found

    def close_batch(self, programme: str, *, at: datetime) -> list[Answered]:
        """Share the money left out among those who applied, by the programme's rule."""
        scheme = self.schemes[programme]
        self.run.end_vouchers(self.second(at))
        waiting = [one for one in self._batches.pop(programme, []) if one.result == "batch"]
        claims, asked = [], {}
        for one in waiting:
            answer = self._answer(scheme, one.application)
            amount_fen = min(answer.amount_fen or 0, self._bearable(one.application))
            if answer.pays and amount_fen and not self._barred(scheme, one.application):
                claims.append(
                    Claim(one.application.id, amount_fen, one.application.at, group=answer.group)
                )
                asked[one.application.id] = (one, answer)
            else:
                one.result, one.at, one.why = "refused", at, answer.reasons
        for award in self._shared(scheme, claims):
            one, answer = asked[award.claim.id]
            one.at = at
            if award.amount_fen:
                self._issue(scheme, one, answer, award.amount_fen)
            else:
                one.result, one.why = "waiting", award.result
        return waiting

    def _shared(self, scheme: Scheme, claims: Sequence[Claim]) -> tuple[Award, ...]:
        rule = scheme.applied.allocation
        if rule.value == "ranked":
            rule = rule.model_copy(update={"value": "lottery"})  # nobody scores in the laboratory
        money = Money(self._available(scheme), self._kept(scheme))
        if rule.value in {"review", "apply_free"} and any(
            sum(c.asked_fen for c in claims if c.group == group) > money.of(group)
            for group in {c.group for c in claims}
        ):
            rule = rule.model_copy(update={"value": "first_come"})  # people would choose whom
        return allocate(
            claims, rule, money, seed=f"{self.seed}/{scheme.id}", unit_fen=scheme.unit_fen
        )

    # The decision

    def _answer(self, scheme: Scheme, application: Application) -> Answer:
        """Return the answer on what this firm and this contract have had before."""
        earlier = self._by_firm.get((scheme.id, application.firm), [])
        beside = self._by_contract.get(application.contract, [])
        if not earlier and not beside:
            return application.alone
        drawn = {
            cap.id: self._drawn(scheme, cap, application) for cap in scheme.applied.caps.limits
        }
        decision = decide(
            scheme.programme,
            self._facts(scheme, application),
            at=application.at,
            assumptions=scheme.assumptions,
            used=Used(by_id=drawn),
        )
        return answer_of(decision)

    def _facts(self, scheme: Scheme, application: Application) -> Facts:
        facts = dict(application.facts)
        beside = self._by_contract.get(application.contract, [])
        matched = [
            one.face_fen
            for one in beside
            if one.application.firm == application.firm
            and matches(scheme.applied, self.schemes[one.application.programme].applied)
        ]
        if scheme.applied.base.value == "other_award" and matched:
            facts[OTHER_AWARD_FACT] = sum(matched)
        other, known = facts.get(OTHER_FUNDS_FACT), sum(one.face_fen for one in beside)
        if isinstance(other, int) and known:
            facts[OTHER_FUNDS_FACT] = other + known
        return facts

    def _barred(self, scheme: Scheme, application: Application) -> str:
        """Return which other programme's live voucher on the contract bars this one."""
        for one in self._by_contract.get(application.contract, []):
            name = one.application.programme
            if name == scheme.id or self.run.vouchers[one.row, rows.IS_OVER]:
                continue
            how = relation(scheme.applied, self.schemes[name].applied)
            if how != "allowed":
                return f"{how} {name}"
        return ""

    def _drawn(self, scheme: Scheme, cap: Cap, application: Application) -> int:
        """Return what was issued before under a cap that counts this application too."""
        own = self._by_firm.get((scheme.id, application.firm), [])
        everybody = (one for many in self._by_firm.values() for one in many)
        taken = everybody if cap.per == "group" else iter(own)
        year = self._cap_year(scheme, application)
        total = 0
        for one in taken:
            if one.application.programme != scheme.id:
                continue
            if cap.per == "contract" and one.application.contract != application.contract:
                continue
            if cap.per == "applicant_year" and self._cap_year(scheme, one.application) != year:
                continue
            if cap.id in _caps_that_hold(self._alone(scheme, one.application)):
                total += one.face_fen
        return total

    def _alone(self, scheme: Scheme, application: Application) -> Decision:
        return decide(
            scheme.programme, application.facts, at=application.at, assumptions=scheme.assumptions
        )

    def _cap_year(self, scheme: Scheme, application: Application) -> int:
        signed = application.facts.get("contract_signed_on")
        if scheme.applied.caps.year_of.value == "contract_date" and isinstance(signed, date):
            return signed.year
        return application.at.astimezone(scheme.zone).year

    # The money

    def _award(self, scheme: Scheme, found: Answered, answer: Answer) -> None:
        """Award on application what the budget bears, as the programme's rule says."""
        rule, alone_fen = scheme.applied.allocation, answer.amount_fen or 0
        kept = self._kept(scheme)
        left_fen = self._available(scheme)
        if answer.group:
            left_fen = min(left_fen, kept[answer.group])
        else:
            left_fen = max(0, left_fen - sum(kept.values()))
        amount_fen = min(alone_fen, left_fen // scheme.unit_fen * scheme.unit_fen)
        in_part = rule.last is not None and rule.last.value == "part"
        queue = (scheme.id, answer.group)
        short = amount_fen < alone_fen and not in_part
        if (rule.value == "first_come" and (short or queue in self._waited_for)) or not amount_fen:
            found.result, found.why = "waiting", answer.group or "budget"
            self._waited_for.add(queue)
        elif amount_fen > self._bearable(found.application):
            found.result, found.why = "waiting", "contract"
        else:
            self._issue(scheme, found, answer, amount_fen)

    def _available(self, scheme: Scheme) -> int:
        return int(self.run.budgets[self._row(scheme.id), rows.AVAILABLE])

    def _kept(self, scheme: Scheme) -> dict[str, int]:
        """Return what is still kept for each group of the budget."""
        day = self.opened_at.astimezone(scheme.zone).date()
        left = {}
        for group in scheme.applied.budget.groups:
            kept_fen = (on_day(group.amount_yuan, day) or 0) * FEN_PER_YUAN
            drawn_fen = self._by_group.get((scheme.id, group.id, self._budget_year(scheme, day)), 0)
            left[group.id] = min(max(0, kept_fen - drawn_fen), self._available(scheme))
        return left

    @staticmethod
    def _budget_year(scheme: Scheme, day: date) -> int:
        return day.year if scheme.applied.budget.period == "annual" else _ALL_YEARS

    def _bearable(self, application: Application) -> int:
        """Return how much public money the contract can still bear; 0 after its one claim."""
        beside = self._by_contract.get(application.contract, [])
        if any(one.application.programme == application.programme for one in beside):
            return 0
        contract_fen = application.facts.get(_CONTRACT_FACT)
        assert isinstance(contract_fen, int), application.id
        return contract_fen - sum(one.face_fen for one in beside)

    def _issue(self, scheme: Scheme, found: Answered, answer: Answer, face_fen: int) -> None:
        application, programme = found.application, scheme.applied
        day = application.at.astimezone(scheme.zone).date()
        issued_on = found.at.astimezone(scheme.zone).date()
        assert programme.validity.value is not None, scheme.id
        until = valid_until(programme.validity.value, issued_on=issued_on)
        ends_at = midnight(until, scheme.zone)
        row = self.run.issue(
            {
                rows.PROGRAMME: self._row(scheme.id),
                rows.HOLDER: application.firm,
                rows.RATE_BP: answer.rate_bp or 0,
                rows.FACE_FEN: face_fen,
                rows.VALID_FROM: self.second(found.at),
                rows.VALID_UNTIL: max(self.second(ends_at), self.second(found.at)),
                rows.IS_DEDUCTED: int(programme.redeem.value == "deduct"),
                rows.UNIT_FEN: scheme.unit_fen,
                rows.IS_NET: int(programme.tax.value == "excluded"),
                rows.ADMITS: self._admits(scheme, application),
                rows.FUNDERS: len(programme.funders),
                rows.LAPSES: int(until.year > day.year),
            }
        )
        found.result, found.amount_fen, found.voucher, found.why = "awarded", face_fen, row, ""
        taken = _Taken(application, face_fen, row, ends_at)
        self._by_contract.setdefault(application.contract, []).append(taken)
        self._by_firm.setdefault((scheme.id, application.firm), []).append(taken)
        if answer.group:
            key = (scheme.id, answer.group, self._budget_year(scheme, day))
            self._by_group[key] = self._by_group.get(key, 0) + face_fen

    def _admits(self, scheme: Scheme, application: Application) -> int:
        """Return the row of the offers at which a voucher may be redeemed."""
        asked = beside_sellers(scheme)
        key = (scheme.id, *(application.facts.get(name) for name in asked))
        if key not in self._admitted:
            offers = admitted(self.run.world.catalogue, scheme, application.facts, application.at)
            entries = self.run.world.shelf.entries
            self._admitted[key] = self.run.admit([one.offer in offers for one in entries])
        return self._admitted[key]

    def _row(self, programme: str) -> int:
        return list(self.run.programmes).index(programme)

    def second(self, at: datetime) -> int:
        """Return the second of the run at an instant."""
        return (at - self.opened_at) // timedelta(seconds=1)


def admitted(catalogue: Catalogue, scheme: Scheme, facts: Facts, at: datetime) -> frozenset[str]:
    """Return the offers with which no rule of a programme fails for an applicant.

    As `service.quoting.admitted` says; offers that a rule could not tell apart are decided once.
    """
    passes: dict[object, bool] = {}
    found = set()
    for offer in catalogue.offers_of(scheme.programme.kind):
        about = catalogue.facts(offer.id, authority=scheme.programme.place.code)
        key = tuple(sorted(about.items()))
        if key not in passes:
            seen = {**facts, **about}
            decision = decide(scheme.programme, seen, at=at, assumptions=scheme.assumptions)
            rules = [one for one in decision.findings if one.kind in {"condition", "exclusion"}]
            passes[key] = all(one.status == "passed" for one in rules)
        if passes[key]:
            found.add(offer.id)
    return frozenset(found)


OF_SELLER: Final = frozenset(
    {"hardware_origin"}
    | {f"provider_{part}" for part in ("in", "kind", "racks", "pflops", "admitted", "named")}
    | {f"provider_{level}" for level in ("province", "city", "district")}
    | {"item_admitted"}
)
"""What a programme may ask about whoever sells; see `Catalogue.facts`."""


@cache
def _beside_sellers(programme: Programme) -> tuple[str, ...]:
    asked: set[str] = set()
    rules = compiled(programme)
    for node in (*rules.conditions, *rules.exclusions):
        if node is not None and OF_SELLER & set(node.facts):
            asked |= set(node.facts) - OF_SELLER
    return tuple(sorted(asked))


def beside_sellers(scheme: Scheme) -> tuple[str, ...]:
    """Return the facts of an applicant that decide, with those of the seller, who is admitted."""
    return _beside_sellers(scheme.applied)


def _caps_that_hold(decision: Decision) -> set[object]:
    return {line.values["id"] for line in decision.trace if line.code == "cap"}
