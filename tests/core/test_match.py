"""The list is in order of what it means in cash and time, and says by when."""

import itertools
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tallygrid.core.decision import decide
from tallygrid.core.match import Match, cash_order
from tallygrid.core.programme import Programme, Window
from tallygrid.core.window import last_day
from tallygrid.files.programme import read_programmes

SCHEME = next(one for one in read_programmes() if one.id == "shenzhen-compute-issued")
ON = date(2026, 5, 20)
DECISION = decide(SCHEME, {}, at=ON)


def _paying(redeem: str, days: int | None = None) -> Programme:
    return SCHEME.model_copy(
        update={
            "redeem": SCHEME.redeem.model_copy(update={"value": redeem}),
            "refund": SCHEME.refund.model_copy(update={"days_max": days}),
        }
    )


def _match(programme: Programme, least: int, *, provisional: bool = False) -> Match:
    decision = replace(
        DECISION, outcome="eligible", at_least_fen=least, at_most_fen=100, provisional=provisional
    )
    return Match(programme, decision, "eligible")


def test_certain_money_comes_before_sooner_money_and_that_before_later() -> None:
    wanted = (
        _match(_paying("reimburse"), 60),
        _match(_paying("deduct"), 50),
        _match(_paying("deduct"), 50, provisional=True),
        _match(_paying("reimburse", 30), 50),
        _match(_paying("reimburse", 90), 50),
        _match(_paying("reimburse"), 50),
    )

    for given in itertools.permutations(wanted):
        assert tuple(sorted(given, key=cash_order)) == wanted


def test_the_rate_is_in_no_part_of_the_order() -> None:
    low, high = (
        replace(one, decision=replace(one.decision, rate_bp=rate))
        for one, rate in ((_match(SCHEME, 5), 1), (_match(SCHEME, 5), 9_000))
    )

    assert cash_order(low) == cash_order(high)


def test_one_applies_until_the_window_shuts_or_the_scheme_ends() -> None:
    window, end = SCHEME.windows[0], SCHEME.in_force.last_day
    endless = SCHEME.model_copy(update={"windows": (window.model_copy(update={"last_day": None}),)})
    without = SCHEME.model_copy(update={"windows": ()})

    assert last_day(SCHEME, ON) == window.last_day == date(2026, 6, 5)
    assert last_day(endless, ON) == end
    assert last_day(without, ON) == end
    assert last_day(SCHEME, date(2026, 6, 6)) is None


def test_of_two_windows_that_are_open_the_later_end_counts() -> None:
    early: Window = SCHEME.windows[0]
    late = early.model_copy(update={"last_day": date(2026, 9, 1)})
    both = SCHEME.model_copy(update={"windows": (early, late)})

    zone = ZoneInfo("Asia/Shanghai")
    assert last_day(both, datetime(2026, 6, 5, 23, 59, tzinfo=zone)) == date(2026, 9, 1)


def test_a_list_entry_is_plain_data() -> None:
    plain = Match(SCHEME, DECISION, "undecided").as_json()

    assert plain["apply_by"] == "2026-06-05"
    assert plain["days"] is None
    assert plain["flip"] is None
    assert plain["version"] == SCHEME.hash
