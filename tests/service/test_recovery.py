"""What was interrupted is carried to its end; what somebody is at, or was told of, is let be."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import pytest
from desk import AT, CITY, Desk, DiedError, wanted
from psycopg import Connection

from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.key import key_of
from tallygrid.service import buying, intent
from tallygrid.service.intent import Compose, HungError
from tallygrid.service.office import Office
from tallygrid.service.purchase import StateError, require_state
from tallygrid.service.wish import Posting, Wish

AVAILABLE: Final = Account.of(f"available::city@{AT.year}")
BODY: Final = {"programme": CITY, "year": AT.year, "name": "K-1"}
CUT: Final = Wish(key_of("a test's cut"), "reduce", BODY)
WAYS: Final = [
    pytest.param(intent.recover, 2, id="recover"),
    pytest.param(lambda office: intent.resume(office, "reduce", programme=CITY), 1, id="resume"),
]
"""How what lies unsettled is carried out, and with which transaction it has been listed."""
_GO_ON: Final = "SELECT pg_advisory_unlock_all()"
"""A server's process that ends lets go a moment after its connection is closed."""


def _cut(fen: int) -> Compose:
    """Return what takes so much out of the budget."""
    out = Leg(AVAILABLE, Account("appropriation", AT.year, funder="city"), fen)
    event = Event(CUT.key, "reduce", (out,), AT, reason="a cut")
    return lambda _: (Posting(CITY, "web", (event,)),)


def _free_fen(desk: Desk) -> int:
    return desk.balance(CITY, AVAILABLE.code).free_fen


@pytest.mark.parametrize(("carry_on", "listed"), WAYS)
def test_what_was_refused_meanwhile_is_not_done_behind_ones_back(
    funded: Desk, carry_on: Callable[[Office], int], listed: int
) -> None:
    before_fen = _free_fen(funded)
    too_much = _cut(before_fen + 1)
    with pytest.raises(DiedError):
        intent.carry_out(funded.dying(1), CUT, too_much)

    def tell() -> None:
        assert not intent.carry_out(funded.office, CUT, too_much).accepted
        funded.appropriate(CITY, 10, name="more")

    carry_on(funded.overtaken(listed, tell))

    assert _free_fen(funded) == before_fen + 10
    answer = intent.given(funded.office, CUT.key)
    assert answer is not None
    assert (answer.accepted, answer.attempt) == (False, 1)


@pytest.mark.parametrize(("carry_on", "listed"), WAYS)
def test_what_was_worked_out_anew_meanwhile_is_what_is_posted(
    funded: Desk, carry_on: Callable[[Office], int], listed: int
) -> None:
    before_fen = _free_fen(funded)
    too_much = _cut(before_fen + 1)
    with pytest.raises(DiedError):
        intent.carry_out(funded.dying(1), CUT, too_much)

    def ask_again() -> None:
        assert not intent.carry_out(funded.office, CUT, too_much).accepted
        with pytest.raises(DiedError):
            intent.carry_out(funded.dying(1), CUT, _cut(7), anew=True)

    assert carry_on(funded.overtaken(listed, ask_again)) == 1

    assert _free_fen(funded) == before_fen - 7


def test_whoever_is_overtaken_by_the_same_request_gets_its_answer(funded: Desk) -> None:
    """Nobody is told that the purchase has begun already, who only asked that it should."""
    purchase = funded.buy(wanted("O-1"))
    wish = Wish(key_of("begin", "O-1"), "begin", {"purchase": "O-1"})

    def overtaken(connection: Connection) -> tuple[Posting, ...]:
        with ThreadPoolExecutor(1) as other:
            other.submit(buying.begin, funded.office, purchase, at=AT).result()
        require_state(connection, purchase, "held")
        return ()

    assert intent.carry_out(funded.office, wish, overtaken) == intent.given(funded.office, wish.key)
    with pytest.raises(StateError):
        intent.carry_out(funded.office, replace(wish, key=key_of("another")), overtaken)


def test_whoever_hangs_keeps_no_other_waiting(funded: Desk) -> None:
    for name in ("O-1", "O-2"):
        voucher = funded.voucher(CITY, f"A-{name}", 7_500_000)
        with pytest.raises(DiedError):
            buying.buy(funded.dying(1), wanted(name, voucher, contract=f"A-{name}"), at=AT)
    (first, _) = funded.rows("SELECT key FROM service.intent WHERE settled_at IS NULL ORDER BY 1")
    funded.office.transact("web", lambda it: it.execute("SET lock_timeout = '500ms'"))

    with funded.server.connect("web") as stopped:
        stopped.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (str(first[0]),))
        assert intent.recover(funded.office) == 1
        stopped.execute(_GO_ON)

    assert intent.recover(funded.office) == 1
    assert [funded.purchase(name).state for name in ("O-1", "O-2")] == ["held", "held"]


def test_whoever_hangs_keeps_the_same_request_waiting_for_so_long_and_no_longer(
    funded: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped has the lock of what it is at, and nobody knows for how long."""
    monkeypatch.setattr(intent, "PATIENCE_S", 0.05)
    key = str(key_of("apply", "A-1"))
    with funded.server.connect("web", autocommit=True) as stopped:
        stopped.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
        with pytest.raises(HungError) as told:
            funded.voucher(CITY, "A-1", 7_500_000)

        assert f"pg_terminate_backend({stopped.info.backend_pid})" in str(told.value)
        assert "申请A-1" in told.value.sentence("zh")
        stopped.execute(_GO_ON)

    assert funded.voucher(CITY, "A-1", 7_500_000) == "V-A-1"
    assert funded.problems() == ()


def test_whoever_has_the_row_of_an_intent_is_named(
    funded: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is then the row that is waited for, while the intent's lock is one's own."""
    monkeypatch.setattr(intent, "PATIENCE_S", 0.05)
    with pytest.raises(DiedError):
        intent.carry_out(funded.dying(1), CUT, _cut(7))
    with funded.server.connect("web") as stopped:
        stopped.execute("SELECT FROM service.intent WHERE key = %s FOR UPDATE", (CUT.key,))
        with pytest.raises(HungError) as told:
            intent.recover(funded.office)

        assert f"pg_terminate_backend({stopped.info.backend_pid})" in str(told.value)

    assert intent.recover(funded.office) == 1


def test_whoever_keeps_the_one_at_it_waiting_is_named(
    funded: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ending the one that waits would help nobody: the next would wait as long."""
    monkeypatch.setattr(intent, "PATIENCE_S", 0.05)
    lock = "SELECT FROM service.progress FOR UPDATE"
    with funded.server.connect("web") as stopped, funded.server.connect("web") as waiting:
        stopped.execute(lock)
        waiting.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (str(CUT.key),))
        waiting.pgconn.send_query(lock.encode())
        while not stopped.execute(
            "SELECT FROM pg_locks WHERE pid = %s AND NOT granted", (waiting.info.backend_pid,)
        ).fetchall():
            time.sleep(0.01)
        with pytest.raises(HungError) as told:
            intent.carry_out(funded.office, CUT, _cut(7))

        assert f"pg_terminate_backend({stopped.info.backend_pid})" in str(told.value)
        waiting.close()


def test_no_process_is_named_where_none_is_at_it_any_more() -> None:
    told = HungError(CUT, None)

    assert "which one is not known" in str(told)
    assert "无法确定" in told.sentence("zh")
    assert "pg_terminate_backend" not in str(told) + told.sentence("zh")
