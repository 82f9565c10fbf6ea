"""What somebody wants done, written down before the books move.

A use case commits its intent, posts, and lets the rows follow (docs/adr/0005). Killed at
any instant, it is carried out again from what the intent says, under the same keys::

    write → post, programme by programme → settle
                   └ refused: note it, give back what was held ┘
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.types.json import Jsonb

from tallygrid.core.books import Outcome
from tallygrid.core.key import key_of
from tallygrid.ledger.queue import OverloadError
from tallygrid.service import outbox
from tallygrid.service.each import each
from tallygrid.service.office import Office
from tallygrid.service.told import Said, ToldError
from tallygrid.service.wish import (
    Answer,
    Intent,
    Posting,
    Refused,
    Step,
    Wish,
    answer_of,
    outcome_json,
    postings,
    postings_json,
    postings_of,
)
from tallygrid.text import catalogue

Compose = Callable[[Connection], Sequence[Posting]]
"""Works out the postings of a wish, in the transaction that writes its intent."""


_NEVER: Final = frozenset({"conflict", "invalid"})
"""Refusals that asking again cannot change."""
_GONE: Final = frozenset({"hold_expired", "hold_not_open"})
"""Refusals of a release that say that nothing is held any more."""


PATIENCE_S: Final = 30
"""So long one waits for another who is at the same thing: postings take seconds at most."""


class ConflictError(ToldError):
    """A key was used again for something else."""

    def __init__(self, wish: Wish) -> None:
        super().__init__("conflict", name=_named(wish))


class HungError(ToldError):
    """Another process is at the same thing, and does not come to its end."""

    def __init__(self, wish: Wish, pid: int | None) -> None:
        values = {"name": _named(wish), "seconds": PATIENCE_S}
        if pid is None:
            super().__init__("hung_by_unknown", **values)
        else:
            super().__init__("hung", pid=pid, **values)


def carry_out(office: Office, wish: Wish, compose: Compose, *, anew: bool = False) -> Answer:
    """Do what is wished, once, however often it is asked and wherever it was interrupted.

    Args:
        office: Where to work.
        wish: What is wished.
        compose: Works out the postings, when it is asked for the first time.
        anew: Whether to work them out again after a refusal that is not final.

    Raises:
        ConflictError: The key stands for another wish.
    """
    written = partial(write, wish=wish, compose=compose, anew=anew)
    try:
        given = office.transact("web", written)
    except ToldError:
        if body_of(office, wish.key) is None:
            raise
        given = office.transact("web", written)  # others asked the same just now, and were first
    if given is not None and given.final:
        return given
    return _finish(office, wish, again=True)


def in_turn(
    office: Office,
    wish: Wish,
    compose: Compose,
    *kinds: str,
    anew: bool = False,
    **body: str,
) -> Answer:
    """Carry out a wish whose postings have to wait for those of others, as `settle_first` says."""
    while True:
        resume(office, *kinds, **body)
        try:
            return carry_out(office, wish, compose, anew=anew)
        except PendingError:
            continue


def recover(office: Office) -> int:
    """Carry out again every intent that was interrupted; return how many there were.

    One that somebody is at is not interrupted, even if that process hangs. One that cannot be
    finished now keeps no other waiting; what it raises is raised at the end.
    """
    office.transact("web", outbox.drain)
    waiting = office.transact("web", unsettled)
    return sum(each(waiting, lambda one: _recovered(office, one.wish)))


def resume(office: Office, *kinds: str, **body: str) -> int:
    """Carry out again the interrupted intents of some kinds whose body has these values."""
    waiting = office.transact(
        "web",
        lambda connection: [one for kind in kinds for one in unsettled(connection, kind, body)],
    )
    for intent in waiting:
        _finish(office, intent.wish, again=False)
    return len(waiting)


@contextmanager
def alone(office: Office, wish: Wish) -> Iterator[None]:
    """Let nobody else be at a wish meanwhile, which is more than one intent; others wait.

    What is worked out from the books as they stand, a proposal or the next number, is then
    worked out by whoever came first, and the others find what came of it.

    Raises:
        HungError: Another process is at it for longer than anything takes.
    """
    try:
        office.transact("web", lambda connection: _take(connection, wish.key))
    except LockNotAvailable as error:
        raise _hung(office, wish) from error
    try:
        yield
    finally:
        office.transact("web", lambda connection: _let_go(connection, wish.key))


def body_of(office: Office, key: UUID) -> Mapping[str, Any] | None:
    """Return everything that was asked under a key, if anything was."""

    def load(connection: Connection) -> Mapping[str, Any] | None:
        row = connection.execute(
            "SELECT body FROM service.intent WHERE key = %s", (key,)
        ).fetchone()
        return None if row is None else row[0]

    return office.transact("web", load)


class PendingError(Exception):
    """Something else that was asked of the same purchase or account is not settled yet."""


def settle_first(connection: Connection, name: str, *kinds: str, **body: str) -> None:
    """Let nobody else work out postings about a thing, and see that nothing is pending about it.

    Args:
        connection: In the transaction that writes the intent; the lock ends with it.
        name: The thing: only one transaction at a time has it.
        kinds: Kinds of intents that would change what is worked out.
        body: What the bodies of those intents hold.

    Raises:
        PendingError: Such an intent is not settled; `resume` it, then ask again.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
    if any(unsettled(connection, kind, body) for kind in kinds):
        raise PendingError


def given(office: Office, key: UUID) -> Answer | None:
    """Return the answer that a key has had, if it has had one."""

    def load(connection: Connection) -> Answer | None:
        row = connection.execute(
            "SELECT outcome FROM service.intent WHERE key = %s AND settled_at IS NOT NULL", (key,)
        ).fetchone()
        return None if row is None else answer_of(key, row[0])

    return office.transact("web", load)


def refusals(connection: Connection, keys: Sequence[UUID]) -> dict[UUID, Refused]:
    """Return the refusals that keys have had last, of those that were refused."""
    rows = connection.execute(
        "SELECT key, outcome FROM service.intent WHERE key = ANY (%s) AND settled_at IS NOT NULL",
        (list(keys),),
    ).fetchall()
    answers = (answer_of(*row) for row in rows)
    return {one.key: one.refused for one in answers if one.refused is not None}


def attempts(connection: Connection, key: UUID) -> int:
    """Return how many answers a key has had."""
    row = connection.execute("SELECT attempt FROM service.intent WHERE key = %s", (key,)).fetchone()
    return 0 if row is None else int(row[0])


def followed(
    connection: Connection, steps: Sequence[Step], payload: Mapping[str, Any]
) -> tuple[Posting, ...]:
    """Return the postings that rows shall follow; where no money moves they follow at once."""
    if steps:
        return postings(steps, outbox=payload)
    outbox.carry(connection, payload)
    return ()


def write(
    connection: Connection, wish: Wish, compose: Compose, *, anew: bool = False
) -> Answer | None:
    """Commit an intent, or find it; return the answer it has had so far.

    What was written first stands: a repetition would work out other postings from books
    that have moved since, and must not post them. Only a refusal that left nothing behind
    can be worked out anew, by a wish whose postings bear that.
    """
    row = _found(connection, wish)
    if row is None:
        postings = compose(connection)
        connection.execute(
            """
            INSERT INTO service.intent (key, kind, body, postings)
            VALUES (%s, %s, %s, %s) ON CONFLICT (key) DO NOTHING
            """,
            (wish.key, wish.kind, Jsonb(wish.body), Jsonb(postings_json(postings))),
        )
        row = _found(connection, wish)
    assert row is not None, "the intent was just written"
    kind, same_body, outcome, is_settled = row
    if kind != wish.kind or not same_body:
        raise ConflictError(wish)
    answer = answer_of(wish.key, outcome) if is_settled else None
    if anew and answer is not None and not answer.final:
        _rewrite(connection, wish, compose)
        return None
    return answer


def post(office: Office, intent: Intent) -> Refused | None:
    """Post an intent's events; give back the holds already made if a later posting is refused.

    The refusal is noted before anything is given back: from then on the intent is not posted
    again, for money that has come meanwhile would meet holds that are gone.
    """
    refused = intent.refused or _refused(office, intent)
    if refused is not None and refused.final:
        for posting in reversed(intent.postings[: refused.after]):
            _give_back(office, posting)
    return refused


def settle(connection: Connection, intent: Intent, refused: Refused | None) -> Answer:
    """Let the rows follow the books, and write down what became of the intent."""
    outbox.drain(connection)
    key = intent.wish.key
    row = connection.execute(
        "SELECT attempt FROM service.intent WHERE key = %s FOR UPDATE", (key,)
    ).fetchone()
    assert row is not None, "an intent is written before it is settled"
    answer = Answer(key=key, attempt=row[0] + 1, refused=refused)
    connection.execute(
        """
        UPDATE service.intent
        SET outcome = %s, attempt = %s, settled_at = clock_timestamp() WHERE key = %s
        """,
        (Jsonb(outcome_json(answer)), answer.attempt, key),
    )
    return answer


def unsettled(
    connection: Connection, kind: str | None = None, body: Mapping[str, str] | None = None
) -> tuple[Intent, ...]:
    """Return the intents without outcome, oldest first: all, or of a kind and with a body."""
    rows = connection.execute(
        """
        SELECT key, kind, body, postings, outcome FROM service.intent
        WHERE settled_at IS NULL
          AND (kind = %(kind)s OR %(kind)s::text IS NULL)
          AND body @> %(body)s
        ORDER BY asked_at, key
        """,
        {"kind": kind, "body": Jsonb(body or {})},
    ).fetchall()
    return tuple(
        Intent(Wish(key, kind_, body_), postings_of(postings), _noted(key, outcome))
        for key, kind_, body_, postings, outcome in rows
    )


def _recovered(office: Office, wish: Wish) -> bool:
    """Finish an intent; tell whether nobody else was at it."""
    key = wish.key
    if not office.transact("web", lambda connection: _is_free(connection, key)):
        return False
    try:
        _finish(office, wish, again=False)
    finally:
        office.transact("web", lambda connection: _let_go(connection, key))
    return True


def _finish(office: Office, wish: Wish, *, again: bool) -> Answer:
    """Post and settle an intent, one process at a time; whoever waited finds it settled.

    Raises:
        HungError: Another process is at it for longer than anything takes.
    """
    key = wish.key
    try:
        found = office.transact("web", lambda connection: _alone(connection, wish, again=again))
        if isinstance(found, Answer):
            return found
        refused = post(office, found)
        return office.transact("web", lambda connection: settle(connection, found, refused))
    except LockNotAvailable as error:
        raise _hung(office, wish) from error
    finally:
        office.transact("web", lambda connection: _let_go(connection, key))


def _alone(connection: Connection, wish: Wish, *, again: bool) -> Intent | Answer:
    """Wait until nobody else is at an intent; return it as it stands now, or its answer.

    The lock belongs to the session and not to the transaction, so it is gone when its holder
    has died, and not before the postings in between are made. What was refused meanwhile is
    tried again only for somebody who asks `again`: nobody is surprised by what was told to
    have failed. It is then without outcome until it has another, so that `recover` finds it.
    """
    _take(connection, wish.key)
    row = connection.execute(
        """
        SELECT postings, outcome, settled_at IS NOT NULL FROM service.intent
        WHERE key = %s FOR UPDATE
        """,
        (wish.key,),
    ).fetchone()
    assert row is not None, "an intent is written before it is posted"
    written, outcome, is_settled = row
    if not is_settled:
        return Intent(wish, postings_of(written), _noted(wish.key, outcome))
    if (answer := answer_of(wish.key, outcome)).final or not again:
        return answer
    connection.execute(
        "UPDATE service.intent SET outcome = NULL, settled_at = NULL WHERE key = %s", (wish.key,)
    )
    return Intent(wish, postings_of(written))


def _take(connection: Connection, key: UUID) -> None:
    """Wait until nobody else has an intent's lock, and take it for this session."""
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{PATIENCE_S}s",))
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (str(key),))


def _hung(office: Office, wish: Wish) -> HungError:
    return HungError(wish, office.transact("web", lambda it: _at_it(it, wish.key)))


def _at_it(connection: Connection, key: UUID) -> int | None:
    """Return which of the server's processes keeps an intent from us, if one does still.

    That is whoever has its lock or its row; or, where that one waits itself, whom it waits for.
    """
    row = connection.execute(
        """
        WITH RECURSIVE at_it (pid) AS (
            SELECT pid FROM pg_locks
            WHERE granted AND pid <> pg_backend_pid() AND (
                (locktype = 'advisory'
                 AND (classid::bigint << 32) | objid::bigint = hashtextextended(%(key)s::text, 0))
                OR transactionid = (SELECT xmax FROM service.intent WHERE key = %(key)s)
            )
            UNION
            SELECT unnest(pg_blocking_pids(pid)) FROM at_it
        )
        SELECT pid FROM at_it
        WHERE pid NOT IN (0, pg_backend_pid()) AND pg_blocking_pids(pid) = '{}'
        """,
        {"key": key},
    ).fetchone()
    return None if row is None else int(row[0])


def _is_free(connection: Connection, key: UUID) -> bool:
    """Take an intent's lock if nobody else has it; tell whether it was taken."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (str(key),)
    ).fetchone()
    return row is not None and bool(row[0])


def _let_go(connection: Connection, key: UUID) -> None:
    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (str(key),))


def _named(wish: Wish) -> Said:
    """Return what a wish is called, by the name that whoever asks gave it."""
    code = f"money.named.{wish.kind}"
    known = code if code in catalogue() else "money.named.other"
    return Said(known, **{"key": wish.key, **wish.body})


def _found(connection: Connection, wish: Wish) -> tuple[Any, ...] | None:
    return connection.execute(
        """
        SELECT kind, body = %s, outcome, settled_at IS NOT NULL
        FROM service.intent WHERE key = %s FOR UPDATE
        """,
        (Jsonb(wish.body), wish.key),
    ).fetchone()


def _refused(office: Office, intent: Intent) -> Refused | None:
    """Post an intent's events up to the first that is refused, and note that if it is final.

    Where too much waits for the very first, nothing was begun: that is an answer too, and the
    same key may succeed later. What was begun is carried to its end by whoever asks again.
    """
    for n, posting in enumerate(intent.postings):
        try:
            refused = _posted(office, posting)
        except OverloadError as error:
            if n:
                raise
            detail = {"waiting": error.waiting, "retry_after_s": error.retry_after_s}
            return Refused(posting.programme, "overload", detail)
        if refused is None:
            continue
        held = any(event.kind == "hold" for made in intent.postings[:n] for event in made.events)
        refused = replace(refused, final=held or refused.code in _NEVER, after=n)
        if held:
            office.transact("web", partial(_note, key=intent.wish.key, refused=refused))
        return refused
    return None


def _rewrite(connection: Connection, wish: Wish, compose: Compose) -> None:
    """Work out a refused wish again; it is without outcome until it has another."""
    postings = tuple(compose(connection))
    connection.execute(
        """
        UPDATE service.intent SET postings = %s, outcome = NULL, settled_at = NULL WHERE key = %s
        """,
        (Jsonb(postings_json(postings)), wish.key),
    )


def _note(connection: Connection, *, key: UUID, refused: Refused) -> None:
    outcome = outcome_json(Answer(key, attempt=0, refused=refused))
    connection.execute(
        "UPDATE service.intent SET outcome = %s WHERE key = %s", (Jsonb(outcome), key)
    )


def _noted(key: UUID, outcome: Mapping[str, Any] | None) -> Refused | None:
    return None if outcome is None else answer_of(key, outcome).refused


def _posted(office: Office, posting: Posting) -> Refused | None:
    outcomes = office.post(posting.role, posting.programme, posting.events)
    refusals = [outcome for outcome in outcomes if not outcome.accepted]
    if not refusals:
        return None
    cause = min(refusals, key=_is_consequence)
    return Refused(posting.programme, cause.code, {"key": str(cause.key), **cause.detail})


def _is_consequence(outcome: Outcome) -> bool:
    """Tell whether an event failed only because another one of its chain did."""
    return outcome.code == "chain_failed"


def _give_back(office: Office, posting: Posting) -> None:
    releases = tuple(
        replace(
            hold,
            key=key_of("give back", hold.key),
            kind="release",
            legs=(),
            hold=hold.key,
            ttl_seconds=None,
            reason="A later posting of the same intent was refused.",
            outbox=None,
            chain=0,
        )
        for hold in posting.events
        if hold.kind == "hold"
    )
    if releases:
        refused = _posted(office, Posting(posting.programme, "worker", releases))
        assert refused is None or refused.code in _GONE, refused
