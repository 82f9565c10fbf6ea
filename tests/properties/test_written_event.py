"""An event is written for the database by hand: nothing of it may be lost or read otherwise."""

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tallygrid.core.books import MONEY_TABLE, Account, Event, Leg
from tallygrid.core.money import GREATEST_FEN
from tallygrid.ledger.post import written

PARTS = st.text().filter(lambda text: not any(one.isspace() or one in ":@" for one in text))
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(
    datetime(1000, 1, 2),  # noqa: DTZ001  # the zone is drawn apart
    datetime(9998, 12, 30),  # noqa: DTZ001
    timezones=ZONES,
)
LEGS = st.builds(
    lambda holder, funder, fen: Leg(
        Account("committed", 2026, holder, funder), Account("payable", 2026, holder, funder), fen
    ),
    PARTS,
    PARTS,
    st.integers(0, GREATEST_FEN - 1),
)
EVENTS = st.builds(
    Event,
    st.uuids(),
    st.sampled_from(sorted(MONEY_TABLE)),
    st.lists(LEGS, max_size=3).map(tuple),
    INSTANTS,
    hold=st.none() | st.uuids(),
    ttl_seconds=st.none() | st.integers(),
    final=st.booleans(),
    reason=st.text(),
    document=st.text(),
    outbox=st.none() | st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    chain=st.integers(),
)


@given(EVENTS)
def test_what_is_written_reads_as_the_event(event: Event) -> None:
    plain = {"legs": [], **json.loads(written(event))}

    assert Event.from_json(plain) == event
    assert plain["occurred_at"] == event.occurred_at.astimezone(UTC).isoformat()
