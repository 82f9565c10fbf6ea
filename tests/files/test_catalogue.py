"""The packaged catalogue keeps its promises, and a broken one is told everything at once."""

import shutil
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest

from tallygrid.core.catalogue import INVENTED, Catalogue
from tallygrid.core.credit_code import is_well_formed
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.document import FileError
from tallygrid.files.facts import packaged_vocabulary

HUBS = {
    "zhangjiakou": "Hebei",
    "yangtze-delta-zone": "Shanghai",
    "wuhu": "Anhui",
    "shaoguan": "Guangdong",
    "tianfu": "Sichuan",
    "chongqing": "Chongqing",
    "guian": "Guizhou",
    "horinger": "Inner Mongolia",
    "qingyang": "Gansu",
    "zhongwei": "Ningxia",
}
CITIES = ("110000", "310000", "410100", "370100", "370200", "510100", "440300", "330200")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the packaged catalogue to break."""
    return shutil.copytree(str(files("tallygrid").joinpath("catalogue")), tmp_path / "catalogue")


def broken(directory: Path, file: str, *changes: tuple[str, str]) -> str:
    """Change a file, read the catalogue, and return what is said about it."""
    path = directory / file
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read_catalogue(directory)
    return str(caught.value)


def test_the_ten_hub_clusters_stand_in_their_provinces(catalogue: Catalogue) -> None:
    assert {hub: catalogue.sites[hub].province for hub in HUBS} == HUBS


def test_every_city_with_a_programme_has_a_site(catalogue: Catalogue) -> None:
    codes = {catalogue.places[site.place].code for site in catalogue.sites.values()}

    assert set(CITIES) <= codes


def test_every_figure_has_a_source_that_is_listed(catalogue: Catalogue) -> None:
    assert catalogue.citations
    for citation in catalogue.citations:
        assert citation.sources, citation
        assert set(citation.sources) <= catalogue.sources.keys(), citation


def test_no_source_is_listed_in_vain(catalogue: Catalogue) -> None:
    cited = {source for citation in catalogue.citations for source in citation.sources}

    assert cited == catalogue.sources.keys()


def test_what_is_invented_says_so_and_can_be_listed(catalogue: Catalogue) -> None:
    invented = catalogue.invented()

    assert {one.confidence for one in invented} == {"assumed"}
    assert any(one.subject == "sites:qingyang" and one.figure == "cards.H100" for one in invented)
    assert not any(one.figure == "grid_g_per_kwh" for one in invented)


def test_every_compute_price_lies_in_the_published_span(catalogue: Catalogue) -> None:
    prices = [one for one in catalogue.citations if one.figure == "price"]
    compute = {f"offers:{offer.id}" for offer in catalogue.offers_of("compute")}

    assert all(INVENTED not in one.sources for one in prices if one.subject in compute)
    for offer in catalogue.offers_of("compute"):
        assert offer.price.unit_fen <= _per(catalogue, offer.model, offer.unit), offer.id


def _per(catalogue: Catalogue, model: str, unit: str) -> Fraction:
    reference = catalogue.rules.references[model]
    return reference.unit_fen * (5_760 if unit == "server_month" else 1)


def test_a_server_of_eight_h100_is_offered_at_both_published_rents(catalogue: Catalogue) -> None:
    rents = {
        offer.price.amount_fen
        for offer in catalogue.offers_of("compute")
        if offer.model == "H100" and offer.unit == "card_hour"
    }

    assert rents == {7_500_000, 8_000_000}


def test_the_rack_rate_is_not_the_utilisation(catalogue: Catalogue) -> None:
    western = [catalogue.sites[hub] for hub in ("horinger", "qingyang", "zhongwei", "guian")]

    assert all(2_000 <= site.utilisation_bp <= 3_000 for site in western)
    assert all(site.rack_rate_bp == 6_272 for site in western)


def test_every_place_has_a_way_to_every_site_by_a_published_tier(catalogue: Catalogue) -> None:
    assert len(catalogue.routes) == len(catalogue.places) * len(catalogue.sites)
    assert {route.latency_ms for route in catalogue.routes.values()} == {1, 5, 20}
    assert catalogue.routes["shenzhen", "shaoguan"].tier == "region"
    assert catalogue.routes["chengdu", "tianfu"].tier == "city"
    assert catalogue.routes["shanghai", "zhongwei"].latency_ms == 20


def test_invented_credit_codes_are_well_formed_and_belong_to_no_division(
    catalogue: Catalogue,
) -> None:
    for provider in catalogue.providers.values():
        assert is_well_formed(provider.credit_code), provider.id
        assert provider.credit_code[2:8] == "999999"
        assert "fictional" in provider.name.en
        assert "虚构" in provider.name.zh


def test_everything_that_can_be_bought_is_offered(catalogue: Catalogue) -> None:
    units = {offer.unit for offer in catalogue.offers.values()}

    assert units == {
        "card_hour",
        "server_month",
        "million_tokens",
        "dataset_licence",
        "service_fee",
    }


def test_the_facts_of_offers_are_words_of_the_vocabulary(catalogue: Catalogue) -> None:
    vocabulary = packaged_vocabulary()

    for offer in catalogue.offers:
        for one in catalogue.lists.values():
            assert catalogue.facts(offer, authority=one.authority).keys() <= vocabulary.keys()


def test_the_facility_facts_fit_the_thresholds_that_texts_name(catalogue: Catalogue) -> None:
    """More than 100 PFLOPS for a computing centre, more than 1,000 racks for a data centre."""
    here = [one for one in catalogue.sites.values() if one.province == "Henan"]
    kinds = {catalogue.providers[site.provider].kind for site in here}

    assert kinds == {"ai_computing_centre", "national_supercomputing_centre"}
    assert all(catalogue.providers[site.provider].pflops > 100 for site in here)


def test_all_mistakes_of_all_files_are_told_at_once(directory: Path) -> None:
    (directory / "cards.yaml").write_text("cards: [{id: X}]\n", encoding="utf-8")

    said = broken(
        directory,
        "offers.yaml",
        ("amount_fen: 8000000", "amount_fen: -5"),
        ("quantity: 5760, source: smm, confidence: medium}", "quantity: 5760, source: smm}"),
    )

    assert "cards.yaml:1:9: `cards.X.name` is missing." in said
    assert "`references.H100.amount_fen` is -5." in said
    assert "`references.H100.confidence` is missing." in said


def test_a_repeated_id_names_both_lines(directory: Path) -> None:
    said = broken(directory, "sites.yaml", ("id: wuhu\n", "id: zhangjiakou\n"))

    assert "The id `zhangjiakou` stands twice; the first is on line " in said


def test_an_unknown_site_is_told_with_those_that_are_known(directory: Path) -> None:
    said = broken(directory, "offers.yaml", ("site: qingyang", "site: qingynag"))

    assert "There is no site `qingynag`. Known: beijing, chengdu, chongqing" in said


def test_a_card_that_the_site_does_not_have_cannot_be_offered(directory: Path) -> None:
    said = broken(directory, "offers.yaml", ("model: RTX5090\n", "model: H100\n"))

    assert "There is no card at the site `chongqing` of model `H100`." in said


def test_an_unlisted_source_is_a_mistake(directory: Path) -> None:
    said = broken(directory, "sites.yaml", ("source: hubs_cdx", "source: hearsay"))

    assert "There is no source `hearsay`." in said


def test_an_invented_figure_may_not_look_published(directory: Path) -> None:
    said = broken(
        directory,
        "sites.yaml",
        ("source: invented, confidence: assumed", "source: invented, confidence: high"),
    )

    assert "A value has the confidence `assumed` exactly if its source is `invented`." in said


def test_a_credit_code_with_a_wrong_check_character_is_a_mistake(directory: Path) -> None:
    said = broken(directory, "providers.yaml", ("DEM000014G", "DEM000014H"))

    assert "`91999999DEM000014H` is not a unified social credit code." in said


def test_cards_are_not_sold_by_the_licence(directory: Path) -> None:
    said = broken(
        directory,
        "offers.yaml",
        ("unit: server_month", "unit: dataset_licence"),
    )

    assert "Cards, and nothing else, are sold per card_hour or server_month." in said


def test_a_fractional_price_is_a_mistake(directory: Path) -> None:
    said = broken(directory, "offers.yaml", ("amount_fen: 8000000", "amount_fen: 8000000.5"))

    assert "`references.H100.amount_fen` is 8000000.5." in said


def test_an_absent_file_is_named(directory: Path) -> None:
    (directory / "routes.yaml").unlink()

    with pytest.raises(FileError, match=r"routes\.yaml:1:1: No such file\."):
        read_catalogue(directory)
