"""Prices are rationals, and an offer tells what a programme may ask of it."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tallygrid.core.catalogue import Catalogue, Price
from tallygrid.files.catalogue import read_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue()


def test_a_price_per_month_is_exactly_a_price_per_card_hour() -> None:
    assert Price(7_500_000, "card_hour", 5_760).unit_fen == Fraction(15_625, 12)


def test_a_part_of_a_fen_is_rounded_up_once() -> None:
    price = Price(1, "million_tokens", 3)

    assert [price.gross_fen(Fraction(n)) for n in (0, 1, 3, 4)] == [0, 1, 1, 2]


def test_tokens_are_not_measured_in_card_time() -> None:
    with pytest.raises(AssertionError, match="million_tokens"):
        Price(1, "million_tokens").quantity_of(1)


def test_admission_is_told_against_the_programmes_own_authority(catalogue: Catalogue) -> None:
    (one,) = (x for x in catalogue.lists.values() if x.id == "shenzhen-compute")
    listed = {id_ for id_, provider in catalogue.providers.items() if one.id in provider.lists}

    for offer in catalogue.offers_of("compute"):
        facts = catalogue.facts(offer.id, authority=one.authority)
        assert facts["provider_admitted"] is (offer.provider in listed)


def test_an_authority_without_a_list_leaves_admission_unknown(catalogue: Catalogue) -> None:
    offer = catalogue.offers_of("compute")[0]

    assert "provider_admitted" not in catalogue.facts(offer.id, authority="999999")


def test_a_list_for_compute_says_nothing_of_corpora(catalogue: Catalogue) -> None:
    corpus = catalogue.offers_of("corpus")[0]

    assert "provider_admitted" not in catalogue.facts(corpus.id, authority="440300")


def test_every_kind_of_list_admits_an_offer(catalogue: Catalogue) -> None:
    """Whatever a programme demands of the provider, somebody in the catalogue meets it."""
    for one in catalogue.lists.values():
        fact = "provider_admitted" if one.listing == "admitted" else "provider_named"
        offers = catalogue.offers_of(one.kind)
        met = [catalogue.facts(offer.id, authority=one.authority)[fact] for offer in offers]
        assert any(met), one.id


def test_an_authority_admits_the_providers_on_its_lists(catalogue: Catalogue) -> None:
    admitted = catalogue.admitted("440300", "compute")

    assert sorted(admitted or ()) == [
        "operator-guian",
        "operator-qingyang",
        "operator-shaoguan",
        "operator-shenzhen",
    ]
    assert catalogue.admitted("440300", "corpus") is None


def test_a_provider_is_related_to_itself_and_to_those_under_common_control(
    catalogue: Catalogue,
) -> None:
    one, other = catalogue.providers["operator-wuhu"], catalogue.providers["operator-guian"]
    kin = replace(other, related_to=frozenset({one.credit_code}))
    family = replace(catalogue, providers={**catalogue.providers, kin.id: kin})

    assert family.related(one.credit_code) == {one.id, kin.id}
    assert catalogue.related("9135010000000000XX") == frozenset()
