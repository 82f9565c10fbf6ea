"""The script: what the demonstration adds to the demand, read from `script.yaml`."""

from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from tallygrid.core.catalogue import OfferKind, Unit
from tallygrid.core.condition import Facts
from tallygrid.core.programme import Scalar
from tallygrid.files.document import Document, FileError, parse
from tallygrid.files.facts import checked_facts, packaged_vocabulary


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wishes(_Part):
    """What shares of the jobs ask of their site."""

    domestic_bp: int
    nearby_bp: int
    resident_bp: int
    nearby_ms_max: int
    data_gb: tuple[int, ...]


class Order(_Part):
    """Something ordered and delivered in parts; cards by the month need a site as well."""

    id: str
    kind: OfferKind
    unit: Unit
    quantity: int
    days: tuple[int, ...]
    """How long each part takes to deliver."""
    programmes: tuple[str, ...] = ()
    """Where to apply; none named means wherever something can be had."""
    model: str = ""
    cards: int = 0
    facts: dict[str, Scalar] = Field(default_factory=dict)


class Refusal(_Part):
    """An application that has to be refused, so that every common reason is seen."""

    id: str
    programme: str
    days_later: int = 0
    order: str = ""
    """The order whose contract the same firm claims for once more; empty for one of its own."""
    facts: dict[str, Scalar | None] = Field(default_factory=dict)
    """What is different from the script's firm; null takes a fact away."""


class Script(_Part):
    """The whole script."""

    opened_on: date
    zone: str
    assumptions: str
    tranches_yuan: dict[str, int] = Field(default_factory=dict)
    wishes: Wishes
    clock: int = 1
    oversize_cards: int = 0
    orders: tuple[Order, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    firm: dict[str, Scalar] = Field(default_factory=dict)

    @property
    def opened_at(self) -> datetime:
        """The first instant of the demonstration's own time."""
        return datetime.combine(self.opened_on, time(), ZoneInfo(self.zone))


def read_script() -> Script:
    """Read the script that is shipped with the package."""
    return _document().parsed(Script)


def facts_of(facts: Mapping[str, Scalar]) -> Facts:
    """Check facts of the script against the vocabulary, amounts in fen.

    Raises:
        FileError: With every mistake in them.
    """
    found, mistakes = checked_facts(_document(), (), dict(facts), packaged_vocabulary())
    if mistakes:
        raise FileError(mistakes)
    return found


@cache
def _document() -> Document:
    name = "script.yaml"
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return parse(text, file=name)
