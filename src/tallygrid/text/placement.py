"""A placement in words: the choice, and why every other offer was passed over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Placement, Verdict
from tallygrid.settings import Language
from tallygrid.text import render


@dataclass(frozen=True)
class Row:
    """One offer in the table of the runners-up."""

    offer: str
    name: str
    why: str
    total_fen: int | None
    """The objective; None where the offer is not eligible."""


def choice(placement: Placement, catalogue: Catalogue, language: Language) -> str:
    """Return the sentence that names the offer chosen and what it costs."""
    verdict = placement.verdict
    if verdict is None or verdict.cost is None:
        return render("placement.none", language)
    return render(
        "placement.chosen",
        language,
        offer=_name(verdict.offer, catalogue, language),
        price=verdict.cost.price_fen,
        extra=verdict.cost.total_fen - verdict.cost.price_fen,
    )


def runners_up(
    placement: Placement, catalogue: Catalogue, language: Language, *, at: datetime
) -> tuple[Row, ...]:
    """Return a row for every offer not chosen: the eligible by cost, then the others by id."""
    others = [*placement.ranked()[1:], *placement.passed_over()]
    teller = _Teller(placement, catalogue, language, at)
    return tuple(
        Row(
            offer=one.offer,
            name=_name(one.offer, catalogue, language),
            why=teller.why(one),
            total_fen=one.cost.total_fen if one.cost else None,
        )
        for one in others
    )


def sentence(row: Row, language: Language) -> str:
    """Return a row as one line of text."""
    return render("placement.row", language, offer=row.name, why=row.why)


def parts(verdict: Verdict, language: Language) -> tuple[tuple[str, int], ...]:
    """Return the parts of an eligible offer's cost, each with what it is called."""
    if verdict.cost is None:
        return ()
    return tuple(
        (render(f"placement.part.{part}", language), fen)
        for part, fen in verdict.cost._asdict().items()
    )


@dataclass(frozen=True)
class _Teller:
    placement: Placement
    catalogue: Catalogue
    language: Language
    at: datetime

    def why(self, one: Verdict) -> str:
        """Tell why an offer was not chosen: everything against it, not only the first thing."""
        if one.eligible:
            return self._not_cheapest(one)
        reasons = (self._reason(one, code) for code in one.codes)
        return render("placement.and", self.language).join(reasons)

    def _not_cheapest(self, one: Verdict) -> str:
        more_fen = self.placement.dearer_fen(one)
        if not more_fen:
            chosen = self.placement.verdict
            assert chosen is not None, "an eligible offer was passed over for another"
            busier = "_busier" if one.used_bp > chosen.used_bp else ""
            return render(f"placement.as_cheap{busier}", self.language, used=one.used_bp)
        return render("placement.dearer", self.language, amount=more_fen)

    def _reason(self, one: Verdict, code: str) -> str:
        if code == "full" and one.wait_seconds is not None:
            until = self.at + timedelta(seconds=one.wait_seconds)
            return render("placement.full_until", self.language, until=until)
        request = self.placement.request
        return render(
            f"placement.{code}",
            self.language,
            latency=self.catalogue.routes[request.place, one.site].latency_ms,
            limit=request.latency_ms_max,
            asked=request.cards,
        )


def _name(offer: str, catalogue: Catalogue, language: Language) -> str:
    name = catalogue.offers[offer].name
    return name.zh if language == "zh" else name.en
