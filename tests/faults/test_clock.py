"""The clock steps back an hour or forward a day: order is kept, and only late work is late."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from bookkeeping import Books, event
from turning import make_turnable, turn

from tallygrid import database, ledger
from tallygrid.core.books import Event
from tallygrid.database import Server

CLAIM = "committed:V-1 > payable:P"
HOUR_S = 3600


@pytest.fixture
def books(fresh_server: Server) -> Iterator[Books]:
    """Books in a database whose clock the test can turn, for every session at once."""
    with fresh_server.administer(fresh_server.database) as administrator:
        make_turnable(administrator)
    database.migrate(fresh_server, [("ledger", ledger.MIGRATIONS)])
    opened = Books(fresh_server)
    opened.fund(1_000)
    yield opened
    opened.close()


def step(books: Books, by: str) -> None:
    """Set the database's clock off by so much."""
    turn(books.connect("administrator"), by)


def times(books: Books) -> list[datetime]:
    found = books.connect("auditor").execute("SELECT posted_at FROM books.event ORDER BY seq")
    return [at for (at,) in found]


def capture(hold: object) -> Event:
    return event("capture", {CLAIM: 100}, hold=hold, final=True)


def test_ledger_time_goes_on_when_the_clock_steps_back_an_hour(books: Books) -> None:
    hold = books.hold(100, ttl_seconds=HOUR_S)
    before = times(books)

    step(books, "-1 hour")
    other = books.hold(100, ttl_seconds=HOUR_S)
    assert books.codes("worker", event("start", hold=hold), capture(hold)) == ["posted"] * 2

    after = times(books)
    assert after[: len(before)] == before
    assert after == sorted(after)
    assert books.codes("worker", capture(other)) == ["posted"]
    assert books.problems() == ()


def test_a_step_forward_by_a_day_expires_unstarted_work_and_no_other(books: Books) -> None:
    unstarted, started = (books.hold(100, ttl_seconds=HOUR_S) for _ in range(2))
    books.codes("worker", event("start", hold=started))

    step(books, "1 day")

    assert books.codes("worker", capture(unstarted)) == ["hold_expired"]
    assert books.codes("worker", capture(started)) == ["posted"]
    assert books.balance("committed:V-1") == (900, 0)
    assert books.problems() == ()


def test_when_the_clock_comes_back_what_has_expired_stays_so(books: Books) -> None:
    hold = books.hold(100, ttl_seconds=HOUR_S)
    step(books, "1 day")
    assert ledger.expire_holds(books.connect("worker"), books.programme) == 1

    step(books, "0")

    assert books.codes("worker", capture(hold)) == ["hold_expired"]
    late = books.hold(100, ttl_seconds=HOUR_S)
    assert books.codes("worker", event("start", hold=late), capture(late)) == ["posted"] * 2
    assert times(books) == sorted(times(books))
    assert books.problems() == ()
