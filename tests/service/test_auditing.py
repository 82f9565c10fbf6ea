"""Whatever an administrator makes of a row beside the books, or of the law, verifying names it."""

import itertools
import json
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Final

import desk as desks
import pytest
from desk import AT, CITY, PROVINCE, Desk, wanted
from psycopg.types.json import Jsonb
from town import settle

from tallygrid.core.books import Problem
from tallygrid.database import Server
from tallygrid.service import auditing, buying, correcting, ending
from tallygrid.text import render

FORGERIES: Final = r"""
row_differs voucher V-A-1
  UPDATE service.voucher SET valid_until = valid_until + 1 WHERE id = 'V-A-1'

row_differs voucher V-A-1
  UPDATE service.voucher SET grant_terms = jsonb_set(grant_terms, '{room_fen}', '7')
  WHERE id = 'V-A-1'

row_differs voucher V-A-1
  UPDATE service.voucher SET state = 'issued' WHERE id = 'V-A-1'

row_differs voucher V-A-1
  UPDATE service.voucher SET state = 'revoked' WHERE id = 'V-A-1'

row_differs voucher V-A-7
  UPDATE service.voucher SET state = 'part_used' WHERE id = 'V-A-7'

row_differs voucher V-A-7
  UPDATE service.voucher SET state = 'revoked' WHERE id = 'V-A-7'

row_differs voucher V-A-8
  UPDATE service.voucher SET state = 'revoked' WHERE id = 'V-A-8'

row_differs application A-1
  UPDATE service.application SET state = 'withdrawn' WHERE id = 'A-1'

row_differs application A-4
  UPDATE service.application SET state = 'awarded' WHERE id = 'A-4'

row_differs voucher V-A-1
  UPDATE service.voucher SET fiscal_year = 2027 WHERE id = 'V-A-1'

row_missing voucher V-A-1
  DELETE FROM service.voucher WHERE id = 'V-A-1'

row_untold voucher V-9
  INSERT INTO service.voucher SELECT (jsonb_populate_record(voucher, '{"id": "V-9"}')).*
  FROM service.voucher WHERE id = 'V-A-1'

row_differs voucher V-A-7
  UPDATE service.voucher SET state = 'used_up' WHERE id = 'V-A-7'

row_differs purchase S-1
  UPDATE service.purchase SET provider = applicant WHERE id = 'S-1'

row_differs purchase S-1
  UPDATE service.purchase SET document = jsonb_set(document, '{quantity}', '"7"')
  WHERE id = 'S-1'

row_missing purchase S-1
  DELETE FROM service.purchase WHERE id = 'S-1'

row_differs reservation S-2
  UPDATE service.reservation SET cards = cards + 8 WHERE purchase = 'S-2'

row_differs line S-1 / 1
  UPDATE service.line SET quantity = '7' WHERE purchase = 'S-1'

row_missing line S-1 / 1
  DELETE FROM service.line WHERE purchase = 'S-1'

row_untold line S-1 / 2
  UPDATE service.line SET n = 2 WHERE purchase = 'S-1'

row_differs payment P-zhengzhou-compute-issued-0001
  UPDATE service.payment SET payee = 'X' WHERE id LIKE 'P-zheng%-0001'

row_differs payment P-zhengzhou-compute-issued-0001
  UPDATE service.payment SET state = 'sent' WHERE id LIKE 'P-zheng%-0001'

row_differs payment P-zhengzhou-compute-issued-0001
  UPDATE service.payment SET receipt = 'R-9' WHERE id LIKE 'P-zheng%-0001'

row_missing payment P-zhengzhou-compute-issued-0001
  DELETE FROM service.payment WHERE id LIKE 'P-zheng%-0001'

row_differs clawback D-P-zhengzhou-compute-issued-0001
  UPDATE service.clawback SET amount_fen = 2 WHERE id LIKE 'D-P-zheng%-0001'

row_differs clawback D-P-zhengzhou-compute-issued-0001
  UPDATE service.clawback SET recovered_fen = 1 WHERE id LIKE 'D-P-zheng%-0001'

row_differs clawback D-P-zhengzhou-compute-issued-0001
  UPDATE service.clawback SET state = 'waived' WHERE id LIKE 'D-P-zheng%-0001'

answer_differs A-1
  UPDATE service.application SET contract = 'C-9' WHERE id = 'A-1'

answer_differs A-1
  UPDATE service.application SET facts = facts || '{"sme_class": "micro"}'
  WHERE id = 'A-1'

answer_differs A-1
  DELETE FROM service.application WHERE id = 'A-1'

law_added movement pay available paid
  INSERT INTO books.movement VALUES ('pay', 'available', 'paid')

law_taken movement fail in_payment payable
  DELETE FROM books.movement WHERE event_kind = 'fail'

law_added account_kind paid money True party True False
  UPDATE books.account_kind SET is_source = true WHERE code = 'paid'

law_added event_kind capture direct
  UPDATE books.event_kind SET phase = 'direct' WHERE code = 'capture'

law_added reversal pay reverse_use
  UPDATE books.reversal SET reversed_by = 'reverse_use' WHERE event_kind = 'pay'

role_unlawful
  UPDATE books.event SET posted_by = 'tallygrid_web' WHERE kind = 'pay'

role_unlawful
  DELETE FROM books.permission WHERE event_kind = 'pay'

account_misfiled
  UPDATE books.account SET holder = 'X' WHERE kind = 'paid'

account_misfiled
  UPDATE books.account SET year = 2027 WHERE kind = 'paid'

account_misfiled
  UPDATE books.account SET kind = 'payable' WHERE kind = 'paid'

reversal_differs
  UPDATE books.leg SET amount_fen = 78
  FROM books.event WHERE event.kind = 'reverse_budget'
  AND (leg.programme, leg.seq) = (event.programme, event.seq)

reversal_differs
  UPDATE books.event SET reason = 'because' WHERE kind = 'reverse_budget'
"""
"""What is found, and what somebody did."""


@pytest.fixture(scope="module")
def town(furnished: Server) -> Iterator[Desk]:
    """A town in which something of everything has happened; each test puts back what it forges."""
    copy = furnished.create_database("audited", template=furnished.database)
    with desks.opened(copy) as opened:
        settle(opened)
        ((key,),) = opened.rows("SELECT key FROM books.event WHERE kind = 'appropriate' LIMIT 1")
        ((programme,),) = opened.rows(
            "SELECT code FROM books.event JOIN books.programme ON id = programme"
            " WHERE kind = 'appropriate' LIMIT 1"
        )
        opened.appropriate(programme, 77, name="a slip")
        ((key,),) = opened.rows("SELECT key FROM books.event WHERE reason = 'a slip'")
        assert correcting.reverse(opened.office, programme, [key], at=AT, why="slip").accepted
        _end(opened)
        yield opened
    copy.drop_database()


def _end(town: Desk) -> None:
    """Let two vouchers expire: one with money left, and one of which all is held."""
    for name in ("A-7", "A-8"):
        town.voucher(CITY, name, 10_000_000)
    town.deliver(town.buy(wanted("S-7", "V-A-7", contract="A-7")), 1, Fraction(1, 100))
    kept = town.buy(wanted("S-8", "V-A-8", contract="A-8", quantity=10))
    assert buying.begin(town.office, kept, at=AT).accepted
    ending.expire(town.office, CITY, at=AT + timedelta(days=400))


def _forged(town: Desk, statement: str) -> tuple[Problem, ...]:
    """Return what is found while a forgery stands: with every guard off, and undone afterwards."""
    with town.server.administer(town.server.database) as administrator:
        administrator.autocommit = False
        administrator.execute("SET LOCAL session_replication_role = replica")
        changed = administrator.execute(statement.encode()).rowcount
        assert changed > 0, statement
        found = tuple(auditing.verify(administrator))
        law = administrator.execute(
            "SELECT problem.code FROM books.programme, books.verify_law(programme.code) AS problem"
        ).fetchall()
        administrator.rollback()
    return (*found, *(Problem(f"ledger.problem.{code}") for (code,) in law))


def _codes(problems: tuple[Problem, ...]) -> set[str]:
    return {
        " ".join(map(str, (one.code.partition(".problem.")[2], *_named(one)))) for one in problems
    }


def _named(problem: Problem) -> list[object]:
    return [problem.values[name] for name in ("table", "what") if name in problem.values]


def test_a_town_in_which_nothing_was_forged_is_sound(town: Desk) -> None:
    assert town.problems() == ()
    told = "SELECT payload ->> 'voucher' FROM books.outbox WHERE topic = 'lapse'"
    assert ("V-A-8",) not in town.rows(told), "nothing was left of it"
    with town.server.connect("auditor") as auditor:
        assert auditing.verify(auditor, CITY) == ()


@pytest.mark.parametrize(
    ("found", "statement"),
    [one.split("\n", 1) for one in FORGERIES.strip().split("\n\n")],
    ids=itertools.count(1),
)
def test_every_forgery_is_found_and_named(town: Desk, found: str, statement: str) -> None:
    problems = _forged(town, statement)

    assert found in _codes(problems)
    for one in problems:
        if one.values:
            assert render(one.code, "en", **one.values) != render(one.code, "zh", **one.values)


def test_what_is_under_way_keeps_only_its_own_voucher_from_being_held_to_its_balance(
    town: Desk,
) -> None:
    forged = "UPDATE service.voucher SET state = 'used_up' WHERE id IN ('V-A-1', 'V-B-2')"
    body = Jsonb({"voucher": "V-B-2"})
    with town.server.administer(town.server.database) as administrator:
        administrator.autocommit = False
        administrator.execute(
            "INSERT INTO service.intent (key, kind, body, postings)"
            " VALUES (gen_random_uuid(), 'x', %s, '[]')",
            [body],
        )
        administrator.execute(forged.encode())
        found = _codes(tuple(auditing.verify(administrator)))
        skipped = auditing.unsettled(administrator)
        administrator.rollback()

    assert (found, skipped) == ({"row_differs voucher V-A-1"}, ("V-B-2",))


MORE_FORGERIES: Final = r"""
law_added permission tallygrid_web pay
  INSERT INTO books.permission VALUES ('tallygrid_web', 'pay')

law_taken permission tallygrid_payer write_off
  DELETE FROM books.permission WHERE event_kind = 'write_off'

row_differs purchase S-1
  UPDATE service.purchase SET state = 'failed' WHERE id = 'S-1'

row_differs purchase S-2
  UPDATE service.purchase SET state = 'running' WHERE id = 'S-2'

row_differs purchase S-8
  UPDATE service.purchase SET state = 'settled' WHERE id = 'S-8'

row_differs payment P-zhengzhou-compute-issued-0001
  UPDATE service.payment SET sent_at = sent_at - interval '1 year' WHERE id LIKE 'P-zheng%-0001'

row_differs payment P-zhengzhou-compute-issued-0001
  UPDATE service.payment SET confirmed_at = NULL WHERE id LIKE 'P-zheng%-0001'

row_differs payment P-zhengzhou-compute-issued-0001
  UPDATE service.payment SET attempt = 2 WHERE id LIKE 'P-zheng%-0001'

row_differs progress zhengzhou-compute-issued
  UPDATE service.progress SET seq = seq + 1 WHERE programme LIKE 'zheng%'

text_differs
  UPDATE service.programme_version
  SET document = jsonb_set(document, '{place, code}', '"110000"') WHERE programme LIKE 'zheng%'
"""
"""What is found, and what somebody did."""


@pytest.mark.parametrize(
    ("found", "statement"),
    [one.split("\n", 1) for one in MORE_FORGERIES.strip().split("\n\n")],
    ids=itertools.count(1),
)
def test_no_date_state_text_or_permission_is_another_unseen(
    town: Desk, found: str, statement: str
) -> None:
    assert any(code.startswith(found) for code in _codes(_forged(town, statement)))


def test_of_a_row_that_differs_only_the_columns_that_do_are_shown(town: Desk) -> None:
    changed = "UPDATE service.voucher SET cap = 'X', zone = 'UTC' WHERE id = 'V-A-1'"

    (problem,) = _forged(town, changed)

    shown = [json.loads(str(problem.values[side])) for side in ("found", "expected")]
    assert shown == [{"cap": "X", "zone": "UTC"}, {"cap": "", "zone": "Asia/Shanghai"}]


def test_how_far_the_rows_follow_the_books_is_told_where_it_is_not_to_the_end(town: Desk) -> None:
    """Only rows that have followed are looked at; who sets that back hides nothing unseen."""
    with town.server.administer(town.server.database) as administrator:
        administrator.autocommit = False
        before = auditing.behind(administrator)
        administrator.execute("UPDATE service.progress SET seq = 2 WHERE programme = %s", [CITY])
        told = auditing.behind(administrator, CITY)
        elsewhere = auditing.behind(administrator, PROVINCE)
        administrator.rollback()

    assert (before, elsewhere) == ((), ())
    assert [(one.values["programme"], one.values["seq"]) for one in told] == [(CITY, 2)]
    for language in ("en", "zh"):
        assert CITY in render(told[0].code, language, **told[0].values)
