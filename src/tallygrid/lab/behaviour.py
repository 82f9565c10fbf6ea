"""How firms and providers behave: every parameter with its range, and where it comes from."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from tallygrid.core.programme import Many
from tallygrid.files.document import FileError, parse, read
from tallygrid.files.nearest import nearest


class CalibratedOn(BaseModel):
    """Whose applications a figure was estimated from, and how many there were."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    seen_on: date
    cases: int


class Parameter(BaseModel):
    """One figure of behaviour."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    value: int
    range: Annotated[Many[int], Field(min_length=2, max_length=2)]
    """The least and the most that a scenario may set."""
    source: str
    """Where it was measured; `assumed` if nowhere."""
    en: str
    zh: str
    calibrated_on: CalibratedOn | None = None
    """None where nothing was estimated."""

    @model_validator(mode="after")
    def _lies_within(self) -> Self:
        if not self.range[0] <= self.value <= self.range[1]:
            raise ValueError("the value lies in its range")
        return self


class _File(RootModel[dict[str, Parameter]]):
    """The file of parameters."""


class Behaviour(BaseModel):
    """The parameters of one run; lab/behaviour.yaml tells what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    elasticity_milli: int
    lowest_price_milli: int
    aware_bp: int
    misjudge_bp: int
    hazard_per_day_bp: int
    half_benefit_yuan: int
    deadline_boost_milli: int
    deadline_days: int
    paperwork_hours: int
    claim_hours: int
    hour_cost_yuan: int
    dropout_per_hour_bp: int
    dropout_per_day_bp: int
    refund_value_bp: int
    cash_share_bp: int
    wait_hours_max: int
    pass_through_bp: int
    capacity_response_bp: int


@cache
def parameters() -> Mapping[str, Parameter]:
    """Return every parameter of behaviour by name."""
    file = files(__package__).joinpath("behaviour.yaml")
    return parse(file.read_text(encoding="utf-8"), file=file.name).parsed(_File).root


def read_parameters(path: Path) -> Mapping[str, Parameter]:
    """Read a file of the same shape as the packaged one, with some of its parameters.

    Raises:
        FileError: With every mistake, such as a range beyond what a scenario may set.
    """
    document, usual = read(path), parameters()
    found = document.parsed(_File).root
    mistakes = []
    for name, one in found.items():
        if name not in usual:
            problem = f"There is no parameter `{name}`."
            mistakes.append(document.mistake((name,), problem, nearest(name, usual)))
            continue
        least, most = usual[name].range
        if not least <= one.range[0] <= one.range[1] <= most:
            problem = f"`{name}` lies in {one.range[0]} to {one.range[1]}."
            remedy = f"A scenario may set it between {least} and {most}."
            mistakes.append(document.mistake((name, "range"), problem, remedy))
    if mistakes:
        raise FileError(mistakes)
    return found


def behaviour(given: Mapping[str, int]) -> Behaviour:
    """Return the behaviour with some parameters set, the rest as they come."""
    usual = {name: one.value for name, one in parameters().items()}
    return Behaviour.model_validate({**usual, **given})
