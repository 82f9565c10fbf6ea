"""The forecast: what came is expected again at its hour, as often as it is known to come."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tallygrid.core.placement import Request
from tallygrid.placement.forecast import DAY, WEEK, Came, Forecast, forecast
from tallygrid.placement.prices import Expected

AT = datetime(2026, 5, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


def job(hours: float, cards: int = 8) -> Request:
    return Request(cards=cards, seconds=int(hours * 3_600), place="shenzhen")


def came(before: timedelta, hours: float = 1, cards: int = 8) -> Came:
    return Came(AT - before, job(hours, cards), "p", 5_000)


def told(*jobs: Came, since: timedelta | None, ahead: timedelta = WEEK) -> Forecast:
    first = None if since is None else AT - since
    return forecast(jobs, since=first, at=AT, until=AT + ahead)


def hours(found: Forecast) -> float:
    return (
        sum(one.request.cards * one.request.seconds * one.within for one in found.expected) / 3600
    )


def test_a_job_of_each_of_four_weeks_is_one_job_of_the_next() -> None:
    found = told(*(came(week * WEEK - 5 * HOUR) for week in (1, 2, 3, 4)), since=5 * WEEK)

    assert found.expected == (Expected(job(1), 0.25, "p", 5_000),) * 4
    assert (found.history.period, found.history.times, found.history.jobs) == (WEEK, 4, 4)


def test_only_the_hours_before_the_horizon_come_again() -> None:
    monday, tuesday = came(WEEK - 2 * HOUR), came(WEEK - DAY - 2 * HOUR)

    assert hours(told(monday, tuesday, since=WEEK, ahead=DAY)) == 8
    assert hours(told(monday, tuesday, since=WEEK)) == 16


def test_what_lasts_beyond_the_horizon_counts_as_far_as_it() -> None:
    found = told(came(WEEK - 6 * DAY, hours=48), since=WEEK)

    assert [one.within for one in found.expected] == [0.5]


def test_what_is_older_than_four_weeks_counts_no_more() -> None:
    assert told(came(4 * WEEK + HOUR), since=9 * WEEK).expected == ()


def test_without_a_whole_week_days_are_thought_alike() -> None:
    """Two days are known, so each job is half a job of each of the next seven."""
    found = told(came(30 * HOUR), since=60 * HOUR)

    assert [one.within for one in found.expected] == [0.5] * 7
    assert (found.history.period, found.history.times) == (DAY, 2)


def test_less_than_a_day_foretells_nothing_and_says_so() -> None:
    for since in (None, 0 * HOUR, 23 * HOUR):
        found = told(came(2 * HOUR), since=since)

        assert found.expected == ()
        assert found.history.times == 0


def test_quiet_weeks_since_the_first_job_count_as_quiet() -> None:
    assert hours(told(came(2 * WEEK), since=2 * WEEK)) == 4


jobs = st.lists(
    st.builds(
        came,
        st.integers(1, 40 * 24).map(lambda n: n * HOUR),
        st.integers(1, 300),
        st.integers(1, 64),
    ),
    max_size=30,
)


@given(jobs, st.integers(0, 60), st.integers(1, 20))
def test_no_more_work_is_expected_than_came_in_the_periods_known(
    before: list[Came], since_days: int, ahead: int
) -> None:
    """Over a horizon of n periods: n + 1 times the mean at the most, and never negative."""
    found = told(*before, since=since_days * DAY, ahead=ahead * DAY)

    period, times = found.history.period, found.history.times
    known = [one for one in before if times and AT - period * times <= one.at]
    most = sum(one.request.cards * one.request.seconds for one in known) / max(1, times) / 3_600
    laps = -(-ahead * DAY // period) if times else 0
    assert 0 <= hours(found) <= most * laps + 1e-6
    assert all(one.within > 0 for one in found.expected)
    assert found.history.jobs == len(known)


@given(jobs, st.integers(0, 60))
def test_the_order_in_which_jobs_are_told_changes_no_sum(
    before: list[Came], since_days: int
) -> None:
    one = told(*before, since=since_days * DAY)
    other = told(*reversed(before), since=since_days * DAY)

    assert sorted(map(repr, one.expected)) == sorted(map(repr, other.expected))


def test_thinning_leaves_the_work_as_it_is() -> None:
    many = [
        came(WEEK - n * 60 * timedelta(seconds=1), 1 + n % 50, 1 + n % 64) for n in range(9_001)
    ]

    found = told(*many, since=WEEK)

    whole = sum(
        one.request.cards * min(one.request.seconds, (AT + WEEK - one.at - WEEK).total_seconds())
        for one in many
    )
    assert len(found.expected) < 4_001
    assert abs(hours(found) * 3_600 / whole - 1) < 1e-9
