"""Matching: which programmes an applicant qualifies for, with which seller."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.condition import Facts
from tallygrid.core.decision import Decision, Outcome, decide, decide_all
from tallygrid.service.publishing import Scheme

_PREFERRED: Final[Mapping[Outcome, int]] = {"eligible": 0, "undecided": 1, "refused": 2}


@dataclass(frozen=True)
class Match:
    """One programme held against one case, completed by the seller that suits it best."""

    scheme: Scheme
    facts: Facts
    """The applicant's facts, with those of the seller where one was needed."""
    decision: Decision
    provider: str = ""
    """The id of the seller; empty if none was needed, or none suits."""


def match(
    catalogue: Catalogue, schemes: Sequence[Scheme], facts: Facts, *, at: datetime
) -> tuple[Match, ...]:
    """Hold every programme against one case; where only the seller is unknown, look for one."""
    decisions = _decided(schemes, facts, at)
    return tuple(
        _completed(catalogue, Match(scheme, facts, decisions[scheme.id]), at) for scheme in schemes
    )


def _decided(schemes: Sequence[Scheme], facts: Facts, at: datetime) -> dict[str, Decision]:
    """Decide one case under every programme, those read under the same assumptions together."""
    decisions: dict[str, Decision] = {}
    for assumptions in (one.assumptions for one in schemes):
        alike = [
            one.programme
            for one in schemes
            if one.id not in decisions and one.assumptions == assumptions
        ]
        found = decide_all(alike, facts, at=at, assumptions=assumptions) if alike else ()
        decisions.update((decision.programme, decision) for decision in found)
    return decisions


def _completed(catalogue: Catalogue, found: Match, at: datetime) -> Match:
    if found.decision.outcome != "undecided":
        return found
    with_sellers = sorted(
        _with_sellers(catalogue, found, at), key=lambda one: _PREFERRED[one.decision.outcome]
    )
    return next(iter(with_sellers), found)


def _with_sellers(catalogue: Catalogue, found: Match, at: datetime) -> Iterator[Match]:
    """Yield the case with each seller in turn, its first offer of the kind standing for it."""
    seen, place = set(), found.scheme.programme.place.code
    for offer in catalogue.offers_of(found.scheme.programme.kind):
        if offer.provider in seen:
            continue
        seen.add(offer.provider)
        facts = {**found.facts, **catalogue.facts(offer.id, authority=place)}
        decision = decide(
            found.scheme.programme, facts, at=at, assumptions=found.scheme.assumptions
        )
        yield Match(found.scheme, facts, decision, offer.provider)


def eligible(found: Iterable[Match]) -> tuple[Match, ...]:
    """Return the matches that a voucher can be issued on, the largest amount first."""
    issuable = [one for one in found if one.decision.issuable and one.decision.amount_fen]
    return tuple(sorted(issuable, key=lambda one: (-(one.decision.amount_fen or 0), one.scheme.id)))
