"""A year that was closed once more, with nothing left to move, can still be opened."""

import re
from dataclasses import replace
from uuid import UUID

import pytest
from desk import AT, CITY, Desk, scheme

from tallygrid.service import budgeting, closing, correcting
from tallygrid.service.budgeting import Tranche
from tallygrid.service.closing import Close
from tallygrid.service.year import YearError

NEW_YEAR = AT.replace(year=AT.year + 1)
FIRST = Close(AT.year, "Y-1", carries=True)


def _close(desk: Desk, document: str) -> int:
    how = replace(FIRST, document=document)
    return closing.close(desk.office, scheme(CITY), how, at=NEW_YEAR).budget_fen


def _late(desk: Desk) -> bool:
    tranche = Tranche(AT.year, "late", {"city": 7})
    return budgeting.appropriate(desk.office, scheme(CITY), tranche, at=NEW_YEAR).accepted


def _named(refused: YearError) -> list[UUID]:
    """Return the entries that a refusal tells to undo."""
    return [UUID(key) for key in re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", str(refused))]


def test_what_the_refusal_of_late_money_names_opens_the_year(funded: Desk) -> None:
    free_fen = funded.balance(CITY, "available::city").free_fen
    assert [_close(funded, document) for document in ("Y-1", "Y-2")] == [free_fen, 0]
    with pytest.raises(YearError, match="closed under Y-1") as refused:
        _late(funded)

    keys = _named(refused.value)
    assert correcting.reverse(funded.office, CITY, keys, at=NEW_YEAR, why="too early").accepted

    assert _late(funded)
    for document in ("Y-1", "Y-2"):
        with pytest.raises(YearError, match="was undone"):
            _close(funded, document)
    assert _close(funded, "Y-3") == free_fen + 7
    assert funded.problems() == ()


def test_a_year_that_was_closed_empty_after_it_was_opened_is_closed(funded: Desk) -> None:
    free_fen = _close(funded, "Y-1")
    with pytest.raises(YearError) as refused:
        _late(funded)
    keys = _named(refused.value)
    assert correcting.reverse(funded.office, CITY, keys, at=NEW_YEAR, why="too early").accepted
    all_of_it = Tranche(AT.year, "R-1", {"city": free_fen})
    assert budgeting.reduce(funded.office, scheme(CITY), all_of_it, at=NEW_YEAR).accepted

    assert _close(funded, "Y-2") == 0

    with pytest.raises(YearError, match=r"under Y-2, .* no entry that could be undone"):
        _late(funded)
    assert _close(funded, "Y-2") == 0
