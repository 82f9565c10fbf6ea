"""What was left lying is done by the worker, task by task, each at its pace, whatever fails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from desk import AT, CITY, FIRM, PROVINCE, Desk, DiedError, wanted
from patience import until
from town import CARDS

from tallygrid.core.job import JobState
from tallygrid.files.heads import HEADS_FILE
from tallygrid.files.keys import published_folder, signing_key
from tallygrid.files.mistake import FileError
from tallygrid.service import buying, pricing, running, working
from tallygrid.service.each import each
from tallygrid.service.evidence import HistoryError
from tallygrid.service.office import Office
from tallygrid.service.purchase import Purchase, StateError
from tallygrid.service.told import ToldError
from tallygrid.service.working import Done, Task
from tallygrid.sites.local import LocalSite
from tallygrid.sites.payload import training_step

MINUTE = timedelta(minutes=1)


def _never(_: datetime) -> int:
    raise RuntimeError("no")


def _await_end(office: Office, job: UUID) -> None:
    until(lambda: office.site.find(job).state.ended)


class Day:
    """A clock that goes as far as somebody waits, until the day is over."""

    def __init__(self, lasts: timedelta, *, set_back: timedelta = timedelta(0)) -> None:
        self.since = timedelta(0)
        self._lasts, self._set_back = lasts, set_back

    @property
    def now(self) -> datetime:
        """The time of day; after half of the day the clock is set back."""
        is_late = self.since > self._lasts / 2
        return AT + self.since - (self._set_back if is_late else timedelta(0))

    def wait(self, pause: timedelta) -> bool:
        """Let time go by; tell whether the day is over."""
        self.since += pause
        return self.since >= self._lasts


def _turns(
    lasts: timedelta, *tasks: Task, set_back: timedelta = timedelta(0)
) -> list[tuple[str, int, bool]]:
    """Return what was done in a day: which task, in which minute, and whether it failed."""
    day, told = Day(lasts, set_back=set_back), list[tuple[str, int, bool]]()

    def tell(done: Done) -> None:
        told.append((done.task, day.since // MINUTE, done.error is not None))

    working.work(tasks, now=lambda: day.now, since=lambda: day.since, wait=day.wait, tell=tell)
    return told


def _task(name: str, minutes: int, do: Callable[[datetime], int] = lambda _: 1) -> Task:
    return Task(name, minutes * MINUTE, do)


def test_every_task_has_its_turn_at_its_pace() -> None:
    turns = _turns(5 * MINUTE, _task("slow", 3), _task("fast", 2))

    assert turns == [
        *(("slow", 0, False), ("fast", 0, False)),
        *(("fast", 2, False), ("slow", 3, False), ("fast", 4, False)),
    ]


def test_what_fails_is_told_and_tried_again_ever_later_and_keeps_nobody_waiting() -> None:
    turns = _turns(65 * MINUTE, _task("broken", 1, _never), _task("sound", 30))

    broken = [minute for name, minute, failed in turns if failed]
    assert {name for name, _, failed in turns if failed} == {"broken"}
    pauses = [after - before for before, after in pairwise(broken)]
    assert pauses[-3:] == [10, 10, 10]
    assert len(broken) < 15, "10 s, 20 s, 40 s …, never more than ten minutes"
    assert [minute for name, minute, _ in turns if name == "sound"] == [0, 30, 60]


def test_a_clock_that_is_set_back_keeps_no_task_waiting() -> None:
    tasks = (_task("slow", 3), _task("fast", 2), _task("broken", 5, _never))

    assert _turns(30 * MINUTE, *tasks, set_back=60 * MINUTE) == _turns(30 * MINUTE, *tasks)


def test_of_many_things_all_have_their_turn_before_any_failure_is_raised() -> None:
    done = []

    def do(n: int) -> int:
        if n % 2:
            raise ValueError(n)
        done.append(n)
        return n

    with pytest.raises(ValueError, match="1"):
        each([0, 1, 2], do)
    with pytest.raises(ExceptionGroup) as caught:
        each([1, 2, 3, 4], do)

    assert done == [0, 2, 2, 4]
    assert [error.args for error in caught.value.exceptions] == [(1,), (3,)]


def test_what_was_interrupted_is_carried_to_its_end(funded: Desk, tmp_path: Path) -> None:
    voucher = funded.voucher(CITY, "A-1", 15_000_000)
    with suppress(DiedError):
        buying.buy(funded.dying(3), wanted("O-1", voucher, contract="A-1"), at=AT)
    assert funded.rows("SELECT id FROM service.purchase") == []

    (outcomes,) = (one for one in working.tasks(funded.office, tmp_path) if one.name == "outcomes")

    assert (outcomes.do(AT), outcomes.do(AT)) == (1, 0)
    assert funded.purchase("O-1").state == "held"


def test_a_purchase_whose_hold_has_lapsed_is_given_up_and_its_cards_are_free(funded: Desk) -> None:
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    funded.buy(wanted("O-1", voucher, contract="A-1", **CARDS))
    funded.buy(wanted("O-2", contract="C-2", **CARDS))
    due = [one for one in working.tasks(funded.office, funded.directory) if one.every == MINUTE]
    assert [(one.name, one.do(AT)) for one in due] == [("holds", 0), ("purchases", 0)]
    funded.administer("UPDATE books.hold SET deadline = now() - interval '1 day'")

    assert [one.do(AT) for one in due] == [1, 1]
    assert [one.do(AT) for one in due] == [0, 0]

    assert funded.purchase("O-1").state == "failed"
    assert funded.purchase("O-2").state == "held", "nobody's hold: it waits for its applicant"
    assert funded.rows("SELECT purchase FROM service.reservation") == [("O-2",)]
    assert funded.balance(CITY, f"copay_received:{FIRM}").total_fen == 0
    assert funded.held_fen(CITY) == 0


def test_a_job_that_nobody_follows_any_more_is_settled(funded: Desk) -> None:
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    workload = {"cards": 8, "command": list(training_step(1)), "time_limit_s": 60}
    purchase = funded.buy(wanted("J-1", voucher, contract="A-1", workload=workload, **CARDS))
    running.start(funded.office, purchase, at=AT)

    until(lambda: working.finish_jobs(funded.office) > 0)

    assert funded.purchase("J-1").state == "settled"
    assert funded.office.site.find(running.job_key(purchase)).state is JobState.DONE
    assert working.finish_jobs(funded.office) == 0


def test_a_job_of_one_site_is_not_begun_again_at_another(funded: Desk, tmp_path: Path) -> None:
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    workload = {"cards": 8, "command": ["sleep", "60"], "time_limit_s": 60}
    purchase = funded.buy(wanted("J-1", voucher, contract="A-1", workload=workload, **CARDS))
    running.start(funded.office, purchase, at=AT)
    job, other = running.job_key(purchase), LocalSite(tmp_path, slots=8)
    elsewhere = Office(funded.office.sessions, funded.office.catalogue, other)

    assert working.finish_jobs(elsewhere) == 0
    with pytest.raises(ToldError, match="J-1 is run by another site"):
        running.follow(elsewhere, purchase)

    assert other.find(job).state is JobState.UNKNOWN
    assert running.follow(funded.office, purchase).state in {JobState.QUEUED, JobState.RUNNING}
    funded.office.site.cancel(job)

    running.take_over(elsewhere, purchase)  # its site is lost for good

    assert not running.follow(elsewhere, purchase).ended
    assert other.find(job).state is not JobState.UNKNOWN
    _await_end(funded.office, job)
    for back in (running.follow, partial(running.start, at=AT)):  # it is not lost after all
        with pytest.raises(ToldError, match="J-1 is run by another site"):
            back(funded.office, purchase)
    assert funded.purchase("J-1").state == "running"
    other.cancel(job)


@pytest.mark.parametrize("expected", ["", "0" * 64], ids=["billed", "given up"])
def test_a_job_that_is_taken_over_at_any_moment_is_settled_by_one_site_alone(
    funded: Desk, tmp_path: Path, expected: str
) -> None:
    """What the first site has measured stands, or the other begins anew: never both."""
    other = LocalSite(tmp_path, slots=8)
    elsewhere = Office(funded.office.sessions, funded.office.catalogue, other)
    workload = {"cards": 8, "command": ["true"], "time_limit_s": 60, "expected_sha256": expected}
    for moment in range(6):
        name = f"J-{moment}"
        voucher = funded.voucher(CITY, name, 7_500_000)
        purchase = funded.buy(wanted(name, voucher, contract=name, workload=workload, **CARDS))
        running.start(funded.office, purchase, at=AT)
        _await_end(funded.office, running.job_key(purchase))

        overtaken = funded.overtaken(moment, partial(_take_over, elsewhere, purchase))
        with suppress(ToldError):
            running.follow(overtaken, purchase)

    rows = funded.rows("SELECT served_by, state FROM service.purchase")
    found = {(site == other.identity, state) for site, state in rows}
    assert found == {(True, "running"), (False, "failed" if expected else "settled")}
    assert funded.problems() == ()


def _take_over(office: Office, purchase: Purchase) -> None:
    with suppress(StateError):
        running.take_over(office, purchase)


def test_vouchers_whose_time_is_over_are_ended_in_every_programme(funded: Desk) -> None:
    for programme in (PROVINCE, CITY):
        funded.voucher(programme, f"A-{programme}", 15_000_000)

    assert working.expire_vouchers(funded.office, AT) == 0
    later = AT + timedelta(days=400)
    assert working.expire_vouchers(funded.office, later) == 2
    assert working.expire_vouchers(funded.office, later) == 0
    assert funded.rows("SELECT DISTINCT state FROM service.voucher") == [("expired",)]


def test_heads_are_published_and_nothing_is_signed_against_what_was(
    funded: Desk, tmp_path: Path
) -> None:
    assert working.publish_heads(funded.office, tmp_path, AT) > 0
    assert working.publish_heads(funded.office, tmp_path, AT) == 0

    funded.voucher(CITY, "A-1", 15_000_000)
    assert working.publish_heads(funded.office, tmp_path, AT) > 0
    funded.administer(
        "SET session_replication_role = replica; UPDATE books.batch SET hash = '\\x00'"
    )
    with pytest.raises(HistoryError):
        working.publish_heads(funded.office, tmp_path, AT)


def test_a_line_that_was_torn_is_published_anew_and_a_whole_one_stays(
    funded: Desk, tmp_path: Path
) -> None:
    count = working.publish_heads(funded.office, tmp_path, AT)
    file = published_folder(tmp_path) / HEADS_FILE
    published = file.read_bytes()
    assert count == len(published.splitlines()) > 1

    for torn, missing in ((published[:-40], 1), (published[:-1], 0)):
        file.write_bytes(torn)
        assert working.publish_heads(funded.office, tmp_path, AT) == missing
        assert file.read_bytes() == published
    file.write_bytes(b"{\n" + published)
    with pytest.raises(FileError, match=r"heads\.jsonl:1"):
        working.publish_heads(funded.office, tmp_path, AT)


def test_two_publish_at_once_and_every_head_stands_once(funded: Desk, tmp_path: Path) -> None:
    signing_key(tmp_path, at=AT)
    with ThreadPoolExecutor(4) as workers:
        found = workers.map(lambda _: working.publish_heads(funded.office, tmp_path, AT), range(8))
        count = sum(found)

    lines = (published_folder(tmp_path) / HEADS_FILE).read_bytes().splitlines()
    assert len(lines) == len(set(lines)) == count


def test_prices_are_solved_for_placements_to_use(funded: Desk, tmp_path: Path) -> None:
    voucher = funded.voucher(CITY, "A-1", 7_500_000)
    funded.buy(wanted("O-1", voucher, contract="A-1", **CARDS))
    (prices,) = (one for one in working.tasks(funded.office, tmp_path) if one.name == "prices")

    prices.do(AT)

    assert funded.office.transact("web", lambda it: pricing.latest(it, AT)) is not None
