"""Scenario files: cases with the decision that reading the text gives, for an official to read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tallygrid.core.arithmetic import Used
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.condition import Facts
from tallygrid.core.decision import Decision, decide
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import Many, Name, Programme, Rate, Scalar
from tallygrid.core.sql import nearest
from tallygrid.files.assumptions import fill_mistakes
from tallygrid.files.document import Document, FileError, Mistake, Where, read
from tallygrid.files.facts import checked_facts
from tallygrid.files.programme import known_facts


def _fen(written: object) -> object:
    try:
        exact = Decimal(written) * FEN_PER_YUAN if isinstance(written, int | str) else Decimal(-1)
    except InvalidOperation:
        exact = Decimal(-1)
    if isinstance(written, bool) or exact < 0 or exact != int(exact):
        raise ValueError('Write yuan with at most two decimals, such as 1000000 or "12.34"')
    return int(exact)


_Amount = Annotated[int, BeforeValidator(_fen)]
_INSTANT = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}$")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Drawn(_Part):
    contract_yuan: _Amount = 0
    applicant_year_yuan: _Amount = 0
    applicant_total_yuan: _Amount = 0
    group_yuan: _Amount = 0
    budget_yuan: _Amount | None = None
    by_id: dict[Name, _Amount] = Field(default_factory=dict)

    def parsed(self) -> Used:
        return Used(
            contract_fen=self.contract_yuan,
            applicant_year_fen=self.applicant_year_yuan,
            applicant_total_fen=self.applicant_total_yuan,
            group_fen=self.group_yuan,
            budget_fen=self.budget_yuan,
            by_id=self.by_id,
        )


class Expected(_Part):
    """What reading the text gives; what is left out is not checked."""

    outcome: Literal["eligible", "refused", "undecided"]
    amount_yuan: _Amount | None = None
    at_least_yuan: _Amount | None = None
    at_most_yuan: _Amount | None = None
    exceptional_yuan: _Amount | None = None
    rate: Rate | None = None
    reasons: Many[Name] | None = None
    open: Many[Name] | None = None
    missing: Many[Name] | None = None
    issuable: bool | None = None


class _Scenario(_Part):
    name: str
    example: str | None = None
    at: date | str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    assume: dict[Name, Scalar] = Field(default_factory=dict)
    used: _Drawn = _Drawn()
    expect: Expected


class _File(_Part):
    programme: Name
    at: date | str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    assume: dict[Name, Scalar] = Field(default_factory=dict)
    scenarios: Many[_Scenario] = Field(min_length=1)


@dataclass(frozen=True)
class Difference:
    """One thing that was decided otherwise than expected; amounts in fen, rates in basis points."""

    field: str
    """As it stands under `expect`."""
    expected: object
    decided: object


@dataclass(frozen=True)
class Scenario:
    """One case, ready to be decided."""

    file: str
    name: str
    programme: Programme
    facts: Facts
    at: date | datetime
    assumptions: Assumptions
    used: Used
    expected: Expected

    def decided(self) -> Decision:
        """Decide the case."""
        return decide(
            self.programme,
            self.facts,
            at=self.at,
            assumptions=self.assumptions,
            used=self.used,
        )

    def differences(self) -> tuple[Difference, ...]:
        """Return where the decision is not the expected one."""
        decision, expected = self.decided(), self.expected
        found: dict[str, object] = {
            "outcome": decision.outcome,
            "amount_yuan": decision.amount_fen,
            "at_least_yuan": decision.at_least_fen,
            "at_most_yuan": decision.at_most_fen,
            "exceptional_yuan": decision.exceptional_fen,
            "rate": decision.rate_bp,
            "reasons": {f.id for f in decision.findings if f.status != "passed"},
            "open": set(decision.open),
            "missing": set(decision.missing),
            "issuable": decision.issuable,
        }
        wanted = {name: getattr(expected, name) for name in found}
        return tuple(
            Difference(name, wish, found[name])
            for name, wish in wanted.items()
            if wish is not None and (set(wish) if isinstance(wish, tuple) else wish) != found[name]
        )


def holds_scenarios(path: Path) -> bool:
    """Tell whether a file is one of scenarios, rather than a programme.

    Raises:
        FileError: It cannot be read.
    """
    data = read(path).data
    return isinstance(data, dict) and "scenarios" in data


def read_scenarios(path: Path, programmes: Sequence[Programme]) -> tuple[Scenario, ...]:
    """Read a scenario file.

    Raises:
        FileError: With every unknown programme, fact and open item in it.
    """
    document = read(path)
    parsed = document.parsed(_File)
    known = {programme.id: programme for programme in programmes}
    if parsed.programme not in known:
        problem = f"There is no programme `{parsed.programme}`."
        remedy = nearest(parsed.programme, known)
        raise FileError([document.mistake(("programme",), problem, remedy)])
    return _Reader(document, parsed, known[parsed.programme]).scenarios()


@dataclass
class _Reader:
    document: Document
    file: _File
    programme: Programme

    def scenarios(self) -> tuple[Scenario, ...]:
        mistakes: list[Mistake] = []
        found: list[Scenario] = []
        for position, case in enumerate(self.file.scenarios):
            try:
                found.append(self._scenario(case, ("scenarios", position)))
            except FileError as error:
                mistakes += error.mistakes
        if mistakes:
            raise FileError(mistakes)
        return tuple(found)

    def _scenario(self, case: _Scenario, where: Where) -> Scenario:
        vocabulary = known_facts([self.programme])
        given = {**self.file.facts, **case.facts}
        facts, mistakes = checked_facts(self.document, (*where, "facts"), given, vocabulary)
        fills = {**self.file.assume, **case.assume}
        for item, reading in fills.items():
            place = (*where, "assume", item)
            mistakes += fill_mistakes(self.document, place, self.programme, item, reading)
        at = self._at(case.at or self.file.at, where, mistakes)
        if mistakes:
            raise FileError(mistakes)
        return Scenario(
            file=self.document.file,
            name=case.name,
            programme=self.programme,
            facts=facts,
            at=at,
            assumptions=Assumptions.for_one(self.programme.id, fills),
            used=case.used.parsed(),
            expected=case.expect,
        )

    def _at(self, at: date | str | None, where: Where, mistakes: list[Mistake]) -> date | datetime:
        if isinstance(at, date):
            return at
        if isinstance(at, str) and _INSTANT.match(at):
            return datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(self.programme.place.zone))
        remedy = "Write a day, 2026-05-20, or a time on it, 2026-05-20 16:30."
        mistakes.append(self.document.mistake((*where, "at"), f"The day is {at!r}.", remedy))
        return date.min
