"""Match: every programme held against one case, the most useful first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tallygrid.core.decision import Decision
from tallygrid.core.programme import Programme

Group = Literal["eligible", "undecided", "closed", "refused", "reported"]

GROUPS: Final[tuple[Group, ...]] = ("eligible", "undecided", "closed", "refused", "reported")
_UNBOUNDED: Final = 10**18


@dataclass(frozen=True)
class Match:
    """One programme's answer, and where it belongs in the list."""

    programme: Programme
    decision: Decision
    group: Group

    @property
    def reach_fen(self) -> int | None:
        """The most it can bring: what it would be, for one that is only closed."""
        if self.group == "closed":
            return self.decision.would_be.high
        return self.decision.at_most_fen


def ranked(decisions: Sequence[Decision], programmes: Sequence[Programme]) -> tuple[Match, ...]:
    """Return the answers in order: by group, then by certain money, then by cash kept.

    A voucher that is deducted at once comes before one of the same amount that is paid back.
    """
    known = {programme.id: programme for programme in programmes}
    matches = [Match(known[d.programme], d, _group(d)) for d in decisions]
    return tuple(sorted(matches, key=_order))


def _group(decision: Decision) -> Group:
    if decision.edition == "reported":
        return "reported"
    if decision.only_closed:
        return "closed" if decision.would_be.high != 0 else "refused"
    return decision.outcome


def _order(match: Match) -> tuple[int, int, int, bool, str]:
    reach_fen = _UNBOUNDED if match.reach_fen is None else match.reach_fen
    later = match.programme.redeem.value != "deduct"
    certain = -match.decision.at_least_fen
    return GROUPS.index(match.group), certain, -reach_fen, later, match.programme.id
