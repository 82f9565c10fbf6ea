"""Work bills out again from their JSON alone, as a third party can.

A second reading of the rules of rating (docs/algorithms/rounding.md), on plain data and by
other code than `core.rating`, so that a slip in either shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from tallygrid.core.canonical import sha256_of

Plain = Mapping[str, Any]

_WHOLE_BP: Final = 10_000
_REFERENCE_FROM_BP: Final = 8_000
_MS_PER_UNIT: Final = {"card_hour": 3_600_000, "server_month": 3_600_000 * 8 * 24 * 30}


def recompute_bill(terms: Plain, quantity: Fraction, claimed: Sequence[Plain]) -> dict[str, Any]:
    """Return the bill of a quantity to date under terms.

    Args:
        terms: What the contract fixes.
        quantity: All that was used so far.
        claimed: What each grant is said to have paid so far, where its room bound it: how much
            room there was then, only the postings tell.
    """
    gross_fen = _price(terms["price"], quantity)
    discount_fen = gross_fen * terms["discount_bp"] // _WHOLE_BP
    subsidies = list(_subsidies(terms, quantity, gross_fen - discount_fen, claimed))
    return {
        "gross_fen": gross_fen,
        "tax_fen": _tax(gross_fen, terms["vat_bp"]),
        "discount_fen": discount_fen,
        "subsidies": subsidies,
        "co_payment_fen": gross_fen - discount_fen - sum(one["subsidy_fen"] for one in subsidies),
    }


def added(bill: Plain | None, line: Plain) -> dict[str, Any]:
    """Return a bill to date with one more line."""
    if bill is None:
        return dict(line)
    sums = {name: bill[name] + line[name] for name in line if name.endswith("_fen")}
    pairs = zip(bill["subsidies"], line["subsidies"], strict=True)
    return {**sums, "subsidies": [_added_subsidy(*pair) for pair in pairs]}


def measured(evidence: Plain, price: Plain) -> tuple[str, Fraction] | None:
    """Return the hash and the quantity of a record of use; None if nothing was measured."""
    if "card_ms" not in evidence:
        return None
    record = {name: value for name, value in evidence.items() if name != "clock"}
    card_ms = record["cards"] * record["wall_ms"]
    if record["card_ms"] != card_ms:
        return "", Fraction(0)
    return sha256_of(record), Fraction(card_ms * evidence["clock"], _MS_PER_UNIT[price["unit"]])


def _added_subsidy(before: Plain, line: Plain) -> dict[str, Any]:
    pairs = zip(before["funders"], line["funders"], strict=True)
    return {
        **line,
        "base_fen": before["base_fen"] + line["base_fen"],
        "subsidy_fen": before["subsidy_fen"] + line["subsidy_fen"],
        "funders": [[name, fen + more] for (name, fen), (_, more) in pairs],
    }


def _price(price: Plain, quantity: Fraction) -> int:
    exact = quantity * Fraction(price["amount_fen"], price["quantity"])
    return -(-exact.numerator // exact.denominator)


def _tax(amount_fen: int, vat_bp: int) -> int:
    """Return the tax in an amount, to the nearest fen, half upwards."""
    exact = Fraction(amount_fen * vat_bp, _WHOLE_BP + vat_bp) + Fraction(1, 2)
    return exact.numerator // exact.denominator


def _subsidies(
    terms: Plain, quantity: Fraction, billed_fen: int, claimed: Sequence[Plain]
) -> Iterator[dict[str, Any]]:
    left, parallel = Fraction(billed_fen), terms["stacking"] == "parallel"
    for grant, said in zip(terms["grants"], claimed, strict=True):
        full_fen = billed_fen if parallel else int(left)
        counted_fen = _counted(terms, grant, quantity, full_fen)
        base_fen = counted_fen
        if grant["tax"] == "excluded":
            base_fen -= _tax(counted_fen, terms["vat_bp"])
        by_rate = Fraction(base_fen * grant["rate_bp"], _WHOLE_BP)
        room_fen = said["subsidy_fen"] if said["limited_by"] == "room" else grant["room_fen"]
        exact = min(by_rate, Fraction(min(room_fen, grant["room_fen"])), left)
        subsidy_fen = _whole(exact, grant["unit_fen"])
        limit = "reference" if counted_fen < full_fen else "rate"
        if subsidy_fen < _whole(by_rate, grant["unit_fen"]):
            limit = "bill" if exact == left else "room"
        yield {
            **{name: grant[name] for name in ("programme", "voucher", "redeem", "rate_bp")},
            "base_fen": base_fen,
            "subsidy_fen": subsidy_fen,
            "funders": _split(subsidy_fen, grant["funders"]),
            "limited_by": limit,
        }
        left -= exact if parallel else int(exact)


def _counted(terms: Plain, grant: Plain, quantity: Fraction, full_fen: int) -> int:
    reference = terms["reference"]
    if reference is None or grant["rate_bp"] < _REFERENCE_FROM_BP:
        return full_fen
    return min(full_fen, _price(reference, quantity))


def _whole(exact: Fraction, unit_fen: int) -> int:
    return int(exact / unit_fen) * unit_fen


def _split(amount_fen: int, funders: Sequence[tuple[str, int]]) -> list[list[Any]]:
    parts: list[list[Any]] = []
    left_weight = sum(weight for _, weight in funders)
    for funder, weight in funders:
        part_fen = amount_fen * weight // left_weight if left_weight else 0
        parts.append([funder, part_fen])
        amount_fen, left_weight = amount_fen - part_fen, left_weight - weight
    return parts
