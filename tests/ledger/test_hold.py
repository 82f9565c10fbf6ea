"""Holds: what is set aside, captured in parts, extended, released, or too late."""

from uuid import uuid4

import pytest
from bookkeeping import Books, event

from tallygrid import ledger
from tallygrid.core.books import Event

CLAIM = "committed:V-1 > payable:P"


def capture(hold: object, amount_fen: int, *, final: bool = False) -> Event:
    return event("capture", {CLAIM: amount_fen}, hold=hold, final=final)


def test_held_money_cannot_be_held_again(books: Books) -> None:
    books.fund(5_000)

    outcomes = books.codes(
        "web", *(event("hold", {CLAIM: 1_000}, ttl_seconds=60) for _ in range(6))
    )

    assert outcomes == ["posted"] * 5 + ["insufficient"]
    assert books.balance("committed:V-1") == (0, 5_000)


def test_held_money_cannot_lapse(books: Books) -> None:
    books.fund(100)
    books.hold(60)

    assert books.codes("web", event("lapse", {"committed:V-1 > available": 41})) == ["insufficient"]


def test_captures_add_up_to_the_hold_and_no_further(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)

    (first, second, third, last) = books.post(
        "worker",
        capture(hold, 40),
        capture(hold, 50),
        capture(hold, 11),
        capture(hold, 10, final=True),
    )

    assert [first.code, second.code, last.code] == ["posted"] * 3
    assert third.code == "exceeds_hold"
    assert (third.detail["available_fen"], third.detail["asked_fen"]) == (10, 11)
    assert books.balance("payable:P") == (100, 0)
    assert books.problems() == ()


def test_a_capture_of_nothing_is_a_measurement_too(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)

    assert books.codes("worker", capture(hold, 0), capture(hold, 0, final=True)) == ["posted"] * 2
    assert books.balance("committed:V-1") == (100, 0)
    assert books.problems() == ()


def test_the_last_capture_may_name_no_leg_at_all(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)

    assert books.codes("worker", event("capture", hold=hold)) == ["invalid"]
    assert books.codes("worker", event("capture", hold=hold, final=True)) == ["posted"]
    assert books.balance("committed:V-1") == (100, 0)


def test_a_capture_goes_only_where_the_hold_goes(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)
    astray = event("capture", {"committed:V-1 > payable:Q": 1}, hold=hold)
    nothing_astray = event("capture", {"committed:V-1 > payable:Q": 0}, hold=hold)

    assert books.codes("worker", astray, nothing_astray) == ["exceeds_hold", "exceeds_hold"]


def test_legs_of_caps_and_several_funders_are_captured_alike(books: Books) -> None:
    books.post(
        "web",
        event(
            "appropriate",
            {
                "appropriation::city > available::city": 70,
                "appropriation::province > available::province": 30,
            },
        ),
        event(
            "award",
            {
                "available::city > reserved::city": 70,
                "available::province > reserved::province": 30,
            },
        ),
        event(
            "issue",
            {
                "reserved::city > committed:V-1:city": 70,
                "reserved::province > committed:V-1:province": 30,
            },
        ),
        event("limit", {"cap_source > cap_room:A/2026": 90}),
    )
    held = {
        "committed:V-1:city > payable:P:city": 56,
        "committed:V-1:province > payable:P:province": 24,
        "cap_room:A/2026 > cap_used:A/2026": 80,
    }
    used = dict(zip(held, (35, 15, 50), strict=True))
    hold = event("hold", held, ttl_seconds=60)
    over_the_cap = event("hold", dict(zip(held, (7, 3, 11), strict=True)), ttl_seconds=60)

    outcomes = books.post(
        "worker",
        hold,
        over_the_cap,
        event("capture", used, hold=hold.key, final=True),
    )

    assert [outcome.code for outcome in outcomes] == ["posted", "insufficient", "posted"]
    assert outcomes[1].detail["account"] == "cap_room:A/2026@2026"
    assert books.balance("payable:P:province") == (15, 0)
    assert books.balance("cap_room:A/2026") == (40, 0)
    assert books.balance("cap_used:A/2026") == (50, 0)
    assert books.problems() == ()


def test_an_extension_needs_money_and_an_open_hold(books: Books) -> None:
    books.fund(100)
    hold = books.hold(60)

    def extend(amount_fen: int) -> Event:
        return event("extend", {CLAIM: amount_fen}, hold=hold)

    assert books.codes("worker", extend(41), extend(40)) == ["insufficient", "posted"]
    assert books.codes("worker", capture(hold, 100, final=True)) == ["posted"]
    assert books.codes("worker", extend(1)) == ["hold_not_open"]
    assert books.problems() == ()


def test_a_closed_hold_stays_closed(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)

    assert books.codes(
        "worker",
        capture(hold, 10, final=True),
        capture(hold, 10),
        event("release", hold=hold),
        event("start", hold=hold),
    ) == ["posted", "hold_not_open", "hold_not_open", "hold_not_open"]


def test_a_hold_nobody_opened_can_do_nothing(books: Books) -> None:
    outcome = books.post("worker", capture(uuid4(), 1))[0]

    assert (outcome.code, outcome.detail["state"]) == ("hold_not_open", "unknown")


def test_a_hold_whose_work_never_started_gives_its_money_back_on_time(books: Books) -> None:
    """No sweeper is trusted: the next posting, whatever it is, expires it first."""
    books.fund(100)
    hold = books.hold(100)
    books.make_overdue(hold)

    lapse = event("lapse", {"committed:V-1 > available": 100})

    assert books.codes("web", lapse) == ["posted"]
    found = books.connect("auditor").execute(
        "SELECT kind, posted_by FROM books.event WHERE hold = %s", [hold]
    )
    assert found.fetchall() == [("expire", "books")]


def test_a_deadline_passes_by_itself(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100, ttl_seconds=1)
    books.connect("auditor").execute("SELECT pg_sleep(1.05)")

    assert books.codes("worker", event("start", hold=hold)) == ["hold_expired"]
    assert books.balance("committed:V-1") == (100, 0)
    assert books.problems() == ()


@pytest.mark.parametrize("kind", ["start", "capture", "extend", "release"])
def test_what_comes_too_late_is_refused_even_if_nobody_swept(books: Books, kind: str) -> None:
    """A posting sweeps a hundred holds; the hundred-and-first is late all the same."""
    books.fund(1_000)
    holds = [event("hold", {CLAIM: 1}, ttl_seconds=60) for _ in range(101)]
    books.post("web", *holds)
    books.connect("administrator").execute(
        """
        UPDATE books.hold SET deadline = now() - interval '1 hour' + seq * interval '1 second'
        FROM books.programme WHERE programme.id = hold.programme AND programme.code = %s
        """,
        [books.programme],
    )
    moves = {CLAIM: 1} if kind in {"capture", "extend"} else {}

    outcomes = books.codes("worker", event(kind, moves, hold=holds[-1].key))

    assert outcomes == ["hold_expired"]
    assert books.balance("committed:V-1") == (999, 1)


def test_work_that_has_started_never_expires(books: Books) -> None:
    """An outage or a slow officer never costs the provider earned money."""
    books.fund(100)
    started, captured = books.hold(50), books.hold(50)
    books.codes("worker", event("start", hold=started), capture(captured, 1))
    books.make_overdue(started)
    books.make_overdue(captured)

    outcomes = books.codes(
        "worker",
        event("expire", hold=started),
        capture(started, 50, final=True),
        capture(captured, 49, final=True),
    )

    assert outcomes == ["hold_not_overdue", "posted", "posted"]
    books.mend_deadlines()
    assert books.problems() == ()


def test_a_hold_does_not_expire_before_its_time(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)

    assert books.codes("worker", event("expire", hold=hold)) == ["hold_not_overdue"]
    assert ledger.expire_holds(books.connect("worker"), books.programme) == 0


def test_a_programme_that_lies_still_can_be_swept_in_portions(books: Books) -> None:
    books.fund(100)
    for hold in [books.hold(10) for _ in range(3)]:
        books.make_overdue(hold)
    connection = books.connect("worker")

    swept = [ledger.expire_holds(connection, books.programme, limit=2) for _ in range(3)]

    assert swept == [2, 1, 0]
    assert books.balance("committed:V-1") == (100, 0)


def test_work_starts_once(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)

    assert books.codes("worker", event("start", hold=hold), event("start", hold=hold)) == [
        "posted",
        "hold_already_started",
    ]


def test_a_hold_can_be_opened_used_and_closed_in_one_batch(books: Books) -> None:
    books.fund(100)
    hold = event("hold", {CLAIM: 80}, ttl_seconds=60)

    outcomes = books.codes(
        "worker", hold, event("start", hold=hold.key), capture(hold.key, 30, final=True)
    )

    assert outcomes == ["posted"] * 3
    assert books.balance("committed:V-1") == (70, 0)
    assert books.problems() == ()
