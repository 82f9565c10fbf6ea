"""Capacity: a period includes its start and not its end."""

from datetime import UTC, datetime, timedelta

import pytest

from tallygrid.core.placement import Pool
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement.capacity import Told, first_free, pools
from tallygrid.placement.nodes import Reservation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def taken(cards: int, start_h: int, end_h: int) -> Reservation:
    return Reservation("site", "H100", cards, NOON + start_h * HOUR, NOON + end_h * HOUR)


def test_the_first_free_instant_is_where_enough_reservations_have_ended() -> None:
    held = [taken(48, 0, 2), taken(32, 5, 6)]

    assert first_free(64, held, wanted=16, after=NOON, lasting=2 * HOUR) == NOON
    assert first_free(64, held, wanted=64, after=NOON, lasting=3 * HOUR) == NOON + 2 * HOUR
    assert first_free(64, held, wanted=64, after=NOON, lasting=4 * HOUR) == NOON + 6 * HOUR


def test_more_cards_than_there_are_are_never_free() -> None:
    assert first_free(64, [], wanted=65, after=NOON, lasting=HOUR) is None


def test_a_reservation_ends_after_it_starts() -> None:
    with pytest.raises(AssertionError):
        taken(8, 2, 2)


def test_reservations_fill_a_pool_and_say_until_when() -> None:
    catalogue = read_catalogue()
    held = [Reservation("qingyang", "H100", 180, NOON, NOON + 5 * HOUR)]

    state = pools(catalogue, held, at=NOON, lasting=HOUR, wanted=64)

    assert state["qingyang", "H100"] == Pool(192, 1, 4, 9_531, wait_seconds=5 * 3_600)
    assert state["zhongwei", "H100"] == Pool(256, 32, 0, 2_500, wait_seconds=0)
    assert len(state) == sum(len(site.cards) for site in catalogue.sites.values())


def test_a_gang_beyond_the_pool_has_no_time_at_which_it_fits() -> None:
    state = pools(read_catalogue(), [], at=NOON, lasting=HOUR, wanted=193)

    assert state["qingyang", "H100"].wait_seconds is None


def test_a_site_that_is_silent_is_left_out_and_one_with_an_old_report_is_marked() -> None:
    catalogue = read_catalogue()
    told = Told({("zhongwei", "H100"): 70}, frozenset({"zhongwei"}), frozenset({"qingyang"}))

    state = pools(catalogue, [], at=NOON, lasting=HOUR, wanted=8, told=told)

    assert state["zhongwei", "H100"].is_stale
    assert state["zhongwei", "H100"].shadow_fen_per_card_hour == 70
    assert ("qingyang", "H100") not in state
