"""Work decisions and combinations out again from their JSON alone, as a third party can.

A second reading of the same rules, on plain data and by other code, so that a slip in the
first one shows. Every number that is needed stands in the lines; nothing is looked up.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Ends = tuple[int, int | None]
"""The least and the most, in fen; without an end nothing bounds it."""


def recompute(decision: Mapping[str, Any]) -> Ends:
    """Return the least and the most that the lines of a decision give."""
    if decision["outcome"] == "refused":
        return 0, 0
    ends = [
        recompute_lines(reading["lines"]) if reading["outcome"] != "refused" else (0, 0)
        for reading in decision["readings"]
    ]
    least = min(low for low, _ in ends) if decision["outcome"] == "eligible" else 0
    highs = [high for _, high in ends]
    return least, None if None in highs else max(high for high in highs if high is not None)


def recompute_lines(lines: Sequence[Mapping[str, Any]], base: Ends | None = None) -> Ends:
    """Return what the lines of one reading give, from the gross amount on.

    Args:
        lines: The arithmetic of one reading.
        base: Another base for the rate, the limits staying as they are; by default their own.
    """
    values = {line["code"]: line["values"] for line in lines}
    own = _base(values["base"])
    low, high = own if base is None else base
    rate, unit_fen = values["rate"], values["round"]["unit_fen"]
    project = _project(values["base"], own)
    rooms = [_room(line, project) for line in lines if line["code"] in _ROOMS]
    least = min([low * rate["low_bp"] // 10_000, *(room for room, _ in rooms)])
    whole = [] if high is None else [high * rate["high_bp"] // 10_000]
    highs = [*whole, *(room for _, room in rooms if room is not None)]
    most = min(highs) // unit_fen * unit_fen if highs else None
    return least // unit_fen * unit_fen, most


def _base(values: Mapping[str, Any]) -> Ends:
    gross_fen, tax_fen = values.get("gross_fen"), values.get("tax_fen")
    if gross_fen is None:
        return 0, None
    if values["tax"] == "included":
        return gross_fen, gross_fen
    if tax_fen is None:
        return 0, gross_fen
    net_fen = max(0, gross_fen - tax_fen)
    return net_fen, net_fen if values["tax"] == "excluded" else gross_fen


def _project(values: Mapping[str, Any], base: Ends) -> Ends:
    """Return what ceilings are a share of: the base, or the bill where that is another award."""
    if values["base"] != "other_award":
        return base
    bill_fen = values.get("bill_fen")
    return (0, None) if bill_fen is None else (bill_fen, bill_fen)


_ROOMS = frozenset({"cap", "ceiling", "budget"})


def _room(line: Mapping[str, Any], base: Ends) -> Ends:
    values = line["values"]
    if line["code"] == "cap":
        return _cap(values)
    if line["code"] == "ceiling":
        return _ceiling(values, _base(values) if "of" in values else base)
    return values["low_fen"], values["high_fen"]


def _cap(values: Mapping[str, Any]) -> Ends:
    if values["amount_fen"] is None:
        return 0, None
    left_fen = max(0, values["amount_fen"] - values["used_fen"])
    return left_fen, left_fen if values["applies"] else None


def _ceiling(values: Mapping[str, Any], base: Ends) -> Ends:
    """Return what a ceiling on public money leaves; without a limit it leaves every amount."""
    low, high = base
    least = low * values["low_bp"] // 10_000
    most = None if high is None else high * values["high_bp"] // 10_000
    other_fen = values["other_fen"]
    counting = (
        0 if other_fen is None else max(0, least - other_fen),
        None if most is None else max(0, most - (other_fen or 0)),
    )
    apart = _apart(least, most, other_fen)
    if values["includes_this"] is None:
        return counting[0], apart[1]
    return counting if values["includes_this"] else apart


def _apart(least: int, most: int | None, other_fen: int | None) -> Ends:
    if other_fen is None:
        return 0, None
    if most is not None and other_fen > most:
        return 0, 0
    return (9 * 10**14 if other_fen <= least else 0), None


def recompute_combination(combination: Mapping[str, Any]) -> int:
    """Return the total of a combination, every part after those before it."""
    paid: dict[str, int] = {}
    for part in combination["parts"]:
        paid[part["programme"]] = _part(part, paid, certain=combination["certain"])
    return sum(paid.values())


def _part(part: Mapping[str, Any], paid: Mapping[str, int], *, certain: bool) -> int:
    """Return what one voucher pays beside those already taken."""
    end = 0 if certain else 1
    matched_fen = sum(paid[name] for name in part["matched"])
    left_fen = max(0, part["whole_base_fen"] - sum(paid[name] for name in part["after"]))
    base_fen = matched_fen if part["matched"] else left_fen
    own = recompute_lines(part["lines"], (base_fen, base_fen))[end] or 0
    alone = own if part["matched"] else recompute_lines(part["lines"])[end] or 0
    return max(0, min([alone, own, *_left(part["rooms"], paid)]))


def _left(rooms: Sequence[Mapping[str, Any]], paid: Mapping[str, int]) -> Iterator[int]:
    for room in rooms:
        yield room["limit_fen"] - sum(paid[name] for name in room["counts"])
