"""Profiles: invented firms, drawn from stated shares and labelled so, attribute by attribute."""

from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from random import Random
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from tallygrid.core.credit_code import check_character, organisation_check_character
from tallygrid.core.demand import Fact, Firm
from tallygrid.files.document import parse
from tallygrid.lab.chance import allotted, between, stream

_NOWHERE: Final = "XX000000"
"""What an invented credit code begins with: GB 32100-2015 assigns no registering authority
and no category X, and GB/T 2260 has no division 000000. No register can hold such a code."""

_Value = StrictBool | StrictInt | date | StrictStr
_Weight = Annotated[int, Field(gt=0, strict=True)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Data):
    """A value and how often it is drawn against the others."""

    value: _Value | None
    """None leaves the fact unknown."""
    weight: _Weight


class Draw(_Data):
    """How a value is drawn: one of some choices, or between evenly spaced quantiles."""

    choices: tuple[Choice, ...] = ()
    quantiles: tuple[StrictInt | date, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.choices) == bool(self.quantiles):
            raise ValueError("give either `choices` or `quantiles`")
        if self.quantiles and len(self.quantiles) < 2:  # noqa: PLR2004  # a value lies between two
            raise ValueError("give at least two quantiles")
        return self

    def value(self, random: Random) -> Fact | None:
        """Draw one value; None is unknown."""
        if self.choices:
            weights = [choice.weight for choice in self.choices]
            return random.choices(self.choices, weights)[0].value
        places = [q.toordinal() if isinstance(q, date) else q for q in self.quantiles]
        drawn = between(random, range(len(places)), places)
        return date.fromordinal(drawn) if isinstance(self.quantiles[0], date) else drawn


class Attribute(_Data):
    """One fact of a firm, its label, and how it is drawn."""

    fact: str
    label: Literal["assumed"]
    because: str
    spread: bool = False
    """Spread over the firms by share rather than drawn, so that few firms show every choice."""
    draw: Draw | None = None
    given: str | None = None
    """An earlier fact that decides how this one is drawn."""
    cases: Mapping[str, Draw] = Field(default_factory=dict)
    otherwise: Draw | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.draw is None) == (self.given is None):
            raise ValueError("give either `draw`, or `given` with `cases`")
        if self.spread and not (self.draw and self.draw.choices):
            raise ValueError("only a `draw` by `choices` can be spread")
        return self

    def value(self, random: Random, facts: Mapping[str, Fact]) -> Fact | None:
        """Draw the fact of one firm; None where its case has no such fact."""
        draw = self.draw
        if self.given is not None:
            draw = self.cases.get(_text(facts.get(self.given)), self.otherwise)
        return None if draw is None else draw.value(random)


class Purchase(_Data):
    """A kind of model or corpus purchase, and how much of it is bought at once."""

    kind: Literal["model", "corpus"]
    label: Literal["assumed"]
    unit: str
    quantity: Draw
    per_mille_of_jobs: Annotated[int, Field(ge=0, strict=True)]


class Profile(_Data):
    """How the firms of a demand are invented."""

    label: str
    name: Mapping[Literal["en", "zh"], str]
    """A neutral name by language, with `{number}` in it."""
    attributes: tuple[Attribute, ...]
    purchases: tuple[Purchase, ...]

    @model_validator(mode="after")
    def _given_facts_stand_before(self) -> Self:
        seen: set[str] = set()
        for attribute in self.attributes:
            if attribute.given is not None and attribute.given not in seen:
                raise ValueError(f"{attribute.fact}: `{attribute.given}` must stand before it")
            if attribute.fact in seen:
                raise ValueError(f"{attribute.fact} stands twice")
            seen.add(attribute.fact)
        return self


def read_profile() -> Profile:
    """Read the profile that is shipped with the package."""
    file = files(__package__).joinpath("firms.yaml")
    return parse(file.read_text(encoding="utf-8"), file=file.name).parsed(Profile)


def invented(profile: Profile, *, seed: int, firms: int) -> tuple[Firm, ...]:
    """Return invented firms, numbered from 1; the same seed gives the same firms."""
    spread = {
        attribute.fact: _spread(attribute, seed, firms)
        for attribute in profile.attributes
        if attribute.spread
    }
    return tuple(
        _firm(profile, seed, number, {fact: values[number - 1] for fact, values in spread.items()})
        for number in range(1, firms + 1)
    )


def invented_credit_code(number: int) -> str:
    """Return a credit code with right check characters that no organisation can have.

    >>> invented_credit_code(14)
    'XX00000000000014XU'
    """
    organisation = f"{number:08d}"
    body = _NOWHERE + organisation + organisation_check_character(organisation)
    return body + check_character(body)


def _firm(profile: Profile, seed: int, number: int, spread: Mapping[str, Fact | None]) -> Firm:
    random = stream(seed, f"firm {number}")
    credit_code = invented_credit_code(number)
    facts: dict[str, Fact] = {"credit_code": credit_code}
    for attribute in profile.attributes:
        value = attribute.value(random, facts)
        value = spread.get(attribute.fact, value)
        if value is not None:
            facts[attribute.fact] = value
    labels = {a.fact: a.label for a in profile.attributes if a.fact in facts}
    return Firm(
        id=f"F-{number:03d}",
        credit_code=credit_code,
        name={language: text.format(number=number) for language, text in profile.name.items()},
        facts=facts,
        labels={**labels, "credit_code": "assumed", "name": "assumed"},
    )


def _spread(attribute: Attribute, seed: int, firms: int) -> list[Fact | None]:
    assert attribute.draw is not None, attribute.fact
    choices = attribute.draw.choices
    parts = allotted(firms, [choice.weight for choice in choices])
    values: list[Fact | None] = [
        choice.value for choice, part in zip(choices, parts, strict=True) for _ in range(part)
    ]
    stream(seed, f"spread {attribute.fact}").shuffle(values)
    return values


def _text(fact: Fact | None) -> str:
    return str(fact).lower() if isinstance(fact, bool) else str(fact)
