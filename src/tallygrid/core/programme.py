"""A programme: one published scheme, as its file says it, every figure with clause and source.

The model *is* the document: a YAML file validates into it, its canonical JSON has the hash
that decisions are pinned to, and what the text leaves open stays `None` until an open item's
reading fills it (`with_readings`). Nothing here is computed by an expression from a file.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
)

from tallygrid.core.money import BASIS_POINTS, FEN_PER_YUAN, GREATEST_FEN
from tallygrid.core.notation import rates, whole_yuan
from tallygrid.core.settling import Settles

LEVELS: Final = ("national", "province", "city", "district")
"""The levels of government, the highest first."""
_T = TypeVar("_T")
Day = date  # several parts have a field named `date`
Many = Annotated[tuple[_T, ...], Field(strict=False)]
"""Several things in the order of the file."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$")]
Sentence = Annotated[str, StringConstraints(min_length=1)]
Confidence = Literal["high", "medium", "low"]
Scalar = bool | int | str | date
"""What a fact, a reading or an assumption may be."""

_PERCENT: Final = re.compile(r"^(\d{1,3})(?:\.(\d{1,2}))?%$", re.ASCII)
_YUAN_MAX: Final = GREATEST_FEN // FEN_PER_YUAN


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, serialize_by_alias=True
    )


def basis_points(written: object) -> object:
    """Read a percentage as basis points; anything else is left for the model to refuse.

    >>> basis_points("62.5%")
    6250
    """
    if isinstance(written, str) and (match := _PERCENT.match(written.strip())):
        rate_bp = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))
        if rate_bp > BASIS_POINTS:
            raise ValueError(f"{written.strip()} is more than the whole. Write 100% or less")
        return rate_bp
    if isinstance(written, str | float | int):
        meant = rates(written if isinstance(written, str) else f"{written}%")
        if len(meant) == 1 and isinstance(written, str | int) and meant[0] <= BASIS_POINTS:
            raise ValueError(f"Write {_percentage(meant[0])}")  # pydantic wants ValueError
        raise ValueError("Write a percentage of at most two decimals, such as 50% or 62.5%")  # noqa: TRY004  # pydantic wants ValueError
    return written


def _percentage(rate_bp: int) -> str:
    whole, odd = divmod(rate_bp, 100)
    return f"{whole}.{odd:02d}%" if odd else f"{whole}%"


def _whole_yuan(written: object) -> object:
    if isinstance(written, bool) or not isinstance(written, int):
        meant = whole_yuan(written) if isinstance(written, str) else None
        such = "such as 500000" if meant is None else f"that is {meant}"
        raise ValueError(f"Write whole yuan as digits alone, {such}")  # noqa: TRY004  # pydantic wants ValueError
    return written


def _steps(written: object) -> object:
    return written if written is None or isinstance(written, list | tuple) else [{"value": written}]


_Percentage = Annotated[str, Field(pattern=_PERCENT.pattern, examples=["50%", "62.5%"])]
Yuan = Annotated[int, BeforeValidator(_whole_yuan), Field(ge=0, lt=_YUAN_MAX)]
Rate = Annotated[
    int,
    BeforeValidator(basis_points, json_schema_input_type=_Percentage),
    PlainSerializer(_percentage, return_type=str),
    Field(ge=0, le=BASIS_POINTS),
]


def _first_day(written: object, info: ValidationInfo) -> object:
    """Read a day of JSON, which pydantic takes for a text once a list was looked at beforehand."""
    if info.mode == "json" and isinstance(written, str):
        return date.fromisoformat(written)
    return written


_FirstDay = Annotated[date, BeforeValidator(_first_day, json_schema_input_type=date)]


class YuanStep(_Part):
    """An amount and the first day on which it holds."""

    first_day: _FirstDay = Field(default=date.min, alias="from")
    value: Yuan


class RateStep(_Part):
    """A rate and the first day on which it holds."""

    first_day: _FirstDay = Field(default=date.min, alias="from")
    value: Rate


DatedYuan = Annotated[
    Many[YuanStep], BeforeValidator(_steps, json_schema_input_type=Yuan | list[YuanStep])
]
DatedRate = Annotated[
    Many[RateStep], BeforeValidator(_steps, json_schema_input_type=_Percentage | list[RateStep])
]


class Texts(_Part):
    """The same words in English and in Chinese; the Chinese is authoritative."""

    en: Sentence
    zh: Sentence


class Source(_Part):
    """A text that was read, and how much of it."""

    title: Sentence
    publisher: Sentence
    date: str | None = None
    """In quotes: the day, month or year of the text."""
    url: str | None = None
    extent: Sentence
    """How much of the text was read."""


class Cited(_Part):
    """Anything taken from a text: where it stands, who says so, and how sure we are."""

    clause: Sentence
    """The number of the clause, or what it is about where no number could be read."""
    sources: Many[Name] = Field(min_length=1)
    """Ids of the texts that say so, as listed under `sources`."""
    confidence: Confidence
    """How sure we are that the text says this."""
    as_written: str = ""
    """The words of the text that give the figure, such as 每年最高5亿元; the checker compares."""
    note: str = ""
    """Anything else a reader should know."""


class Place(_Part):
    """Whose programme it is, by the national code of administrative divisions (GB/T 2260)."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    level: Literal["national", "province", "city", "district"]
    zone: Sentence
    name: Texts | None = None


class Published(Cited):
    """The published document."""

    title: Sentence
    number: str | None = None
    date: Day | None = None


class Days(Cited):
    """A period of whole days, both named days included; an absent end is open."""

    first_day: Day | None = None
    last_day: Day | None = None


class Window(Cited):
    """When applications are taken; without `closes_at` until the end of the last day."""

    first_day: Day | None = None
    last_day: Day | None = None
    closes_at: (
        Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None
    ) = None

    @property
    def closing_time(self) -> time | None:
        """The time on the last day at which the window shuts."""
        return time.fromisoformat(self.closes_at) if self.closes_at else None


class Funder(_Part):
    """Who pays, and in which proportion to the other funders."""

    id: Name
    name: Texts
    weight: Annotated[int, Field(gt=0)] = 1


class BudgetGroup(Cited):
    """A part of the budget kept for applicants of one sort."""

    id: Name
    when: Sentence
    amount_yuan: DatedYuan


class Budget(Cited):
    """The money of the whole programme."""

    period: Literal["annual", "total"]
    """Whether the amount is for each year or for the whole time."""
    amount_yuan: DatedYuan | None
    """Whole yuan, digits alone; null if the text does not say, with an open item."""
    funders: Many[Funder] = Field(min_length=1)
    groups: Many[BudgetGroup] = ()


class Condition(Cited):
    """A rule on facts, in SQL; a condition must be TRUE, an exclusion refuses on TRUE."""

    id: Name
    when: Sentence | None
    """An SQL yes-or-no rule on facts; null if the text leaves it open."""
    en: Sentence
    zh: Sentence


class Cell(_Part):
    """The values of one fact for which a tier holds: a half-open interval or a list."""

    at_least: int | None = Field(default=None, alias="from")
    """The least whole number, itself included."""
    below: int | None = None
    """The first whole number that is too large."""
    from_yuan: Yuan | None = None
    """The least amount in whole yuan, itself included."""
    below_yuan: Yuan | None = None
    """The first amount in whole yuan that is too large."""
    any_of: Many[bool | str] = ()
    """The values for which the row holds; a list alone says the same."""


def _listed(written: object) -> object:
    return {"any_of": written} if isinstance(written, list | tuple) else written


_CELL: Final = BeforeValidator(_listed, json_schema_input_type=Cell | list[bool | str])


class Tier(Cited):
    """One row of the rate table."""

    id: Name
    when: dict[Name, Annotated[Cell, _CELL]] = Field(default_factory=dict)
    rate: DatedRate | None
    """A percentage such as 50%, or a list of dated ones; null if open."""


class RateTable(_Part):
    """The rate by the facts named; every combination of values falls in exactly one row."""

    by: Many[Name] = ()
    """The facts by which the rows differ; none if there is one rate."""
    tiers: Many[Tier] = Field(min_length=1)


class YearOf(Cited):
    """The event whose date decides which year a yearly cap counts in."""

    value: Literal["issue", "redemption", "contract_date"] | None


class Cap(Cited):
    """The most that may be paid: per contract, per applicant and year, in all, or per group."""

    id: Name
    per: Literal["contract", "applicant_year", "applicant_total", "group"]
    """What the cap counts together."""
    amount_yuan: DatedYuan | None
    strength: Literal["at_most", "in_principle"]
    """`in_principle` where the text allows exceptions."""
    when: Sentence | None = None
    """The cap is only for cases in which this is TRUE."""


class Caps(_Part):
    """All caps; the tightest that applies binds."""

    year_of: YearOf
    limits: Many[Cap] = ()


class Base(Cited):
    """The amount that the rate applies to; another award is that of these levels or programmes."""

    value: Literal["contract", "approved", "settled", "rent", "fee", "other_award"] | None
    levels: Many[Literal["national", "province", "city", "district"]] = ()
    programmes: Many[Name] = ()


class Tax(Cited):
    """Whether the base includes value-added tax."""

    value: Literal["included", "excluded"] | None


class Redeem(Cited):
    """Deducted from the bill, or paid back after the applicant has paid."""

    value: Literal["deduct", "reimburse"] | None


class PaidTo(Cited):
    """Who receives the public money."""

    value: Literal["provider", "applicant"] | None


class Rounding(_Part):
    """Amounts are rounded down to this unit, cumulatively; the odd part is not paid."""

    unit: Literal["fen", "yuan", "hundred_yuan", "thousand_yuan", "ten_thousand_yuan"] = "fen"


class Validity(Cited):
    """How long a voucher may be redeemed: `12 months`, `90 days` or `until 2026-12-31`."""

    value: (
        Annotated[
            str,
            StringConstraints(
                pattern=r"^([1-9][0-9]* (months|days)|until [0-9]{4}-[0-9]{2}-[0-9]{2})$"
            ),
        ]
        | None
    )


class LastClaim(Cited):
    """Whether the claim at which the money ends gets what is left, or waits for the whole."""

    value: Literal["whole", "part"] | None


class Allocation(Cited):
    """How applicants share a budget that does not suffice for all; see `core/allocation.py`."""

    value: Literal["first_come", "pro_rata", "ranked", "review", "lottery", "apply_free"] | None
    settles: Settles | None = None
    last: LastClaim | None = None
    rank_by: Name | None = None
    score_min: int | None = None
    ties: Literal["earlier", "shared"] = "earlier"
    seed_from: Texts | None = None

    @property
    def in_batches(self) -> bool:
        """Nothing is awarded before the batch is closed: the share depends on who else asks."""
        return self.value in {"pro_rata", "ranked", "lottery"} or self.settles == "per_batch"


class OneClaim(Cited):
    """Whether a contract may serve one claim only, and among which programmes."""

    value: bool | None
    scope: Literal["programme", "place", "all"] = "programme"


class HigherOnly(Cited):
    """Where several levels support the same thing, only the highest amount is paid."""

    value: bool | None
    levels: Many[Literal["national", "province", "city", "district"]] = ()


class Ceiling(Cited):
    """The most that public money may pay of the base, this voucher and others together."""

    id: Name
    rate: DatedRate | None
    of: Literal["contract", "approved", "settled", "rent", "fee"] | None = None
    """What it is a share of, where that is not the programme's own base."""
    tax: Literal["included", "excluded"] | None = None
    """Whether that counts value-added tax; as the programme says, if it is not given here."""
    includes_this: bool | None
    """Whether this voucher itself counts under the ceiling."""
    levels: Many[Literal["national", "province", "city", "district"]] = ()
    programmes: Many[Name] = ()


class StacksWith(Cited):
    """Programmes that this one may be combined with for the same contract."""

    levels: Many[Literal["national", "province", "city", "district"]] = ()
    programmes: Many[Name] = ()
    mode: Literal["parallel", "sequential"] | None
    """Each on the whole bill, or each on what the one before leaves."""


class Stacking(_Part):
    """How this programme goes together with others for the same contract."""

    one_contract_one_claim: OneClaim | None = None
    higher_only: HigherOnly | None = None
    ceilings: Many[Ceiling] = ()
    stacks_with: Many[StacksWith] = ()


class Providers(Cited):
    """Who may sell; the listed ids or names are those that the source names."""

    value: Literal["admitted", "named", "local", "threshold", "any"] | None
    names: Many[Sentence] = ()


class Evidence(Cited):
    """A paper that must be handed in."""

    id: Name
    stage: Literal["apply", "redeem"]
    """When the paper is handed in."""
    en: Sentence
    zh: Sentence


class Refund(Cited):
    """When the money comes, in days after settlement; absent days were not published.

    Where the programme settles by the quarter or the year, settlement is not before its end.
    """

    days_min: Annotated[int, Field(ge=0)] | None = None
    days_max: Annotated[int, Field(ge=0)] | None = None


class Term(Cited):
    """A rule in words that no amount depends on, such as clawback."""

    id: Name
    en: Sentence
    zh: Sentence


class Definition(Cited):
    """A yes-or-no fact that this programme defines by others, such as its own start-up."""

    id: Name
    when: Sentence | None
    en: Sentence
    zh: Sentence


_ANSWERING: Final = (
    "base.", "tax.", "rate.", "caps.limits.", "conditions.", "exclusions.", "defines.",
    "stacking.ceilings.", "stacking.one_contract_one_claim.", "stacking.higher_only.",
)  # fmt: skip


class OpenItem(_Part):
    """A question that the text leaves open, and the readings it allows."""

    id: Name
    field: Sentence
    """The path to the null that this asks about, such as `tax.value`."""
    question: Texts
    readings: Many[Scalar] = ()
    """What the text may mean, as it would stand there."""
    blocks: Literal["issue", "nothing"] = "issue"
    """Whether a voucher can be issued before this is settled."""
    note: str = ""

    @property
    def can_change_answer(self) -> bool:
        """A reading can change the answer; else it is needed for issue, not for the answer."""
        return bool(self.readings) and self.field.startswith(_ANSWERING)


class FactSpec(_Part):
    """A fact that conditions may name: its type, its words, and how to provide it."""

    type: Literal["integer", "boolean", "text", "date"]
    en: Sentence
    zh: Sentence
    how: Texts | None = None
    unit: Literal["fen", "months", "days", "years", "people", "cards", "count"] | None = None
    values: dict[Name, Texts] = Field(default_factory=dict)
    pattern: str | None = None
    """A regular expression that every value matches."""
    minimum: int = 0
    """The least value that is possible."""


class Programme(_Part):
    """One published scheme; see `docs/howto/programme-file.md` for every field."""

    id: Name
    """The name of the file without `.yaml`."""
    edition: Literal["issued", "reported"]
    """As the authority published it, or as somebody else says; the latter is never issued."""
    contradicts: Name | None = None
    """Reported only: the issued programme that it is laid over."""
    claim: Texts | None = None
    """Reported only: what is claimed, in one sentence."""
    kind: Literal["compute", "model", "corpus"]
    """What the voucher helps to buy."""
    name: Texts
    """As published."""
    place: Place
    authority: Texts
    """Who runs it, as published."""
    document: Published
    sources: dict[Name, Source]
    """The texts that were read, by an id that figures cite."""
    in_force: Days
    windows: Many[Window] = ()
    budget: Budget
    facts: dict[Name, FactSpec] = Field(default_factory=dict)
    defines: Many[Definition] = ()
    conditions: Many[Condition] = ()
    exclusions: Many[Condition] = ()
    rate: RateTable
    caps: Caps
    base: Base
    tax: Tax
    rounding: Rounding = Rounding()
    redeem: Redeem
    paid_to: PaidTo
    validity: Validity
    allocation: Allocation
    stacking: Stacking = Stacking()
    providers: Providers
    evidence: Many[Evidence] = ()
    refund: Refund
    terms: Many[Term] = ()
    open: Many[OpenItem] = ()

    def __hash__(self) -> int:
        return hash(self.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Programme) and self.hash == other.hash

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the canonical JSON, with the algorithm's name before it."""
        return "sha256:" + hashlib.sha256(self.canonical.encode()).hexdigest()

    @cached_property
    def canonical(self) -> str:
        """The document as JSON in one way only: sorted keys, no spaces, defaults left out."""
        return _canonical(self.model_dump(mode="json", exclude_defaults=True))

    @classmethod
    def from_document(cls, document: str) -> Self:
        """Return the programme that JSON of it in any order holds.

        Raises:
            ValueError: It is not the JSON of a programme.
        """
        programme = cls.model_validate_json(document)
        programme.__dict__["canonical"] = _canonical(json.loads(document))
        return programme

    @property
    def funders(self) -> tuple[tuple[str, int], ...]:
        """Who pays, with weights, in the order of the file."""
        return tuple((funder.id, funder.weight) for funder in self.budget.funders)

    def with_readings(self, readings: Mapping[str, Scalar]) -> Self:
        """Return the programme with open items filled, each by its id.

        Raises:
            KeyError: There is no such open item, or it names no field.
            ValueError: The field does not accept the reading.
        """
        fields = {item.id: item.field for item in self.open}
        data: Any = self
        for item, reading in readings.items():
            data = _filled(data, fields[item].split("."), reading)
        return type(self).model_validate(data)


def _canonical(plain: object) -> str:
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _filled(part: Any, way: Sequence[str], value: object) -> Any:  # noqa: ANN401  # any part
    """Return a part with another value at the end of a way; a list is entered by an item's id.

    Only the parts on the way become plain data, to be checked again; all beside them is kept.

    Raises:
        KeyError: The way leads nowhere.
    """
    if not way:
        return value
    step, *rest = way
    if isinstance(part, tuple):
        if step not in {_id(item) for item in part}:
            raise KeyError(step)
        return tuple(_filled(item, rest, value) if _id(item) == step else item for item in part)
    named = _named(part)
    return {**named, step: _filled(named[step], rest, value)}


def _named(part: Any) -> Mapping[str, Any]:  # noqa: ANN401  # any part
    if isinstance(part, BaseModel):
        return {name: getattr(part, name) for name in type(part).model_fields}
    return part if isinstance(part, dict) else {}


def _id(part: Any) -> object:  # noqa: ANN401  # any part
    return _named(part).get("id")


def open_fields(data: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401  # plain data of any shape
    """Yield the path of every figure that is written as open, that is, as null.

    >>> list(open_fields({"tax": {"value": None}, "caps": {"limits": [{"id": "a", "rate": None}]}}))
    ['tax.value', 'caps.limits.a.rate']
    """
    if isinstance(data, dict):
        for key, value in data.items():
            path = f"{where}.{key}" if where else str(key)
            if value is None and key in OPENABLE:
                yield path
            yield from open_fields(value, path)
    elif isinstance(data, list | tuple):
        for item in data:
            if isinstance(item, dict) and "id" in item:
                yield from open_fields(item, f"{where}.{item['id']}")


OPENABLE: Final = frozenset({"value", "amount_yuan", "rate", "includes_this", "mode", "when"})
"""The keys that may be null when the text is silent; an open item must then ask."""
