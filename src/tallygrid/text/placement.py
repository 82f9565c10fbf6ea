"""A placement in words: the choice, and why every other offer was passed over."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Flip, Placement, Verdict, Weights
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
    cost = verdict.cost
    return render(
        "placement.chosen_scarce" if cost.shadow_fen or cost.budget_fen else "placement.chosen",
        language,
        offer=_name(verdict.offer, catalogue, language),
        price=cost.price_fen,
        extra=cost.total_fen - cost.price_fen,
    )


def runners_up(
    placement: Placement, catalogue: Catalogue, language: Language, *, at: datetime
) -> tuple[Row, ...]:
    """Return a row for every offer not chosen: the eligible by cost, then what lacks least."""
    barred = sorted(placement.passed_over(), key=lambda one: (len(one.codes), one.offer))
    others = [*placement.ranked()[1:], *barred]
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


def explained(
    placement: Placement,
    flips: Sequence[Flip],
    weights: Weights,
    catalogue: Catalogue,
    language: Language,
) -> tuple[str, ...]:
    """Return line by line what decided: parts, the next best, and what each weight would do."""
    chosen = placement.verdict
    if chosen is None:
        return ()
    lines = [render("placement.as_shown", language)]
    lines += [
        "  " + render("placement.part_row", language, part=part, amount=fen)
        for part, fen in parts(chosen, language)
        if fen
    ]
    lines += [_next(placement, one, catalogue, language) for one in placement.ranked()[1:4]]
    lines.append(render("placement.weights", language))
    for field in fields(weights):
        found = [one for one in flips if one.weight == field.name]
        lines += ["  " + line for line in _weight(field.name, found, weights, catalogue, language)]
    return tuple(lines)


def _next(placement: Placement, one: Verdict, catalogue: Catalogue, language: Language) -> str:
    """Return in which parts an offer that was not chosen differs from the one that was."""
    chosen = placement.verdict
    assert chosen is not None, "something was chosen"
    pairs = zip(parts(one, language), parts(chosen, language), strict=True)
    found = [(part, fen - less) for (part, fen), (_, less) in pairs if fen != less]
    told = [
        render(
            "placement.next_part",
            language,
            part=part,
            sign="+" if fen > 0 else "−",
            amount=abs(fen),
        )
        for part, fen in found
    ]
    return "  " + render(
        "placement.next_row",
        language,
        offer=_name(one.offer, catalogue, language),
        amount=placement.dearer_fen(one),
        parts=", ".join(told) if language == "en" else "，".join(told),
    )


def _weight(
    name: str, found: Sequence[Flip], weights: Weights, catalogue: Catalogue, language: Language
) -> list[str]:
    """Return which values of a weight change the choice."""
    said = render(f"placement.weight.{name}", language)
    kind = "percent" if name.endswith("_bp") else "money"
    now = getattr(weights, name)
    if not found:
        return [render(f"placement.no_flip.{kind}", language, weight=said, now=now)]
    return [
        render(
            f"placement.flip.{kind}.{'up' if one.at > now else 'down'}",
            language,
            weight=said,
            now=now,
            at=one.at,
            offer=_name(one.offer, catalogue, language),
        )
        for one in found
    ]


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
        request = self.placement.request
        if code == "full" and one.wait_seconds is not None:
            until = self.at + timedelta(seconds=one.wait_seconds)
            return render("placement.full_until", self.language, wait=one.wait_seconds, until=until)
        clause = self._clause(one, code)
        if clause:
            return render(f"placement.{code}_by", self.language, clause=clause)
        return render(
            f"placement.{code}",
            self.language,
            latency=self.catalogue.routes[request.place, one.site].latency_ms,
            limit=request.latency_ms_max,
            asked=request.cards,
        )

    def _clause(self, one: Verdict, code: str) -> str:
        """Return where it stands that an offer is refused; empty if no text says so."""
        request = self.placement.request
        if code == "origin":
            return request.origin_clause
        return request.refused.get(one.offer, "") if code == "provider_not_admitted" else ""


def _name(offer: str, catalogue: Catalogue, language: Language) -> str:
    name = catalogue.offers[offer].name
    return name.zh if language == "zh" else name.en
