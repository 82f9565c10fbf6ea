"""The arithmetic of a decision for people, line by line."""

from collections.abc import Mapping
from typing import Any

from tallygrid.core.amount import Line, Span
from tallygrid.core.programme import Programme
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.facts import label, value_of


def amount_said(span: Span, language: Language) -> str:
    """Write an amount that may not be exact.

    >>> amount_said(Span(0, 50_000), "en")
    'at most CN¥500.00'
    """
    if span.high is None:
        code = "at_least" if span.low else "unknown"
    elif span.low == span.high:
        code = "exact"
    else:
        code = "between" if span.low else "at_most"
    return render(f"decision.span.{code}", language, low=span.low, high=span.high)


def rate_said(low_bp: int, high_bp: int, language: Language) -> str:
    """Write a rate that may not be exact."""
    code = "exact" if low_bp == high_bp else "between"
    return render(f"decision.rates.{code}", language, low=low_bp, high=high_bp)


def line_said(line: Line, programme: Programme, language: Language) -> str:
    """Write one line of the arithmetic."""
    values: dict[str, Any] = dict(line.values)
    if line.code in {"why", "saw"}:
        return _why(line.code, values, programme, language)
    writer = _WRITERS.get(line.code)
    more = writer(values, language) if writer else {}
    code = more.pop("code", line.code)
    if "low_fen" in values:
        more["amount"] = amount_said(Span(values["low_fen"], values["high_fen"]), language)
    return render(f"decision.line.{code}", language, **{**values, **more})


def _why(code: str, values: Mapping[str, Any], programme: Programme, language: Language) -> str:
    """Write what led to a row of the rate table."""
    name, cell = values["fact"], values.get("cell")
    spec = programme.facts.get(name)
    numbers = cell is not None and "x" in cell and spec is not None and not spec.values
    return render(
        f"decision.line.{code}",
        language,
        name=label(name, programme, language),
        value=value_of(values["value"], spec, language),
        cell=render("decision.line.cell", language, cell=cell) if numbers else "",
    )


def _base(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    code = "base_stands_in" if values.get("stands_in") else "base"
    if values.get("gross_fen") is not None and values.get("tax") != "included":
        code = "base_net"
        if values["tax"] == "excluded" and values.get("tax_fen") is not None:
            code = "base_less"
    base = render(f"decision.base.{values['base']}", language)
    taken = values.get("tax_fen")
    return {"code": code, "base": base, "gross": values.get("gross_fen"), "taken": taken}


def _rate(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    if values["tier"] is None:
        return {"code": "rate_none"}
    return {"rate": rate_said(values["low_bp"], values["high_bp"], language)}


def _cap(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    amount_fen = values["amount_fen"]
    limit = Span(0, None) if amount_fen is None else Span(amount_fen, amount_fen)
    code = "cap_in_principle" if values.get("in_principle") else "cap"
    return {
        "code": code if values["applies"] else "cap_maybe",
        "per": render(f"decision.per.{values['per']}", language),
        "limit": amount_said(limit, language),
        "used": values["used_fen"],
    }


def _ceiling(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    free = values["includes_this"] is False and values["low_fen"] > 0
    rate = rate_said(values["low_bp"], values["high_bp"], language)
    of = render(f"decision.base.{values.get('of', 'own')}", language)
    return {"code": "ceiling_free" if free else "ceiling", "rate": rate, "of": of}


def _budget(values: Mapping[str, Any], _: Language) -> dict[str, Any]:
    return {"code": "budget_group"} if values.get("group") else {}


def _round(values: Mapping[str, Any], _: Language) -> dict[str, Any]:
    whole = {"code": "round_fen"} if values["unit_fen"] == 1 else {}
    return {"unit": values["unit_fen"], **whole}


def _idle(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    return {"per": render(f"decision.per.{values['per']}", language)}


_WRITERS = {
    "base": _base,
    "rate": _rate,
    "cap": _cap,
    "cap_idle": _idle,
    "ceiling": _ceiling,
    "budget": _budget,
    "round": _round,
}
