"""The cast: what each invented firm signs, asks for and may be told about its jobs."""

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from tallygrid.core.catalogue import Catalogue, OfferKind
from tallygrid.core.condition import Facts
from tallygrid.core.demand import Firm, JobRequest
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import Request
from tallygrid.core.rating import tax_within
from tallygrid.demo.script import Wishes
from tallygrid.service.quoting import nearest_place

CONTRACT_MONTHS: Final = 12
_CONTRACT_FEN_MIN: Final = 10_000_000
_SECONDS_MIN: Final = 300
"""Nobody reserves cards for less than five minutes."""


@dataclass(frozen=True)
class Contract:
    """A contract that a firm has signed, and what is known for deciding on it."""

    number: str
    firm: Firm
    facts: Facts


def compute_contract(firm: Firm, catalogue: Catalogue, *, at: datetime) -> Contract:
    """Return the firm's contract for a year of cards: worth what it says it spends in a year."""
    spend_fen = firm.facts.get("spend_year_fen", 0)
    assert isinstance(spend_fen, int), spend_fen
    amount_fen = max(spend_fen, _CONTRACT_FEN_MIN)
    vat_bp = catalogue.rules.vat_bp
    facts = contract_facts(firm.facts, amount_fen, kind="compute", vat_bp=vat_bp, at=at)
    return Contract(f"C-{firm.id}", firm, facts)


def contract_facts(
    facts: Facts, amount_fen: int, *, kind: OfferKind, vat_bp: int, at: datetime
) -> Facts:
    """Return facts with those of a contract signed on a day."""
    return {
        **facts,
        "purchase_kind": kind,
        "contract_fen": amount_fen,
        "contract_tax_fen": tax_within(amount_fen, vat_bp),
        "contract_signed_on": at.date(),
        "contract_term_months": CONTRACT_MONTHS,
    }


def placement_request(
    job: JobRequest, facts: Facts, catalogue: Catalogue, wishes: Wishes, *, seed: int
) -> Request:
    """Return what a job asks of a site; its wishes are drawn by chance, the same for a seed."""
    chance = Random(f"{seed}/wishes/{job.number}")  # noqa: S311  # not for secrets: it must repeat
    place = nearest_place(catalogue, str(facts["registered_in"]))
    nearby = chance.randrange(BASIS_POINTS) < wishes.nearby_bp
    resident = chance.randrange(BASIS_POINTS) < wishes.resident_bp
    domestic = chance.randrange(BASIS_POINTS) < wishes.domestic_bp
    return Request(
        cards=job.cards,
        seconds=max(job.duration_s, _SECONDS_MIN),
        place=place,
        origin="domestic" if domestic else "any",
        sites=_sites_of_province(place, catalogue) if resident else frozenset(),
        data_gb=chance.choice(wishes.data_gb),
        latency_ms_max=wishes.nearby_ms_max if nearby else None,
    )


def _sites_of_province(place: str, catalogue: Catalogue) -> frozenset[str]:
    """Return the sites of a place's province; empty, and so no limit, if it has none."""
    province = catalogue.places[place].province
    return frozenset(one.id for one in catalogue.sites.values() if one.province == province)
