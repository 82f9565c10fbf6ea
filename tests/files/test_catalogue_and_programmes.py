"""Whatever a programme demands of the seller and the thing sold, something on offer meets it."""

from collections.abc import Iterator
from datetime import date

import pytest

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.decision import decide
from tallygrid.core.programme import Programme
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.files.programme import read_programmes

AT = date(2026, 5, 20)
CATALOGUE: Catalogue = read_catalogue()
PROGRAMMES = [programme for programme in read_programmes() if programme.edition == "issued"]
OF_THE_OFFER = {name for offer in CATALOGUE.offers for name in CATALOGUE.facts(offer)} | {
    name for name in packaged_vocabulary() if name.startswith(("provider_", "item_"))
}


def demands(programme: Programme, offer: str) -> Iterator[tuple[str, str]]:
    """Yield the conditions that look at nothing but the offer, and how each comes out."""
    facts = CATALOGUE.facts(offer, authority=programme.place.code)
    for finding in decide(programme, facts, at=AT).findings:
        if finding.kind == "condition" and finding.saw and finding.saw.keys() <= OF_THE_OFFER:
            yield finding.id, finding.status


@pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda programme: programme.id)
def test_some_offer_meets_all_that_a_programme_demands_of_it(programme: Programme) -> None:
    offers = CATALOGUE.offers_of(programme.kind)

    met = [
        offer.id
        for offer in offers
        if all(status == "passed" for _, status in demands(programme, offer.id))
    ]

    assert met, {offer.id: dict(demands(programme, offer.id)) for offer in offers}


def test_some_offers_are_refused_for_their_provider() -> None:
    """Else the conditions on providers would never show."""
    refused = {
        programme.id
        for programme in PROGRAMMES
        for offer in CATALOGUE.offers_of(programme.kind)[:12]
        if any(status == "failed" for _, status in demands(programme, offer.id))
    }

    assert len(refused) >= 3
