"""Match: every programme held against one case, the most useful first."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, Literal

from tallygrid.core.decision import Decision
from tallygrid.core.flip import Flip
from tallygrid.core.programme import Programme
from tallygrid.core.window import last_day

Group = Literal["eligible", "undecided", "closed", "refused", "reported"]

GROUPS: Final[tuple[Group, ...]] = ("eligible", "undecided", "closed", "refused", "reported")
_SOME_DAY: Final = 10**6
"""Stands for the days until money comes back, where no text says how many."""


@dataclass(frozen=True)
class Match:
    """One programme's answer, where it belongs in the list, and what would change it."""

    programme: Programme
    decision: Decision
    group: Group
    flip: Flip | None = None

    @property
    def reach_fen(self) -> int | None:
        """The most it can bring: what it would be, for one that is only closed."""
        if self.group == "closed":
            return self.decision.would_be.high
        return self.decision.at_most_fen

    @property
    def days(self) -> int:
        """The days one waits for the money; none where the bill is reduced by it."""
        programme = self.programme
        redeem = programme.redeem.value or self.decision.assumed.get("redeem")
        if redeem == "deduct":
            return 0
        known = [programme.refund.days_max, programme.refund.days_min]
        return next((days for days in known if days is not None), _SOME_DAY)

    @property
    def apply_by(self) -> date | None:
        """The last day to apply in the window that is open; nothing if none is published."""
        open_now = self.group in {"eligible", "undecided"}
        return last_day(self.programme, self.decision.at) if open_now else None

    @property
    def opens(self) -> date | None:
        """The first day of the next window, where it is not open now."""
        saw = (finding.saw for finding in self.decision.failed if finding.kind == "window")
        return next((day for one in saw if isinstance(day := one["next_opening"], date)), None)

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data: the decision, and what the list adds to it."""
        return {
            **self.decision.as_json(),
            "budget_group": self.decision.group,
            "group": self.group,
            "apply_by": _day(self.apply_by),
            "opens": _day(self.opens),
            "days": None if self.days == _SOME_DAY else self.days,
            "flip": None if self.flip is None else _plain(asdict(self.flip)),
        }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _plain(value: Any) -> Any:  # noqa: ANN401  # plain data of any shape
    """Return plain data as JSON writes it."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value


def ranked(
    decisions: Sequence[Decision],
    programmes: Sequence[Programme],
    flips: Mapping[str, Flip] | None = None,
) -> tuple[Match, ...]:
    """Return the answers in order of what they mean in cash and time; see `cash_order`."""
    known = {programme.id: programme for programme in programmes}
    found = flips or {}
    matches = [Match(known[d.programme], d, _group(d), found.get(d.programme)) for d in decisions]
    return tuple(sorted(matches, key=cash_order))


def _group(decision: Decision) -> Group:
    if decision.edition == "reported":
        return "reported"
    if decision.only_closed:
        return "closed" if decision.would_be.high != 0 else "refused"
    return decision.outcome


def cash_order(match: Match) -> tuple[int, int, int, int, bool, str]:
    """Sort by group, then certain money, then the most, then how soon, then how final.

    A voucher deducted at once comes before one of the same amount that is paid back, that
    before one paid back later or nobody knows when, and an amount on the base that the text
    names before one for which the contract's value stands in. The rate is in no part of it.
    """
    reach_fen = match.reach_fen or 0  # an amount that nobody knows is nothing to rely on
    certain_fen = match.decision.at_least_fen
    order = GROUPS.index(match.group), -certain_fen, -reach_fen, match.days
    return *order, match.decision.provisional, match.programme.id
