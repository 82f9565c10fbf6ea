"""Posting: what is accepted, what is refused and why, and what a repetition does."""

import random
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from bookkeeping import AT, Books, account, event

from tallygrid import ledger
from tallygrid.core.books import Leg, Outcome
from tallygrid.text import catalogue, render


def test_money_moves_from_the_budget_to_the_paid_provider(books: Books) -> None:
    books.fund(1_000)
    hold = books.hold(600)

    capture = event("capture", {"committed:V-1 > payable:P": 450}, hold=hold, final=True)
    pay = event("pay", {"payable:P > in_payment:P": 450})
    confirm = event("confirm", {"in_payment:P > paid:P": 450})

    assert books.codes("worker", event("start", hold=hold), capture) == ["posted"] * 2
    assert books.codes("payer", pay, confirm) == ["posted"] * 2
    assert books.balance("committed:V-1") == (550, 0)
    assert books.balance("paid:P") == (450, 0)
    assert books.problems() == ()


def test_more_than_there_is_cannot_be_spent_and_the_refusal_says_how_much_there_was(
    books: Books,
) -> None:
    books.fund(1_000)
    too_much = event("hold", {"committed:V-1 > payable:P": 1_001}, ttl_seconds=60)

    (outcome,) = books.post("web", too_much)

    assert outcome.code == "insufficient"
    assert outcome.seq is None
    assert outcome.detail == {
        "account": "committed:V-1:city@2026",
        "available_fen": 1_000,
        "asked_fen": 1_001,
        "attempt": 1,
    }
    assert books.balance("committed:V-1") == (1_000, 0)


def test_two_legs_from_one_account_are_judged_together(books: Books) -> None:
    books.fund(50)
    moves = {"committed:V-1 > payable:P": 30, "committed:V-1 > payable:Q": 30}

    (outcome,) = books.post("web", event("hold", moves, ttl_seconds=60))

    assert outcome.code == "insufficient"
    assert (outcome.detail["available_fen"], outcome.detail["asked_fen"]) == (50, 60)
    assert books.balance("committed:V-1") == (50, 0)


def test_the_same_key_with_the_same_body_is_answered_with_the_first_event(books: Books) -> None:
    first = event("appropriate", {"appropriation > available": 100})

    (posted,) = books.post("web", first)
    (again,) = books.post("web", first)
    (elsewhere,) = books.post(
        "web", replace(first, occurred_at=AT.astimezone(None), chain=7)
    )  # the same instant in another zone, and another batch

    assert (posted.code, again.code, elsewhere.code) == ("posted", "exists", "exists")
    assert posted.seq == again.seq == elsewhere.seq
    assert books.balance("available") == (100, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"legs": (Leg(account("appropriation"), account("available"), 101),)},
        {"occurred_at": AT + timedelta(seconds=1)},
        {"reason": "another"},
        {"document": "0" * 64},
        {"outbox": {"voucher": "V-2"}},
        {"kind": "reduce", "legs": (Leg(account("available"), account("appropriation"), 100),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_key_with_another_body_is_a_conflict(
    books: Books, change: dict[str, object]
) -> None:
    first = event("appropriate", {"appropriation > available": 100})
    changed = replace(first, **change)  # type: ignore[arg-type]  # one field of its own type

    assert books.codes("web", first, changed) == ["posted", "conflict"]
    assert books.codes("web", changed) == ["conflict"]
    assert books.balance("available") == (100, 0)


def test_a_key_twice_in_one_batch_posts_once(books: Books) -> None:
    first = event("appropriate", {"appropriation > available": 100})

    outcomes = books.post("web", first, first, first)

    assert [outcome.code for outcome in outcomes] == ["posted", "exists", "exists"]
    assert {outcome.seq for outcome in outcomes} == {1}
    assert books.balance("available") == (100, 0)


def test_a_refused_key_may_succeed_later_and_every_attempt_is_recorded(books: Books) -> None:
    award = event("award", {"available > reserved": 500})
    appropriate = event("appropriate", {"appropriation > available": 500})

    refused = [books.post("web", award)[0] for _ in range(2)]
    outcomes = books.post("web", award, appropriate, award)

    assert [outcome.detail["attempt"] for outcome in refused] == [1, 2]
    assert [outcome.code for outcome in outcomes] == ["insufficient", "posted", "posted"]
    recorded = books.connect("auditor").execute(
        "SELECT attempt, code, detail ->> 'asked_fen' FROM books.refusal"
        " WHERE key = %s ORDER BY attempt",
        [award.key],
    )
    assert recorded.fetchall() == [(n, "insufficient", "500") for n in (1, 2, 3)]


def test_a_chain_is_posted_whole_or_not_at_all(books: Books) -> None:
    books.fund(100)
    good = event("appropriate", {"appropriation > available": 70}, chain=1)
    bad = event("award", {"available > reserved": 71}, chain=1)
    alone = event("appropriate", {"appropriation > available": 5})
    after = event("award", {"available > reserved": 5}, chain=2)

    assert books.codes("web", good, bad, alone, after) == [
        "chain_failed",
        "insufficient",
        "posted",
        "posted",
    ]
    assert books.balance("available") == (0, 0)
    assert books.balance("reserved") == (5, 0)
    assert books.codes("web", good) == ["posted"]


def test_an_undone_chain_leaves_no_key_no_hold_and_no_money_behind(books: Books) -> None:
    """Later events of the batch see the books as if the chain had never been tried."""
    books.fund(100)
    hold = event("hold", {"committed:V-1 > payable:P": 80}, ttl_seconds=60, chain=1)
    bad = event("hold", {"committed:V-1 > payable:P": 30}, ttl_seconds=60, chain=1)
    start = event("start", hold=hold.key)
    again = replace(hold, chain=0)

    outcomes = books.codes("worker", hold, hold, bad, start, again)

    assert outcomes == ["chain_failed", "chain_failed", "insufficient", "hold_not_open", "posted"]
    assert books.balance("committed:V-1") == (20, 80)
    assert books.problems() == ()


def test_what_a_release_gives_back_is_usable_in_the_same_batch(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)
    capture = event("capture", {"committed:V-1 > payable:P": 30}, hold=hold, final=True)
    next_hold = event("hold", {"committed:V-1 > payable:P": 70}, ttl_seconds=60)

    assert books.codes("worker", capture, next_hold) == ["posted", "posted"]
    assert books.balance("committed:V-1") == (0, 70)


@pytest.mark.parametrize(
    ("kind", "moves", "fields", "reason"),
    [
        ("issue", {"available > reserved": 1}, {}, "movement"),
        ("award", {"available > reserved@2027": 1}, {}, "crossing"),
        ("award", {"available > reserved::province": 1}, {}, "crossing"),
        ("award", {"available::city:a > reserved::city:b": 1}, {}, "crossing"),
        ("award", {"available > reserved": 0}, {}, "amount"),
        ("award", {"available > reserved::": 1}, {}, "account"),
        ("issue", {"reserved > committed:": 1}, {}, "account"),
        ("limit", {"cap_source > cap_room:C:x:y": 1}, {}, "account"),
        ("award", {}, {}, "legs"),
        ("award", {"available > reserved": 1}, {"hold": uuid4()}, "hold"),
        ("award", {"available > reserved": 1}, {"ttl_seconds": 5}, "ttl"),
        ("award", {"available > reserved": 1}, {"final": True}, "final"),
        ("award", {"available > reserved": 1}, {"chain": -1}, "chain"),
        ("award", {"available > reserved": 1}, {"document": "not a hash"}, "document"),
        ("hold", {"cap_room:C > cap_used:C": 1}, {}, "ttl"),
        ("hold", {"cap_room:C > cap_used:D": 1}, {"ttl_seconds": 5}, "crossing"),
    ],
)
def test_what_the_law_does_not_list_is_invalid(
    books: Books,
    kind: str,
    moves: dict[str, int],
    fields: dict[str, object],
    reason: str,
) -> None:
    (outcome,) = books.post("web", event(kind, moves, **fields))

    assert (outcome.code, outcome.detail.get("reason")) == ("invalid", reason)
    assert render(outcome.message, "en", **outcome.values)
    assert books.balances() == {}


def test_a_kind_nobody_knows_is_invalid(books: Books) -> None:
    found = books.connect("web").execute(
        """SELECT code, detail FROM books.post(%s, '[{"key":
        "00000000-0000-0000-0000-000000000001", "kind": "steal", "occurred_at": "2026-01-01Z"}]')
        """,
        [books.programme],
    )

    assert found.fetchall() == [("invalid", {"reason": "kind", "kind": "steal", "attempt": 1})]


def test_a_fraction_of_a_fen_never_reaches_the_books(books: Books) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        books.connect("web").execute(
            """SELECT * FROM books.post(%s, '[{"key": "00000000-0000-0000-0000-000000000002",
            "kind": "appropriate", "occurred_at": "2026-01-01Z", "legs": [{"source":
            "appropriation::city@2026", "target": "available::city@2026", "amount_fen": 1.5}]}]')
            """,
            [books.programme],
        )


def test_an_amount_beyond_the_greatest_is_refused_by_the_database_too(books: Books) -> None:
    found = books.connect("web").execute(
        """SELECT code, detail ->> 'reason' FROM books.post(%s, '[{"key":
        "00000000-0000-0000-0000-000000000003", "kind": "appropriate", "occurred_at":
        "2026-01-01Z", "legs": [{"source": "appropriation::city@2026", "target":
        "available::city@2026", "amount_fen": 900000000000000}]}]')
        """,
        [books.programme],
    )

    assert found.fetchall() == [("invalid", "amount")]


def test_an_empty_batch_does_nothing(books: Books) -> None:
    assert books.post("web") == ()


def test_a_batch_too_large_is_refused_whole(books: Books) -> None:
    many = [event("appropriate", {"appropriation > available": 1}) for _ in range(1_001)]

    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        books.post("web", *many)


def test_a_programme_without_books_is_a_surprise(books: Books) -> None:
    with pytest.raises(psycopg.errors.NoDataFound):
        ledger.post(
            books.connect("web"),
            programme="nowhere",
            events=[event("appropriate", {"appropriation > available": 1})],
        )


def test_opening_the_books_twice_is_opening_them_once(books: Books) -> None:
    ledger.open_programme(books.connect("web"), books.programme)

    with pytest.raises(psycopg.errors.UniqueViolation):
        ledger.open_programme(books.connect("web"), books.programme, "USD")


def test_the_application_learns_of_an_event_if_and_only_if_it_is_posted(books: Books) -> None:
    told = event("appropriate", {"appropriation > available": 5}, outbox={"tranche": 1})
    untold = event("appropriate", {"appropriation > available": 5})
    refused = event("award", {"available > reserved": 99}, outbox={"award": 1})

    books.post("web", told, untold, refused, told)

    found = books.connect("worker").execute(
        "SELECT seq, topic, payload FROM books.outbox JOIN books.programme"
        " ON programme.id = outbox.programme WHERE programme.code = %s",
        [books.programme],
    )
    assert found.fetchall() == [(1, "appropriate", {"tranche": 1})]


def test_a_posting_that_is_not_committed_leaves_nothing(books: Books) -> None:
    appropriate = event("appropriate", {"appropriation > available": 5}, outbox={"n": 1})
    connection = books.connect("web")

    with connection.transaction(force_rollback=True):
        assert books.codes("web", appropriate) == ["posted"]

    assert books.balances() == {}
    assert books.codes("web", appropriate) == ["posted"]


def test_funders_of_one_award_keep_their_own_money_apart(books: Books) -> None:
    appropriate = event(
        "appropriate",
        {
            "appropriation::city > available::city": 600,
            "appropriation::province > available::province": 400,
        },
    )
    award = {"available::city > reserved::city": 300, "available::province > reserved::province": 1}

    assert books.codes("web", appropriate, event("award", award)) == ["posted", "posted"]
    assert books.balance("available::city") == (300, 0)
    assert books.balance("available::province") == (399, 0)
    assert books.problems() == ()


def test_a_year_closes_with_what_is_carried_counted_once_in_each_year(books: Books) -> None:
    books.fund(1_000)
    carry_out = event("close_carry_out", {"committed:V-1 > carried_out": 700}, chain=1)
    carry_in = event("close_carry_in", {"carried_in@2027 > committed:V-1@2027": 700}, chain=1)
    lapse = event("close_lapse", {"committed:V-1 > lapsed": 300})

    assert books.codes("web", carry_out, carry_in, lapse) == ["posted"] * 3
    assert books.balance("committed:V-1@2027") == (700, 0)
    assert books.problems() == ()


@pytest.mark.parametrize("mode", ["release", "carry"])
def test_a_year_closes_with_open_holds_and_part_used_vouchers(books: Books, mode: str) -> None:
    """Unstarted work is released first; started work ends in the year it began in."""
    books.fund(1_000)
    unstarted, started = books.hold(300), books.hold(200)
    books.codes("worker", event("start", hold=started), event("release", hold=unstarted))
    close = {
        "release": [event("close_lapse", {"committed:V-1 > lapsed": 800})],
        "carry": [
            event("close_carry_out", {"committed:V-1 > carried_out": 800}, chain=1),
            event("close_carry_in", {"carried_in@2027 > committed:V-1@2027": 800}, chain=1),
        ],
    }[mode]

    assert set(books.codes("web", *close)) == {"posted"}
    capture = event("capture", {"committed:V-1 > payable:P": 150}, hold=started, final=True)
    assert books.codes("worker", capture) == ["posted"]

    assert books.balance("committed:V-1") == (50, 0)
    assert books.balance("committed:V-1@2027") == ((800, 0) if mode == "carry" else (0, 0))
    assert books.problems() == ()


def test_money_recovered_in_a_later_year_counts_in_that_year(books: Books) -> None:
    books.fund(100)
    hold = books.hold(100)
    books.codes(
        "worker", event("capture", {"committed:V-1 > payable:P": 100}, hold=hold, final=True)
    )
    recover_out = event("recover", {"recoverable:P > carried_out": 60}, chain=1)
    recover_in = event("recover", {"carried_in@2028 > available@2028": 60}, chain=1)

    outcomes = books.codes(
        "payer",
        event("pay", {"payable:P > in_payment:P": 100}),
        event("fail", {"in_payment:P > payable:P": 100}),
        event("pay", {"payable:P > in_payment:P": 100}),
        event("confirm", {"in_payment:P > paid:P": 100}),
        event("claw_back", {"paid:P > recoverable:P": 80}),
        event("waive", {"recoverable:P > paid:P": 10}),
        event("write_off", {"recoverable:P > written_off:P": 10}),
        recover_out,
        recover_in,
    )

    assert outcomes == ["posted"] * 9
    assert books.balance("paid:P") == (30, 0)
    assert books.balance("available@2028") == (60, 0)
    assert books.problems() == ()


def test_what_is_carried_in_without_having_been_carried_out_is_found(books: Books) -> None:
    books.post("web", event("close_carry_in", {"carried_in@2027 > available@2027": 5}))

    assert [problem.code for problem in books.problems()] == ["ledger.problem.carry_differs"]


def test_ceilings_that_programmes_share_live_in_books_of_their_own(books: Books) -> None:
    """The registry is a programme like any other; its accounts hold no money."""
    limit = event("limit", {"ceiling_source > ceiling_room:contract-1": 100})
    hold = event("hold", {"ceiling_room:contract-1 > ceiling_used:contract-1": 80}, ttl_seconds=60)
    second = event("hold", {"ceiling_room:contract-1 > ceiling_used:contract-1": 21}, ttl_seconds=9)

    assert books.codes("web", limit, hold, second) == ["posted", "posted", "insufficient"]
    assert books.balance("ceiling_room:contract-1") == (20, 80)


def test_every_outcome_has_a_sentence_in_both_languages() -> None:
    detail = {
        "account": "available::city@2026",
        "available_fen": 1,
        "asked_fen": 2,
        "attempt": 1,
        "hold": "h",
        "state": "expired",
        "role": "tallygrid_web",
        "kind": "pay",
        "source": "a",
        "target": "b",
        "programme": "p",
        "waiting": 4096,
        "retry_after_s": 2,
    }
    codes = [code for code in catalogue() if code.startswith(("ledger.outcome", "ledger.invalid"))]

    for code in codes:
        _, group, name = code.split(".")
        said = {"reason": name} if group == "invalid" else {}
        outcome = Outcome(uuid4(), "invalid" if said else name, None, {**detail, **said})
        assert outcome.message == code
        assert "{" not in render(code, "en", **outcome.values)
        assert "{" not in render(code, "zh", **outcome.values)


def test_a_message_may_be_of_something_with_a_very_long_name(books: Books) -> None:
    name = "".join(f"{n:x}" for n in random.Random(1).randbytes(18_000))  # noqa: S311  # no secret
    told = event("appropriate", {"appropriation > available": 1}, outbox={"id": name})

    assert books.codes("web", told) == ["posted"]
    assert books.problems() == ()
    found = books.connect("auditor").execute(
        "SELECT count(*) FROM books.outbox WHERE books.told_of(payload) = %s", [name]
    )
    assert found.fetchone() == (1,)
