"""What the files of a catalogue look like: one model per file, every figure with its source."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from tallygrid.core import catalogue as core
from tallygrid.core.money import BASIS_POINTS, GREATEST_FEN
from tallygrid.files.document import Where

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$")]
Division = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Sentence = Annotated[str, StringConstraints(min_length=1)]
Confidence = Literal["high", "medium", "low", "assumed"]


def _listed(written: object) -> object:
    return [written] if isinstance(written, str) else written


class Part(BaseModel):
    """Anything in a file: nothing unknown, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NameIn(Part):
    """A name in both languages."""

    en: Sentence
    zh: Sentence


class Cited(Part):
    """Anything that somebody must vouch for."""

    source: Annotated[list[Id], BeforeValidator(_listed), Field(min_length=1)]
    confidence: Confidence
    note: str = ""


class Figure(Cited):
    """A whole number with its source."""

    value: Annotated[int, Field(ge=0)]


class Rate(Cited):
    """A share in basis points with its source."""

    value: Annotated[int, Field(ge=0, le=BASIS_POINTS)]


class PriceIn(Cited):
    """An amount per so many units with its source."""

    amount_fen: Annotated[int, Field(gt=0, lt=GREATEST_FEN)]
    unit: core.Unit
    quantity: Annotated[int, Field(gt=0)]


class SourceIn(Part):
    """Where figures were read."""

    title: Sentence
    publisher: str = ""
    on: str = ""
    url: str = ""


class SourcesFile(Part):
    """`sources.yaml`."""

    sources: dict[Id, SourceIn]


class PlaceIn(Cited):
    """A city or cluster."""

    id: Id
    name: NameIn
    code: Division
    region: Id
    province: Sentence
    side: core.Side


class PlacesFile(Part):
    """`places.yaml`."""

    places: list[PlaceIn]


class CardIn(Part):
    """A model of accelerator."""

    id: Id
    name: NameIn
    origin: core.Origin
    memory_gb: Figure
    power_w: Figure
    fp16_tflops: Figure


class CardsFile(Part):
    """`cards.yaml`."""

    cards: list[CardIn]


class ListIn(Cited):
    """A list of admitted or named providers."""

    id: Id
    name: NameIn
    authority: Division
    kind: core.OfferKind
    listing: core.Listing


class ProviderIn(Part):
    """A seller."""

    id: Id
    name: NameIn
    credit_code: str
    kind: core.ProviderKind
    racks: Annotated[int, Field(ge=0)]
    pflops: Annotated[int, Field(ge=0)]
    lists: list[Id] = []
    related_to: list[str] = []


class ProvidersFile(Part):
    """`providers.yaml`."""

    fiction: Cited
    lists: list[ListIn]
    providers: list[ProviderIn]


class SiteIn(Part):
    """A data centre or computing centre."""

    id: Id
    name: NameIn
    place: Id
    provider: Id
    cards: dict[Id, Figure]
    utilisation_bp: Rate
    rack_rate_bp: Rate
    pue_milli: Figure
    grid_g_per_kwh: Figure
    power_price_milli_yuan: Figure


class SitesFile(Part):
    """`sites.yaml`."""

    fiction: Cited
    sites: list[SiteIn]


class OfferIn(Part):
    """One thing at one price."""

    id: Id
    name: NameIn
    kind: core.OfferKind
    site: Id
    provider: Id
    model: Id | None = None
    price: PriceIn
    discount_bp: Rate | None = None
    certified_tflops: Figure | None = None
    """Dense FP16 TFLOPS of these cards as measured; without it their speed is only published."""
    facts: dict[str, int | bool | str] = {}


class OffersFile(Part):
    """`offers.yaml`."""

    fiction: Cited
    vat_bp: Rate
    references: dict[Id, PriceIn]
    offers: list[OfferIn]


class TierIn(Part):
    """How near a tier is, and what a gigabyte costs across it."""

    latency_ms: Figure
    transfer_fen_per_gb: Figure


class TiersIn(Part):
    """The three tiers, nearest first."""

    city: TierIn
    region: TierIn
    network: TierIn


class RoutesFile(Part):
    """`routes.yaml`."""

    tiers: TiersIn


def cited(part: object, where: Where = ()) -> Iterator[tuple[Where, Cited]]:
    """Yield everything in a file that names a source, with its place in the file."""
    if isinstance(part, Cited):
        yield where, part
    if isinstance(part, BaseModel):
        for field in type(part).model_fields:
            yield from cited(getattr(part, field), (*where, field))
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from cited(value, (*where, key))
    elif isinstance(part, list):
        for n, value in enumerate(part):
            yield from cited(value, (*where, n))
