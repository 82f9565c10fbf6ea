"""The catalogue (资源目录): places, sites, cards, providers, and what they offer at which price.

A price is a rational, `amount_fen` per `quantity` units, so that a rent per server-month is
exactly a price per card-hour: 75,000 yuan for 8 cards over 30 days is 7,500,000 fen per
5,760 card-hours. Where every figure comes from stands beside it, in `Catalogue.citations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Final, Literal

from tallygrid.core.money import GREATEST_FEN

OfferKind = Literal["compute", "model", "corpus"]
Origin = Literal["domestic", "foreign"]
Side = Literal["east", "west"]
Tier = Literal["city", "region", "network"]
Listing = Literal["admitted", "named"]
ProviderKind = Literal[
    "supercomputing_centre",
    "national_supercomputing_centre",
    "ai_computing_centre",
    "data_centre",
    "cloud",
]
Unit = Literal["card_hour", "server_month", "million_tokens", "dataset_licence", "service_fee"]
Fact = int | bool | str

CARDS_PER_NODE: Final = 8
CARD_MS_PER_CARD_HOUR: Final = 3_600_000
CARD_HOURS_PER_SERVER_MONTH: Final = CARDS_PER_NODE * 24 * 30
"""The market's month: 30 days of 24 hours on a server of 8 cards."""

CERTIFIED: Final = "certified"
"""The fact of an offer whose cards' speed was measured, and not only published."""

INVENTED: Final = "invented"
"""The source of a value that no published text gives."""


@dataclass(frozen=True)
class Name:
    """What a thing is called, in both languages."""

    en: str
    zh: str


@dataclass(frozen=True)
class Price:
    """An amount per so many units.

    >>> Price(7_500_000, "card_hour", 5_760).gross_fen(Fraction(64 * 24 * 30))
    60000000
    """

    amount_fen: int
    unit: Unit
    quantity: int = 1

    def __post_init__(self) -> None:
        assert 0 <= self.amount_fen < GREATEST_FEN, self.amount_fen
        assert self.quantity > 0, self.quantity

    @property
    def unit_fen(self) -> Fraction:
        """Return the exact price of one unit."""
        return Fraction(self.amount_fen, self.quantity)

    def gross_fen(self, quantity: Fraction) -> int:
        """Return what a quantity costs: one rational, rounded once, upwards.

        Upwards, so that the seller of a part of a fen is never short; within one fen of the
        contract because only a total is ever rounded. See docs/algorithms/rounding.md.
        """
        assert quantity >= 0, quantity
        gross_fen = ceil(quantity * self.amount_fen / self.quantity)
        assert gross_fen < GREATEST_FEN, gross_fen
        return gross_fen

    def quantity_of(self, card_ms: int) -> Fraction:
        """Return how many units of this price a use of cards is, exactly.

        >>> Price(7_500_000, "server_month").quantity_of(8 * 30 * 24 * 3_600_000)
        Fraction(1, 1)
        """
        assert self.unit in _CARD_MS_PER_UNIT, f"{self.unit} is not measured in card time"
        return Fraction(card_ms, _CARD_MS_PER_UNIT[self.unit])


_CARD_MS_PER_UNIT: Final[Mapping[str, int]] = {
    "card_hour": CARD_MS_PER_CARD_HOUR,
    "server_month": CARD_MS_PER_CARD_HOUR * CARD_HOURS_PER_SERVER_MONTH,
}


_LISTING_FACTS: Final[Mapping[Listing, tuple[str, ...]]] = {
    "admitted": ("provider_admitted", "item_admitted"),
    "named": ("provider_named",),
}
"""What each sort of list answers; a list here admits a provider with all its items."""


@dataclass(frozen=True)
class Place:
    """A city or cluster where data and sites are; places of one region are near each other."""

    id: str
    name: Name
    code: str
    """The national code of its division (GB/T 2260)."""
    region: str
    """The hub it belongs to, or its province outside the hubs."""
    province: str
    side: Side


@dataclass(frozen=True)
class CardModel:
    """A model of accelerator (加速卡)."""

    id: str
    name: Name
    origin: Origin
    memory_gb: int
    power_w: int
    fp16_tflops: int


@dataclass(frozen=True)
class AdmissionList:
    """The providers that an authority admits (入库名单), or names in its text, for one kind."""

    id: str
    name: Name
    authority: str
    """The authority's place, by the national code of divisions (GB/T 2260)."""
    kind: OfferKind
    listing: Listing


@dataclass(frozen=True)
class Provider:
    """A registered seller (服务机构): here a fictional role, never a real company."""

    id: str
    name: Name
    credit_code: str
    kind: ProviderKind
    racks: int
    """Standard racks it operates; 0 for a seller of models or corpora."""
    pflops: int
    """FP16 PFLOPS it operates."""
    lists: frozenset[str] = frozenset()
    """Ids of the admission lists it stands on."""
    related_to: frozenset[str] = frozenset()
    """Credit codes of organisations under common control (关联方)."""


@dataclass(frozen=True)
class Site:
    """A data centre or AI computing centre with capacity to sell."""

    id: str
    name: Name
    place: str
    region: str
    province: str
    side: Side
    provider: str
    cards: Mapping[str, int]
    """Cards listed here, by card model."""
    utilisation_bp: int
    """Card time in use before any placement of ours. Not the rack rate."""
    rack_rate_bp: int
    """Racks in use (上架率): says nothing about how busy the cards in them are."""
    pue_milli: int
    grid_g_per_kwh: int
    power_price_milli_yuan: int
    """Per kWh; 360 is 0.36 yuan."""


@dataclass(frozen=True)
class Offer:
    """One thing at one price: a kind of card at a site, a model's tokens, a data-set's licence."""

    id: str
    name: Name
    kind: OfferKind
    site: str
    provider: str
    price: Price
    model: str = ""
    """The card model of a compute offer, the service of a model offer."""
    origin: Origin = "domestic"
    memory_gb: int = 0
    discount_bp: int = 0
    """What the provider itself takes off the listed price."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Further facts that a programme may ask about."""

    @property
    def unit(self) -> Unit:
        """Return what the price counts."""
        return self.price.unit


@dataclass(frozen=True)
class Route:
    """The way from the data's place to a site."""

    place: str
    site: str
    tier: Tier
    latency_ms: int
    transfer_fen_per_gb: int


@dataclass(frozen=True)
class Source:
    """Where figures were read, listed once and cited by its id."""

    id: str
    title: str
    publisher: str = ""
    on: str = ""
    url: str = ""


@dataclass(frozen=True)
class Citation:
    """Where one figure of the catalogue comes from."""

    subject: str
    """The thing it belongs to, for instance `sites:…` or `offers:…`."""
    figure: str
    """The figure's name; empty where the thing as a whole is cited."""
    value: str
    sources: tuple[str, ...]
    confidence: str
    note: str = ""

    @property
    def is_invented(self) -> bool:
        """Tell whether no published text gives this figure."""
        return INVENTED in self.sources


@dataclass(frozen=True)
class PriceRules:
    """What the market's prices have in common: the tax in them and the reference prices."""

    vat_bp: int
    references: Mapping[str, Price] = field(default_factory=dict)
    """By card model: the most that a programme which pays 80 % or more takes as its base."""


@dataclass(frozen=True)
class Catalogue:
    """Everything on offer, by id, with where each figure comes from."""

    places: Mapping[str, Place]
    cards: Mapping[str, CardModel]
    lists: Mapping[str, AdmissionList]
    providers: Mapping[str, Provider]
    sites: Mapping[str, Site]
    offers: Mapping[str, Offer]
    routes: Mapping[tuple[str, str], Route]
    """By place and site; every pair is there."""
    rules: PriceRules
    sources: Mapping[str, Source]
    citations: tuple[Citation, ...]

    def invented(self) -> tuple[Citation, ...]:
        """Return every figure that no published text gives."""
        return tuple(citation for citation in self.citations if citation.is_invented)

    def offers_of(self, kind: OfferKind) -> tuple[Offer, ...]:
        """Return the offers of a kind, in the order of their ids."""
        return tuple(
            self.offers[id_] for id_ in sorted(self.offers) if self.offers[id_].kind == kind
        )

    def admitted(self, authority: str, kind: OfferKind) -> frozenset[str] | None:
        """Return the providers that an authority admits or names; None if it keeps no list."""
        ids = {
            one.id for one in self.lists.values() if (one.authority, one.kind) == (authority, kind)
        }
        listed = frozenset(id_ for id_, one in self.providers.items() if one.lists & ids)
        return listed if ids else None

    def related(self, credit_code: str) -> frozenset[str]:
        """Return the providers that are an organisation itself, or under common control."""
        return frozenset(
            id_
            for id_, one in self.providers.items()
            if credit_code == one.credit_code or credit_code in one.related_to
        )

    def facts(self, offer_id: str, *, authority: str = "") -> Mapping[str, Fact]:
        """Return what a programme's conditions may ask about an offer and its provider.

        Admission is told against the lists of the programme's own authority; an authority
        without a list leaves the fact out, so that a condition on it stays undecided.
        """
        offer = self.offers[offer_id]
        provider = self.providers[offer.provider]
        facts: dict[str, Fact] = {
            "provider_in": self.places[self.sites[offer.site].place].code,
            "provider_kind": provider.kind,
            "provider_racks": provider.racks,
            "provider_pflops": provider.pflops,
            **self._listings(offer, authority),
            **offer.facts,
        }
        if offer.kind == "compute":
            facts["hardware_origin"] = offer.origin
        return facts

    def _listings(self, offer: Offer, authority: str) -> Mapping[str, bool]:
        """Tell for each sort of list that an authority keeps whether the provider is on it."""
        on = self.providers[offer.provider].lists
        facts: dict[str, bool] = {}
        for one in self.lists.values():
            if (one.authority, one.kind) == (authority, offer.kind):
                for fact in _LISTING_FACTS[one.listing]:
                    facts[fact] = facts.get(fact, False) or one.id in on
        return facts
