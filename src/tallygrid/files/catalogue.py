"""Read a catalogue: seven files that are checked together, all mistakes of all files at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Final, Generic, TypeVar

from tallygrid.core import catalogue as core
from tallygrid.core.credit_code import is_well_formed
from tallygrid.files import catalogue_schema as schema
from tallygrid.files.document import Document, FileError, Mistake, Where, read

_Content = TypeVar("_Content", bound=schema.Part)
_CARD_UNITS: Final = ("card_hour", "server_month")


def read_catalogue(directory: Path | None = None) -> core.Catalogue:
    """Read the catalogue in a directory, or the one that comes with the package.

    Raises:
        FileError: With every mistake in every file.
    """
    written = _read(directory or Path(str(files("tallygrid").joinpath("catalogue"))))
    mistakes = tuple(_mistakes(written))
    if mistakes:
        raise FileError(mistakes)
    return _catalogue(written)


@dataclass(frozen=True)
class _File(Generic[_Content]):
    """One file: where its values stand, and what they are."""

    document: Document
    content: _Content


@dataclass(frozen=True)
class _Written:
    """All files of a catalogue, each valid by itself."""

    sources: _File[schema.SourcesFile]
    places: _File[schema.PlacesFile]
    cards: _File[schema.CardsFile]
    providers: _File[schema.ProvidersFile]
    sites: _File[schema.SitesFile]
    offers: _File[schema.OffersFile]
    routes: _File[schema.RoutesFile]

    def all(self) -> tuple[_File[schema.Part], ...]:
        """Return every file."""
        return tuple(vars(self).values())


def _read(directory: Path) -> _Written:
    """Read every file before giving up on any, so that all mistakes are told together."""
    mistakes: list[Mistake] = []

    def one(name: str, model: type[_Content]) -> _File[_Content] | None:
        try:
            document = read(directory / f"{name}.yaml")
            return _File(document, document.parsed(model))
        except FileError as error:
            mistakes.extend(error.mistakes)
            return None

    sources = one("sources", schema.SourcesFile)
    places = one("places", schema.PlacesFile)
    cards = one("cards", schema.CardsFile)
    providers = one("providers", schema.ProvidersFile)
    sites = one("sites", schema.SitesFile)
    offers = one("offers", schema.OffersFile)
    routes = one("routes", schema.RoutesFile)
    if not (sources and places and cards and providers and sites and offers and routes):
        raise FileError(mistakes)
    return _Written(sources, places, cards, providers, sites, offers, routes)


def _mistakes(written: _Written) -> Iterator[Mistake]:
    """Yield everything that only shows when the files are held against each other."""
    for file in written.all():
        yield from _unsourced(file, written.sources.content.sources)
    yield from _repeated(written.places, "places", written.places.content.places)
    yield from _repeated(written.cards, "cards", written.cards.content.cards)
    yield from _repeated(written.providers, "lists", written.providers.content.lists)
    yield from _repeated(written.providers, "providers", written.providers.content.providers)
    yield from _repeated(written.sites, "sites", written.sites.content.sites)
    yield from _repeated(written.offers, "offers", written.offers.content.offers)
    yield from _wrong_providers(written)
    yield from _wrong_sites(written)
    yield from _wrong_offers(written)


def _unsourced(
    file: _File[schema.Part], sources: Mapping[str, schema.SourceIn]
) -> Iterator[Mistake]:
    """Yield figures whose source is not listed, or that hide that they are invented."""
    for where, figure in schema.cited(file.content):
        for source in figure.source:
            yield from _unknown(file, (*where, "source"), source, "source", sources)
        if (core.INVENTED in figure.source) != (figure.confidence == "assumed"):
            yield file.document.mistake(
                (*where, "confidence"),
                f"The source is {', '.join(figure.source)}, the confidence {figure.confidence}.",
                f"A value has the confidence `assumed` exactly if its source is `{core.INVENTED}`.",
            )


def _repeated(
    file: _File[_Content], section: str, parts: Iterable[schema.Part]
) -> Iterator[Mistake]:
    """Yield ids that stand twice in a section."""
    first: dict[str, int] = {}
    for n, part in enumerate(parts):
        id_ = str(vars(part)["id"])
        if id_ in first:
            line, _ = file.document.places[section, first[id_], "id"]
            problem = f"The id `{id_}` stands twice; the first is on line {line}."
            yield file.document.mistake((section, n, "id"), problem, "Give each its own.")
        first.setdefault(id_, n)


def _unknown(
    file: _File[_Content], where: Where, id_: str, kind: str, known: Iterable[str]
) -> Iterator[Mistake]:
    """Yield a mistake if an id is not among those known."""
    names = sorted(known)
    if id_ not in names:
        yield file.document.mistake(
            where, f"There is no {kind} `{id_}`.", f"Known: {', '.join(names)}."
        )


def _wrong_providers(written: _Written) -> Iterator[Mistake]:
    file = written.providers
    lists = {one.id for one in file.content.lists}
    for n, provider in enumerate(file.content.providers):
        where: Where = ("providers", n)
        for m, list_ in enumerate(provider.lists):
            yield from _unknown(file, (*where, "lists", m), list_, "list", lists)
        codes = [("credit_code", provider.credit_code)]
        codes += [("related_to", code) for code in provider.related_to]
        for field, code in codes:
            if not is_well_formed(code):
                yield file.document.mistake(
                    (*where, field),
                    f"`{code}` is not a unified social credit code.",
                    "Write 18 characters with the check character of GB 32100-2015.",
                )


def _wrong_sites(written: _Written) -> Iterator[Mistake]:
    file = written.sites
    places = {place.id for place in written.places.content.places}
    providers = {provider.id for provider in written.providers.content.providers}
    cards = {card.id for card in written.cards.content.cards}
    for n, site in enumerate(file.content.sites):
        where: Where = ("sites", n)
        yield from _unknown(file, (*where, "place"), site.place, "place", places)
        yield from _unknown(file, (*where, "provider"), site.provider, "provider", providers)
        for model in site.cards:
            yield from _unknown(file, (*where, "cards", model), model, "card model", cards)


def _wrong_offers(written: _Written) -> Iterator[Mistake]:
    file = written.offers
    sites = {site.id: site for site in written.sites.content.sites}
    providers = {provider.id for provider in written.providers.content.providers}
    cards = {card.id: card for card in written.cards.content.cards}
    for model in file.content.references:
        yield from _unknown(file, ("references", model), model, "card model", cards)
    for n, offer in enumerate(file.content.offers):
        where: Where = ("offers", n)
        yield from _unknown(file, (*where, "site"), offer.site, "site", sites)
        yield from _unknown(file, (*where, "provider"), offer.provider, "provider", providers)
        yield from _wrong_unit(file, where, offer)
        if offer.kind == "compute" and offer.site in sites:
            listed = sites[offer.site].cards
            kind = f"card at the site `{offer.site}` of model"
            yield from _unknown(file, (*where, "model"), offer.model or "", kind, listed)
        yield from _wrong_certificate(file, where, offer, cards)


def _wrong_certificate(
    file: _File[schema.OffersFile],
    where: Where,
    offer: schema.OfferIn,
    cards: Mapping[str, schema.CardIn],
) -> Iterator[Mistake]:
    """Yield a mistake if a speed is certified of what has none, above it, or by nobody."""
    if core.CERTIFIED in offer.facts:
        yield file.document.mistake(
            (*where, "facts", core.CERTIFIED),
            "Nobody vouches for this certificate.",
            "Write what was measured, and its source, as `certified_tflops`.",
        )
    if offer.certified_tflops is None:
        return
    measured, card = offer.certified_tflops.value, cards.get(offer.model or "")
    if card is None or not 0 < measured <= card.fp16_tflops.value:
        published = "no card" if card is None else f"{card.fp16_tflops.value} TFLOPS published"
        yield file.document.mistake(
            (*where, "certified_tflops", "value"),
            f"{measured} TFLOPS were measured of {offer.model}, with {published}.",
            "Write a speed above 0 and not above the published one of a card.",
        )


def _wrong_unit(
    file: _File[schema.OffersFile], where: Where, offer: schema.OfferIn
) -> Iterator[Mistake]:
    """Yield a mistake if cards are not sold by card time, or something else is."""
    unit = offer.price.unit
    if (offer.kind == "compute") != (unit in _CARD_UNITS):
        right = " or ".join(_CARD_UNITS)
        yield file.document.mistake(
            (*where, "price", "unit"),
            f"An offer of the kind `{offer.kind}` is priced per `{unit}`.",
            f"Cards, and nothing else, are sold per {right}.",
        )


def _catalogue(written: _Written) -> core.Catalogue:
    """Return the files' content in the core's own terms."""
    places = {place.id: _place(place) for place in written.places.content.places}
    cards = {card.id: _card(card) for card in written.cards.content.cards}
    sites = {site.id: _site(site, places) for site in written.sites.content.sites}
    offers = written.offers.content
    return core.Catalogue(
        places=places,
        cards=cards,
        lists={one.id: _list(one) for one in written.providers.content.lists},
        providers={one.id: _provider(one) for one in written.providers.content.providers},
        sites=sites,
        offers={offer.id: _offer(offer, cards) for offer in offers.offers},
        routes=_routes(written.routes.content.tiers, places, sites),
        rules=core.PriceRules(
            vat_bp=offers.vat_bp.value,
            references={model: _price(price) for model, price in offers.references.items()},
        ),
        sources={
            id_: core.Source(id_, **one.model_dump())
            for id_, one in written.sources.content.sources.items()
        },
        citations=tuple(_citations(written)),
    )


def _name(name: schema.NameIn) -> core.Name:
    return core.Name(en=name.en, zh=name.zh)


def _price(price: schema.PriceIn) -> core.Price:
    return core.Price(amount_fen=price.amount_fen, unit=price.unit, quantity=price.quantity)


def _place(place: schema.PlaceIn) -> core.Place:
    return core.Place(
        id=place.id,
        name=_name(place.name),
        code=place.code,
        region=place.region,
        province=place.province,
        side=place.side,
    )


def _card(card: schema.CardIn) -> core.CardModel:
    return core.CardModel(
        id=card.id,
        name=_name(card.name),
        origin=card.origin,
        memory_gb=card.memory_gb.value,
        power_w=card.power_w.value,
        fp16_tflops=card.fp16_tflops.value,
    )


def _list(one: schema.ListIn) -> core.AdmissionList:
    return core.AdmissionList(
        id=one.id,
        name=_name(one.name),
        authority=one.authority,
        kind=one.kind,
        listing=one.listing,
    )


def _provider(one: schema.ProviderIn) -> core.Provider:
    return core.Provider(
        id=one.id,
        name=_name(one.name),
        credit_code=one.credit_code,
        kind=one.kind,
        racks=one.racks,
        pflops=one.pflops,
        lists=frozenset(one.lists),
        related_to=frozenset(one.related_to),
    )


def _site(site: schema.SiteIn, places: Mapping[str, core.Place]) -> core.Site:
    place = places[site.place]
    return core.Site(
        id=site.id,
        name=_name(site.name),
        place=site.place,
        region=place.region,
        province=place.province,
        side=place.side,
        provider=site.provider,
        cards={model: figure.value for model, figure in site.cards.items()},
        utilisation_bp=site.utilisation_bp.value,
        rack_rate_bp=site.rack_rate_bp.value,
        pue_milli=site.pue_milli.value,
        grid_g_per_kwh=site.grid_g_per_kwh.value,
        power_price_milli_yuan=site.power_price_milli_yuan.value,
    )


def _offer(offer: schema.OfferIn, cards: Mapping[str, core.CardModel]) -> core.Offer:
    card = cards.get(offer.model or "")
    return core.Offer(
        id=offer.id,
        name=_name(offer.name),
        kind=offer.kind,
        site=offer.site,
        provider=offer.provider,
        price=_price(offer.price),
        model=offer.model or "",
        origin=card.origin if card else "domestic",
        memory_gb=card.memory_gb if card else 0,
        discount_bp=offer.discount_bp.value if offer.discount_bp else 0,
        facts=offer.facts
        if offer.certified_tflops is None
        else {**offer.facts, core.CERTIFIED: True},
    )


def _routes(
    tiers: schema.TiersIn, places: Mapping[str, core.Place], sites: Mapping[str, core.Site]
) -> Mapping[tuple[str, str], core.Route]:
    """Return the way from every place to every site, by the nearest tier that holds."""
    routes = {}
    for place, site in product(places.values(), sites.values()):
        tier = _tier(place, site)
        figures: schema.TierIn = getattr(tiers, tier)
        routes[place.id, site.id] = core.Route(
            place=place.id,
            site=site.id,
            tier=tier,
            latency_ms=figures.latency_ms.value,
            transfer_fen_per_gb=figures.transfer_fen_per_gb.value,
        )
    return routes


def _tier(place: core.Place, site: core.Site) -> core.Tier:
    if place.id == site.place:
        return "city"
    return "region" if place.region == site.region else "network"


def _citations(written: _Written) -> Iterator[core.Citation]:
    """Yield where each figure comes from, and which assignments are our own."""
    for file in written.all():
        for where, figure in schema.cited(file.content):
            yield core.Citation(
                subject=_subject(file.document, where),
                figure=".".join(str(step) for step in where[2:]),
                value=_value(figure),
                sources=tuple(figure.source),
                confidence=figure.confidence,
                note=figure.note,
            )


def _subject(document: Document, where: Where) -> str:
    """Return the section and the id of the thing that a figure belongs to."""
    section = str(where[0])
    if len(where) < 2:  # noqa: PLR2004  # the section itself, without a thing in it
        return section
    thing = document.data[section]
    part = thing[where[1]]
    return f"{section}:{part['id'] if isinstance(thing, list) else where[1]}"


def _value(figure: schema.Cited) -> str:
    if isinstance(figure, schema.Figure | schema.Rate):
        return str(figure.value)
    if isinstance(figure, schema.PriceIn):
        return f"{figure.amount_fen} fen / {figure.quantity} {figure.unit}"
    return ""
