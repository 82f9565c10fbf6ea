"""The shelf: the compute offers of a catalogue with all that the search asks, worked out once."""

from dataclasses import dataclass
from typing import NamedTuple

from tallygrid.core.catalogue import Catalogue, Offer

_MS_PER_SECOND = 1_000


class Entry(NamedTuple):
    """A compute offer in whole numbers; every rate is for one card and one second."""

    offer: str
    site: str
    provider: str
    model: str
    domestic: bool
    memory_gb: int
    price_fen: int
    price_card_seconds: int
    """`price_fen` buys so many card-seconds."""
    discount_bp: int
    """What the provider takes off: nobody pays it, so it does not count."""
    site_cards: int
    energy: int
    """Milliwatts drawn by one card, cooling included, times milli-yuan per kWh."""
    carbon: int
    """The same, times grams of carbon dioxide per kWh."""
    routes: dict[str, tuple[int, int]]
    """Latency in ms and transfer in fen per GB, by the place of the data."""


@dataclass(frozen=True)
class Shelf:
    """Every compute offer, in the order of the ids, so that ties are settled the same way."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Shelf":
        """Return the shelf of a catalogue; it holds for as long as the catalogue does."""
        return cls(tuple(_entry(offer, catalogue) for offer in catalogue.offers_of("compute")))


def _entry(offer: Offer, catalogue: Catalogue) -> Entry:
    site, card = catalogue.sites[offer.site], catalogue.cards[offer.model]
    milliwatts = card.power_w * site.pue_milli
    one_second = offer.price.quantity_of(_MS_PER_SECOND) * offer.price.unit_fen
    return Entry(
        offer=offer.id,
        site=offer.site,
        provider=offer.provider,
        model=offer.model,
        domestic=offer.origin == "domestic",
        memory_gb=offer.memory_gb,
        price_fen=one_second.numerator,
        price_card_seconds=one_second.denominator,
        discount_bp=offer.discount_bp,
        site_cards=site.cards[offer.model],
        energy=milliwatts * site.power_price_milli_yuan,
        carbon=milliwatts * site.grid_g_per_kwh,
        routes={
            place: (route.latency_ms, route.transfer_fen_per_gb)
            for place in catalogue.places
            for route in [catalogue.routes[place, offer.site]]
        },
    )
