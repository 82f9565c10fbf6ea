"""Proof: whatever an administrator edits, verifying names the first place where it shows."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from bookkeeping import AT, Books, account, event
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallygrid import ledger
from tallygrid.core import canonical
from tallygrid.core.books import Problem
from tallygrid.core.heads import SignedHead, signed
from tallygrid.core.signature import SigningKey
from tallygrid.files.document import FileError
from tallygrid.files.heads import read_heads, write_heads
from tallygrid.text import catalogue, render

KEY: Final = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
APPENDED: Final = ("event", "leg", "batch", "refusal", "outbox")


@pytest.fixture
def history(books: Books) -> Books:
    """Five batches: three events, a hold, a start with a capture, a message, a last capture."""
    books.fund(1_000)  # events 1 to 3
    hold = books.hold(600)  # 4
    capture = event("capture", {"committed:V-1 > payable:P": 100}, hold=hold)
    books.codes("worker", event("start", hold=hold), capture)  # 5, 6
    told = event("appropriate", {"appropriation > available": 7}, outbox={"tranche": 2})
    books.codes("web", told)  # 7
    last = event("capture", {"committed:V-1 > payable:P": 250}, hold=hold, final=True)
    books.codes("worker", last)  # 8
    assert books.problems() == ()
    return books


def tamper(books: Books, statement: str) -> None:
    """Edit the books as an administrator who first switches every guard off."""
    connection = books.connect("administrator")
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            statement.replace(
                ":programme",
                f"(SELECT id FROM books.programme WHERE code = '{books.programme}')",  # noqa: S608  # our own name
            ).encode()
        )


def signed_heads(books: Books) -> list[SignedHead]:
    return [signed(head, KEY, at=AT) for head in ledger.heads(books.connect("auditor"))]


def first(problems: tuple[Problem, ...]) -> tuple[str, object, object]:
    """Return the first problem: its kind, its batch and its event."""
    problem = problems[0]
    return (
        problem.code.removeprefix("ledger.problem."),
        problem.values["batch"],
        problem.values["seq"],
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            (
                "UPDATE books.leg SET amount_fen = amount_fen + 1 WHERE programme = :programme"
                " AND seq >= 2"
            ),
            ("event_altered", 1, 2),
        ),
        (
            "UPDATE books.event SET reason = 'other' WHERE programme = :programme AND seq = 6",
            ("event_altered", 3, 6),
        ),
        (
            (
                "UPDATE books.event SET occurred_at = occurred_at + interval '1 s'"
                " WHERE programme = :programme AND seq = 4"
            ),
            ("event_altered", 2, 4),
        ),
        (
            (
                "UPDATE books.event SET posted_by = 'tallygrid_payer'"
                " WHERE programme = :programme AND seq = 8"
            ),
            ("event_altered", 5, 8),
        ),
        (
            (
                "UPDATE books.leg SET source = target, target = source"
                " WHERE programme = :programme AND seq = 8"
            ),
            ("event_altered", 5, 8),
        ),
        (
            "DELETE FROM books.leg WHERE programme = :programme AND seq = 3",
            ("event_altered", 1, 3),
        ),
        (
            "DELETE FROM books.event WHERE programme = :programme AND seq = 5",
            ("event_missing", 3, 5),
        ),
        (
            "UPDATE books.leg SET target = -1 WHERE programme = :programme AND seq = 3",
            ("event_altered", 1, 3),
        ),
        (
            (
                "INSERT INTO books.leg SELECT programme, 99, no, source, target, amount_fen"
                " FROM books.leg WHERE programme = :programme AND seq = 3"
            ),
            ("leg_unlawful", None, 99),
        ),
        (
            (
                "INSERT INTO books.hold SELECT programme, gen_random_uuid(), 99, state, deadline"
                " FROM books.hold WHERE programme = :programme"
            ),
            ("deadline_differs", None, None),
        ),
        (
            (
                "INSERT INTO books.outbox (programme, seq, topic, payload, at)"
                " SELECT programme, 99, topic, payload, at FROM books.outbox"
                " WHERE programme = :programme"
            ),
            ("outbox_differs", None, None),
        ),
        (
            (
                "UPDATE books.account SET kind = 'reserved', code = 'reserved:V-1:city@2026'"
                " WHERE programme = :programme AND kind = 'committed'"
            ),
            ("event_altered", 1, 3),
        ),
        (
            "UPDATE books.batch SET hash = sha256('x') WHERE programme = :programme AND no = 2",
            ("batch_altered", 2, 4),
        ),
        (
            "DELETE FROM books.batch WHERE programme = :programme AND no = 2",
            ("batch_missing", 2, 4),
        ),
        (
            "UPDATE books.programme SET last_seq = 9 WHERE id = :programme",
            ("head_differs", 5, 9),
        ),
        (
            "UPDATE books.hold SET state = 'started' WHERE programme = :programme",
            ("hold_differs", 5, 8),
        ),
        (
            "UPDATE books.hold_leg SET captured_fen = 600 WHERE programme = :programme",
            ("hold_differs", 5, 8),
        ),
        (
            (
                "UPDATE books.hold SET deadline = deadline + interval '1 year'"
                " WHERE programme = :programme"
            ),
            ("deadline_differs", 2, 4),
        ),
        (
            "DELETE FROM books.outbox WHERE programme = :programme",
            ("outbox_differs", 4, 7),
        ),
        (
            "UPDATE books.outbox SET payload = '{}' WHERE programme = :programme",
            ("outbox_differs", 4, 7),
        ),
    ],
)
def test_the_first_broken_batch_and_event_are_named(
    history: Books, statement: str, expected: tuple[str, int | None, int | None]
) -> None:
    tamper(history, statement)

    assert first(history.problems()) == expected


@pytest.mark.parametrize(
    ("table", "guard"),
    [*((table, "only_added_to") for table in APPENDED), ("event", "reversal_mirrors")],
)
def test_a_guard_that_the_owner_switches_off_is_named(
    history: Books, table: str, guard: str
) -> None:
    """The migrator may act as the owner, without being a superuser."""
    migrator = history.connect("migrator")
    migrator.execute("SET ROLE tallygrid_books")
    alter = f"ALTER TABLE books.{table} {{}} TRIGGER {guard}"
    try:
        migrator.execute(alter.format("DISABLE").encode())
        (problem,) = history.problems()
    finally:
        migrator.execute(alter.format("ENABLE").encode())
        migrator.execute("RESET ROLE")
    assert problem.code == "ledger.problem.guard_off"
    assert (problem.values["what"], problem.values["found"]) == (table, guard)
    assert f"{guard}” of the table books.{table}" in render(problem.code, "en", **problem.values)
    assert history.problems() == ()


def test_a_guard_that_is_dropped_is_named(history: Books) -> None:
    migrator = history.connect("migrator")
    with migrator.transaction(force_rollback=True):
        migrator.execute("SET LOCAL ROLE tallygrid_books")
        migrator.execute("DROP TRIGGER only_added_to ON books.leg")
        (problem,) = ledger.verify(migrator, history.programme)
    assert (problem.code, problem.values["what"]) == ("ledger.problem.guard_off", "leg")


def test_an_edited_amount_is_the_first_thing_found(history: Books) -> None:
    tamper(
        history,
        "UPDATE books.leg SET amount_fen = amount_fen + 1 WHERE programme = :programme AND seq = 4",
    )

    assert first(history.problems()) == ("event_altered", 2, 4)


def test_an_edited_balance_is_named_with_the_last_event_that_made_it(history: Books) -> None:
    tamper(
        history,
        "UPDATE books.account SET in_fen = in_fen + 5"
        " WHERE programme = :programme AND kind = 'payable'",
    )

    problem = history.problems()[0]

    assert first((problem,)) == ("balance_differs", 5, 8)
    assert problem.values["what"] == "payable:P:city@2026"
    assert (problem.values["found"], problem.values["expected"]) == ("355 0 0", "350 0 0")


def test_two_events_that_changed_places_are_found_where_they_begin(history: Books) -> None:
    """Their rows are moved whole, legs and all; only the order is false."""
    for table in ("event", "leg"):
        tamper(
            history,
            f"UPDATE books.{table} SET seq = seq + 100 WHERE programme = :programme"  # noqa: S608  # our own names
            " AND seq IN (5, 6)",
        )
        tamper(
            history,
            f"UPDATE books.{table} SET seq = 111 - (seq - 100) - 100 WHERE programme = :programme"  # noqa: S608
            " AND seq > 100",
        )

    assert first(history.problems()) == ("event_altered", 3, 5)


def test_even_the_owner_of_the_tables_cannot_edit_what_was_written(history: Books) -> None:
    connection = history.connect("administrator")
    connection.execute("SET ROLE tallygrid_books")
    for table in APPENDED:
        for statement in (
            f"UPDATE books.{table} SET programme = 0",  # noqa: S608  # our own names
            f"DELETE FROM books.{table}",  # noqa: S608
            f"TRUNCATE books.{table} CASCADE",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement.encode())


def test_a_check_stops_even_an_administrator_from_overdrawing_an_account(history: Books) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        history.connect("administrator").execute(
            "UPDATE books.account SET out_fen = in_fen + 1 WHERE kind = 'available'"
        )


REWRITE: Final = """
UPDATE books.leg SET amount_fen = 251 WHERE programme = :programme AND seq = 8;
UPDATE books.hold_leg SET captured_fen = captured_fen + 1 WHERE programme = :programme;
UPDATE books.account SET out_fen = out_fen + 1 WHERE programme = :programme AND kind = 'committed';
UPDATE books.account SET in_fen = in_fen + 1 WHERE programme = :programme AND kind = 'payable';
UPDATE books.event SET body = books.body(event.kind, hold, ttl_seconds, is_final, occurred_at,
  reason, document, outbox_sha256,
  books.leg_text('committed:V-1:city@2026', 'payable:P:city@2026', 251))
WHERE programme = :programme AND seq = 8;
UPDATE books.event SET leaf = books.leaf(programme.code, seq, batch, key, body, posted_at,
  posted_by)
FROM books.programme WHERE event.programme = :programme AND programme.id = :programme AND seq = 8;
UPDATE books.batch SET hash = books.link(previous, (SELECT leaf FROM books.event
  WHERE programme = :programme AND seq = 8)) WHERE programme = :programme AND no = 5;
UPDATE books.programme SET head = (SELECT hash FROM books.batch
  WHERE programme = :programme AND no = 5) WHERE id = :programme;
"""


def test_a_rewritten_end_shows_only_against_a_head_saved_outside(
    history: Books, tmp_path: Path
) -> None:
    """Who can rewrite everything can rewrite every hash: nothing inside can tell."""
    saved = tmp_path / "heads.jsonl"
    write_heads(saved, signed_heads(history))

    tamper(history, REWRITE)

    assert history.problems() == ()
    assert first(history.problems(*(one.head for one in read_heads(saved)))) == (
        "head_rewritten",
        5,
        8,
    )


@pytest.mark.parametrize(
    ("edited", "ours", "saved"),
    [({"seq": 7}, "8", "7"), ({"algorithm": "md5"}, "sha256", "md5")],
)
def test_a_saved_head_of_which_something_else_was_edited_says_what(
    history: Books, edited: dict[str, Any], ours: str, saved: str
) -> None:
    heads = ledger.heads(history.connect("auditor"))
    (head,) = [one for one in heads if one.programme == history.programme]

    (problem,) = history.problems(replace(head, **edited))

    assert problem.code == "ledger.problem.head_misstated"
    assert (problem.values["found"], problem.values["expected"]) == (ours, saved)
    assert history.problems(head) == ()


def test_a_truncated_end_shows_against_a_head_saved_outside(history: Books) -> None:
    saved = ledger.heads(history.connect("auditor"))
    tamper(
        history,
        """
        DELETE FROM books.batch WHERE programme = :programme AND no = 5;
        DELETE FROM books.leg WHERE programme = :programme AND seq = 8;
        DELETE FROM books.event WHERE programme = :programme AND seq = 8;
        UPDATE books.hold SET state = 'started' WHERE programme = :programme;
        UPDATE books.hold_leg SET captured_fen = 100 WHERE programme = :programme;
        UPDATE books.account SET out_fen = 100, held_fen = 500
          WHERE programme = :programme AND kind = 'committed';
        UPDATE books.account SET in_fen = 100 WHERE programme = :programme AND kind = 'payable';
        UPDATE books.programme SET last_seq = 7, last_batch = 4, (head, ledger_time) = (
          SELECT hash, posted_at FROM books.batch
          WHERE programme = :programme AND no = 4) WHERE id = :programme;
        """,
    )

    assert history.problems() == ()
    assert first(history.problems(*saved)) == ("head_missing", 5, 8)


def test_books_that_only_grew_agree_with_every_head_ever_saved(
    history: Books, tmp_path: Path
) -> None:
    saved = tmp_path / "heads.jsonl"
    for amount_fen in (1, 2):
        write_heads(saved, signed_heads(history))
        history.post("web", event("appropriate", {"appropriation > available": amount_fen}))

    heads = [one.head for one in read_heads(saved)]

    assert len([head for head in heads if head.programme == history.programme]) == 2
    assert history.problems(*heads) == ()


def test_a_file_that_holds_no_heads_is_refused_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_text('{"programme": "p"}\nnot json: [\n', encoding="utf-8")

    with pytest.raises(FileError) as refused:
        read_heads(file)

    assert {mistake.line for mistake in refused.value.mistakes} == {1, 2}
    with pytest.raises(FileError):
        read_heads(tmp_path / "absent")


def test_our_own_text_without_the_database_gives_the_stored_hashes(history: Books) -> None:
    """Every event and link, through the functions that check a bundle."""
    connection = history.connect("auditor")
    events = ledger.recorded(connection, history.programme, range(1, 9))
    batches = ledger.batches(connection, history.programme, 1, 5)

    leaves = {one["seq"]: canonical.leaf_of(history.programme, one) for one in events}

    previous = canonical.genesis_of(history.programme, "CNY")
    for batch in batches:
        assert bytes.fromhex(batch.previous) == previous
        own = [leaves[seq] for seq in range(batch.first_seq, batch.last_seq + 1)]
        assert [leaf.hex() for leaf in own] == list(batch.leaves)
        previous = canonical.link_of(previous, own)
        assert previous.hex() == batch.hash
    assert len(batches) == 5


def test_only_new_heads_are_published_and_none_against_what_was(
    history: Books, tmp_path: Path
) -> None:
    connection = history.connect("auditor")

    first_time, _ = ledger.publish(connection, tmp_path, KEY, at=AT)
    again = ledger.publish(connection, tmp_path, KEY, at=AT)
    history.post("web", event("appropriate", {"appropriation > available": 1}))
    later, _ = ledger.publish(connection, tmp_path, KEY, at=AT)
    tamper(history, "UPDATE books.batch SET hash = '\\x00' WHERE programme = :programme AND no = 6")
    history.post("web", event("appropriate", {"appropriation > available": 1}))
    after, problems = ledger.publish(connection, tmp_path, KEY, at=AT)

    mine = [one.head.batch for one in first_time if one.head.programme == history.programme]
    assert (mine, again) == ([5], ((), ()))
    assert [(one.head.programme, one.head.batch) for one in later] == [(history.programme, 6)]
    assert after == ()
    assert first(problems) == ("head_rewritten", 6, 9)


def test_anyone_can_compute_the_chain_again_without_the_database(history: Books) -> None:
    """The canonical text, written out here by hand, gives the very hash that is stored."""
    connection = history.connect("auditor")
    row = connection.execute(
        "SELECT event.seq, event.batch, key, hold, body, leaf, posted_at, posted_by"
        " FROM books.event JOIN books.programme ON programme.id = event.programme"
        " WHERE programme.code = %s AND event.seq = 8",
        [history.programme],
    ).fetchone()
    batch = connection.execute(
        "SELECT previous, hash, algorithm FROM books.batch"
        " JOIN books.programme ON programme.id = batch.programme"
        " WHERE programme.code = %s AND no = 5",
        [history.programme],
    ).fetchone()
    assert row is not None
    assert batch is not None
    seq, number, key, hold, body, leaf, posted_at, posted_by = row

    asked = ["capture", str(hold), "", "true", instant(AT), "", ""]
    legs = ["committed:V-1:city@2026 payable:P:city@2026 250"]
    reason = ""
    ours = sha256(lines(*asked, *legs, "", reason)).digest()
    named = [history.programme, str(number), instant(posted_at), posted_by]

    assert body == ours
    assert leaf == sha256(lines(*named, str(seq), str(key), ours.hex())).digest()
    assert batch == (batch[0], sha256(batch[0] + leaf).digest(), "sha256")


def lines(*values: str) -> bytes:
    return "\n".join(values).encode()


def instant(at: object) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def test_every_problem_has_a_sentence_in_both_languages() -> None:
    values = dict.fromkeys(("programme", "batch", "seq", "what", "found", "expected"), "1")
    codes = [code for code in catalogue() if code.startswith("ledger.problem.")]

    assert len(codes) > 10
    for code in codes:
        assert "{" not in render(code, "en", **values)
        assert "{" not in render(code, "zh", **values)


def test_more_arriving_between_programmes_than_was_sent_is_found(books: Books) -> None:
    """Each programme is sound alone; only together do they show it."""
    books.post("web", event("transfer_in", {"transferred_in > available": 5}))
    everything = ledger.verify(books.connect("auditor"))

    assert books.problems() == ()
    assert "ledger.problem.transfer_differs" in {problem.code for problem in everything}

    sender = replace(books, programme=f"{books.programme}-sender")
    sender.fund(5)
    sender.post(
        "web",
        event("lapse", {"committed:V-1 > available": 5}),
        event("transfer_out", {"available > transferred_out": 5}),
    )
    everything = ledger.verify(books.connect("auditor"))
    assert "ledger.problem.transfer_differs" not in {problem.code for problem in everything}


@pytest.mark.parametrize(
    ("law", "kind", "role", "move"),
    [
        ("has_group", "reserved", "web", ("award", "available::city:small > reserved:X")),
        ("holder_of", "in_payment", "payer", ("pay", "payable:P > in_payment:Q")),
    ],
)
def test_what_crossed_while_the_law_was_another_is_found(
    books: Books, law: str, kind: str, role: str, move: tuple[str, str]
) -> None:
    books.fund(100)
    hold = books.hold(60)
    claim = {"committed:V-1 > payable:P": 60}
    assert books.codes("worker", event("start", hold=hold)) == ["posted"]
    assert books.codes("worker", event("capture", claim, hold=hold, final=True)) == ["posted"]
    to_class = event("appropriate", {"appropriation::city:small > available::city:small": 60})
    assert books.codes("web", to_class) == ["posted"]
    crossing = event(move[0], {move[1]: 60})
    (refused,) = books.post(role, crossing)
    assert (refused.code, refused.detail["reason"]) == ("invalid", "crossing")
    administrator = books.connect("administrator")
    other: object = False if law == "has_group" else "somebody"
    kept = administrator.execute(
        f"SELECT {law} FROM books.account_kind WHERE code = %s",  # noqa: S608  # constants
        [kind],
    ).fetchone()
    assert kept is not None

    change = f"UPDATE books.account_kind SET {law} = %s WHERE code = %s"  # noqa: S608  # constants
    administrator.execute(change.encode(), [other, kind])
    try:
        posted = books.codes(role, crossing)
    finally:
        administrator.execute(change.encode(), [*kept, kind])

    source, target = (account(one).code for one in move[1].split(" > "))
    assert posted == ["posted"]
    assert [
        (one.code, one.values["found"], one.values["expected"]) for one in books.problems()
    ] == [("ledger.problem.leg_unlawful", source, target)]


@pytest.mark.parametrize("time", ["ledger_time + interval '100 years'", "'-infinity'"])
def test_a_time_from_which_the_books_would_go_on_wrongly_is_found(
    history: Books, time: str
) -> None:
    """Else what is posted next would be of that time, and every hold would be overdue by it."""
    tamper(history, f"UPDATE books.programme SET ledger_time = {time} WHERE id = :programme")  # noqa: S608  # a test's

    assert [problem.code for problem in history.problems()] == ["ledger.problem.time_differs"]
